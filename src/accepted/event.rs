//! What the stream `environment/<e>` holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::definition::Access;
use crate::model::{
    Allocation, AppKey, BundleDigest, ClusterName, ComponentName, ContentDigest, Handed, Manifest, MoveKey,
    ObjectKey, Owner, Part, PartDigest, PartKey, PlanDigest, Revision, RolloutId, Settings, TargetKey,
    Timestamp, Work,
};

/// One record of an environment's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum EnvironmentEvent {
    /// The environment's clusters are reached otherwise than before.
    Clusters {
        /// All of them.
        clusters: BTreeMap<ClusterName, Access>,
    },
    /// A plan was made that differs from the one before.
    Planned {
        /// The plan, without its content.
        plan: PlanSummary,
    },
    /// A target's platform objects were accepted.
    Platform {
        /// The target.
        target: TargetKey,
        /// All of them.
        objects: Vec<Manifest>,
        /// The part that asked for it.
        part: PartDigest,
    },
    /// An app's settings were accepted.
    Settings {
        /// The app.
        app: AppKey,
        /// The settings of each target that changes.
        settings: BTreeMap<TargetKey, Settings>,
        /// Objects of the settings before that are no longer among them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        removed: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
        /// The part that asked for it.
        part: PartDigest,
    },
    /// A rollout started.
    RolloutStarted(Box<RolloutStart>),
    /// A rollout ended.
    RolloutEnded(Box<RolloutEnd>),
    /// A deletion was accepted.
    Pruned {
        /// What it is about.
        part: PartKey,
        /// Its digest.
        digest: PartDigest,
        /// What goes from each target.
        targets: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
        /// What stays for another owner.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        handed: Handed,
    },
    /// Other clusters are in maintenance than before: nothing is written to these.
    Maintenance {
        /// All that are.
        clusters: BTreeSet<ClusterName>,
    },
    /// Somebody approved a part.
    Approved {
        /// The digest that was approved.
        part: PartDigest,
        /// What it is about.
        key: PartKey,
        /// Who.
        by: String,
        /// What may go, from each target.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        deletes: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
    },
    /// Other parts wait for an approval than before.
    Asked {
        /// All that wait.
        parts: BTreeMap<PartDigest, PartKey>,
        /// The revision that asks for them.
        revision: Revision,
    },
    /// Nobody has approved a part in time.
    Expired {
        /// Its digest.
        part: PartDigest,
        /// What it is about.
        key: PartKey,
        /// Since when it had waited.
        since: Timestamp,
    },
    /// What was to be deleted is no longer there: seen by the worker of its cluster.
    Deleted {
        /// What is gone, by target and owner.
        targets: BTreeMap<TargetKey, BTreeMap<Owner, BTreeSet<ObjectKey>>>,
    },
    /// Somebody holds what an app asks for.
    Held {
        /// The app.
        app: AppKey,
        /// The bundle of each target.
        bundles: BTreeMap<TargetKey, BundleDigest>,
        /// Who.
        by: String,
    },
    /// Somebody lets what failed be tried again.
    Unheld {
        /// The app.
        app: AppKey,
        /// Who.
        by: String,
    },
    /// Somebody suspended an app.
    Suspended {
        /// The app.
        app: AppKey,
        /// Who.
        by: String,
    },
    /// Somebody lets a commit be followed that was held.
    CommitAccepted {
        /// Its id.
        commit: String,
        /// Who.
        by: String,
    },
    /// Somebody resumed an app.
    Resumed {
        /// The app.
        app: AppKey,
        /// Who.
        by: String,
    },
}

/// A plan without its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    /// Its digest.
    pub digest: PlanDigest,
    /// The one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PlanDigest>,
    /// What it was compiled from.
    pub revision: Revision,
    /// Its parts.
    pub parts: Vec<PartSummary>,
}

/// A part without its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartSummary {
    /// What it is about.
    pub key: PartKey,
    /// Its digest.
    pub digest: PartDigest,
    /// Where it deletes something that counts against the deletion budget or needs a word.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deletes: BTreeSet<TargetKey>,
}

