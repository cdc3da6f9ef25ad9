//! The loop of the fleet repository: the trunk first, since it says which branches there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::follow::{Branch, Follower, Look};
use super::rules::{BranchRules, SignatureRules, fleet_of};
use super::status::{Found, Problem, ProblemKind, RepositoryStatus, since};
use super::{Bells, News, SourceParts};
use crate::definition::Fleet;
use crate::diagnostic::with_causes;
use crate::git::Poll;
use crate::model::{CommitId, EnvironmentName, Revision};
use crate::port::clock::Clock;
use crate::signature::Signers;

/// What a look at the fleet repository brought.
pub(super) struct FleetNews {
    /// The branches that are in force.
    pub(super) branches: BTreeMap<String, Branch>,
    /// The fleet as the trunk states it; none if it can't be read.
    pub(super) fleet: Option<Fleet>,
    /// How the repository stands.
    pub(super) status: RepositoryStatus,
}

/// The loop's state.
pub(super) struct FleetLoop {
    pub(super) follower: Follower,
    trunk: String,
    only: Option<EnvironmentName>,
    signers: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    anchors: BTreeMap<EnvironmentName, Revision>,
    bells: Arc<Bells>,
    fleet: Option<(CommitId, Fleet)>,
    pub(super) problems: Vec<Problem>,
    looks: u64,
}

impl FleetLoop {
    pub(super) fn new(parts: &SourceParts, bells: Arc<Bells>) -> Self {
        Self {
            follower: Follower::new(parts.repository.clone()),
            trunk: parts.trunk.clone(),
            only: parts.only.clone(),
            signers: parts.signers.clone(),
            clock: parts.clock.clone(),
            anchors: parts.anchors.clone(),
            bells,
            fleet: None,
            problems: Vec::new(),
            looks: 0,
        }
    }

