//! Trees, heads and commits out of an object database. Tree objects are parsed here, byte by byte:
//! the library hides what a hostile one holds.

use git2::{Commit, ObjectType, Odb, Oid, Repository};

use crate::model::{CommitId, FileEntry, Timestamp};
use crate::port::{Cause, CommitInfo, HeadChange, ReadTree, RepositoryError, TreeLimits};

use super::reader::{self, Entries, Entry, Kind, Source, file_entry};

/// The least bytes that an entry of a tree object takes: mode, blank, a letter, NUL, id.
const LEAST_ENTRY_BYTES: usize = 28;

/// The longest name that Git hosts take, with mode and id. Bounds a tree object by its entries.
const MOST_ENTRY_BYTES: usize = 4_096 + 28;

/// The largest object of a folder that is read: what a fetch takes.
const FOLDER_BYTES: usize = 16 << 20;

/// What is wrong with a tree object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tree object is malformed at byte {0}")]
pub(super) struct MalformedTree(usize);

/// Reads what a commit holds in the used places.
///
/// # Errors
/// The commit is not there, or an object is missing or damaged.
pub(super) fn read_tree(
    repository: &Repository,
    commit: &CommitId,
    limits: TreeLimits,
    mount: Option<&str>,
) -> Result<ReadTree, RepositoryError> {
    let root = find_commit(repository, commit)?.tree_id();
    let odb = repository.odb().map_err(|error| unreadable("open the objects of", commit.as_str(), error))?;
    match mount {
        None => reader::read(&Objects { odb }, root, limits),
        Some(mount) => reader::read_mounted(&Objects { odb }, root, limits, mount),
    }
}

struct Objects<'repo> {
    odb: Odb<'repo>,
}

impl Source for Objects<'_> {
    type Handle = Oid;
    type Error = RepositoryError;

    fn entries(&self, id: &Oid, path: &str, limit: usize) -> Result<Entries<Oid>, RepositoryError> {
        let (size, kind) = self.header(*id, path)?;
        if kind != ObjectType::Tree {
            return Err(unreadable("read the folder", path, git2::Error::from_str("the object is no tree")));
        }
        if size > limit.saturating_mul(MOST_ENTRY_BYTES).min(FOLDER_BYTES) {
            return Ok(None);
        }
        let object = self.odb.read(*id).map_err(|error| unreadable("read the folder", path, error))?;
        parse_tree(object.data(), limit).map_err(|error| unreadable("read the folder", path, error))
    }

    fn size(&self, id: &Oid, path: &str) -> Result<u64, RepositoryError> {
        match self.header(*id, path)? {
            (size, ObjectType::Blob) => Ok(size as u64),
            _ => Err(unreadable("read the file", path, git2::Error::from_str("the object is no blob"))),
        }
    }

    fn read(&self, id: &Oid, path: &str, limit: u64) -> Result<Option<FileEntry>, RepositoryError> {
        let object = self.odb.read(*id).map_err(|error| unreadable("read the file", path, error))?;
        if object.len() as u64 > limit {
            return Ok(None);
        }
        file_entry(object.data()).map(Some).map_err(|error| unreadable("read the file", path, error))
    }
}

impl Objects<'_> {
    fn header(&self, id: Oid, path: &str) -> Result<(usize, ObjectType), RepositoryError> {
        self.odb.read_header(id).map_err(|error| unreadable("find the object of", path, error))
    }
}

