//! The ledger, folded: what was accepted, which rollouts are open, what is held.
//!
//! Folding is all that recovery does: the same function reads the stream at start and follows it
//! while the engine runs. Nothing here decides; `plan` and `rollout` do.

mod approval;
mod deleted;
mod event;
mod share;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::definition::Access;
use crate::model::{
    Allocation, AppKey, BundleDigest, ClusterName, ContentDigest, Handed, Manifest, MoveKey, Numbered,
    ObjectKey, Owner, PartDigest, PartKey, PlanDigest, Revision, RolloutId, Settings, TargetKey, Timestamp,
};

pub use approval::{Approval, Asked, approved};
pub use deleted::Deleted;
pub use event::{
    Cause, EnvironmentEvent, Failure, FailureKind, Outcome, PartSummary, PlanSummary, RolloutEnd,
    RolloutStart,
};
pub use share::{AcceptedOn, ClusterShare, MoveShare};

/// How many stable bundles of an app on a target are remembered, and their configuration kept.
pub const REMEMBERED_BUNDLES: usize = 3;

/// Everything that was accepted in one environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Accepted {
    /// The environment's clusters and how they are reached.
    pub clusters: BTreeMap<ClusterName, Access>,
    /// The plan that was recorded last.
    pub plan: Option<PlanSummary>,
    /// The platform's objects of each target.
    pub platform: BTreeMap<TargetKey, Numbered<Vec<Manifest>>>,
    /// Each app on each target.
    pub moves: BTreeMap<MoveKey, MoveState>,
    /// What may be deleted once it is no longer wanted.
    pub tombstones: BTreeMap<TargetKey, BTreeMap<Owner, BTreeSet<ObjectKey>>>,
    /// Rollouts that started and have not ended.
    pub open: BTreeMap<RolloutId, RolloutStart>,
    /// How many rollouts have started.
    pub rollouts: u64,
    /// Clusters that somebody works on: nothing is written to them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub maintenance: BTreeSet<ClusterName>,
    /// What each owner let go of for another, by target: whoever takes it over has found it there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub handed: Handed,
    /// Who approved which part.
    pub approvals: BTreeMap<PartDigest, Approval>,
    /// The parts that wait for an approval.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: BTreeMap<PartDigest, Asked>,
    /// What has gone from each target and still counts against the deletion budget.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deleted: BTreeMap<TargetKey, Deleted>,
    /// Apps that people suspended, and who.
    pub suspended: BTreeMap<AppKey, String>,
    /// The stored object of each bundle that was ever rolled out.
    pub stored: BTreeMap<BundleDigest, ContentDigest>,
    /// How each app's last release failed, until one succeeds.
    pub last_failure: BTreeMap<AppKey, FailedRelease>,
    /// The last numbers of what has left: should it come again, it is numbered on from there, so
    /// that what was seen of its earlier life opens nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<MoveKey, LastNumbers>,
    /// The last number of the platform's objects on each target that they have left, likewise.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_platform: BTreeMap<TargetKey, u64>,
    /// What has left while a rollout was open: what that rollout recorded of it no longer counts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_open: BTreeMap<RolloutId, BTreeSet<MoveKey>>,
}

/// The numbers that an app had on a target when it left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastNumbers {
    /// Of its allocation.
    pub allocation: u64,
    /// Of its settings.
    pub settings: u64,
}

/// An app on a target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MoveState {
    /// What it holds.
    pub allocation: Allocation,
    /// The lowest number of an allocation whose evidence tells of what it holds now: the end of a
    /// rollout only lets go of what was kept beside.
    pub evident_from: u64,
    /// Its settings.
    pub settings: Numbered<Settings>,
    /// Bundles that failed here: not tried again until another one comes or somebody says so.
    pub held: BTreeSet<BundleDigest>,
    /// The last stable bundles, the newest first.
    pub history: Vec<BundleDigest>,
}

/// How an app's last release failed, until another one succeeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedRelease {
    /// The rollout.
    pub rollout: RolloutId,
    /// The part's digest.
    pub part: PartDigest,
    /// The commit that asked for it.
    pub revision: Option<Revision>,
    /// Why.
    pub failure: Failure,
    /// When it had ended.
    pub at: Timestamp,
}

