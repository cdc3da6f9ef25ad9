//! From accepted to desired: an immutable plan of parts, and their admission.
//!
//! A plan compares with what was *accepted*, never with what is live, so that the same ledger and
//! the same commit give the same plan on every machine. Whoever runs it decides nothing more.

mod admission;
mod approval;
mod budget;
mod changes;
mod digest;
mod release;
mod settings;
mod state;
mod transfer;

use std::collections::{BTreeMap, BTreeSet};

use crate::accepted::Accepted;
use crate::compile::{Desired, DesiredState};
use crate::definition::DeletionBudget;
use crate::model::{
    AppKey, ContentDigest, Manifest, MoveKey, ObjectKey, Part, PartDigest, PartKey, Plan, TargetKey, Work,
    merkle_root,
};
use crate::wanted::Bundles;

pub use admission::{Admission, Moment, Refusal, RolloutView, WaitingOn, admit};
pub use approval::{PATIENCE, asks, overdue};
pub use changes::{Change, Changes, Counts};
pub use state::{State, StateError};

/// What a plan is made from, beside what is desired.
pub struct Planning<'a> {
    /// What was accepted.
    pub accepted: &'a Accepted,
    /// The stored bundles that it names.
    pub bundles: &'a Bundles,
    /// How much may go without an approval.
    pub budget: &'a DeletionBudget,
}

/// Plans the step from what was accepted to what is desired.
///
/// What is refused, hidden by a file that can't be read, or on a cluster that was never seen, keeps
/// everything that was accepted of it.
pub fn plan(planning: &Planning<'_>, desired: &DesiredState) -> Plan {
    let mut parts = BTreeMap::new();
    for (target, objects) in &desired.platform {
        platform_part(planning, desired, target, objects, &mut parts);
    }
    for (app, wish) in &desired.apps {
        if let Desired::App(wish) = wish {
            settings::part(planning, desired, app, wish, &mut parts);
            release::part(planning, desired, app, wish, &mut parts);
        }
    }
    prune_parts(planning, desired, &mut parts);
    transfer::hand_over(planning, desired, &mut parts);
    budget::judge(planning, desired, &mut parts);
    let mut parts: Vec<Part> = parts.into_values().collect();
    keep_known_edges(&mut parts);
    let leaves: Vec<ContentDigest> = parts
        .iter()
        .map(|part| ContentDigest::of_json(&serde_json::json!([part.key, part.digest])))
        .collect();
    Plan {
        digest: merkle_root(&leaves).into(),
        parent: planning.accepted.plan_digest(),
        environment: desired.environment.clone(),
        revision: desired.revision.clone(),
        parts,
    }
}

/// An edge to a part that is not in the plan is met already.
fn keep_known_edges(parts: &mut [Part]) {
    let keys: BTreeSet<PartKey> = parts.iter().map(|part| part.key.clone()).collect();
    for part in parts {
        part.after.retain(|key| keys.contains(key));
    }
}

type Parts = BTreeMap<PartKey, Part>;

fn platform_part(
    planning: &Planning<'_>,
    desired: &DesiredState,
    target: &TargetKey,
    objects: &[Manifest],
    parts: &mut Parts,
) {
    let key = PartKey::Platform(target.clone());
    let now =
        planning.accepted.platform.get(target).map(|platform| platform.value.as_slice()).unwrap_or_default();
    // What is no longer rendered goes by a part of its own; until then it stays as accepted.
    let kept: BTreeSet<ObjectKey> = objects.iter().map(Manifest::key).collect();
    let gone: BTreeSet<ObjectKey> = now.iter().map(Manifest::key).filter(|key| !kept.contains(key)).collect();
    let mut whole: Vec<Manifest> = objects.to_vec();
    whole.extend(now.iter().filter(|object| gone.contains(&object.key())).cloned());
    whole.sort_by_key(Manifest::key);
    if whole != now {
        let digest = digest::part(desired, &key, digest::objects(objects), &BTreeSet::new());
        let work = Work::Platform { objects: whole };
        parts.insert(
            key.clone(),
            Part {
                key,
                digest,
                after: BTreeSet::new(),
                approvals: Vec::new(),
                handed: BTreeMap::new(),
                work,
            },
        );
    }
    if !gone.is_empty() && !desired.hidden.platform {
        let targets = BTreeMap::from([(target.clone(), gone)]);
        insert_prune(planning, desired, PartKey::PrunePlatform(target.clone()), targets, parts);
    }
}

