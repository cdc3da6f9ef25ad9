//! One repository and the commits of its branches that are in force.
//!
//! A branch moves to a new head only if the head follows the one before, is signed as the rules ask,
//! and can be read. Otherwise the one before stays, and why is said. What is in force is noted in the
//! store, so that a restart stands where it stood, with or without the remote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::rules::{BranchRules, SignatureRules, fleet_of};
use super::status::{Found, ProblemKind};
use crate::definition::{CommitSignatures, ForcePush};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::with_causes;
use crate::model::{CommitId, Timestamp};
use crate::port::{Ancestry, HeadChange, ReadTree, Repository, RepositoryError};
use crate::signature;

/// So many new commits are looked at for signatures. More come at once only when a branch is replaced.
const MOST_COMMITS: usize = 10_000;

/// A branch as it is in force.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    /// The commit.
    pub(super) commit: CommitId,
    /// What it holds.
    pub(super) read: Arc<ReadTree>,
}

/// What a look is made with.
pub(super) struct Look<'a> {
    /// The commits that a person has accepted by name.
    pub(super) accepted: &'a BTreeSet<CommitId>,
    /// The time.
    pub(super) now: Timestamp,
}

/// One repository.
pub(super) struct Follower {
    repository: Arc<dyn Repository>,
    branches: BTreeMap<String, Branch>,
}

impl Follower {
    /// A repository that was never looked at.
    pub(super) fn new(repository: Arc<dyn Repository>) -> Self {
        Self { repository, branches: BTreeMap::new() }
    }

    /// The branches that are in force.
    pub(super) fn branches(&self) -> &BTreeMap<String, Branch> {
        &self.branches
    }

    /// Leaves branches out that nobody wants any more.
    pub(super) fn keep(&mut self, wanted: &BTreeSet<String>) {
        self.branches.retain(|branch, _| wanted.contains(branch));
    }

    /// Brings heads up to date. Nothing is in force by that.
    ///
    /// # Errors
    /// The remote can't be fetched.
    pub(super) fn fetch(&self, branches: &[String]) -> Result<(), Found> {
        let failed =
            |error: crate::port::FetchError| Found::new(ProblemKind::Unreachable, with_causes(&error));
        self.repository.fetch(branches).map(drop).map_err(failed)
    }

    /// Stands where a process before this one stood, as far as the store still knows.
    pub(super) fn recall(&mut self, branch: &str, rules: &BranchRules) {
        if self.branches.contains_key(branch) {
            return;
        }
        let Some(commit) = self.noted(branch, rules) else { return };
        match self.repository.read_tree(&commit) {
            Ok(read) if !read.refused => {
                self.branches.insert(branch.to_owned(), Branch { commit, read: Arc::new(read) });
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(
                    branch,
                    commit = commit.as_str(),
                    error = with_causes(&error),
                    "not in the store"
                );
            }
        }
    }

    /// What was in force before this process, by the store or else by the ledger.
    fn noted(&self, branch: &str, rules: &BranchRules) -> Option<CommitId> {
        self.repository.followed(branch).ok().flatten().or_else(|| rules.anchor.clone())
    }

    /// Puts the head of a branch in force, if it may be.
    ///
    /// # Errors
    /// Why it may not; what was in force stays.
    pub(super) fn advance(
        &mut self,
        branch: &str,
        rules: &BranchRules,
        look: &Look<'_>,
    ) -> Result<(), Found> {
        let noted = match self.branches.get(branch) {
            Some(known) => Some(known.commit.clone()),
            None => self.noted(branch, rules),
        };
        let head = match &noted {
            None => self.first_head(branch)?,
            Some(known) => match self.next_head(branch, known, rules, look)? {
                Some(head) => head,
                None if self.branches.contains_key(branch) => return Ok(()),
                None => known.clone(),
            },
        };
        let read = self.repository.read_tree(&head).map_err(unreadable(branch))?;
        if read.refused {
            let first = read.diagnostics.first().map(line).unwrap_or_default();
            let message = format!("the commit {} on {branch} is refused: {first}", head.short());
            return Err(Found::of_branch(ProblemKind::Refused, branch, message).at(&head));
        }
        if rules.is_trunk {
            check_fleet(branch, &head, &read)?;
        }
        self.check_signatures(branch, &head, noted.as_ref(), &read, rules, look)?;
        self.check_emptied(branch, &head, &read, look)?;
        self.repository.follow(branch, &head).map_err(unreadable(branch))?;
        self.branches.insert(branch.to_owned(), Branch { commit: head, read: Arc::new(read) });
        Ok(())
    }

    fn first_head(&self, branch: &str) -> Result<CommitId, Found> {
        self.repository.head(branch).map_err(|error| match error {
            RepositoryError::SourceMissing { .. } => {
                Found::of_branch(ProblemKind::SourceMissing, branch, with_causes(&error))
            }
            error => unreadable(branch)(error),
        })
    }