impl Accepted {
    /// Folds one event of the environment's stream, recorded at `at`.
    pub fn fold(&mut self, event: &EnvironmentEvent, at: Timestamp) {
        match event {
            EnvironmentEvent::Clusters { clusters } => self.clusters.clone_from(clusters),
            EnvironmentEvent::Planned { plan } => self.fold_plan(plan),
            EnvironmentEvent::Platform { target, objects, .. } => self.fold_platform(target, objects),
            EnvironmentEvent::Settings { app, settings, removed, .. } => {
                let owner = Owner::App(app.clone());
                for (target, value) in settings {
                    let entry = self.state(&MoveKey::new(app.clone(), target.clone()));
                    entry.settings.number += 1;
                    entry.settings.value.clone_from(value);
                    let kept: BTreeSet<ObjectKey> = value.objects.iter().map(Manifest::key).collect();
                    self.spare(target, &owner, &kept);
                }
                for (target, keys) in removed {
                    self.bury(target, &owner, keys);
                }
            }
            EnvironmentEvent::RolloutStarted(start) => {
                self.rollouts += 1;
                for (target, keys) in start.part.deletions() {
                    self.count(&target, &keys);
                }
                self.stored.extend(start.stored.iter().map(|(bundle, stored)| (*bundle, *stored)));
                for (key, keys) in &start.spared {
                    self.spare(&key.target, &Owner::App(key.app.clone()), keys);
                }
                self.open.insert(start.id.clone(), (**start).clone());
            }
            EnvironmentEvent::RolloutEnded(end) => self.fold_end(end, at),
            EnvironmentEvent::Maintenance { clusters } => self.maintenance.clone_from(clusters),
            EnvironmentEvent::Pruned { part, digest, targets, handed } => {
                self.hand_over(part, handed);
                // It was for this deletion and is no word for another of the same content.
                self.approvals.remove(digest);
                self.fold_prune(part, targets);
            }
            EnvironmentEvent::Deleted { targets } => self.fold_deleted(targets),
            EnvironmentEvent::Approved { part, by, deletes, .. } => {
                self.approvals.insert(*part, Approval { by: by.clone(), at, deletes: deletes.clone() });
            }
            EnvironmentEvent::Asked { parts, revision } => self.ask(parts, revision, at),
            EnvironmentEvent::Expired { part, .. } => {
                if let Some(asked) = self.asked.get_mut(part) {
                    asked.expired = true;
                }
            }
            EnvironmentEvent::Held { app, bundles, .. } => {
                for (target, bundle) in bundles {
                    let key = MoveKey::new(app.clone(), target.clone());
                    self.state(&key).held.insert(*bundle);
                }
            }
            EnvironmentEvent::Unheld { app, .. } => {
                self.last_failure.remove(app);
                for (_, state) in self.moves.iter_mut().filter(|(key, _)| key.app == *app) {
                    state.held.clear();
                }
            }
            EnvironmentEvent::Suspended { app, by } => {
                self.suspended.insert(app.clone(), by.clone());
            }
            // Kept for whoever asks later who it was.
            EnvironmentEvent::CommitAccepted { .. } => {}
            EnvironmentEvent::Resumed { app, .. } => {
                self.suspended.remove(app);
            }
        }
    }

    fn fold_platform(&mut self, target: &TargetKey, objects: &[Manifest]) {
        let number = self.left_platform.remove(target).unwrap_or_default();
        let entry =
            self.platform.entry(target.clone()).or_insert_with(|| Numbered { number, value: Vec::new() });
        entry.number += 1;
        entry.value = objects.to_vec();
        let kept: BTreeSet<ObjectKey> = objects.iter().map(Manifest::key).collect();
        self.spare(target, &Owner::Platform, &kept);
    }

    /// Folds an allocation that an open rollout recorded. Lower numbers than the one held are
    /// passed over: folding twice changes nothing.
    pub fn allocate(&mut self, key: &MoveKey, allocation: &Allocation) {
        let state = self.state(key);
        if allocation.number <= state.allocation.number {
            return;
        }
        if let Some(stable) = allocation.stable {
            state.history.retain(|digest| *digest != stable);
            state.history.insert(0, stable);
            state.history.truncate(REMEMBERED_BUNDLES);
        }
        state.allocation = allocation.clone();
        state.evident_from = allocation.number;
    }

