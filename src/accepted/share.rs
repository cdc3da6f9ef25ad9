//! One cluster's share of what was accepted: all that its worker needs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Accepted, MoveState};
use crate::model::{AppKey, BundleDigest, ClusterName, Manifest, Numbered, ObjectKey, Owner, TargetKey};

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
    /// Somebody works on the cluster: nothing is written.
    pub paused: bool,
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
            // What there is nothing to go of is not there to be looked at.
            let owners: BTreeMap<_, _> = owners
                .iter()
                .filter(|(_, keys)| !keys.is_empty())
                .map(|(o, k)| (o.clone(), k.clone()))
                .collect();
            if !owners.is_empty() {
                share.targets.entry(target.clone()).or_default().tombstones = owners;
            }
        }
        for (target, number) in self.left_platform.iter().filter(|(target, _)| here(target)) {
            if let Some(here) = share.targets.get_mut(target) {
                here.platform.number = *number;
            }
        }
        if self.maintenance.contains(cluster) {
            for here in share.targets.values_mut() {
                here.paused = true;
            }
        }
        share
    }
}
