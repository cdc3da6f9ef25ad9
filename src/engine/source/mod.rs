//! The source loops: what Git says, read and handed to each environment.
//!
//! Each repository has a loop of its own, the fleet's and those of tenants, so that one that hangs or
//! is broken holds up no other. What they have in force meets here and becomes revisions. What can't
//! be fetched or read leaves every environment with what it had. History that was rewritten is not
//! followed unless somebody says so: that would be a silent rollback.

mod fleet;
mod follow;
mod mount;
mod rules;
mod status;
mod tenant;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::environment::SourceRevision;
use crate::compile;
use crate::definition::{Fleet, TenantSource};
use crate::diagnostic::Diagnostic;
use crate::git::{Poll, Wake};
use crate::model::{CommitId, EnvironmentName, Revision, TenantName};
use crate::port::Repository;
use crate::port::clock::Clock;
use crate::port::{ReadTree, Sources};
use fleet::{FleetLoop, FleetNews};
use follow::Branch;
use tenant::{TenantNews, Watches};

pub use status::{Problem, ProblemKind, RepositoryStatus, SourceStatus};

/// So much news may wait: each loop has one at a time under way.
const NEWS: usize = 64;

/// What the source loops are made of.
pub struct SourceParts {
    /// The fleet repository.
    pub repository: Arc<dyn Repository>,
    /// The branch that `sluice.yaml` and `platform/` are read from.
    pub trunk: String,
    /// The one environment that is worked on; none = all.
    pub only: Option<EnvironmentName>,
    /// Opens tenants' own repositories.
    pub sources: Arc<dyn Sources>,
    /// The file of keys that the operator holds; without it those in Git count.
    pub signers: Option<PathBuf>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When to look.
    pub poll: Poll,
    /// What the ledger says was in force.
    pub anchors: BTreeMap<EnvironmentName, Revision>,
}

/// The wake-ups of all repositories, and what people have accepted. Shared with interfaces.
#[derive(Debug, Default)]
pub struct Bells {
    fleet: Wake,
    tenants: Mutex<BTreeMap<TenantName, (String, Wake)>>,
    accepted: Mutex<BTreeSet<CommitId>>,
}

impl Bells {
    /// Bells of which that of the fleet repository is there already.
    pub fn new(fleet: Wake) -> Self {
        Self { fleet, ..Self::default() }
    }

    /// Looks at every repository now.
    pub fn ring_all(&self) {
        self.fleet.wake();
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.values().for_each(|(_, wake)| wake.wake());
    }

    /// Looks at the fleet repository now.
    pub fn ring_fleet(&self) {
        self.fleet.wake();
    }

    /// Looks now at tenants' repositories whose URL is meant; answers how many that are.
    pub fn ring_tenants(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = tenants.values().filter(|(url, _)| is_meant(url));
        meant.map(|(_, wake)| wake.wake()).count()
    }

    /// Lets a commit that is held be followed.
    pub fn accept(&self, commit: &CommitId) {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).insert(commit.clone());
        self.ring_all();
    }

    fn accepted(&self) -> BTreeSet<CommitId> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hang(&self, tenant: &TenantName, url: &str) -> Wake {
        let wake = Wake::default();
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.insert(tenant.clone(), (url.to_owned(), wake.clone()));
        wake
    }

    fn take_down(&self, tenant: &TenantName) {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }
}

/// News of a repository.
enum News {
    Fleet(Box<FleetNews>),
    Tenant(Box<TenantNews>),
}

/// What all loops have in force, and what was told of it.
pub struct Source {
    parts: SourceParts,
    bells: Arc<Bells>,
    status: watch::Sender<SourceStatus>,
    fleet: Option<Fleet>,
    trunk: Option<Branch>,
    platform: Option<(CommitId, Arc<compile::Definitions>, Vec<Diagnostic>)>,
    /// The files as parsed, for the next commit: the trunk's, and each environment's.
    platform_files: compile::Files,
    files: BTreeMap<EnvironmentName, compile::Files>,
    branches: BTreeMap<String, Branch>,
    tenants: BTreeMap<TenantName, BTreeMap<String, Branch>>,
    told: BTreeMap<EnvironmentName, Revision>,
}

