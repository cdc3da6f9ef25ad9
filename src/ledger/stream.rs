//! One stream on a medium: its index, its recovery, its appends.

use tracing::warn;

use super::SIZE_LIMIT;
use super::files::Medium;
use super::frame::{self, Event, Found, FrameHash, Payload};
use crate::port::ledger::{Epoch, LedgerError, Record, Sequence, StreamName};

/// What is known of a stream whose frames were all read and found sound.
pub struct Stream {
    name: StreamName,
    medium: Box<dyn Medium>,
    frames: Vec<FrameIndex>,
    length: u64,
    epoch: Epoch,
}

struct FrameIndex {
    last: Sequence,
    offset: u64,
    hash: FrameHash,
}

/// What to do about the unfinished append at the end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TornTail {
    /// Cut it off: nobody was told that it is there.
    Cut,
    /// Leave it: a writer may be at it right now.
    Ignore,
}

impl Stream {
    /// Reads and checks a stream whole.
    pub fn open(name: StreamName, mut medium: Box<dyn Medium>, torn: TornTail) -> Result<Self, LedgerError> {
        let bytes = io(&name, "read", medium.read_from(0))?;
        let mut stream = Self { name, medium, frames: Vec::new(), length: 0, epoch: Epoch::default() };
        loop {
            let offset = usize::try_from(stream.length).unwrap_or(usize::MAX);
            match frame::decode(&stream.tip(), &bytes[offset..]) {
                Found::End => return Ok(stream),
                Found::Frame { payload, length, hash } => stream.accept(&payload, length, hash)?,
                Found::Torn => {
                    stream.recover(bytes.len() - offset, torn)?;
                    return Ok(stream);
                }
                Found::Damaged(reason) => return Err(stream.damaged(reason)),
            }
        }
    }

    /// The last sequence.
    pub fn head(&self) -> Sequence {
        self.frames.last().map_or(Sequence::EMPTY, |frame| frame.last)
    }

    /// The newest epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The hash of the frame that holds a sequence: it stands for the whole stream up to there.
    pub fn hash_at(&self, sequence: Sequence) -> Option<FrameHash> {
        if sequence == Sequence::EMPTY {
            return Some(frame::origin(&self.name));
        }
        let at = self.frames.partition_point(|frame| frame.last < sequence);
        self.frames.get(at).map(|frame| frame.hash)
    }

    /// The records behind `after`.
    pub fn read(&mut self, after: Sequence) -> Result<Vec<Record>, LedgerError> {
        let first = self.frames.partition_point(|frame| frame.last <= after);
        let Some(start) = self.frames.get(first).map(|frame| frame.offset) else { return Ok(Vec::new()) };
        let bytes = io(&self.name, "read", self.medium.read_from(start))?;
        let mut records = Vec::new();
        for index in first..self.frames.len() {
            let offset = usize::try_from(self.frames[index].offset - start).unwrap_or(usize::MAX);
            let previous =
                index.checked_sub(1).map_or(frame::origin(&self.name), |before| self.frames[before].hash);
            // The bytes are checked again: what is on the disk may have changed since it was opened.
            let sequence = index.checked_sub(1).map_or(Sequence::EMPTY, |before| self.frames[before].last);
            match frame::decode(&previous, bytes.get(offset..).unwrap_or_default()) {
                Found::Frame { payload, .. } => records.extend(payload.into_records()),
                Found::End | Found::Torn => {
                    return Err(self.damaged_at(sequence.plus(1), "its frame has been cut short"));
                }
                Found::Damaged(reason) => return Err(self.damaged_at(sequence.plus(1), reason)),
            }
        }
        records.retain(|record| record.sequence > after);
        Ok(records)
    }

    /// Appends a batch behind the last record, durably.
    ///
    /// After an error the index may no longer fit the file: the caller drops the stream and opens
    /// it again.
    pub fn append(&mut self, epoch: Epoch, events: Vec<Event>) -> Result<Sequence, LedgerError> {
        let payload = Payload { first: self.head().plus(1), epoch, events };
        let json = serde_json::to_vec(&payload).expect("JSON values always serialize");
        if json.len() > SIZE_LIMIT {
            return Err(LedgerError::TooLarge { what: "a batch", size: json.len(), limit: SIZE_LIMIT });
        }
        let (bytes, hash) = frame::encode(&self.tip(), &json);
        let written = self.medium.append(&bytes).and_then(|()| self.medium.sync());
        if let Err(error) = written {
            // A failed sync leaves open what is on the disk. Cut off, it is certain; if that fails
            // too, opening the stream again finds the batch whole or torn.
            let cut = self.medium.truncate(self.length).and_then(|()| self.medium.sync());
            if let Err(error) = cut {
                warn!(stream = %self.name, %error, "could not cut off a failed append");
            }
            return io(&self.name, "append to", Err(error));
        }
        self.accept(&payload, bytes.len(), hash)?;
        Ok(self.head())
    }

    fn tip(&self) -> FrameHash {
        self.frames.last().map_or_else(|| frame::origin(&self.name), |frame| frame.hash)
    }

    fn accept(&mut self, payload: &Payload, length: usize, hash: FrameHash) -> Result<(), LedgerError> {
        if payload.first != self.head().plus(1) {
            return Err(self.damaged("its sequence does not follow the one before"));
        }
        let last = self.head().plus(payload.events.len());
        self.frames.push(FrameIndex { last, offset: self.length, hash });
        self.length += length as u64;
        self.epoch = self.epoch.max(payload.epoch);
        Ok(())
    }

    fn recover(&mut self, torn_bytes: usize, torn: TornTail) -> Result<(), LedgerError> {
        if torn == TornTail::Cut {
            warn!(stream = %self.name, after = self.head().0, torn_bytes, "cut off an append that was never finished");
            let cut = self.medium.truncate(self.length).and_then(|()| self.medium.sync());
            io(&self.name, "recover", cut)?;
        }
        Ok(())
    }

    fn damaged(&self, reason: &'static str) -> LedgerError {
        self.damaged_at(self.head().plus(1), reason)
    }

    fn damaged_at(&self, sequence: Sequence, reason: &'static str) -> LedgerError {
        LedgerError::Damaged { stream: self.name.clone(), sequence, reason }
    }
}

impl Payload {
    fn into_records(self) -> impl Iterator<Item = Record> {
        let (first, epoch) = (self.first, self.epoch);
        self.events.into_iter().enumerate().map(move |(index, event)| Record {
            sequence: first.plus(index),
            epoch,
            at: event.at,
            body: event.body,
        })
    }
}

fn io<T>(stream: &StreamName, what: &str, result: std::io::Result<T>) -> Result<T, LedgerError> {
    result.map_err(|source| LedgerError::Io {
        attempted: format!("{what} the stream {stream}"),
        source: source.into(),
    })
}