    /// Looks until told to stop.
    pub(super) async fn run(mut self, mut poll: Poll, news: mpsc::Sender<News>, stop: CancellationToken) {
        loop {
            let looked = tokio::task::spawn_blocking(move || {
                let reached = self.look();
                (self, reached)
            });
            let Ok((looked, reached)) = looked.await else { return };
            self = looked;
            if reached {
                poll.succeeded()
            } else {
                poll.failed()
            }
            let next = self.clock.now().checked_add(poll.wait()).ok();
            let status = RepositoryStatus {
                heads: heads(self.follower.branches()),
                problems: self.problems.clone(),
                next_look: next,
                looks: self.looks,
            };
            let branches = self.follower.branches().clone();
            let fleet = self.meant();
            if news.send(News::Fleet(Box::new(FleetNews { branches, fleet, status }))).await.is_err() {
                return;
            }
            let wake = self.bells.fleet.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = poll.next(&wake) => {}
            }
        }
    }

    /// One look; answers whether the repository could be fetched.
    pub(super) fn look(&mut self) -> bool {
        let mut found = Vec::new();
        let (accepted, now) = (self.bells.accepted(), self.clock.now());
        let look = Look { accepted: &accepted, now };
        let mut wanted: BTreeSet<String> = self.follower.branches().keys().cloned().collect();
        wanted.insert(self.trunk.clone());
        let list: Vec<String> = wanted.iter().cloned().collect();
        let mut reached = self.try_fetch(&list, &mut found);
        let trunk = self.trunk.clone();
        let held = self.operator_signers(&mut found);
        let rules = self.trunk_rules(held.as_ref());
        self.follower.recall(&trunk, &rules);
        // What was recalled says by whose keys the head is judged.
        self.read_fleet();
        let rules = self.trunk_rules(held.as_ref());
        if reached && let Err(problem) = self.follower.advance(&trunk, &rules, &look) {
            found.push(problem);
        }
        self.read_fleet();
        if let Some(fleet) = self.meant() {
            found.extend(self.stranger(&fleet));
            let named: BTreeSet<String> = fleet.environments.iter().map(|one| one.branch.clone()).collect();
            let fresh: Vec<String> = named.difference(&wanted).cloned().collect();
            if reached && !fresh.is_empty() {
                reached = self.try_fetch(&fresh, &mut found);
            }
            let signatures = Arc::new(match held {
                Some(signers) => SignatureRules::of_fleet(&fleet).held_by(signers),
                None => SignatureRules::of_fleet(&fleet),
            });
            for environment in fleet.environments.iter().filter(|one| one.branch != trunk) {
                let anchor = self.anchors.get(&environment.name).map(|revision| revision.branch.clone());
                let signatures = Some(signatures.clone());
                let force_push = environment.force_push;
                let rules = BranchRules { force_push, signatures, anchor, is_trunk: false };
                self.follower.recall(&environment.branch, &rules);
                if !reached {
                    continue;
                }
                if let Err(problem) = self.follower.advance(&environment.branch, &rules, &look)
                    && !found.contains(&problem)
                {
                    found.push(problem);
                }
            }
            self.follower.keep(&named.into_iter().chain([trunk]).collect());
        }
        self.problems = since(found, &self.problems, now);
        for problem in &self.problems {
            tracing::warn!(kind = ?problem.kind, since = %problem.since, problem = problem.message, "the fleet repository");
        }
        self.looks += 1;
        reached
    }

    /// The fleet in force, with the environments that are worked on.
    fn meant(&self) -> Option<Fleet> {
        let (_, fleet) = self.fleet.as_ref()?;
        let mut fleet = fleet.clone();
        fleet.environments.retain(|one| self.only.as_ref().is_none_or(|only| one.name == *only));
        Some(fleet)
    }

    /// What is said where the one environment that is meant is not there.
    fn stranger(&self, meant: &Fleet) -> Option<Found> {
        let only = self.only.as_ref().filter(|_| meant.environments.is_empty())?;
        let (_, fleet) = self.fleet.as_ref()?;
        let known: Vec<&str> = fleet.environments.iter().map(|one| one.name.as_str()).collect();
        let message = format!("the fleet has no environment `{only}`, but {}", known.join(", "));
        Some(Found::new(ProblemKind::Misconfigured, message))
    }

    fn try_fetch(&self, branches: &[String], found: &mut Vec<Found>) -> bool {
        match self.follower.fetch(branches) {
            Ok(()) => true,
            Err(problem) => {
                found.push(problem);
                false
            }
        }
    }

    /// The rules for the trunk's next commit: those of the one in force, never its own.
    fn trunk_rules(&self, held: Option<&Signers>) -> BranchRules {
        let fleet = self.fleet.as_ref().map(|(_, fleet)| fleet);
        let signatures = match (fleet, held) {
            (Some(fleet), Some(held)) => Some(SignatureRules::of_fleet(fleet).held_by(held.clone())),
            (None, Some(held)) => Some(SignatureRules::default().held_by(held.clone())),
            (Some(fleet), None) => Some(SignatureRules::of_fleet(fleet)),
            (None, None) => None,
        };
        let own = fleet.and_then(|fleet| fleet.environments.iter().find(|one| one.branch == self.trunk));
        // Every environment has read the trunk; the ledger's last word of any of them will do.
        let anchor = self.anchors.values().next().map(|revision| revision.trunk.clone());
        BranchRules {
            force_push: own.map(|own| own.force_push).unwrap_or_default(),
            signatures: signatures.map(Arc::new),
            anchor,
            is_trunk: true,
        }
    }

    /// The keys that the operator holds. A file that can't be read lets nobody sign.
    fn operator_signers(&self, found: &mut Vec<Found>) -> Option<Signers> {
        let path = self.signers.as_ref()?;
        let read = std::fs::read_to_string(path).map_err(|error| with_causes(&error)).and_then(|text| {
            Signers::parse_file(&text).map_err(|(line, error)| format!("line {line}: {error}"))
        });
        Some(read.unwrap_or_else(|error| {
            let message = format!("the file of signers {} can't be used: {error}", path.display());
            found.push(Found::new(ProblemKind::Misconfigured, message));
            Signers::default()
        }))
    }

    /// Reads the fleet from the trunk that is in force.
    fn read_fleet(&mut self) {
        let Some(trunk) = self.follower.branches().get(&self.trunk) else { return };
        if self.fleet.as_ref().is_some_and(|(commit, _)| *commit == trunk.commit) {
            return;
        }
        // One that is in force is sound; a store of an older version may hold another.
        if let Ok(fleet) = fleet_of(&trunk.read.tree) {
            self.fleet = Some((trunk.commit.clone(), fleet));
        }
    }
}

/// The commits of branches.
pub(super) fn heads(branches: &BTreeMap<String, Branch>) -> BTreeMap<String, CommitId> {
    branches.iter().map(|(name, branch)| (name.clone(), branch.commit.clone())).collect()
}
