//! One life of an engine: counts its effects and ends it at one of them.
//!
//! An effect is a write to a cluster, an append to the ledger or an object kept in it; dry runs,
//! reads and empty appends are none. From the effect that a life ends at nothing passes any more:
//! the call never returns, and neither does any other, as for a process that is stopped there.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use sluice::definition::Access;
use sluice::model::{ClusterName, ContentDigest, Resource, Timestamp};
use sluice::port::cluster::{Answer, Cluster, ClusterError, Connect};
use sluice::port::interpose::{Interpose, Interposed, Verb, Write};
use sluice::port::ledger::{Epoch, Ledger, LedgerError, Lost, Record, Sequence, Snapshot, StreamName};
use tokio::sync::watch;

/// Where a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// At which effect, counted from 1.
    pub effect: usize,
    /// Once it took effect and nobody was told; otherwise before.
    pub after: bool,
}

/// One life of an engine.
pub struct Life {
    state: Mutex<State>,
    /// Raised at the end and when it is buried.
    turn: Condvar,
    /// The effect that it ended at.
    end: watch::Sender<Option<Effect>>,
    /// How many passes a worker has finished.
    passes: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    point: Option<Point>,
    effects: usize,
    ended: bool,
    buried: bool,
    /// How long a write takes before it reaches the cluster.
    slow: Duration,
    /// Writes to clusters that were begun, and those that were answered.
    writes: (usize, usize),
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// What: a write as the API server's audit log tells it.
    pub what: String,
    /// Whether it was a write to a cluster.
    pub write: bool,
    /// The stream whose last record it made and told nobody of, if it did.
    pub appended: Option<String>,
}

impl Effect {
    fn write(verb: &str, resource: &Resource, namespace: Option<&str>, name: &str) -> Self {
        let what = format!("{verb} {} {}/{name}", resource.plural, namespace.unwrap_or_default());
        Self { what, write: true, appended: None }
    }

    fn record(what: String) -> Self {
        Self { what, write: false, appended: None }
    }
}

enum Turn {
    Go,
    GoAndEnd,
    Ended,
}

impl Life {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            turn: Condvar::new(),
            end: watch::channel(None).0,
            passes: watch::channel(0).0,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Ends it at a point, counted from now.
    pub fn arm(&self, point: Point) {
        let mut state = self.state();
        state.point = Some(point);
        state.effects = 0;
    }

    /// How many effects there were, since it was armed if it was.
    pub fn effects(&self) -> usize {
        self.state().effects
    }

    /// Counts from now on.
    pub fn count_anew(&self) {
        self.state().effects = 0;
    }

    /// Lets every write take so long from now on.
    pub fn slow_down(&self, by: Duration) {
        self.state().slow = by;
    }

    /// How many writes to clusters were begun, and how many of them were answered.
    pub fn writes(&self) -> (usize, usize) {
        self.state().writes
    }

