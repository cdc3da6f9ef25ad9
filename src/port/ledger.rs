//! The ledger: append-only streams of events, and objects kept by their digest.
//!
//! A stream is the truth about one thing (an environment, a rollout, a cluster) and is folded by
//! its owner. The port knows nothing of what the events mean: bodies are JSON and typed by callers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{ClusterName, ContentDigest, EnvironmentName, Timestamp};

/// An append-only record in streams, with the objects that its events name by digest.
///
/// Calls block (a durable append waits for the disk): async callers run them off their threads.
pub trait Ledger: Send + Sync {
    /// Appends events to a stream whose last sequence is `expected`; gives the new last sequence.
    ///
    /// The batch is atomic: after a crash all of it is there or none. It is durable on return. An
    /// empty batch checks `expected` and `epoch` and writes nothing.
    ///
    /// # Errors
    /// [`Lost::Raced`] and [`Lost::Fenced`] have written nothing. After [`Lost::Storage`] the
    /// events are there or not, never in part: read the stream again before going on.
    fn append(
        &self,
        stream: &StreamName,
        expected: Sequence,
        epoch: Epoch,
        events: &[(Timestamp, Value)],
    ) -> Result<Sequence, Lost>;

    /// The records behind `after`, in order: all of them for [`Sequence::EMPTY`], none for a
    /// stream that was never written.
    ///
    /// # Errors
    /// The storage can't be read, or a record of the stream is damaged.
    fn read(&self, stream: &StreamName, after: Sequence) -> Result<Vec<Record>, LedgerError>;

    /// The last sequence of a stream and the newest epoch that it has seen.
    ///
    /// # Errors
    /// Those of [`Ledger::read`].
    fn head(&self, stream: &StreamName) -> Result<(Sequence, Epoch), LedgerError>;

    /// The streams that hold a record, sorted.
    ///
    /// # Errors
    /// The storage can't be read.
    fn streams(&self) -> Result<Vec<StreamName>, LedgerError>;

    /// Keeps an object under its digest. Keeping it again changes nothing; a damaged copy is
    /// replaced.
    ///
    /// # Errors
    /// `bytes` do not have that digest, are too many, or can't be written.
    fn put_object(&self, digest: &ContentDigest, bytes: &[u8]) -> Result<(), LedgerError>;

    /// The object with this digest, none if it was never kept. Its bytes are checked.
    ///
    /// # Errors
    /// The stored copy is damaged or can't be read.
    fn get_object(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Keeps what a stream folds to at `sequence`; replaces an older snapshot of it. A speed-up
    /// and never the truth: the stream stays whole.
    ///
    /// # Errors
    /// The stream has no such sequence, or the storage can't be written.
    fn save_snapshot(&self, stream: &StreamName, sequence: Sequence, bytes: &[u8])
    -> Result<(), LedgerError>;

    /// The last snapshot of a stream, none when there is none or it does not fit the stream.
    ///
    /// # Errors
    /// The storage can't be read.
    fn load_snapshot(&self, stream: &StreamName) -> Result<Option<Snapshot>, LedgerError>;
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the stream, counted from 1 without gaps.
    pub sequence: Sequence,
    /// The epoch of who wrote it.
    pub epoch: Epoch,
    /// When it happened, as told by who wrote it.
    pub at: Timestamp,
    /// What happened.
    pub body: Value,
}

/// What a stream folded to at a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last record that it includes.
    pub sequence: Sequence,
    /// The folded state, in a form of its owner's.
    pub bytes: Vec<u8>,
}

