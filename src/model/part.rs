//! Plans and their parts, as data. `plan` makes them; an executor decides nothing more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    AppKey, BundleDigest, ComponentName, EnvironmentName, Manifest, MoveKey, NameError, ObjectKey, Owner,
    PartDigest, PlanDigest, ReleaseId, ReleaseRules, Revision, Settings, TargetKey,
};

/// The step from what was accepted to a commit. Immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The Merkle root of the parts.
    pub digest: PlanDigest,
    /// The plan that was recorded before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<PlanDigest>,
    /// The environment.
    pub environment: EnvironmentName,
    /// What it was compiled from.
    pub revision: Revision,
    /// The parts, sorted by key.
    pub parts: Vec<Part>,
}

/// What starts, waits and is approved as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// What it is about.
    pub key: PartKey,
    /// The digest of its content: what an approval binds.
    pub digest: PartDigest,
    /// Parts that must be done first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<PartKey>,
    /// What somebody must agree to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalNeed>,
    /// What it no longer holds and does not delete, since another owner takes it over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handed: Handed,
    /// What is done.
    pub work: Work,
}

/// Objects that go from one owner to another, by target and new owner.
pub type Handed = BTreeMap<TargetKey, BTreeMap<Owner, BTreeSet<ObjectKey>>>;

/// What a part is about. Two plans' parts with one key are about the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PartKey {
    /// The platform's objects of a target: `platform:cluster/namespace`.
    Platform(TargetKey),
    /// An app's settings: `settings:tenant/app`.
    Settings(AppKey),
    /// An app's release: `release:tenant/app`.
    Release(AppKey),
    /// An app that goes, from every target or from some: `prune:tenant/app`.
    PruneApp(AppKey),
    /// Platform objects of a target that go: `prune-platform:cluster/namespace`.
    PrunePlatform(TargetKey),
}

impl fmt::Display for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            PartKey::Platform(target) => format!("platform:{target}"),
            PartKey::Settings(app) => format!("settings:{app}"),
            PartKey::Release(app) => format!("release:{app}"),
            PartKey::PruneApp(app) => format!("prune:{app}"),
            PartKey::PrunePlatform(target) => format!("prune-platform:{target}"),
        };
        f.pad(&text)
    }
}

impl FromStr for PartKey {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::NotAPair(text.to_owned(), "part", "release:tenant/app");
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        Ok(match kind {
            "platform" => PartKey::Platform(name.parse()?),
            "settings" => PartKey::Settings(name.parse()?),
            "release" => PartKey::Release(name.parse()?),
            "prune" => PartKey::PruneApp(name.parse()?),
            "prune-platform" => PartKey::PrunePlatform(name.parse()?),
            _ => return Err(wrong()),
        })
    }
}

impl TryFrom<String> for PartKey {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<PartKey> for String {
    fn from(key: PartKey) -> String {
        key.to_string()
    }
}

/// What somebody must agree to before a part starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalNeed {
    /// More goes than the environment's deletion budget allows, or something that is never deleted
    /// without a word.
    Deletions {
        /// Everything that goes, from each target.
        keys: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
        /// How much the budget allows.
        allowed: u32,
        /// How much counts against it.
        counted: u32,
        /// Which of the keys need a word whatever their number.
        protected: BTreeSet<ObjectKey>,
        /// Nothing would be left: of an app on a target, or of all apps. That asks for a word whatever
        /// the number, since it is what a tree looks like that was read in part.
        #[serde(default)]
        emptied: bool,
    },
}

impl Part {
    /// What the part deletes from each target, as far as the deletion budget is concerned: the
    /// autoscalers and disruption budgets that settings take away count for nothing.
    pub fn deletions(&self) -> BTreeMap<TargetKey, BTreeSet<ObjectKey>> {
        match &self.work {
            Work::Prune { targets } => targets.clone(),
            Work::Release(program) => program
                .removed
                .iter()
                .filter(|(_, keys)| !keys.is_empty())
                .map(|(key, keys)| (key.target.clone(), keys.clone()))
                .collect(),
            Work::Settings { .. } | Work::Platform { .. } => BTreeMap::new(),
        }
    }
}

/// What a part does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Apply a target's platform objects: all of them, not the change.
    Platform {
        /// The objects.
        objects: Vec<Manifest>,
    },
    /// Apply settings to these targets.
    Settings {
        /// The settings of each target that changes.
        settings: BTreeMap<TargetKey, Settings>,
        /// Autoscalers and budgets that the settings no longer hold: they go at once.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        removed: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
    },
    /// Roll a release out.
    Release(Box<Program>),
    /// Delete what is named.
    Prune {
        /// The targets that an app leaves, or the one whose platform objects go.
        targets: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
    },
}

/// How a release is rolled out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    /// The release.
    pub release: ReleaseId,
    /// The bundle of each target, settled ones too.
    pub to: BTreeMap<MoveKey, BundleDigest>,
    /// The kind of each component's workload on each target, under `to`.
    pub kinds: BTreeMap<MoveKey, BTreeMap<ComponentName, String>>,
    /// The rules.
    pub rules: ReleaseRules,
    /// The waves: targets that move one after another.
    pub waves: Vec<Wave>,
    /// What each target held and holds no longer: goes after the last soak.
    pub removed: BTreeMap<MoveKey, BTreeSet<ObjectKey>>,
    /// What each target holds newly: goes on the way back.
    pub added: BTreeMap<MoveKey, BTreeSet<ObjectKey>>,
}

/// Targets that move before those of the next wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// Those that move at once and share each step.
    pub batches: Vec<BTreeSet<MoveKey>>,
}

/// The name of a rollout: `<environment>-<number>`, rising.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutId(String);

impl RolloutId {
    /// The rollout with this number in an environment.
    pub fn new(environment: &EnvironmentName, number: u64) -> Self {
        Self(format!("{environment}-{number}"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<String> for RolloutId {
    fn from(text: String) -> Self {
        Self(text)
    }
}
