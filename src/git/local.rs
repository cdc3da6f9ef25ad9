//! Fetches from a repository on this machine: packs what is new there and takes the pack like one
//! from a server.

use std::path::Path;

use git2::{Oid, Repository};

use crate::port::FetchError;

use super::pack::{Heads, PackSink, damaged};
use super::store::FetchLimits;

/// Opens the repository.
///
/// # Errors
/// There is none, or it belongs to another user.
pub(super) fn open(path: &Path, remote: &str) -> Result<Repository, FetchError> {
    Repository::open(path).map_err(|source| FetchError::Unreachable {
        attempted: "open",
        remote: remote.to_owned(),
        source: source.into(),
    })
}

/// The heads of those of the branches that are there.
///
/// # Errors
/// A reference can't be read.
pub(super) fn heads(source: &Repository, branches: &[String], remote: &str) -> Result<Heads, FetchError> {
    let mut heads = Heads::new();
    for branch in branches {
        match source.refname_to_id(&format!("refs/heads/{branch}")) {
            Ok(id) => {
                heads.insert(branch.clone(), id);
            }
            Err(error) if error.code() == git2::ErrorCode::NotFound => {}
            Err(error) => return Err(damaged(remote, error)),
        }
    }
    Ok(heads)
}

/// Copies what the heads need and `known` does not reach. Says how many bytes that were.
///
/// # Errors
/// An object is missing or damaged, or a limit is reached.
pub(super) fn receive(
    source: &Repository,
    heads: &Heads,
    known: &[Oid],
    into: &Repository,
    limits: FetchLimits,
    remote: &str,
) -> Result<u64, FetchError> {
    let failed = |error: git2::Error| damaged(remote, error);
    let mut walk = source.revwalk().map_err(failed)?;
    for id in heads.values() {
        walk.push(*id).map_err(failed)?;
    }
    for id in known.iter().filter(|id| source.find_commit(**id).is_ok()) {
        walk.hide(*id).map_err(failed)?;
    }
    let mut builder = source.packbuilder().map_err(failed)?;
    builder.insert_walk(&mut walk).map_err(failed)?;
    if builder.object_count() as u64 > limits.objects {
        return Err(FetchError::TooBig { remote: remote.to_owned(), what: "objects", limit: limits.objects });
    }
    let odb = into.odb().map_err(failed)?;
    let mut sink = PackSink::new(&odb, limits, remote)?;
    let mut refused = None;
    let packed = builder.foreach(|bytes| match sink.append(bytes) {
        Ok(()) => true,
        Err(error) => {
            refused = Some(error);
            false
        }
    });
    match (refused, packed) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(failed(error)),
        (None, Ok(())) => sink.finish(),
    }
}
