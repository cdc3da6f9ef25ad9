//! The loops of tenants' own repositories: one each, started and ended as the fleet names them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::follow::{Branch, Follower, Look};
use super::rules::{BranchRules, SignatureRules};
use super::status::{Found, Problem, ProblemKind, RepositoryStatus, since};
use super::{Bells, News, SourceParts, fleet::heads};
use crate::definition::{Fleet, TenantSource};
use crate::diagnostic::with_causes;
use crate::git::{Poll, Wake};
use crate::model::{EnvironmentName, Revision, TenantName};
use crate::port::Sources;
use crate::port::clock::Clock;

/// What a look at a tenant's repository brought.
pub(super) struct TenantNews {
    /// The tenant.
    pub(super) tenant: TenantName,
    /// The repository.
    pub(super) url: String,
    /// The branches that are in force.
    pub(super) branches: BTreeMap<String, Branch>,
    /// How the repository stands.
    pub(super) status: RepositoryStatus,
}

/// What is wanted of a tenant's repository.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    url: String,
    branches: BTreeMap<String, BranchRules>,
}

impl Wanted {
    pub(super) fn new(
        source: &TenantSource,
        fleet: &Fleet,
        signatures: &Arc<SignatureRules>,
        anchors: &BTreeMap<EnvironmentName, Revision>,
    ) -> Self {
        let branches = fleet.environments.iter().map(|environment| {
            let anchor =
                anchors.get(&environment.name).and_then(|it| it.sources.get(&source.tenant)).cloned();
            let signatures = Some(signatures.clone());
            let rules = BranchRules { force_push: source.force_push, signatures, anchor, is_trunk: false };
            (source.branch_for(environment).to_owned(), rules)
        });
        Self { url: source.url.clone(), branches: branches.collect() }
    }

    /// Whether another look would find something else.
    fn differs(&self, other: &Self) -> bool {
        let key = |rules: &BranchRules| (rules.force_push, rules.signatures.clone());
        self.branches.len() != other.branches.len()
            || self
                .branches
                .iter()
                .any(|(name, rules)| other.branches.get(name).is_none_or(|other| key(other) != key(rules)))
    }
}

/// The running loops.
pub(super) struct Watches {
    sources: Arc<dyn Sources>,
    clock: Arc<dyn Clock>,
    poll: Poll,
    bells: Arc<Bells>,
    news: mpsc::Sender<News>,
    stop: CancellationToken,
    running: BTreeMap<TenantName, Running>,
}

struct Running {
    url: String,
    wanted: watch::Sender<Wanted>,
    wake: Wake,
    stop: CancellationToken,
}

impl Watches {
    pub(super) fn new(
        parts: &SourceParts,
        bells: Arc<Bells>,
        news: mpsc::Sender<News>,
        stop: CancellationToken,
    ) -> Self {
        let (sources, clock, poll) = (parts.sources.clone(), parts.clock.clone(), parts.poll.clone());
        Self { sources, clock, poll, bells, news, stop, running: BTreeMap::new() }
    }

    /// Sees to it that exactly these are looked at.
    pub(super) fn follow(&mut self, all: &BTreeMap<TenantName, Wanted>) {
        let ended: Vec<TenantName> = self
            .running
            .iter()
            .filter(|(tenant, running)| all.get(*tenant).is_none_or(|wanted| wanted.url != running.url))
            .map(|(tenant, _)| tenant.clone())
            .collect();
        for tenant in ended {
            if let Some(running) = self.running.remove(&tenant) {
                running.stop.cancel();
                self.bells.take_down(&tenant);
            }
        }
        for (tenant, wanted) in all {
            match self.running.get(tenant) {
                Some(running) => {
                    let changed = running.wanted.send_if_modified(|known| {
                        let differs = known.differs(wanted);
                        *known = wanted.clone();
                        differs
                    });
                    if changed {
                        running.wake.wake();
                    }
                }
                None => self.start(tenant, wanted),
            }
        }
    }

