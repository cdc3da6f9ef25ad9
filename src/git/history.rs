//! What was followed, what came since, and how it was signed.

use std::collections::HashSet;

use git2::{Oid, Repository, Sort};

use crate::model::{CommitId, Timestamp};
use crate::port::{Ancestry, RepositoryError};
use crate::signature::SignedCommit;

use super::objects::{commit_id, find_commit, oid, unreadable};

/// The references that say what was followed. A fetch never touches them.
fn reference(branch: &str) -> String {
    format!("refs/sluice/followed/{branch}")
}

/// The commit that was noted last.
///
/// # Errors
/// The reference is there and can't be read.
pub(super) fn followed(repository: &Repository, branch: &str) -> Result<Option<CommitId>, RepositoryError> {
    match repository.refname_to_id(&reference(branch)) {
        Ok(id) => Ok(Some(commit_id(id))),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(unreadable("read what was followed of", branch, error)),
    }
}

/// Notes a commit.
///
/// # Errors
/// It is not there, or the store can't be written.
pub(super) fn follow(
    repository: &Repository,
    branch: &str,
    commit: &CommitId,
) -> Result<(), RepositoryError> {
    repository
        .reference(&reference(branch), oid(commit)?, true, "follow")
        .map(drop)
        .map_err(|error| unreadable("note what is followed of", branch, error))
}

/// The commits from `head` back to `known`.
///
/// # Errors
/// A commit is not there or damaged.
pub(super) fn commits_since(
    repository: &Repository,
    head: &CommitId,
    known: Option<&CommitId>,
    which: Ancestry,
    limit: usize,
) -> Result<Option<Vec<CommitId>>, RepositoryError> {
    let Some(known) = known else { return Ok(Some(vec![head.clone()])) };
    let failed = |error: git2::Error| unreadable("follow the history of", head.as_str(), error);
    if which == Ancestry::FirstParent {
        return first_parents(repository, head, known, limit);
    }
    let mut walk = repository.revwalk().map_err(failed)?;
    walk.set_sorting(Sort::TOPOLOGICAL).map_err(failed)?;
    walk.push(oid(head)?).map_err(failed)?;
    walk.hide(oid(known)?).map_err(failed)?;
    let mut found = Vec::new();
    for id in walk {
        if found.len() == limit {
            return Ok(None);
        }
        found.push(commit_id(id.map_err(failed)?));
    }
    Ok(Some(found))
}

/// Along the first parents, until what `known` holds already begins.
fn first_parents(
    repository: &Repository,
    head: &CommitId,
    known: &CommitId,
    limit: usize,
) -> Result<Option<Vec<CommitId>>, RepositoryError> {
    let mut held = HashSet::new();
    let failed = |error: git2::Error| unreadable("follow the history of", head.as_str(), error);
    let mut walk = repository.revwalk().map_err(failed)?;
    walk.push(oid(head)?).map_err(failed)?;
    walk.hide(oid(known)?).map_err(failed)?;
    for id in walk {
        held.insert(id.map_err(failed)?);
    }
    let mut found = Vec::new();
    let mut next: Option<Oid> = Some(oid(head)?);
    while let Some(id) = next.filter(|id| held.contains(id)) {
        if found.len() == limit {
            return Ok(None);
        }
        let commit = repository.find_commit(id).map_err(failed)?;
        found.push(commit_id(id));
        next = commit.parent_ids().next();
    }
    Ok(Some(found))
}

/// A commit with its signature.
///
/// # Errors
/// It is not there or damaged.
pub(super) fn signed(repository: &Repository, id: &CommitId) -> Result<SignedCommit, RepositoryError> {
    let commit = find_commit(repository, id)?;
    let time = Timestamp::from_second(commit.time().seconds())
        .map_err(|error| unreadable("read the time of", id.as_str(), error))?;
    match repository.extract_signature(&oid(id)?, None) {
        Ok((signature, payload)) => {
            Ok(SignedCommit { signature: Some(signature.to_vec()), payload: payload.to_vec(), time })
        }
        Err(error) if error.code() == git2::ErrorCode::NotFound => {
            Ok(SignedCommit { signature: None, payload: Vec::new(), time })
        }
        Err(error) => Err(unreadable("read the signature of", id.as_str(), error)),
    }
}
