//! How much a plan may delete without an approval.

use std::collections::{BTreeMap, BTreeSet};

use super::{Parts, Planning, release};
use crate::accepted::PartSummary;
use crate::compile::{Desired, DesiredState};
use crate::model::{AppKey, ApprovalNeed, MoveKey, ObjectKey, Part, PartKey, TargetKey, Work};

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
/// The budget is judged target by target, over everything that the plan deletes there and what went
/// before and belongs to it: a folder that was emptied is many small parts, and the last of them is
/// no smaller than the whole. It is the larger of its share of what counts on the target and its
/// least number. Over it, every part waits that deletes something there that counts. Two more wait
/// whatever they count: what takes data away, and what leaves nothing.
pub(super) fn judge(planning: &Planning<'_>, desired: &DesiredState, parts: &mut Parts) {
    let summaries: Vec<PartSummary> = parts.values().map(PartSummary::of).collect();
    let mut going: BTreeMap<TargetKey, BTreeSet<ObjectKey>> = BTreeMap::new();
    for part in parts.values() {
        for (target, keys) in part.deletions() {
            going.entry(target).or_default().extend(keys);
        }
    }
    let mut over: BTreeMap<TargetKey, (u32, u32)> = BTreeMap::new();
    for (target, keys) in &mut going {
        let gone = planning.accepted.deleted_beside(target, &desired.revision, &summaries);
        let allowed = allowed(planning, target, &gone);
        keys.extend(gone);
        let counted = count(keys);
        if counted > allowed {
            over.insert(target.clone(), (counted, allowed));
        }
    }
    let nothing_left = desired.apps.is_empty() && !planning.accepted.moves.is_empty();
    for part in parts.values_mut() {
        let keys = part.deletions();
        let emptied = match &part.key {
            PartKey::PruneApp(_) => nothing_left,
            PartKey::Release(app) => empties(planning, desired, app, part),
            _ => false,
        };
        part.approvals.extend(need(planning, keys, &over, emptied));
    }
}

fn need(
    planning: &Planning<'_>,
    keys: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
    over: &BTreeMap<TargetKey, (u32, u32)>,
    emptied: bool,
) -> Option<ApprovalNeed> {
    let protected: BTreeSet<ObjectKey> =
        keys.values().flatten().filter(|key| is_protected(key)).cloned().collect();
    let worst = keys
        .iter()
        .filter(|(_, keys)| count(keys) > 0)
        .filter_map(|(target, _)| over.get(target))
        .max_by_key(|(counted, _)| *counted);
    if worst.is_none() && protected.is_empty() && !emptied {
        return None;
    }
    let all = || count(&keys.values().flatten().cloned().collect());
    let (counted, allowed) = worst.copied().unwrap_or_else(|| (all(), planning.budget.at_least));
    Some(ApprovalNeed::Deletions { keys, allowed, counted, protected, emptied })
}

/// Whether a release leaves nothing on a target where there is something now.
fn empties(planning: &Planning<'_>, desired: &DesiredState, app: &AppKey, part: &Part) -> bool {
    let Some(Desired::App(wish)) = desired.apps.get(app) else { return false };
    let Work::Release(program) = &part.work else { return false };
    wish.release.bundles.iter().any(|(target, bundle)| {
        let key = MoveKey::new(app.clone(), target.clone());
        let stable = planning.accepted.moves.get(&key).and_then(|state| state.allocation.stable);
        let held = stable.and_then(|stable| planning.bundles.get(&stable));
        bundle.objects.is_empty()
            && held.is_some_and(|held| !held.objects.is_empty())
            && program.removed.get(&key).is_some_and(|keys| !keys.is_empty())
    })
}

/// How much of what counts may go from a target, beside what has gone already.
fn allowed(planning: &Planning<'_>, target: &TargetKey, gone: &BTreeSet<ObjectKey>) -> u32 {
    let mut all = held_on(planning, target);
    all.extend(gone.iter().cloned());
    let share = u64::from(count(&all)) * u64::from(planning.budget.percent) / 100;
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