    /// Folds a plan. What people agreed to and is no longer asked for is no agreement to what may be
    /// asked for later.
    fn fold_plan(&mut self, plan: &PlanSummary) {
        self.count_anew(&plan.revision, &plan.parts);
        let open: BTreeSet<PartDigest> = self.open.values().map(|start| start.part.digest).collect();
        let asked = |digest: &PartDigest| plan.parts.iter().any(|part| part.digest == *digest);
        self.approvals.retain(|digest, _| open.contains(digest) || asked(digest));
        self.plan = Some(plan.clone());
    }

    /// An app's state on a target; one that has left and comes again is numbered on.
    fn state(&mut self, key: &MoveKey) -> &mut MoveState {
        let last = self.left.get(key).copied().unwrap_or_default();
        self.moves.entry(key.clone()).or_insert_with(|| {
            let mut state = MoveState::default();
            state.allocation.number = last.allocation;
            state.evident_from = last.allocation + 1;
            state.settings.number = last.settings;
            state
        })
    }

    fn fold_end(&mut self, end: &RolloutEnd, at: Timestamp) {
        let start = self.open.remove(&end.id);
        self.left_open.remove(&end.id);
        for (key, allocation) in &end.allocations {
            self.allocate(key, allocation);
            // What the last allocation of the rollout was seen to be is what is held now.
            let state = self.state(key);
            if state.allocation.number == allocation.number {
                state.evident_from = allocation.number.saturating_sub(1);
            }
        }
        for (key, bundle) in &end.holds {
            self.state(key).held.insert(*bundle);
        }
        for (key, keys) in &end.tombstones {
            self.bury(&key.target, &Owner::App(key.app.clone()), keys);
        }
        let Some(start) = start else { return };
        if matches!(end.outcome, Outcome::Succeeded | Outcome::Partial(_)) {
            self.approvals.remove(&start.part.digest);
            self.hand_over(&start.part.key, &start.part.handed);
        } else {
            self.uncount(&start.part.deletions());
        }
        let PartKey::Release(app) = &start.part.key else { return };
        match &end.outcome {
            Outcome::RolledBack(failure) | Outcome::Rejected(failure) => {
                self.last_failure.insert(
                    app.clone(),
                    FailedRelease {
                        rollout: end.id.clone(),
                        part: start.part.digest,
                        revision: start.revision.clone(),
                        failure: failure.clone(),
                        at,
                    },
                );
            }
            Outcome::Succeeded | Outcome::Partial(_) => {
                self.last_failure.remove(app);
                // What failed before is no longer asked for; should it be again, it is tried again.
                for (_, state) in self.moves.iter_mut().filter(|(key, _)| key.app == *app) {
                    state.held.clear();
                }
            }
            Outcome::Superseded(_) | Outcome::Cancelled(_) => {}
        }
    }

    fn fold_prune(&mut self, part: &PartKey, targets: &BTreeMap<TargetKey, BTreeSet<ObjectKey>>) {
        for (target, keys) in targets {
            self.count(target, keys);
            let owner = match part {
                PartKey::PruneApp(app) => {
                    self.leave(MoveKey::new(app.clone(), target.clone()));
                    Owner::App(app.clone())
                }
                _ => Owner::Platform,
            };
            self.bury(target, &owner, keys);
        }
        match part {
            PartKey::PrunePlatform(target) => self.prune_platform(target),
            PartKey::PruneApp(app) if !self.moves.keys().any(|key| key.app == *app) => {
                self.last_failure.remove(app);
                self.suspended.remove(app);
            }
            _ => {}
        }
    }

    fn leave(&mut self, key: MoveKey) {
        for (id, _) in self.open.iter().filter(|(_, start)| start.back.contains_key(&key)) {
            self.left_open.entry(id.clone()).or_default().insert(key.clone());
        }
        if let Some(state) = self.moves.remove(&key) {
            let (allocation, settings) = (state.allocation.number, state.settings.number);
            self.left.insert(key, LastNumbers { allocation, settings });
        }
    }

    fn prune_platform(&mut self, target: &TargetKey) {
        let gone = self.tombstones.get(target).and_then(|owners| owners.get(&Owner::Platform));
        let (Some(gone), Some(platform)) = (gone, self.platform.get_mut(target)) else { return };
        platform.value.retain(|object| !gone.contains(&object.key()));
        platform.number += 1;
        if platform.value.is_empty() {
            self.left_platform.insert(target.clone(), platform.number);
            self.platform.remove(target);
        }
    }

