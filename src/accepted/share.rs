//! One cluster's share of what was accepted: all that its worker needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Accepted, MoveState};
use crate::model::{AppKey, BundleDigest, ClusterName, Manifest, NameError, Numbered, ObjectKey, TargetKey};

/// Who an object in a cluster belongs to: the platform, or an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Owner {
    /// The platform: namespaces, quotas, rights.
    Platform,
    /// An app.
    App(AppKey),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Platform => f.pad("platform"),
            Owner::App(app) => app.fmt(f),
        }
    }
}

impl FromStr for Owner {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "platform" { Ok(Owner::Platform) } else { Ok(Owner::App(text.parse()?)) }
    }
}

impl TryFrom<String> for Owner {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> String {
        owner.to_string()
    }
}

/// What one cluster must hold, as accepted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterShare {
    /// By target.
    pub targets: BTreeMap<TargetKey, AcceptedOn>,
}

/// One target's share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AcceptedOn {
    /// The platform's objects.
    pub platform: Numbered<Vec<Manifest>>,
    /// Each app here.
    pub apps: BTreeMap<AppKey, MoveShare>,
    /// What may be deleted once it is no longer wanted.
    pub tombstones: BTreeMap<Owner, BTreeSet<ObjectKey>>,
}

/// An app's share of a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MoveShare {
    /// What was accepted.
    pub state: MoveState,
    /// Whether somebody suspended it: nothing is written.
    pub suspended: bool,
    /// A bundle whose objects the cluster is asked about, with nothing written.
    pub dry_run: Option<BundleDigest>,
}

impl Accepted {
    /// The share of one cluster.
    pub fn share(&self, cluster: &ClusterName) -> ClusterShare {
        let mut share = ClusterShare::default();
        let here = |target: &TargetKey| target.cluster == *cluster;
        for (target, objects) in self.platform.iter().filter(|(target, _)| here(target)) {
            share.targets.entry(target.clone()).or_default().platform = objects.clone();
        }
        for (key, state) in self.moves.iter().filter(|(key, _)| here(&key.target)) {
            let suspended = self.suspended.contains_key(&key.app) || state.settings.value.suspended;
            share
                .targets
                .entry(key.target.clone())
                .or_default()
                .apps
                .insert(key.app.clone(), MoveShare { state: state.clone(), suspended, dry_run: None });
        }
        for (target, owners) in self.tombstones.iter().filter(|(target, _)| here(target)) {
            share.targets.entry(target.clone()).or_default().tombstones = owners.clone();
        }
        share
    }
}
