//! Waiting for the disk holds nobody up.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::world::{Git, Hand, Nobody};
use crate::engine::environment::{Environment, Message, Ports};
use crate::ledger::MemoryLedger;
use crate::model::{ContentDigest, Timestamp};
use crate::port::ledger::{Epoch, Ledger, LedgerError, Lost, Record, Sequence, Snapshot, StreamName};

/// A ledger whose every append lasts until somebody lets it go on.
struct Slow {
    inner: MemoryLedger,
    begun: tokio::sync::mpsc::UnboundedSender<()>,
    go: Mutex<Receiver<()>>,
}

impl Ledger for Slow {
    fn append(
        &self,
        stream: &StreamName,
        expected: Sequence,
        epoch: Epoch,
        events: &[(Timestamp, Value)],
    ) -> Result<Sequence, Lost> {
        self.begun.send(()).unwrap();
        self.go.lock().unwrap().recv_timeout(Duration::from_secs(60)).expect("somebody else gets to run");
        self.inner.append(stream, expected, epoch, events)
    }

    fn read(&self, stream: &StreamName, after: Sequence) -> Result<Vec<Record>, LedgerError> {
        self.inner.read(stream, after)
    }

    fn head(&self, stream: &StreamName) -> Result<(Sequence, Epoch), LedgerError> {
        self.inner.head(stream)
    }

    fn streams(&self) -> Result<Vec<StreamName>, LedgerError> {
        self.inner.streams()
    }

    fn put_object(&self, digest: &ContentDigest, bytes: &[u8]) -> Result<(), LedgerError> {
        self.inner.put_object(digest, bytes)
    }

    fn get_object(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, LedgerError> {
        self.inner.get_object(digest)
    }

    fn save_snapshot(&self, stream: &StreamName, at: Sequence, bytes: &[u8]) -> Result<(), LedgerError> {
        self.inner.save_snapshot(stream, at, bytes)
    }

    fn load_snapshot(&self, stream: &StreamName) -> Result<Option<Snapshot>, LedgerError> {
        self.inner.load_snapshot(stream)
    }
}

#[tokio::test]
async fn a_slow_ledger_does_not_keep_other_tasks_from_running() {
    let (begun, mut appends) = tokio::sync::mpsc::unbounded_channel();
    let (go, wait): (Sender<()>, _) = channel();
    let ledger = Arc::new(Slow { inner: MemoryLedger::new(), begun, go: Mutex::new(wait) });
    let ports = Ports {
        ledger: ledger.clone(),
        clock: Arc::new(Hand::default()),
        epoch: Epoch(2),
        workers: Box::new(Nobody),
    };
    let environment = Environment::open("dev".parse().unwrap(), ports).unwrap();
    let (messages, inbox) = tokio::sync::mpsc::channel(4);
    let stop = CancellationToken::new();
    let running = tokio::spawn(environment.run(inbox, stop.clone()));
    messages.send(Message::Source(Box::new(Git::web("v1").revision()))).await.unwrap();
    // The runtime has one thread: this task runs while the append lasts, or never.
    appends.recv().await.unwrap();
    assert_eq!(ledger.inner.appends(), 0, "what is being recorded is not recorded yet");
    stop.cancel();
    go.send(()).unwrap();
    drop(go);
    running.await.unwrap().unwrap();
    assert_eq!(ledger.inner.appends(), 1, "what was begun is finished");
}