    fn fold_deleted(&mut self, targets: &BTreeMap<TargetKey, BTreeMap<Owner, BTreeSet<ObjectKey>>>) {
        for (target, owners) in targets {
            for (owner, gone) in owners {
                self.spare(target, owner, gone);
            }
            if let Some(owners) = self.tombstones.get_mut(target) {
                owners.retain(|_, keys| !keys.is_empty());
            }
        }
        self.tombstones.retain(|_, owners| !owners.is_empty());
    }

    /// These may be deleted once they are no longer wanted.
    fn bury(&mut self, target: &TargetKey, owner: &Owner, keys: &BTreeSet<ObjectKey>) {
        let owners = self.tombstones.entry(target.clone()).or_default();
        owners.entry(owner.clone()).or_default().extend(keys.iter().cloned());
        // What goes waits for nobody any more.
        for handed in self.handed.get_mut(target).into_iter().flat_map(BTreeMap::values_mut) {
            handed.retain(|key| !keys.contains(key));
        }
    }

    /// Notes what an owner lets go of for another.
    fn hand_over(&mut self, part: &PartKey, handed: &Handed) {
        let owner = match part {
            PartKey::Release(app) | PartKey::PruneApp(app) | PartKey::Settings(app) => {
                Owner::App(app.clone())
            }
            PartKey::Platform(_) | PartKey::PrunePlatform(_) => Owner::Platform,
        };
        for (target, owners) in handed {
            let keys = owners.values().flatten().cloned();
            self.handed.entry(target.clone()).or_default().entry(owner.clone()).or_default().extend(keys);
        }
    }

    /// Whether an object was let go of by its owner for another.
    pub fn is_handed(&self, target: &TargetKey, key: &ObjectKey) -> bool {
        self.handed.get(target).is_some_and(|owners| owners.values().any(|keys| keys.contains(key)))
    }

    /// What is wanted again is no tombstone any more.
    fn spare(&mut self, target: &TargetKey, owner: &Owner, kept: &BTreeSet<ObjectKey>) {
        if let Some(keys) = self.tombstones.get_mut(target).and_then(|owners| owners.get_mut(owner)) {
            keys.retain(|key| !kept.contains(key));
        }
    }

    /// Whether anything was accepted on a cluster that was not seen to have left it again.
    pub fn is_used(&self, cluster: &ClusterName) -> bool {
        let mut targets = (self.moves.keys().map(|key| &key.target))
            .chain(self.platform.keys())
            .chain(self.tombstones.iter().filter(|(_, owners)| !owners.is_empty()).map(|(target, _)| target));
        targets.any(|target| target.cluster == *cluster)
    }

    /// Which of these keys are to be deleted from an app's target.
    pub fn buried(&self, key: &MoveKey, keys: BTreeSet<ObjectKey>) -> BTreeSet<ObjectKey> {
        let owners = self.tombstones.get(&key.target);
        match owners.and_then(|owners| owners.get(&Owner::App(key.app.clone()))) {
            Some(buried) => keys.intersection(buried).cloned().collect(),
            None => BTreeSet::new(),
        }
    }

    /// Whether an open rollout's record of a target no longer counts: it has left meanwhile.
    pub fn has_left(&self, id: &RolloutId, key: &MoveKey) -> bool {
        self.left_open.get(id).is_some_and(|keys| keys.contains(key))
    }

    /// The open rollout of an app.
    pub fn open_rollout(&self, app: &AppKey) -> Option<&RolloutStart> {
        let key = PartKey::Release(app.clone());
        self.open.values().find(|start| start.part.key == key)
    }

    /// Every app on its targets.
    pub fn moves_of<'a>(
        &'a self,
        app: &'a AppKey,
    ) -> impl Iterator<Item = (&'a MoveKey, &'a MoveState)> + 'a {
        self.moves.iter().filter(move |(key, _)| key.app == *app)
    }

    /// Every bundle that something accepted still names.
    pub fn named_bundles(&self) -> BTreeSet<BundleDigest> {
        let moves = self.moves.values();
        let mut named: BTreeSet<_> =
            moves.flat_map(|state| state.allocation.bundles().chain(state.history.iter().copied())).collect();
        for start in self.open.values() {
            named.extend(start.bundles());
        }
        named
    }

    /// The digest of the plan that was recorded last.
    pub fn plan_digest(&self) -> Option<PlanDigest> {
        self.plan.as_ref().map(|plan| plan.digest)
    }
}

#[cfg(test)]
mod tests;
