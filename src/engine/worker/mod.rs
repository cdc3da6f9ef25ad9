//! One worker per cluster: the only writer to it.
//!
//! A pass takes this cluster's share of what was accepted, works out what is wanted, compares with
//! what is live and converges: inventory first, then objects in the order of their kinds, then what
//! may go. Rollouts and healing are the same pass. A pass that finds nothing to do writes nothing.
//! A failure of one owner on one target is that owner's own.

mod collect;
mod converge;
mod evidence;
mod held;
mod inventory;
mod jobs;
pub(super) mod objects;
mod prune;
mod quiet;
pub mod run;
pub(super) mod yielded;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;

use crate::accepted::{AcceptedOn, ClusterShare};
use crate::artifact::Keys;
use crate::model::{ClusterFacts, ClusterName, MoveKey, ObjectKey, Owner, Resource, TargetKey};
use crate::port::cluster::{Cluster, ClusterError};
use crate::rollout::Evidence;
use crate::wanted::{self, Bundles, MissingBundle, Wanted};

use converge::Outcome;
pub use held::Held;
use quiet::Quiet;

/// So many owners converge at once. Each has at most one request under way, so this bounds what a
/// worker asks of its API server at a time, well within the share that priority and fairness gives
/// one user.
const OWNERS_AT_ONCE: usize = 8;

/// The worker of one cluster.
pub struct Worker {
    name: ClusterName,
    cluster: Arc<dyn Cluster>,
    keys: Arc<Keys>,
    facts: ClusterFacts,
    prepared: bool,
    held: BTreeMap<(TargetKey, Owner), Held>,
    /// Who had nothing to do, and what that depended on.
    quiet: BTreeMap<(TargetKey, Owner), Quiet>,
}

/// What a pass found and did for one owner on one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Where.
    pub target: TargetKey,
    /// Whose.
    pub owner: Owner,
    /// What was seen, under which numbers.
    pub evidence: Evidence,
    /// How many writes were sent.
    pub writes: u32,
    /// Whether the cluster did not answer.
    pub unreachable: bool,
    /// Whether a dry run was asked for, its answer: none = the cluster would take it.
    pub admitted: Option<Option<String>>,
    /// Whether another pass soon may come to more, though nothing that is followed changes.
    pub again: bool,
}

/// Why a pass could not begin.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The cluster did not answer.
    #[error("the cluster {0} can't be worked on")]
    Cluster(ClusterName, #[source] ClusterError),
    /// A stored bundle is missing.
    #[error("a stored release of a target is incomplete")]
    Missing(#[from] MissingBundle),
}

impl Worker {
    /// A worker for a cluster that said of itself what `facts` says.
    pub fn new(name: ClusterName, cluster: Arc<dyn Cluster>, keys: Arc<Keys>, facts: ClusterFacts) -> Self {
        Self { name, cluster, keys, facts, prepared: false, held: BTreeMap::new(), quiet: BTreeMap::new() }
    }

    /// Takes in what the cluster newly says of itself.
    pub fn learn(&mut self, facts: ClusterFacts) {
        self.facts = facts;
        self.quiet.clear();
    }

    /// One pass over everything that the cluster must hold.
    ///
    /// # Errors
    /// The cluster does not answer at all, or a stored bundle is missing.
    pub async fn pass(&mut self, share: &ClusterShare, bundles: &Bundles) -> Result<Vec<Report>, PassError> {
        self.quiet.clear();
        self.pass_over_changes(share, bundles).await
    }

    /// One pass over those owners of whom anything has changed since nothing was left to do for them.
    /// The others have no report: their last one stands.
    ///
    /// # Errors
    /// As [`Worker::pass`].
    pub async fn pass_over_changes(
        &mut self,
        share: &ClusterShare,
        bundles: &Bundles,
    ) -> Result<Vec<Report>, PassError> {
        let failed = |error| PassError::Cluster(self.name.clone(), error);
        if !self.prepared && !share.targets.is_empty() {
            inventory::ensure_namespace(self.cluster.as_ref(), &self.facts).await.map_err(failed)?;
            self.prepared = true;
        }
        let mut jobs = Vec::new();
        for (target, here) in &share.targets {
            let cluster = self.cluster.as_ref();
            let mut wanted = wanted::wanted(here, bundles)?;
            wanted.retain(|owner, wanted| {
                let at = (target.clone(), owner.clone());
                !self.quiet.get(&at).is_some_and(|quiet| quiet.still(cluster, here, &at, wanted))
            });
            self.follow(&wanted);
            for (owner, wanted) in wanted {
                let at = (target.clone(), owner);
                let quiet = Quiet::before(cluster, here, &at, &wanted);
                let held = self.held.remove(&at).unwrap_or_default();
                self.quiet.remove(&at);
                jobs.push(Job { target, here, owner: at.1, wanted, held, quiet, waits: None });
            }
        }
        let scene = converge::Scene {
            cluster: self.cluster.as_ref(),
            facts: &self.facts,
            keys: self.keys.as_ref(),
            bundles,
        };
        // The platform's objects come first: apps need their namespace and the rights in it.
        let (platform, apps): (Vec<Job<'_>>, Vec<Job<'_>>) =
            jobs.into_iter().partition(|job| job.owner == Owner::Platform);
        let needed: BTreeMap<TargetKey, Vec<ObjectKey>> =
            platform.iter().map(|job| (job.target.clone(), needed_by_apps(&job.wanted))).collect();
        let mut done = run_jobs(&scene, platform).await;
        let is_there = |held: &Held, key: &ObjectKey| {
            let resource = scene.facts.find(&key.group, &key.kind);
            resource.is_some_and(|resource| held.newest(key, scene.cluster.live(resource, key)).is_some())
        };
        let unsettled: BTreeMap<TargetKey, String> = done
            .iter()
            .filter(|Done { report, held, .. }| {
                needed.get(&report.target).is_some_and(|keys| !keys.iter().all(|key| is_there(held, key)))
            })
            .map(|done| (done.report.target.clone(), unsettled_words(&done.report)))
            .collect();
        let apps = apps.into_iter().map(|job| Job { waits: unsettled.get(job.target).cloned(), ..job });
        done.extend(run_jobs(&scene, apps.collect()).await);
        let mut reports = Vec::new();
        for Done { report, held, quiet } in done {
            let at = (report.target.clone(), report.owner.clone());
            if quiet::is_quiet(&report)
                && let Some(quiet) = quiet
            {
                self.quiet.insert(at.clone(), quiet);
            }
            self.held.insert(at, held);
            reports.push(report);
        }
        Ok(reports)
    }

    fn follow(&self, wanted: &BTreeMap<Owner, Wanted>) {
        const FOR_EVIDENCE: [(&str, &str); 3] = [("", "Pod"), ("apps", "ReplicaSet"), ("", "Namespace")];
        let mut kinds: BTreeSet<Resource> =
            FOR_EVIDENCE.iter().filter_map(|(group, kind)| self.facts.find(group, kind)).cloned().collect();
        if wanted.values().flat_map(|set| set.objects.keys()).any(|key| key.kind == "DaemonSet") {
            kinds.extend(self.facts.find("apps", "ControllerRevision").cloned());
        }
        for set in wanted.values() {
            let keys = set.objects.keys().chain(&set.remove);
            kinds.extend(keys.filter_map(|key| self.facts.find(&key.group, &key.kind)).cloned());
        }
        self.cluster.follow(&kinds);
    }
}

/// The platform's objects without which no app can be worked on: the namespace and the rights in it.
fn needed_by_apps(wanted: &Wanted) -> Vec<ObjectKey> {
    let needed = |key: &&ObjectKey| matches!(key.kind.as_str(), "Namespace" | "Role" | "RoleBinding");
    wanted.objects.keys().filter(needed).cloned().collect()
}

/// One owner's pass on one target.
struct Job<'a> {
    target: &'a TargetKey,
    here: &'a AcceptedOn,
    owner: Owner,
    wanted: Wanted,
    held: Held,
    /// What this pass depends on.
    quiet: Option<Quiet>,
    /// Why it can't begin: what apps need of the platform is not there yet.
    waits: Option<String>,
}

