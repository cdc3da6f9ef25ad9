//! What people are told of the repositories: plain data, the same for every interface.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{CommitId, TenantName, Timestamp};

/// How the fleet repository stands, and those of tenants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceStatus {
    /// The fleet repository.
    #[serde(flatten)]
    pub fleet: RepositoryStatus,
    /// Tenants' own repositories.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<TenantName, RepositoryStatus>,
}

/// How a repository stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RepositoryStatus {
    /// The commit of each branch that is in force.
    pub heads: BTreeMap<String, CommitId>,
    /// Why not everything that the repository says is in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// When it is looked at next, unless somebody wakes the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_look: Option<Timestamp>,
    /// How often it was looked at.
    pub looks: u64,
}

/// The digits of a commit's id that people must give at least, as in Git.
const SHORTEST_COMMIT: usize = 4;

impl SourceStatus {
    /// The commits that are held until a person accepts them, as far as their ids begin so.
    pub fn held(&self, named: &str) -> BTreeSet<CommitId> {
        let repositories = std::iter::once(&self.fleet).chain(self.tenants.values());
        repositories
            .flat_map(|repository| &repository.problems)
            .filter(|problem| matches!(problem.kind, ProblemKind::Rewritten | ProblemKind::SourceMissing))
            .filter_map(|problem| problem.commit.clone())
            .filter(|commit| named.len() >= SHORTEST_COMMIT && commit.as_str().starts_with(named))
            .collect()
    }
}

impl RepositoryStatus {
    /// Every problem in a line; none if there is none.
    pub fn problem(&self) -> Option<String> {
        let lines: Vec<String> = self.problems.iter().map(|problem| problem.message.clone()).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

/// Why something that a repository says is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// The branch, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit that is not followed, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// What people should know and can do.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProblemKind {
    /// The repository can't be fetched.
    Unreachable,
    /// Branch, files or `sluice.yaml` are gone.
    SourceMissing,
    /// History was rewritten.
    Rewritten,
    /// A commit is not signed as the policy asks.
    Unsigned,
    /// A commit can't be used as a whole.
    Refused,
    /// The store, or what is in it, can't be read.
    Unreadable,
    /// The repository can't be used as it is named.
    Misconfigured,
}

/// A problem that was just found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: ProblemKind,
    pub(super) branch: Option<String>,
    pub(super) commit: Option<CommitId>,
    pub(super) message: String,
}

impl Found {
    pub(super) fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { kind, branch: None, commit: None, message: message.into() }
    }

    pub(super) fn of_branch(kind: ProblemKind, branch: &str, message: impl Into<String>) -> Self {
        Self { branch: Some(branch.to_owned()), ..Self::new(kind, message) }
    }

    pub(super) fn at(mut self, commit: &CommitId) -> Self {
        self.commit = Some(commit.clone());
        self
    }
}

/// The problems as they stand, each with the time since when it is there.
pub(super) fn since(found: Vec<Found>, before: &[Problem], now: Timestamp) -> Vec<Problem> {
    let dated = found.into_iter().map(|found| {
        let same = before
            .iter()
            .find(|old| old.kind == found.kind && old.branch == found.branch && old.commit == found.commit);
        let since = same.map_or(now, |old| old.since);
        let Found { kind, branch, commit, message } = found;
        Problem { kind, branch, commit, message, since }
    });
    dated.collect()
}
