//! How much a plan may delete without an approval.

use std::collections::{BTreeMap, BTreeSet};

use super::{Planning, release};
use crate::model::{ApprovalNeed, ObjectKey, TargetKey};

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

/// What must be approved before these keys go; none if the budget allows them.
///
/// The budget is judged target by target: the larger of its share of what counts there and its
/// least number.
pub(super) fn needs(
    planning: &Planning<'_>,
    targets: &BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
) -> Option<ApprovalNeed> {
    let mut worst: Option<(u32, u32)> = None;
    let mut protected = BTreeSet::new();
    for (target, keys) in targets {
        let going = count(keys.iter());
        let held = held_on(planning, target);
        let share = u64::from(count(held.iter())) * u64::from(planning.budget.percent) / 100;
        let allowed = u32::try_from(share).unwrap_or(u32::MAX).max(planning.budget.at_least);
        protected.extend(keys.iter().filter(|key| is_protected(key)).cloned());
        if going > allowed && worst.is_none_or(|(counted, _)| going > counted) {
            worst = Some((going, allowed));
        }
    }
    if worst.is_none() && protected.is_empty() {
        return None;
    }
    let all: BTreeSet<ObjectKey> = targets.values().flatten().cloned().collect();
    let (counted, allowed) = worst.unwrap_or_else(|| (count(all.iter()), planning.budget.at_least));
    Some(ApprovalNeed::Deletions { keys: all, allowed, counted, protected })
}

fn count<'a>(keys: impl Iterator<Item = &'a ObjectKey>) -> u32 {
    u32::try_from(keys.filter(|key| counts(key)).count()).unwrap_or(u32::MAX)
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