/// Whole apps, whole targets and platforms of targets that are no longer desired.
fn prune_parts(planning: &Planning<'_>, desired: &DesiredState, parts: &mut Parts) {
    if desired.hidden.platform {
        return;
    }
    let mut leaving: BTreeMap<AppKey, BTreeMap<TargetKey, BTreeSet<ObjectKey>>> = BTreeMap::new();
    for (key, state) in &planning.accepted.moves {
        let waits = desired.waiting_clusters.contains(&key.target.cluster);
        let hidden = desired.hidden.tenants.contains(&key.app.tenant);
        let stays = match desired.apps.get(&key.app) {
            Some(Desired::Refused) => true,
            Some(Desired::App(wish)) => {
                wish.release.bundles.contains_key(&key.target) || wish.waiting.contains(&key.target)
            }
            None => false,
        };
        if waits || hidden || stays {
            continue;
        }
        let mut keys: BTreeSet<ObjectKey> =
            release::held_keys(&state.allocation, planning.bundles).into_iter().collect();
        keys.extend(state.settings.value.objects.iter().map(Manifest::key));
        leaving.entry(key.app.clone()).or_default().insert(key.target.clone(), keys);
    }
    for (app, targets) in transfer::orphans(planning, desired) {
        for (target, keys) in targets {
            let key = MoveKey::new(app.clone(), target.clone());
            // Who is still there takes them away with the next release.
            let release = parts.get_mut(&PartKey::Release(app.clone())).map(|part| &mut part.work);
            match (planning.accepted.moves.contains_key(&key), release) {
                (true, Some(Work::Release(program))) => {
                    program.removed.entry(key).or_default().extend(keys);
                }
                (true, _) if !leaving.get(&app).is_some_and(|targets| targets.contains_key(&target)) => {}
                _ => leaving.entry(app.clone()).or_default().entry(target).or_default().extend(keys),
            }
        }
    }
    for (app, targets) in leaving {
        insert_prune(planning, desired, PartKey::PruneApp(app), targets, parts);
    }
    for (target, platform) in &planning.accepted.platform {
        let waits = desired.waiting_clusters.contains(&target.cluster);
        if waits || desired.platform.contains_key(target) {
            continue;
        }
        let keys = platform.value.iter().map(Manifest::key).collect();
        let targets = BTreeMap::from([(target.clone(), keys)]);
        insert_prune(planning, desired, PartKey::PrunePlatform(target.clone()), targets, parts);
    }
}

fn insert_prune(
    planning: &Planning<'_>,
    desired: &DesiredState,
    key: PartKey,
    targets: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
    parts: &mut Parts,
) {
    let digest: PartDigest = digest::part(desired, &key, digest::deletions(&targets), &BTreeSet::new());
    // A namespace goes after the apps in it; what an app leaves behind, after it runs where it goes.
    let after = match &key {
        PartKey::PruneApp(app) => moves_elsewhere(planning, app, &targets, parts),
        PartKey::PrunePlatform(target) => parts
            .iter()
            .filter(|(_, part)| matches!(&part.work, Work::Prune { targets } if targets.contains_key(target)))
            .map(|(key, _)| key.clone())
            .collect(),
        _ => BTreeSet::new(),
    };
    parts.insert(
        key.clone(),
        Part {
            key,
            digest,
            after,
            approvals: Vec::new(),
            handed: BTreeMap::new(),
            work: Work::Prune { targets },
        },
    );
}

/// The app's own release, if it goes to a target that it is new on while it leaves others. A rollout
/// that is under way on what is left does not hold the deletion up: it lets go of it.
fn moves_elsewhere(
    planning: &Planning<'_>,
    app: &AppKey,
    leaves: &BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
    parts: &Parts,
) -> BTreeSet<PartKey> {
    let key = PartKey::Release(app.clone());
    let Some(Work::Release(program)) = parts.get(&key).map(|part| &part.work) else { return BTreeSet::new() };
    let runs = |key: &MoveKey| {
        planning.accepted.moves.get(key).is_some_and(|state| state.allocation.stable.is_some())
    };
    let arrives = program.to.keys().any(|key| !runs(key));
    let under_way = planning
        .accepted
        .open_rollout(app)
        .is_some_and(|start| start.back.keys().any(|key| leaves.contains_key(&key.target)));
    if arrives && !under_way { BTreeSet::from([key]) } else { BTreeSet::new() }
}

#[cfg(test)]
mod tests;
