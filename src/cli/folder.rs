//! A plain folder in the place of a repository, for `apply DIR`.
//!
//! It is read once and never changes. Its commit is made up from its content, so that the same
//! content is the same commit.

use std::path::Path;

use super::failure::Failure;
use super::fleet::Fleet;
use crate::git;
use crate::model::{CommitId, EnvironmentName, Timestamp, sha256};
use crate::port::{
    Ancestry, CommitInfo, FetchError, FetchOutcome, HeadChange, ReadTree, Repository, RepositoryError,
    TreeLimits,
};
use crate::signature::SignedCommit;

/// A folder as it was read.
pub struct Folder {
    read: ReadTree,
    commit: CommitId,
    trunk: String,
    environment: EnvironmentName,
    shown: String,
}

impl Folder {
    /// Reads a folder for one of its environments.
    ///
    /// # Errors
    /// It can't be read, its `sluice.yaml` can't be, or it has several environments and none of them
    /// is named.
    pub fn read(path: &Path, named: Option<&EnvironmentName>) -> Result<Self, Failure> {
        let fleet = Fleet::read(path)?;
        let (rules, faults) = crate::compile::fleet(&fleet.definitions);
        let Some(rules) = rules else {
            let said = crate::diagnostic::one_line_each(&faults);
            return Err(Failure::no("sluice.yaml can't be read").because(said.trim_end().to_owned()));
        };
        let environment = fleet.environment(named)?;
        let branch = |rules: &&crate::definition::Environment| rules.name == environment;
        let branch = rules.value.environments.iter().find(branch).map(|rules| rules.branch.clone());
        let shown = path.display().to_string();
        let read = git::read_directory(path, TreeLimits::default())
            .map_err(|error| Failure::world(format!("can't read the folder `{shown}`")).because(error))?;
        let mut content = Vec::new();
        for (path, entry) in &read.tree.files {
            content.extend_from_slice(format!("{path}\0{}\n", entry.id).as_bytes());
        }
        let commit = CommitId::of_folder(&sha256(&content));
        Ok(Self { read, commit, trunk: branch.unwrap_or_default(), environment, shown })
    }

    /// The environment that it is applied to.
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    /// The branch that the folder stands for, the trunk's files included.
    pub fn trunk(&self) -> &str {
        &self.trunk
    }
}

impl Repository for Folder {
    fn fetch(&self, _: &[String]) -> Result<FetchOutcome, FetchError> {
        Ok(FetchOutcome::default())
    }

    fn head(&self, branch: &str) -> Result<CommitId, RepositoryError> {
        if branch == self.trunk {
            return Ok(self.commit.clone());
        }
        Err(RepositoryError::SourceMissing { branch: branch.to_owned(), remote: self.shown.clone() })
    }

    fn head_change(&self, branch: &str, last: &CommitId) -> Result<HeadChange, RepositoryError> {
        let head = self.head(branch)?;
        Ok(if head == *last { HeadChange::Same } else { HeadChange::FastForward(head) })
    }

    fn read_tree(&self, _: &CommitId) -> Result<ReadTree, RepositoryError> {
        Ok(self.read.clone())
    }

    fn commit(&self, id: &CommitId) -> Result<CommitInfo, RepositoryError> {
        Ok(CommitInfo {
            id: id.clone(),
            author: String::new(),
            email: String::new(),
            message: format!("the folder {}", self.shown),
            time: Timestamp::UNIX_EPOCH,
            parents: Vec::new(),
        })
    }

    fn followed(&self, _: &str) -> Result<Option<CommitId>, RepositoryError> {
        Ok(None)
    }

    fn follow(&self, _: &str, _: &CommitId) -> Result<(), RepositoryError> {
        Ok(())
    }

    fn commits_since(
        &self,
        head: &CommitId,
        _: Option<&CommitId>,
        _: Ancestry,
        _: usize,
    ) -> Result<Option<Vec<CommitId>>, RepositoryError> {
        Ok(Some(vec![head.clone()]))
    }

    fn signed(&self, _: &CommitId) -> Result<SignedCommit, RepositoryError> {
        Ok(SignedCommit { signature: None, payload: Vec::new(), time: Timestamp::UNIX_EPOCH })
    }
}
