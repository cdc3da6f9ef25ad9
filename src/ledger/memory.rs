//! A ledger in memory, with crashes on order: for tests of who writes to one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::model::{ContentDigest, Timestamp, sha256};
use crate::port::ledger::{Epoch, Ledger, LedgerError, Lost, Record, Sequence, Snapshot, StreamName};

/// A ledger in memory. It keeps the order of the appends over all streams, so that what a process
/// found after a crash can be had for every point of its life.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    state: Mutex<State>,
}

/// When a crash on order strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Before the events are there.
    BeforeWrite,
    /// When they are there and nobody was told.
    AfterWrite,
}

#[derive(Debug, Default, Clone)]
struct State {
    batches: Vec<Batch>,
    objects: BTreeMap<ContentDigest, Vec<u8>>,
    snapshots: BTreeMap<StreamName, Snapshot>,
    /// Appends left until the crash.
    ordered: Option<(usize, Crash)>,
    crashed: bool,
}

#[derive(Debug, Clone)]
struct Batch {
    stream: StreamName,
    records: Vec<Record>,
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Orders a crash at the append behind the next `appends` ones (empty batches don't count).
    /// From it on everything fails until [`MemoryLedger::recover`].
    pub fn crash_after(&self, appends: usize, crash: Crash) {
        self.state().ordered = Some((appends, crash));
    }

    /// Whether a crash on order has struck.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Starts again after a crash, without a crash on order.
    pub fn recover(&self) {
        let mut state = self.state();
        state.crashed = false;
        state.ordered = None;
    }

    /// How many batches were appended, over all streams.
    pub fn appends(&self) -> usize {
        self.state().batches.len()
    }

    /// The ledger as it was after the first `appends` batches, with all objects (they are kept
    /// before the events that name them) and no snapshots.
    #[must_use]
    pub fn prefix(&self, appends: usize) -> Self {
        let state = self.state();
        let kept = State {
            batches: state.batches.iter().take(appends).cloned().collect(),
            objects: state.objects.clone(),
            ..State::default()
        };
        Self { state: Mutex::new(kept) }
    }

    /// The ledger after each of its appends, from the empty one to the whole.
    pub fn prefixes(&self) -> impl Iterator<Item = Self> + '_ {
        (0..=self.appends()).map(|appends| self.prefix(appends))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Result<MutexGuard<'_, State>, LedgerError> {
        let state = self.state();
        if state.crashed { Err(crash_error()) } else { Ok(state) }
    }
}

impl State {
    fn records<'a>(&'a self, stream: &'a StreamName) -> impl Iterator<Item = &'a Record> {
        self.batches.iter().filter(move |batch| batch.stream == *stream).flat_map(|batch| &batch.records)
    }

    fn head(&self, stream: &StreamName) -> (Sequence, Epoch) {
        self.records(stream)
            .fold(Default::default(), |(_, epoch), record| (record.sequence, Epoch::max(epoch, record.epoch)))
    }

    /// Counts an append towards the crash on order.
    fn strike(&mut self) -> Option<Crash> {
        match &mut self.ordered {
            Some((0, crash)) => {
                self.crashed = true;
                Some(*crash)
            }
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }
}

fn crash_error() -> LedgerError {
    LedgerError::Io { attempted: "reach the ledger".to_owned(), source: "a crash on order".into() }
}

impl Ledger for MemoryLedger {
    fn append(
        &self,
        stream: &StreamName,
        expected: Sequence,
        epoch: Epoch,
        events: &[(Timestamp, Value)],
    ) -> Result<Sequence, Lost> {
        let storage = |source| Lost::Storage { stream: stream.clone(), source };
        let mut state = self.running().map_err(storage)?;
        let (head, seen) = state.head(stream);
        if epoch < seen {
            return Err(Lost::Fenced { stream: stream.clone(), given: epoch, seen });
        }
        if expected != head {
            return Err(Lost::Raced { stream: stream.clone(), expected, found: head });
        }
        if events.is_empty() {
            return Ok(head);
        }
        let crash = state.strike();
        if crash == Some(Crash::BeforeWrite) {
            return Err(storage(crash_error()));
        }
        let records: Vec<Record> = events
            .iter()
            .enumerate()
            .map(|(index, (at, body))| Record {
                sequence: head.plus(index + 1),
                epoch,
                at: *at,
                body: body.clone(),
            })
            .collect();
        state.batches.push(Batch { stream: stream.clone(), records });
        if crash.is_some() { Err(storage(crash_error())) } else { Ok(head.plus(events.len())) }
    }

    fn read(&self, stream: &StreamName, after: Sequence) -> Result<Vec<Record>, LedgerError> {
        Ok(self.running()?.records(stream).filter(|record| record.sequence > after).cloned().collect())
    }

    fn head(&self, stream: &StreamName) -> Result<(Sequence, Epoch), LedgerError> {
        Ok(self.running()?.head(stream))
    }

    fn streams(&self) -> Result<Vec<StreamName>, LedgerError> {
        let mut names: Vec<_> = self.running()?.batches.iter().map(|batch| batch.stream.clone()).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn put_object(&self, digest: &ContentDigest, bytes: &[u8]) -> Result<(), LedgerError> {
        let found = sha256(bytes);
        if found != *digest {
            return Err(LedgerError::WrongDigest { given: *digest, found });
        }
        self.running()?.objects.insert(*digest, bytes.to_vec());
        Ok(())
    }

    fn get_object(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.running()?.objects.get(digest).cloned())
    }

    fn save_snapshot(
        &self,
        stream: &StreamName,
        sequence: Sequence,
        bytes: &[u8],
    ) -> Result<(), LedgerError> {
        let mut state = self.running()?;
        if sequence > state.head(stream).0 {
            return Err(LedgerError::NoSuchSequence { stream: stream.clone(), sequence });
        }
        state.snapshots.insert(stream.clone(), Snapshot { sequence, bytes: bytes.to_vec() });
        Ok(())
    }

    fn load_snapshot(&self, stream: &StreamName) -> Result<Option<Snapshot>, LedgerError> {
        Ok(self.running()?.snapshots.get(stream).cloned())
    }
}