impl Source {
    /// Sources that were never looked at.
    pub fn new(parts: SourceParts, bells: Arc<Bells>, status: watch::Sender<SourceStatus>) -> Self {
        Self {
            parts,
            bells,
            status,
            fleet: None,
            trunk: None,
            platform: None,
            platform_files: compile::Files::default(),
            files: BTreeMap::new(),
            branches: BTreeMap::new(),
            tenants: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }

    /// Looks until told to stop: at once, when woken, and by the timer. Blocking work runs on threads
    /// of its own.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        mut tell: impl FnMut(EnvironmentName, SourceRevision) + Send,
    ) {
        let (news, mut arrivals) = mpsc::channel(NEWS);
        let mut watches = Watches::new(&self.parts, self.bells.clone(), news.clone(), stop.clone());
        let fleet = FleetLoop::new(&self.parts, self.bells.clone());
        let mut running = tokio::spawn(fleet.run(self.parts.poll.clone(), news, stop.clone()));
        loop {
            let arrived = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = &mut running => {
                    tracing::error!("the loop of the fleet repository has failed");
                    return;
                }
                arrived = arrivals.recv() => arrived,
            };
            let Some(arrived) = arrived else { return };
            let taken = tokio::task::spawn_blocking(move || {
                let status = self.take(arrived);
                let told = self.revisions();
                (self, status, told)
            });
            let Ok((source, update, revisions)) = taken.await else {
                tracing::error!("what Git says could not be taken in");
                return;
            };
            self = source;
            watches.follow(&self.wanted_sources());
            let known: BTreeSet<TenantName> = self.wanted_sources().keys().cloned().collect();
            self.tenants.retain(|tenant, _| known.contains(tenant));
            for (environment, revision) in revisions {
                tell(environment, revision);
            }
            self.status.send_modify(|status| {
                update(status);
                status.tenants.retain(|tenant, _| known.contains(tenant));
                // One that was not looked at yet is there with nothing.
                for tenant in &known {
                    status.tenants.entry(tenant.clone()).or_default();
                }
            });
        }
    }

    /// Takes news in; gives what becomes of the status.
    fn take(&mut self, news: News) -> Box<dyn FnOnce(&mut SourceStatus) + Send> {
        match news {
            News::Fleet(news) => {
                let FleetNews { branches, fleet, status: new } = *news;
                self.branches = branches;
                self.trunk = self.branches.get(&self.parts.trunk).cloned();
                self.fleet = fleet.or(self.fleet.take());
                Box::new(move |status| status.fleet = new)
            }
            News::Tenant(news) => {
                let TenantNews { tenant, url, branches, status: new } = *news;
                let sources = self.fleet.iter().flat_map(|fleet| &fleet.sources);
                // A loop that was ended meanwhile speaks of a repository that is not the tenant's any more.
                if !sources.into_iter().any(|source| source.tenant == tenant && source.url == url) {
                    return Box::new(|_| {});
                }
                self.tenants.insert(tenant.clone(), branches);
                Box::new(move |status| {
                    status.tenants.insert(tenant, new);
                })
            }
        }
    }

    /// The tenants' repositories that are wanted, with the branches of each and how they are followed.
    fn wanted_sources(&self) -> BTreeMap<TenantName, tenant::Wanted> {
        let Some(fleet) = &self.fleet else { return BTreeMap::new() };
        let signatures = Arc::new(rules::SignatureRules::of_fleet(fleet));
        let wanted = fleet.sources.iter().map(|source| {
            (source.tenant.clone(), tenant::Wanted::new(source, fleet, &signatures, &self.parts.anchors))
        });
        wanted.collect()
    }

    /// What each environment gets that it has not been told yet.
    fn revisions(&mut self) -> Vec<(EnvironmentName, SourceRevision)> {
        let (Some(fleet), Some(trunk)) = (self.fleet.clone(), self.trunk.clone()) else { return Vec::new() };
        let mut news = Vec::new();
        for environment in &fleet.environments {
            let Some(own) = self.branches.get(&environment.branch).cloned() else { continue };
            let tenants: BTreeMap<TenantName, Option<Branch>> = fleet
                .sources
                .iter()
                .map(|source| {
                    (source.tenant.clone(), self.tenant_branch(source, source.branch_for(environment)))
                })
                .collect();
            let commits = tenants.iter().filter_map(|(tenant, branch)| {
                branch.as_ref().map(|branch| (tenant.clone(), branch.commit.clone()))
            });
            let revision = Revision {
                trunk: trunk.commit.clone(),
                branch: own.commit.clone(),
                sources: commits.collect(),
            };
            if self.told.get(&environment.name) == Some(&revision) {
                continue;
            }
            self.told.insert(environment.name.clone(), revision.clone());
            let revision = self.read(&environment.name, revision, &trunk, &own, &tenants);
            news.push((environment.name.clone(), revision));
        }
        news
    }

    fn tenant_branch(&self, source: &TenantSource, branch: &str) -> Option<Branch> {
        self.tenants.get(&source.tenant)?.get(branch).cloned()
    }

    /// Reads the definitions of a revision. Those of the trunk are shared by all environments.
    fn read(
        &mut self,
        environment: &EnvironmentName,
        revision: Revision,
        trunk: &Branch,
        own: &Branch,
        tenants: &BTreeMap<TenantName, Option<Branch>>,
    ) -> SourceRevision {
        if self.platform.as_ref().is_none_or(|(commit, ..)| *commit != trunk.commit) {
            let (definitions, mut faults) = compile::read_with(&mut self.platform_files, &trunk.read.tree);
            faults.extend(trunk.read.diagnostics.iter().cloned());
            self.platform = Some((trunk.commit.clone(), Arc::new(definitions), faults));
        }
        let (platform, platform_faults) = match &self.platform {
            Some((_, definitions, faults)) => (definitions.clone(), faults.clone()),
            None => (Arc::default(), Vec::new()),
        };
        if own.commit == trunk.commit && tenants.is_empty() {
            let definitions = platform.clone();
            return SourceRevision { revision, definitions, platform, diagnostics: platform_faults };
        }
        let trees: BTreeMap<TenantName, Option<&ReadTree>> = tenants
            .iter()
            .map(|(tenant, branch)| (tenant.clone(), branch.as_ref().map(|branch| &*branch.read)))
            .collect();
        let mounted = mount::mount(&own.read, &trees);
        let files = self.files.entry(environment.clone()).or_default();
        let (definitions, mut diagnostics) = compile::read_with(files, &mounted.tree);
        diagnostics.extend(mounted.diagnostics);
        let is_tenants =
            |diagnostic: &crate::diagnostic::Diagnostic| diagnostic.place.path.starts_with("tenants/");
        diagnostics.retain(is_tenants);
        diagnostics.extend(platform_faults.into_iter().filter(|diagnostic| !is_tenants(diagnostic)));
        SourceRevision { revision, definitions: Arc::new(definitions), platform, diagnostics }
    }
}

#[cfg(test)]
mod tests;
