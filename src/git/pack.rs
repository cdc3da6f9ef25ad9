//! Takes a pack into the object database under limits, and looks that nothing is missing of what it
//! should bring. Heads are not its business.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;

use git2::{ObjectType, Odb, OdbPackwriter, Oid, Repository};

use crate::port::FetchError;

use super::objects::parse_tree;
use super::store::FetchLimits;

/// The bytes before the first object: `PACK`, version, number of objects (gitformat-pack).
const HEADER_BYTES: usize = 12;

/// What is asked for: the commit of each branch.
pub(super) type Heads = BTreeMap<String, Oid>;

/// Writes a pack piece by piece. What was written counts only after [`PackSink::finish`]; dropped
/// before, it is thrown away.
pub(super) struct PackSink<'repo> {
    writer: OdbPackwriter<'repo>,
    header: Vec<u8>,
    received: u64,
    limits: FetchLimits,
    remote: String,
}

impl<'repo> PackSink<'repo> {
    /// A sink into this database.
    ///
    /// # Errors
    /// The store can't be written.
    pub(super) fn new(odb: &'repo Odb<'_>, limits: FetchLimits, remote: &str) -> Result<Self, FetchError> {
        let writer = odb.packwriter().map_err(|source| FetchError::Store {
            attempted: "write a pack",
            remote: remote.to_owned(),
            source: source.into(),
        })?;
        Ok(Self {
            writer,
            header: Vec::with_capacity(HEADER_BYTES),
            received: 0,
            limits,
            remote: remote.to_owned(),
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// A limit is reached, or the bytes are no pack.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.received += bytes.len() as u64;
        if self.received > self.limits.bytes {
            return Err(self.too_big("bytes", self.limits.bytes));
        }
        if self.header.len() < HEADER_BYTES {
            let missing = HEADER_BYTES - self.header.len();
            self.header.extend(bytes.iter().take(missing));
            if self.header.len() == HEADER_BYTES {
                self.check_header()?;
            }
        }
        self.writer.write_all(bytes).map_err(|_| damaged(&self.remote, git2::Error::last_error(-1)))
    }

    /// Checks the whole pack and puts it into the database. Says how many bytes it had.
    ///
    /// # Errors
    /// The pack is cut off or damaged.
    pub(super) fn finish(mut self) -> Result<u64, FetchError> {
        if self.header.len() < HEADER_BYTES {
            return Err(damaged(&self.remote, git2::Error::from_str("the pack ends in its header")));
        }
        self.writer.commit().map_err(|error| damaged(&self.remote, error))?;
        Ok(self.received)
    }

    /// The number of objects stands in the header: too many are refused before any is read.
    fn check_header(&self) -> Result<(), FetchError> {
        if !self.header.starts_with(b"PACK") {
            return Err(damaged(&self.remote, git2::Error::from_str("the pack has no signature")));
        }
        let count = self.header[8..].iter().fold(0_u64, |count, byte| count << 8 | u64::from(*byte));
        if count > self.limits.objects { Err(self.too_big("objects", self.limits.objects)) } else { Ok(()) }
    }

    fn too_big(&self, what: &'static str, limit: u64) -> FetchError {
        FetchError::TooBig { remote: self.remote.clone(), what, limit }
    }
}

/// Looks that every commit that is new since `known`, and every object of the new heads, is there.
///
/// # Errors
/// Something is missing, of another kind, or over a limit.
pub(super) fn check_connected(
    repository: &Repository,
    heads: &Heads,
    known: &[Oid],
    limits: FetchLimits,
    remote: &str,
) -> Result<(), FetchError> {
    let failed = |error: git2::Error| damaged(remote, error);
    let mut walk = repository.revwalk().map_err(failed)?;
    let mut left = limits.objects;
    let mut spend = || {
        left = left.checked_sub(1)?;
        Some(())
    };
    let over = || FetchError::TooBig { remote: remote.to_owned(), what: "objects", limit: limits.objects };
    for id in heads.values() {
        walk.push(*id).map_err(failed)?;
    }
    for id in known {
        walk.hide(*id).map_err(failed)?;
    }
    for commit in walk {
        commit.map_err(failed)?;
        spend().ok_or_else(over)?;
    }
    let odb = repository.odb().map_err(failed)?;
    let mut waiting = Vec::new();
    let mut seen = HashSet::new();
    for id in heads.values() {
        waiting.push(repository.find_commit(*id).map_err(failed)?.tree_id());
    }
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        spend().ok_or_else(over)?;
        match odb.read_header(id).map_err(failed)? {
            (size, ObjectType::Tree) if size as u64 <= limits.tree_bytes => {
                let tree = odb.read(id).map_err(failed)?;
                let entries = parse_tree(tree.data(), usize::MAX).map_err(|error| FetchError::Damaged {
                    remote: remote.to_owned(),
                    source: error.into(),
                })?;
                let own = entries.unwrap_or_default().into_iter().filter(|entry| !entry.is_submodule());
                waiting.extend(own.map(|entry| entry.handle));
            }
            (_, ObjectType::Tree) => {
                return Err(FetchError::TooBig {
                    remote: remote.to_owned(),
                    what: "bytes of a folder",
                    limit: limits.tree_bytes,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn damaged(remote: &str, error: git2::Error) -> FetchError {
    FetchError::Damaged { remote: remote.to_owned(), source: error.into() }
}