    /// The head that may follow a known commit; nothing if that is it.
    fn next_head(
        &self,
        branch: &str,
        known: &CommitId,
        rules: &BranchRules,
        look: &Look<'_>,
    ) -> Result<Option<CommitId>, Found> {
        match self.repository.head_change(branch, known).map_err(unreadable(branch))? {
            HeadChange::Same => Ok(None),
            HeadChange::FastForward(head) => Ok(Some(head)),
            HeadChange::Gone => {
                let message = format!(
                    "the branch {branch} is gone; what it said at {} stays in force: push the branch again",
                    known.short()
                );
                Err(Found::of_branch(ProblemKind::SourceMissing, branch, message))
            }
            HeadChange::Diverged(head)
                if rules.force_push == ForcePush::Follow || look.accepted.contains(&head) =>
            {
                tracing::warn!(
                    branch,
                    from = known.as_str(),
                    to = head.as_str(),
                    "rewritten history is followed"
                );
                Ok(Some(head))
            }
            HeadChange::Diverged(head) => {
                let message = format!(
                    "the history of the branch {branch} was rewritten: {head} does not follow {known}, which stays \
                     in force; push a commit on top of that one, or take the new history with `sluice sync --accept \
                     {head}`",
                    head = head.short(),
                    known = known.short()
                );
                Err(Found::of_branch(ProblemKind::Rewritten, branch, message).at(&head))
            }
        }
    }

    /// Whether every new commit that must be signed is. Where nothing was in force, the head alone is
    /// looked at: the past was made under other rules.
    fn check_signatures(
        &self,
        branch: &str,
        head: &CommitId,
        known: Option<&CommitId>,
        read: &ReadTree,
        rules: &BranchRules,
        look: &Look<'_>,
    ) -> Result<(), Found> {
        let own;
        let signatures = match &rules.signatures {
            Some(signatures) => signatures,
            None => {
                own = Arc::new(SignatureRules::of_tree(&read.tree));
                &own
            }
        };
        let which = match signatures.mode {
            CommitSignatures::Off => return Ok(()),
            CommitSignatures::Merge => Ancestry::FirstParent,
            CommitSignatures::Every => Ancestry::All,
        };
        let refused = |commit: &CommitId, what: String| {
            let stays = match known {
                Some(known) => format!("{} stays in force", known.short()),
                None => "nothing of it is in force".to_owned(),
            };
            let message = format!("the commit {} on {branch} {what}; {stays}", commit.short());
            Found::of_branch(ProblemKind::Unsigned, branch, message).at(commit)
        };
        // One that the store has not: it was another store's, and says nothing about what is new here.
        let known = known.filter(|known| self.repository.commit(known).is_ok());
        let new =
            self.repository.commits_since(head, known, which, MOST_COMMITS).map_err(unreadable(branch))?;
        let Some(new) = new else {
            return Err(refused(head, format!("brings more than {MOST_COMMITS} commits to check at once")));
        };
        for commit in new.iter().rev() {
            let signed = self.repository.signed(commit).map_err(unreadable(branch))?;
            if let Err(fault) = signature::verify(&signatures.signers, &signed, look.now) {
                return Err(refused(commit, fault.to_string()));
            }
        }
        Ok(())
    }

    /// A commit that takes everything away is more likely a folder that was renamed.
    fn check_emptied(
        &self,
        branch: &str,
        head: &CommitId,
        read: &ReadTree,
        look: &Look<'_>,
    ) -> Result<(), Found> {
        let Some(before) = self.branches.get(branch) else { return Ok(()) };
        let is_emptied = |read: &ReadTree| !read.tree.files.keys().any(|path| path.starts_with("tenants/"));
        if is_emptied(&before.read) || !is_emptied(read) || look.accepted.contains(head) {
            return Ok(());
        }
        let message = format!(
            "the commit {head} on {branch} leaves nothing of any tenant; {before} stays in force: if all of it is \
             meant to go, say `sluice sync --accept {head}`",
            head = head.short(),
            before = before.commit.short()
        );
        Err(Found::of_branch(ProblemKind::SourceMissing, branch, message).at(head))
    }
}

/// The trunk must say which environments there are; one that does not is most likely a mistake.
fn check_fleet(branch: &str, head: &CommitId, read: &ReadTree) -> Result<(), Found> {
    let Err(fault) = fleet_of(&read.tree) else { return Ok(()) };
    let kind = match read.tree.files.contains_key("sluice.yaml") {
        true => ProblemKind::Refused,
        false => ProblemKind::SourceMissing,
    };
    let message = format!("the commit {} on {branch} has no sound sluice.yaml: {fault}", head.short());
    Err(Found::of_branch(kind, branch, message).at(head))
}

fn unreadable(branch: &str) -> impl Fn(RepositoryError) -> Found + '_ {
    move |error| Found::of_branch(ProblemKind::Unreadable, branch, with_causes(&error))
}

/// A diagnostic in one line.
pub(super) fn line(diagnostic: &Diagnostic) -> String {
    let place = &diagnostic.place;
    format!("{}:{}: {} ({})", place.path, place.line, diagnostic.message, diagnostic.code)
}
