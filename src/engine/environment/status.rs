//! What people are told of an environment: plain data, the same for every interface.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Environment, Sync};
use crate::accepted::{FailedRelease, Failure};
use crate::compile::Desired;
use crate::diagnostic::Diagnostic;
use crate::health::HealthStatus;
use crate::model::{
    AppKey, BundleDigest, ClusterName, EnvironmentName, MoveKey, Owner, Plan, PlanDigest, Revision,
    RolloutId, Timestamp,
};
use crate::plan::Admission;
use crate::rollout::{ComponentReport, Phase, Rollout, Stage};

/// An environment at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// Its name.
    pub environment: EnvironmentName,
    /// What was compiled last.
    pub revision: Option<Revision>,
    /// The plan that was recorded last.
    pub plan: Option<PlanDigest>,
    /// The plan as it stands: what is still to come.
    pub pending: Option<Plan>,
    /// What becomes of each of its parts.
    pub admissions: Vec<Admission>,
    /// All faults and remarks.
    pub diagnostics: Vec<Diagnostic>,
    /// The apps.
    pub apps: BTreeMap<AppKey, AppStatus>,
    /// The clusters.
    pub clusters: BTreeMap<ClusterName, ClusterStatus>,
    /// Open rollouts.
    pub rollouts: BTreeMap<RolloutId, RolloutStatus>,
}

/// An app at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppStatus {
    /// Whether the clusters hold what Git asks for.
    pub sync: Sync,
    /// The worst health of its components.
    pub health: HealthStatus,
    /// What people should know, in a line.
    pub message: String,
    /// Its targets.
    pub moves: BTreeMap<MoveKey, MoveStatus>,
    /// How its last release failed, until one succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedRelease>,
}

/// An app on a target at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveStatus {
    /// What is stable here.
    pub stable: Option<BundleDigest>,
    /// What Git asks for.
    pub desired: Option<BundleDigest>,
    /// Whether everything that it holds is in the cluster as wanted.
    pub applied: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Its components.
    pub components: BTreeMap<String, ComponentReport>,
}

/// A cluster at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Whether it answers.
    pub reachable: bool,
    /// Whether it was asked and did not answer; one that is neither was not asked yet.
    #[serde(default)]
    pub away: bool,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was accepted for it and was not seen there yet: applications, deletions, the platform's
    /// own objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}

/// An open rollout at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Its app.
    pub app: AppKey,
    /// Where it stands, in a word.
    pub phase: String,
    /// What people should know, in a line.
    pub message: String,
    /// Why it goes back or pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When it started.
    pub started: Timestamp,
    /// Where each target stands.
    pub targets: BTreeMap<MoveKey, Stage>,
}

impl EnvironmentStatus {
    /// An environment of which nothing is known yet.
    pub fn empty(name: &EnvironmentName) -> Self {
        Self {
            environment: name.clone(),
            revision: None,
            plan: None,
            pending: None,
            admissions: Vec::new(),
            diagnostics: Vec::new(),
            apps: BTreeMap::new(),
            clusters: BTreeMap::new(),
            rollouts: BTreeMap::new(),
        }
    }

    /// Whether nothing is on its way and all that was accepted was seen in the clusters: what is to
    /// be there is there, the platform's objects too, and what was to go is gone. What waits for a
    /// person is not on its way. False while anything is not known yet.
    pub fn is_steady(&self) -> bool {
        self.stands_still() && self.clusters.values().all(|cluster| cluster.reachable)
    }

    /// Whether nothing more comes of it by itself: as [`Self::is_steady`], but for clusters that were
    /// asked and do not answer.
    pub fn stands_still(&self) -> bool {
        let decided =
            |admission: &Admission| matches!(admission, Admission::Wait(..) | Admission::Refuse(..));
        self.revision.is_some()
            && self.rollouts.is_empty()
            && self.admissions.iter().all(decided)
            && self.apps.values().all(|app| app.sync != Sync::Syncing)
            && self
                .clusters
                .values()
                .all(|cluster| cluster.away || (cluster.reachable && cluster.unseen.is_empty()))
    }
}

impl Environment {
    pub(super) fn make_status(&self) -> EnvironmentStatus {
        let mut status = EnvironmentStatus::empty(&self.name);
        status.plan = self.accepted.plan_digest();
        status.pending = self.plan.clone().filter(|plan| !plan.parts.is_empty());
        status.admissions.clone_from(&self.admissions);
        status.revision = self.revision();
        if let Some(compiled) = &self.compiled {
            status.diagnostics.clone_from(&compiled.diagnostics);
        }
        status.rollouts = self
            .rollouts
            .iter()
            .filter_map(|(id, driver)| Some((id.clone(), self.rollout(&driver.rollout)?)))
            .collect();
        for app in self.apps() {
            status.apps.insert(app.clone(), self.app(&app));
        }
        status.clusters =
            self.accepted.clusters.keys().map(|name| (name.clone(), self.cluster(name))).collect();
        status
    }

