//! How much a plan may delete without an approval.

use std::collections::{BTreeMap, BTreeSet};

use super::{Parts, Planning, release};
use crate::model::{ApprovalNeed, ObjectKey, Part, TargetKey, Work};

/// Kinds that are never deleted without a word: data, and what takes data with it.
const PROTECTED_KINDS: [&str; 4] =
    ["Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "PersistentVolume"];

/// Whether a key is one that is never deleted without a word.
pub(super) fn is_protected(key: &ObjectKey) -> bool {
    PROTECTED_KINDS.contains(&key.kind.as_str())
}

/// Kinds that count against the budget: components and platform objects, not what derives from
/// them.
fn counts(key: &ObjectKey) -> bool {
    matches!(
        key.kind.as_str(),
        "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "Job"
            | "CronJob"
            | "Namespace"
            | "ResourceQuota"
            | "LimitRange"
            | "NetworkPolicy"
            | "Role"
            | "RoleBinding"
            | "PersistentVolumeClaim"
    )
}

/// Says of every part that deletes whether somebody must agree first.
///
/// The budget is judged target by target, over everything that the plan deletes there: a folder
/// that was emptied is many small parts. It is the larger of its share of what counts on the target
/// and its least number. Over it, every part waits that deletes something there that counts.
pub(super) fn judge(planning: &Planning<'_>, parts: &mut Parts) {
    let mut going: BTreeMap<TargetKey, BTreeSet<ObjectKey>> = BTreeMap::new();
    for part in parts.values() {
        for (target, keys) in deletions(part) {
            going.entry(target).or_default().extend(keys);
        }
    }
    let over: BTreeMap<TargetKey, (u32, u32)> = going
        .iter()
        .map(|(target, keys)| (target.clone(), (count(keys), allowed(planning, target))))
        .filter(|(_, (counted, allowed))| counted > allowed)
        .collect();
    for part in parts.values_mut() {
        let deletions = deletions(part);
        let protected: BTreeSet<ObjectKey> =
            deletions.values().flatten().filter(|key| is_protected(key)).cloned().collect();
        let worst = deletions
            .iter()
            .filter(|(_, keys)| count(keys) > 0)
            .filter_map(|(target, _)| over.get(target))
            .max_by_key(|(counted, _)| *counted);
        if worst.is_none() && protected.is_empty() {
            continue;
        }
        let keys: BTreeSet<ObjectKey> = deletions.into_values().flatten().collect();
        let (counted, allowed) = worst.copied().unwrap_or_else(|| (count(&keys), planning.budget.at_least));
        part.approvals = vec![ApprovalNeed::Deletions { keys, allowed, counted, protected }];
    }
}

/// What a part deletes from each target.
fn deletions(part: &Part) -> BTreeMap<TargetKey, BTreeSet<ObjectKey>> {
    match &part.work {
        Work::Prune { targets } => targets.clone(),
        Work::Release(program) => program
            .removed
            .iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(key, keys)| (key.target.clone(), keys.clone()))
            .collect(),
        // Autoscalers and budgets count for nothing.
        Work::Settings { .. } | Work::Platform { .. } => BTreeMap::new(),
    }
}

/// How much of what counts may go from a target.
fn allowed(planning: &Planning<'_>, target: &TargetKey) -> u32 {
    let share = u64::from(count(&held_on(planning, target))) * u64::from(planning.budget.percent) / 100;
    u32::try_from(share).unwrap_or(u32::MAX).max(planning.budget.at_least)
}

fn count(keys: &BTreeSet<ObjectKey>) -> u32 {
    u32::try_from(keys.iter().filter(|key| counts(key)).count()).unwrap_or(u32::MAX)
}

/// Everything that was accepted on a target.
fn held_on(planning: &Planning<'_>, target: &TargetKey) -> BTreeSet<ObjectKey> {
    let mut held = BTreeSet::new();
    if let Some(platform) = planning.accepted.platform.get(target) {
        held.extend(platform.value.iter().map(crate::model::Manifest::key));
    }
    for (_, state) in planning.accepted.moves.iter().filter(|(key, _)| key.target == *target) {
        held.extend(release::held_keys(&state.allocation, planning.bundles));
    }
    held
}