    /// Resolves with the effect that it ended at.
    pub async fn ended(&self) -> Effect {
        self.end.subscribe().wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    /// How many passes a worker has finished.
    pub fn passes(&self) -> watch::Receiver<usize> {
        self.passes.subscribe()
    }

    /// Lets threads that stand still go, once nothing of the engine is left that could listen.
    pub fn bury(&self) {
        let mut state = self.state();
        state.ended = true;
        state.buried = true;
        self.turn.notify_all();
    }

    fn begin(&self, effect: &Effect) -> Turn {
        let mut state = self.state();
        if state.ended {
            return Turn::Ended;
        }
        state.effects += 1;
        match state.point {
            Some(point) if point.effect == state.effects && point.after => Turn::GoAndEnd,
            Some(point) if point.effect == state.effects => {
                drop(state);
                self.finish(effect);
                Turn::Ended
            }
            _ => Turn::Go,
        }
    }

    fn finish(&self, effect: &Effect) {
        self.state().ended = true;
        self.end.send_replace(Some(effect.clone()));
    }

    /// Makes a write and, where the life ends, never answers.
    async fn pass<T>(&self, effect: Effect, call: impl Future<Output = T>) -> T {
        match self.begin(&effect) {
            Turn::Ended => std::future::pending().await,
            Turn::GoAndEnd => {
                let _ = call.await;
                self.finish(&effect);
                std::future::pending().await
            }
            Turn::Go => {
                let slow = {
                    let mut state = self.state();
                    state.writes.0 += 1;
                    state.slow
                };
                if slow > Duration::ZERO {
                    tokio::time::sleep(slow).await;
                }
                let answer = call.await;
                let ended = {
                    let mut state = self.state();
                    state.writes.1 += 1;
                    state.ended
                };
                if ended {
                    return std::future::pending().await;
                }
                answer
            }
        }
    }

    /// The same for calls that block. What is returned once the life is buried goes to nobody.
    fn block<T>(
        &self,
        effect: &Effect,
        stream: Option<&StreamName>,
        call: impl FnOnce() -> T,
        buried: impl FnOnce() -> T,
    ) -> T {
        match self.begin(effect) {
            Turn::Go => return call(),
            Turn::GoAndEnd => {
                call();
                self.finish(&Effect { appended: stream.map(ToString::to_string), ..effect.clone() });
            }
            Turn::Ended => {}
        }
        let state = self.state();
        drop(self.turn.wait_while(state, |state| !state.buried).unwrap());
        buried()
    }
}

/// A ledger within a life.
pub struct LivingLedger {
    pub life: Arc<Life>,
    pub inner: Arc<dyn Ledger>,
}

fn gone() -> LedgerError {
    LedgerError::Io { attempted: "reach the ledger".to_owned(), source: "the engine is no more".into() }
}

impl Ledger for LivingLedger {
    fn append(
        &self,
        stream: &StreamName,
        expected: Sequence,
        epoch: Epoch,
        events: &[(Timestamp, Value)],
    ) -> Result<Sequence, Lost> {
        let append = || self.inner.append(stream, expected, epoch, events);
        if events.is_empty() {
            return append();
        }
        let kinds: Vec<&str> = events.iter().filter_map(|(_, body)| body["event"].as_str()).collect();
        let effect = Effect::record(format!("append {} to {stream}", kinds.join(", ")));
        self.life.block(&effect, Some(stream), append, || {
            Err(Lost::Storage { stream: stream.clone(), source: gone() })
        })
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
        let effect = Effect::record("keep an object".to_owned());
        self.life.block(&effect, None, || self.inner.put_object(digest, bytes), || Err(gone()))
    }

    fn get_object(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, LedgerError> {
        self.inner.get_object(digest)
    }

    fn save_snapshot(
        &self,
        stream: &StreamName,
        sequence: Sequence,
        bytes: &[u8],
    ) -> Result<(), LedgerError> {
        let effect = Effect::record(format!("keep a snapshot of {stream}"));
        self.life.block(&effect, None, || self.inner.save_snapshot(stream, sequence, bytes), || Err(gone()))
    }

    fn load_snapshot(&self, stream: &StreamName) -> Result<Option<Snapshot>, LedgerError> {
        self.inner.load_snapshot(stream)
    }
}

/// Connects to clusters within a life.
pub struct LivingConnect {
    pub life: Arc<Life>,
    pub inner: Arc<dyn Connect>,
}

impl Connect for LivingConnect {
    fn connect(&self, name: &ClusterName, access: &Access) -> Result<Arc<dyn Cluster>, ClusterError> {
        let inner = self.inner.connect(name, access)?;
        Ok(Arc::new(Interposed::new(Watch(self.life.clone()), inner)))
    }
}

struct Watch(Arc<Life>);

impl Interpose for Watch {
    fn around<'a, T: Send + 'a>(&'a self, write: Write<'a>, call: Answer<'a, T>) -> Answer<'a, T> {
        let verb = match write.verb {
            Verb::DryRun => return call,
            Verb::Apply | Verb::Patch => "patch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
        };
        Box::pin(self.0.pass(Effect::write(verb, write.resource, write.namespace, write.name), call))
    }

    fn waits(&self) {
        // A worker waits for changes between two passes and nowhere else.
        self.0.passes.send_modify(|passes| *passes += 1);
    }
}