/// Why the apps of a target can't begin.
fn unsettled_words(platform: &Report) -> String {
    let waits = format!("waits for the namespace {} and the rights in it", platform.target.namespace);
    platform.evidence.trouble.as_ref().map_or(waits.clone(), |trouble| format!("{waits}: {trouble}"))
}

/// An owner's pass that is over.
struct Done {
    report: Report,
    held: Held,
    quiet: Option<Quiet>,
}

async fn run_jobs(scene: &converge::Scene<'_>, jobs: Vec<Job<'_>>) -> Vec<Done> {
    let mut passes: Vec<BoxFuture<'_, Done>> = Vec::new();
    for job in jobs {
        passes.push(Box::pin(run_owner(scene, job)));
    }
    futures::stream::iter(passes).buffered(OWNERS_AT_ONCE).collect().await
}

async fn run_owner(scene: &converge::Scene<'_>, job: Job<'_>) -> Done {
    let Job { target, here, owner, wanted, mut held, quiet, waits } = job;
    let place = converge::Place { target, owner: &owner, wanted: &wanted };
    let begins = waits.is_none();
    let mut outcome = match waits {
        Some(reason) => Outcome::waiting(reason),
        None => converge::converge(scene, &place, &mut held).await,
    };
    // What is still to go, or can't be deleted, does not make what is wanted less there: it is told
    // to people and holds no release up.
    let (applied, refused) = (outcome.trouble.is_none(), outcome.refused);
    if applied {
        prune::prune(scene, &place, here, &mut held, &mut outcome).await;
    }
    let mut admitted = None;
    let mut again = outcome.trouble.is_some() && !outcome.refused;
    if let Owner::App(app) = &owner
        && let Some(digest) = here.apps.get(app).and_then(|share| share.dry_run)
        && begins
    {
        let answer = converge::dry_run(scene, &place, digest).await;
        // Rights that were granted a moment ago are not in force at once.
        let early = answer.as_deref().is_some_and(converge::lacks_rights) && held.is_early();
        again |= early;
        admitted = (!early).then_some(answer);
    }
    let evidence = Evidence {
        allocation: wanted.allocation,
        settings: wanted.settings,
        applied,
        trouble: outcome.trouble.take(),
        refused,
        components: evidence::components(scene, &place, &held),
    };
    let Outcome { writes, unreachable, .. } = outcome;
    let report = Report { target: target.clone(), owner, evidence, writes, unreachable, admitted, again };
    Done { report, held, quiet }
}

impl Report {
    /// Whether another report says the same; how many writes it took does not matter.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.evidence == other.evidence
            && self.admitted == other.admitted
            && self.unreachable == other.unreachable
    }

    /// The app on the target, unless it is the platform's.
    pub fn move_key(&self) -> Option<MoveKey> {
        match &self.owner {
            Owner::App(app) => Some(MoveKey::new(app.clone(), self.target.clone())),
            Owner::Platform => None,
        }
    }
}

#[cfg(test)]
mod tests;