/// A place in a stream: that of a record, or of the stream's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The end of a stream without records.
    pub const EMPTY: Self = Self(0);

    /// The place `count` records further.
    #[must_use]
    pub fn plus(self, count: usize) -> Self {
        Self(self.0.saturating_add(u64::try_from(count).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts the owners of a stream: every new owner takes a higher one, and from its first append on
/// the older ones are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a stream: `environment/<e>`, `rollout/<id>` or `cluster/<c>`.
///
/// Behind the first part come one or more parts of lower-case letters, digits, `-`, `.` and `_`,
/// each beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(String);

/// A text is no name of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no stream: `environment/<name>`, `rollout/<id>` or `cluster/<name>` is expected")]
pub struct StreamNameError(pub String);

impl StreamName {
    /// The most bytes that a name may have: it becomes the name of a file (at most 255 bytes on
    /// the usual file systems) with a suffix.
    pub const LIMIT: usize = 240;

    const KINDS: [&'static str; 3] = ["environment", "rollout", "cluster"];

    /// Checks `text` as the name of a stream.
    ///
    /// # Errors
    /// The text has another form or is too long.
    pub fn new(text: impl Into<String>) -> Result<Self, StreamNameError> {
        let text = text.into();
        let is_part = |part: &str| {
            part.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
        };
        let fits = text.len() <= Self::LIMIT
            && text
                .split_once('/')
                .is_some_and(|(kind, rest)| Self::KINDS.contains(&kind) && rest.split('/').all(is_part));
        if fits { Ok(Self(text)) } else { Err(StreamNameError(text)) }
    }

    /// The stream of an environment.
    pub fn environment(name: &EnvironmentName) -> Self {
        Self(format!("environment/{name}"))
    }

    /// The stream of a cluster.
    pub fn cluster(name: &ClusterName) -> Self {
        Self(format!("cluster/{name}"))
    }

    /// The stream of a rollout.
    ///
    /// # Errors
    /// The id has a character that is not allowed in a stream's name.
    pub fn rollout(id: &str) -> Result<Self, StreamNameError> {
        Self::new(format!("rollout/{id}"))
    }

    /// The first part: `environment`, `rollout` or `cluster`.
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// What stands behind the first part.
    pub fn rest(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, rest)| rest)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for StreamName {
    type Err = StreamNameError;
    fn from_str(text: &str) -> Result<Self, StreamNameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for StreamName {
    type Error = StreamNameError;
    fn try_from(text: String) -> Result<Self, StreamNameError> {
        Self::new(text)
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> String {
        name.0
    }
}

/// Why an append was not made.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Somebody else has appended: read again, decide again.
    #[error("the stream {stream} was expected to end at {expected} and ends at {found}")]
    Raced {
        /// The stream.
        stream: StreamName,
        /// What the caller believed to be its end.
        expected: Sequence,
        /// Its end.
        found: Sequence,
    },
    /// A newer owner has written: the caller has to stop.
    #[error("epoch {given} may no longer write to the stream {stream}, which has seen epoch {seen}")]
    Fenced {
        /// The stream.
        stream: StreamName,
        /// The epoch of the caller.
        given: Epoch,
        /// The newest epoch in the stream.
        seen: Epoch,
    },
    /// The storage failed.
    #[error("could not append to the stream {stream}")]
    Storage {
        /// The stream.
        stream: StreamName,
        /// Why.
        source: LedgerError,
    },
}

/// Why the storage of a ledger could not do something.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process works on the ledger.
    #[error("the ledger in {place} is in use by {}", pid.map_or("another process".to_owned(), |pid| format!("process {pid}")))]
    Held {
        /// Where the ledger is.
        place: String,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
    },
    /// The ledger was written in a form that this version does not read.
    #[error("the ledger in {place} has the format `{found}`; this version reads `{expected}`")]
    Format {
        /// Where the ledger is.
        place: String,
        /// What it says.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A record is not what was written. Nothing behind it is believed, and nothing is dropped.
    #[error("the stream {stream} is damaged at sequence {sequence}: {reason}")]
    Damaged {
        /// The stream.
        stream: StreamName,
        /// The first record that can't be believed.
        sequence: Sequence,
        /// How it was found.
        reason: &'static str,
    },
    /// A stored object is not what its digest says.
    #[error("the stored object {digest} is damaged: {reason}")]
    DamagedObject {
        /// Its digest.
        digest: ContentDigest,
        /// How it was found.
        reason: &'static str,
    },
    /// Bytes were given under a digest that is not theirs.
    #[error("the object given as {given} has the digest {found}")]
    WrongDigest {
        /// The digest that was given.
        given: ContentDigest,
        /// The digest of the bytes.
        found: ContentDigest,
    },
    /// More bytes than one batch or object may have.
    #[error("{what} has {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The most.
        limit: usize,
    },
    /// The stream does not reach so far.
    #[error("the stream {stream} has no sequence {sequence}")]
    NoSuchSequence {
        /// The stream.
        stream: StreamName,
        /// The place that was asked for.
        sequence: Sequence,
    },
    /// The ledger was opened for reading only.
    #[error("the ledger was opened for reading only")]
    ReadOnly,
    /// Reading or writing failed.
    #[error("could not {attempted}")]
    Io {
        /// What was tried.
        attempted: String,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_names_are_checked() {
        let too_long = format!("rollout/{}", "a".repeat(StreamName::LIMIT));
        for (text, fits) in [
            ("environment/dev", true),
            ("cluster/eu-1", true),
            ("rollout/dev/shop/web/7", true),
            ("rollout/01j.x_y", true),
            ("environment", false),
            ("environment/", false),
            ("environment/../x", false),
            ("environment/a//b", false),
            ("environment/.a", false),
            ("environment/A", false),
            ("planet/a", false),
            ("/a", false),
            ("", false),
            (too_long.as_str(), false),
        ] {
            assert_eq!(StreamName::new(text).is_ok(), fits, "{text}");
        }
    }
}