    fn apps(&self) -> BTreeSet<AppKey> {
        let desired = self.compiled.iter().flat_map(|compiled| compiled.desired.apps.keys().cloned());
        desired.chain(self.accepted.moves.keys().map(|key| key.app.clone())).collect()
    }

    fn cluster(&self, name: &ClusterName) -> ClusterStatus {
        let facts = self.facts.clusters.get(name);
        let message = match (self.away.get(name), facts) {
            (Some(message), _) => Some(message.clone()),
            (None, Some(_)) => None,
            (None, None) => Some("has not answered yet".to_owned()),
        };
        ClusterStatus {
            reachable: message.is_none(),
            away: self.away.contains_key(name),
            version: facts.map(|facts| facts.version.clone()),
            message,
            unseen: self.unseen(name),
        }
    }

    fn app(&self, app: &AppKey) -> AppStatus {
        let desired = self.compiled.as_ref().and_then(|compiled| compiled.desired.apps.get(app));
        let mut keys: BTreeSet<MoveKey> = self.accepted.moves_of(app).map(|(key, _)| key.clone()).collect();
        if let Some(Desired::App(wish)) = desired {
            keys.extend(wish.release.bundles.keys().map(|target| MoveKey::new(app.clone(), target.clone())));
        }
        let moves: BTreeMap<MoveKey, MoveStatus> =
            keys.into_iter().map(|key| (key.clone(), self.move_status(&key, desired))).collect();
        let components = || moves.values().flat_map(|status| status.components.values());
        // Of what no worker has seen yet nothing is known.
        let health = match components().next() {
            Some(_) => HealthStatus::worst(components().map(|report| report.status)),
            None => HealthStatus::Unknown,
        };
        let failed = self.accepted.last_failure.get(app).cloned();
        let (sync, message) = self.sync(app, desired, &moves, failed.as_ref());
        AppStatus { sync, health, message, moves, failed }
    }

    fn move_status(&self, key: &MoveKey, desired: Option<&Desired>) -> MoveStatus {
        let state = self.accepted.moves.get(key);
        let report = self.reports.get(&(key.target.clone(), Owner::App(key.app.clone())));
        let current = report.filter(|report| {
            state.is_none_or(|state| {
                report.evidence.allocation >= state.evident_from
                    && report.evidence.settings >= state.settings.number
            })
        });
        let desired = match desired {
            Some(Desired::App(wish)) => wish.release.bundles.get(&key.target).map(|bundle| bundle.digest),
            _ => None,
        };
        let components = report.map(|report| &report.evidence.components).into_iter().flatten();
        MoveStatus {
            stable: state.and_then(|state| state.allocation.stable),
            desired,
            applied: current.is_some_and(|report| report.evidence.applied),
            trouble: report.and_then(|report| report.evidence.trouble.clone()),
            components: components.map(|(name, report)| (name.to_string(), report.clone())).collect(),
        }
    }

    pub(super) fn rollout(&self, rollout: &Rollout) -> Option<RolloutStatus> {
        let start = self.accepted.open.get(&rollout.id)?;
        let crate::model::PartKey::Release(app) = &start.part.key else { return None };
        let (phase, failure) = match &rollout.phase {
            Phase::Admitting { .. } => ("Admitting", None),
            Phase::Forward(_) => ("Forward", None),
            Phase::Soaking(_) => ("Soaking", None),
            Phase::Paused(_, failure) => ("Paused", Some(failure.clone())),
            Phase::Back(cause) => ("Back", cause_failure(cause)),
            Phase::Stuck(cause, _) => ("Stuck", cause_failure(cause)),
            Phase::Ended(_) => ("Ended", None),
        };
        let message = failure.as_ref().map(ToString::to_string).unwrap_or_else(|| rollout.waiting_for());
        Some(RolloutStatus {
            app: app.clone(),
            phase: phase.to_owned(),
            message,
            failure,
            started: start.at,
            targets: rollout
                .moves
                .iter()
                .map(|(key, progress)| (key.clone(), progress.stage.clone()))
                .collect(),
        })
    }
}

fn cause_failure(cause: &crate::accepted::Cause) -> Option<Failure> {
    match cause {
        crate::accepted::Cause::Failed(failure) => Some(failure.clone()),
        crate::accepted::Cause::Superseded(_) => None,
    }
}