impl PartSummary {
    /// The summary of a part.
    pub fn of(part: &Part) -> Self {
        let deletes = part.deletions().into_keys().collect();
        Self { key: part.key.clone(), digest: part.digest, deletes }
    }
}

/// The start of a rollout. Its way back is frozen here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStart {
    /// Its name.
    pub id: RolloutId,
    /// The part that is rolled out.
    pub part: Part,
    /// What it was compiled from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// What each target held, and goes back to. Number 0 = it was never there.
    pub back: BTreeMap<MoveKey, Allocation>,
    /// The number of each target's settings at the start: what was seen under it counts until newer
    /// settings come.
    #[serde(default)]
    pub settings: BTreeMap<MoveKey, u64>,
    /// What was to be deleted and comes back with the release: no longer to be deleted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spared: BTreeMap<MoveKey, BTreeSet<ObjectKey>>,
    /// The stored object of each bundle that it goes to.
    #[serde(default)]
    pub stored: BTreeMap<BundleDigest, ContentDigest>,
    /// When.
    pub at: Timestamp,
}

impl RolloutStart {
    /// Every bundle that the rollout goes to or back to.
    pub fn bundles(&self) -> BTreeSet<BundleDigest> {
        let mut bundles: BTreeSet<_> =
            self.back.values().flat_map(|allocation| allocation.bundles()).collect();
        if let Work::Release(program) = &self.part.work {
            bundles.extend(program.to.values().copied());
        }
        bundles
    }
}

/// The end of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutEnd {
    /// Its name.
    pub id: RolloutId,
    /// How it ended.
    pub outcome: Outcome,
    /// What each target that it touched holds from now on.
    pub allocations: BTreeMap<MoveKey, Allocation>,
    /// What is not tried again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holds: BTreeMap<MoveKey, BundleDigest>,
    /// What may go now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tombstones: BTreeMap<MoveKey, BTreeSet<ObjectKey>>,
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Every target runs the release.
    Succeeded,
    /// Every target does, but for these, which went away.
    Partial(BTreeSet<MoveKey>),
    /// What was stable before is back.
    RolledBack(Failure),
    /// A newer release took its place.
    Superseded(PartDigest),
    /// A cluster would not take it; nothing was changed.
    Rejected(Failure),
    /// Its app was deleted.
    Cancelled(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Succeeded => "Succeeded",
            Outcome::Partial(_) => "Partial",
            Outcome::RolledBack(_) => "RolledBack",
            Outcome::Superseded(_) => "Superseded",
            Outcome::Rejected(_) => "Rejected",
            Outcome::Cancelled(_) => "Cancelled",
        })
    }
}

/// Why a rollout goes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The release failed.
    Failed(Failure),
    /// A newer release takes its place.
    Superseded(PartDigest),
}

/// What was seen of a failed release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<MoveKey>,
    /// Which component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentName>,
    /// The container's or the cluster's own word: `ImagePullBackOff`.
    pub reason: String,
    /// The container's or the cluster's own words.
    pub message: String,
    /// When it was seen first.
    pub since: Timestamp,
    /// When it counted.
    pub found: Timestamp,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(component) = &self.component {
            write!(f, " (component {component}")?;
            match &self.at {
                Some(at) => write!(f, " on {})", at.target)?,
                None => write!(f, ")")?,
            }
        } else if let Some(at) = &self.at {
            write!(f, " (on {})", at.target)?;
        }
        Ok(())
    }
}

/// What sort of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureKind {
    /// A container can't run: bad image, crash loop, missing configuration.
    Fault,
    /// Nothing more got ready within the time.
    NoProgress,
    /// Configuration and services were not in place within the time.
    NotPrepared,
    /// A cluster refuses an object.
    Refused,
    /// A cluster did not answer in time whether it takes the release.
    NoAnswer,
    /// Somebody stopped it.
    Aborted,
}