/// The entries of a tree object: `<mode in octal> <name>\0<20 bytes of id>`, over and over. Nothing
/// if there are more than `limit`.
///
/// # Errors
/// The bytes are no such list.
pub(super) fn parse_tree(data: &[u8], limit: usize) -> Result<Entries<Oid>, MalformedTree> {
    let mut entries = Vec::with_capacity((data.len() / LEAST_ENTRY_BYTES).min(limit));
    let mut at = 0;
    while at < data.len() {
        if entries.len() == limit {
            return Ok(None);
        }
        let rest = &data[at..];
        let blank = rest.iter().position(|byte| *byte == b' ').ok_or(MalformedTree(at))?;
        let end =
            rest.iter().position(|byte| *byte == 0).filter(|end| *end > blank).ok_or(MalformedTree(at))?;
        let id = rest.get(end + 1..end + 21).ok_or(MalformedTree(at))?;
        let handle = Oid::from_bytes(id).map_err(|_| MalformedTree(at))?;
        entries.push(Entry { name: rest[blank + 1..end].to_vec(), kind: kind_of(&rest[..blank]), handle });
        at += end + 21;
    }
    Ok(Some(entries))
}

/// What a mode stands for: the modes that Git writes, and the two that old versions wrote.
fn kind_of(mode: &[u8]) -> Kind {
    match mode {
        b"100644" | b"100755" | b"100664" => Kind::File,
        b"40000" | b"040000" => Kind::Folder,
        b"120000" => Kind::Link,
        b"160000" => Kind::Submodule,
        _ => Kind::Other,
    }
}

/// The head of a branch; nothing if there is none.
///
/// # Errors
/// The reference is there and can't be read.
pub(super) fn head(repository: &Repository, branch: &str) -> Result<Option<CommitId>, RepositoryError> {
    let name = format!("refs/heads/{branch}");
    match repository.refname_to_id(&name) {
        Ok(id) => Ok(Some(commit_id(id))),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(unreadable("read the head of", branch, error)),
    }
}

/// How a head stands to the commit seen last. One that the store does not know is on another line.
///
/// # Errors
/// The store can't be read.
pub(super) fn head_change(
    repository: &Repository,
    branch: &str,
    last: &CommitId,
) -> Result<HeadChange, RepositoryError> {
    let Some(head) = head(repository, branch)? else { return Ok(HeadChange::Gone) };
    if head == *last {
        return Ok(HeadChange::Same);
    }
    if find_commit(repository, last).is_err() {
        return Ok(HeadChange::Diverged(head));
    }
    let after = repository
        .graph_descendant_of(oid(&head)?, oid(last)?)
        .map_err(|error| unreadable("follow the history of", branch, error))?;
    Ok(if after { HeadChange::FastForward(head) } else { HeadChange::Diverged(head) })
}

/// Who made a commit, when, and what they said.
///
/// # Errors
/// It is not there or damaged.
pub(super) fn commit_info(repository: &Repository, id: &CommitId) -> Result<CommitInfo, RepositoryError> {
    let commit = find_commit(repository, id)?;
    let author = commit.author();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let time =
        Timestamp::from_second(commit.time().seconds()).map_err(|error| RepositoryError::Unreadable {
            attempted: "read the time of",
            what: id.to_string(),
            source: Box::new(error),
        })?;
    Ok(CommitInfo {
        id: id.clone(),
        author: text(author.name_bytes()),
        email: text(author.email_bytes()),
        message: text(commit.message_bytes()),
        time,
        parents: commit.parent_ids().map(commit_id).collect(),
    })
}

pub(super) fn find_commit<'repo>(
    repository: &'repo Repository,
    id: &CommitId,
) -> Result<Commit<'repo>, RepositoryError> {
    repository.find_commit(oid(id)?).map_err(|error| unreadable("find the commit", id.as_str(), error))
}

pub(super) fn oid(id: &CommitId) -> Result<Oid, RepositoryError> {
    Oid::from_str(id.as_str()).map_err(|error| unreadable("read the id", id.as_str(), error))
}

/// Our id of a commit.
pub(super) fn commit_id(id: Oid) -> CommitId {
    #[expect(clippy::expect_used, reason = "an object id is written as 40 hexadecimal digits")]
    CommitId::new(id.to_string()).expect("an object id is a commit id")
}

pub(super) fn unreadable(attempted: &'static str, what: &str, error: impl Into<Cause>) -> RepositoryError {
    RepositoryError::Unreadable { attempted, what: what.to_owned(), source: error.into() }
}
