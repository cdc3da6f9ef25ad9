//! Writes commits into a bare repository without a checkout: for `init`, the demo and tests.

use std::collections::BTreeMap;
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Repository, RepositoryInitOptions, Signature, Time};

use crate::model::{CommitId, Timestamp};

use super::names;
use super::objects::commit_id;

/// Who makes a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The e-mail.
    pub email: String,
    /// The time, to the second.
    pub time: Timestamp,
}

/// Why a commit can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The path of a change is not allowed in a tree.
    #[error("`{path}` can't be written: {fault}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Git fails.
    #[error("can't {attempted}")]
    Git {
        /// What was tried, in the infinitive.
        attempted: &'static str,
        /// Why.
        source: git2::Error,
    },
}

/// Makes an empty bare repository whose `HEAD` is `branch`. One that is there stays.
///
/// # Errors
/// The folder can't be written.
pub fn create_repository(path: &Path, branch: &str) -> Result<(), WriteError> {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).mkdir(true).mkpath(true).external_template(false).initial_head(branch);
    Repository::init_opts(path, &options).map(drop).map_err(failed("create the repository"))
}

/// Makes a branch that begins at a commit.
///
/// # Errors
/// There is such a branch, the commit is not there, or the repository can't be written.
pub fn create_branch(path: &Path, branch: &str, at: &CommitId) -> Result<(), WriteError> {
    let repository = Repository::open(path).map_err(failed("open the repository"))?;
    let id = git2::Oid::from_str(at.as_str()).map_err(failed("read the commit's id"))?;
    repository
        .reference(&format!("refs/heads/{branch}"), id, false, "branch")
        .map(drop)
        .map_err(failed("make the branch"))
}

/// Adds a commit to a branch: files by path, nothing = gone. The branch is made if it is not there.
///
/// # Errors
/// A path is not allowed or not there to be removed, the branch moved meanwhile, or the repository
/// can't be written.
pub fn commit_files(
    path: &Path,
    branch: &str,
    changes: &BTreeMap<String, Option<Vec<u8>>>,
    message: &str,
    author: &Author,
) -> Result<CommitId, WriteError> {
    let repository = Repository::open(path).map_err(failed("open the repository"))?;
    let reference = format!("refs/heads/{branch}");
    let parent = match repository.refname_to_id(&reference) {
        Ok(id) => Some(repository.find_commit(id).map_err(failed("read the head"))?),
        Err(error) if error.code() == git2::ErrorCode::NotFound => None,
        Err(error) => return Err(failed("read the head")(error)),
    };
    let base = match &parent {
        Some(parent) => parent.tree(),
        None => repository
            .treebuilder(None)
            .and_then(|builder| builder.write())
            .and_then(|id| repository.find_tree(id)),
    };
    let base = base.map_err(failed("read the tree"))?;
    let mut update = TreeUpdateBuilder::new();
    for (file, content) in changes {
        check_path(file)?;
        match content {
            Some(bytes) => {
                let blob = repository.blob(bytes).map_err(failed("write a file"))?;
                update.upsert(file.as_str(), blob, FileMode::Blob);
            }
            None => {
                update.remove(file.as_str());
            }
        }
    }
    let tree = update
        .create_updated(&repository, &base)
        .and_then(|id| repository.find_tree(id))
        .map_err(failed("write the tree"))?;
    let signature = Signature::new(&author.name, &author.email, &Time::new(author.time.as_second(), 0))
        .map_err(failed("write the author"))?;
    let parents: Vec<_> = parent.iter().collect();
    repository
        .commit(Some(&reference), &signature, &signature, message, &tree, &parents)
        .map(commit_id)
        .map_err(failed("write the commit"))
}

fn check_path(path: &str) -> Result<(), WriteError> {
    match path.split('/').find_map(names::fault) {
        Some(fault) => Err(WriteError::Path { path: path.to_owned(), fault }),
        None => Ok(()),
    }
}

fn failed(attempted: &'static str) -> impl Fn(git2::Error) -> WriteError {
    move |source| WriteError::Git { attempted, source }
}