    fn start(&mut self, tenant: &TenantName, wanted: &Wanted) {
        let stop = self.stop.child_token();
        let (sender, receiver) = watch::channel(wanted.clone());
        let wake = self.bells.hang(tenant, &wanted.url);
        let tenant_loop = TenantLoop {
            tenant: tenant.clone(),
            url: wanted.url.clone(),
            sources: self.sources.clone(),
            follower: None,
            clock: self.clock.clone(),
            bells: self.bells.clone(),
            problems: Vec::new(),
            looks: 0,
        };
        let poll = self.poll.seeded(&wanted.url);
        let running =
            Running { url: wanted.url.clone(), wanted: sender, wake: wake.clone(), stop: stop.clone() };
        tokio::spawn(tenant_loop.run(poll, wake, receiver, self.news.clone(), stop));
        self.running.insert(tenant.clone(), running);
    }
}

/// The state of one loop.
struct TenantLoop {
    tenant: TenantName,
    url: String,
    sources: Arc<dyn Sources>,
    /// None until the repository could be opened.
    follower: Option<Follower>,
    clock: Arc<dyn Clock>,
    bells: Arc<Bells>,
    problems: Vec<Problem>,
    looks: u64,
}

impl TenantLoop {
    async fn run(
        mut self,
        mut poll: Poll,
        wake: Wake,
        wanted: watch::Receiver<Wanted>,
        news: mpsc::Sender<News>,
        stop: CancellationToken,
    ) {
        loop {
            let now_wanted = wanted.borrow().clone();
            let looked = tokio::task::spawn_blocking(move || {
                let reached = self.look(&now_wanted);
                (self, reached)
            });
            let Ok((looked, reached)) = looked.await else {
                tracing::error!("the loop of a tenant's repository has failed");
                return;
            };
            self = looked;
            if stop.is_cancelled() {
                return;
            }
            if reached {
                poll.succeeded()
            } else {
                poll.failed()
            }
            let branches = self.follower.as_ref().map(|it| it.branches().clone()).unwrap_or_default();
            let status = RepositoryStatus {
                heads: heads(&branches),
                problems: self.problems.clone(),
                next_look: self.clock.now().checked_add(poll.wait()).ok(),
                looks: self.looks,
            };
            let (tenant, url) = (self.tenant.clone(), self.url.clone());
            let seen = TenantNews { tenant, url, branches, status };
            if news.send(News::Tenant(Box::new(seen))).await.is_err() {
                return;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = poll.next(&wake) => {}
            }
        }
    }

    /// One look; answers whether the repository could be fetched.
    fn look(&mut self, wanted: &Wanted) -> bool {
        let mut found = Vec::new();
        let (accepted, now) = (self.bells.accepted(), self.clock.now());
        let look = Look { accepted: &accepted, now };
        let reached = self.look_into(wanted, &look, &mut found);
        self.problems = since(found, &self.problems, now);
        for problem in &self.problems {
            let (tenant, since) = (self.tenant.as_str(), problem.since);
            tracing::warn!(tenant, kind = ?problem.kind, %since, problem = problem.message, "a tenant's repository");
        }
        self.looks += 1;
        reached
    }

    fn look_into(&mut self, wanted: &Wanted, look: &Look<'_>, found: &mut Vec<Found>) -> bool {
        if self.follower.is_none() {
            match self.sources.open(&self.tenant, &self.url) {
                Ok(repository) => self.follower = Some(Follower::new(repository)),
                Err(error) => {
                    found.push(Found::new(ProblemKind::Misconfigured, with_causes(error.as_ref())));
                    return false;
                }
            }
        }
        let Some(follower) = &mut self.follower else { return false };
        let names: Vec<String> = wanted.branches.keys().cloned().collect();
        let fetched = follower.fetch(&names);
        let reached = fetched.is_ok();
        found.extend(fetched.err());
        for (branch, rules) in &wanted.branches {
            follower.recall(branch, rules);
            if reached && let Err(problem) = follower.advance(branch, rules, look) {
                found.push(problem);
            }
        }
        follower.keep(&names.into_iter().collect::<BTreeSet<_>>());
        reached
    }
}
