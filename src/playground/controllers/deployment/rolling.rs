//! The sizes of replica sets during a rollout and when a Deployment is scaled.

use std::sync::Arc;

use serde_json::Value;

use super::replica_sets::resize;
use super::{DESIRED_REPLICAS, MAX_REPLICAS, Rollout, replicas};
use crate::playground::controllers::object::{annotation, count, name, text};
use crate::playground::controllers::world::World;

/// How large the new replica set may be now.
pub(super) fn size_of_new(rollout: &Rollout) -> i64 {
    let wanted = rollout.wanted();
    if !rollout.rolls() {
        return wanted;
    }
    let size = rollout.new.as_ref().map_or(0, |new| replicas(new));
    let room = wanted + rollout.fenceposts().0 - rollout.asked();
    if room <= 0 { size } else { size + room.min(wanted - size) }
}

/// Grows (or cuts back) the new replica set. Whether its size changed.
pub(super) fn grow_new(world: &mut World<'_>, rollout: &mut Rollout) -> bool {
    let Some(new) = rollout.new.clone() else { return false };
    let wanted = rollout.wanted();
    let size = if replicas(&new) >= wanted { wanted } else { size_of_new(rollout) };
    size != replicas(&new) && resize(world, rollout, &new, size)
}

/// Shrinks old replica sets as far as availability allows. Whether any size changed.
pub(super) fn shrink_old(world: &mut World<'_>, rollout: &mut Rollout) -> bool {
    let old_size: i64 = rollout.old.iter().map(|set| replicas(set)).sum();
    let Some(new) = rollout.new.clone().filter(|_| old_size > 0) else { return false };
    let least = rollout.wanted() - rollout.fenceposts().1;
    let waiting = replicas(&new) - count(&new, "/status/availableReplicas");
    let room = rollout.asked() - least - waiting;
    if room <= 0 {
        return false;
    }
    let mut shrunk =
        shrink(world, rollout, room, |set| replicas(set) - count(set, "/status/availableReplicas"));
    // What the first step took away was not available, so this sum still holds.
    let spare = rollout.available() - least;
    if spare > 0 {
        shrunk |= shrink(world, rollout, spare, replicas);
    }
    shrunk
}

/// Takes up to `room` replicas away from the old replica sets, oldest first, from each at most what
/// `excess` says.
fn shrink(world: &mut World<'_>, rollout: &mut Rollout, room: i64, excess: impl Fn(&Value) -> i64) -> bool {
    let mut left = room;
    let mut shrunk = false;
    for set in rollout.old.clone() {
        let less = excess(&set).min(replicas(&set)).min(left);
        if less > 0 {
            left -= less;
            shrunk |= resize(world, rollout, &set, replicas(&set) - less);
        }
    }
    shrunk
}

/// Fits the replica sets to a changed size: one alone gets it, several in proportion.
pub(super) fn scale(world: &mut World<'_>, rollout: &mut Rollout) {
    let wanted = rollout.wanted();
    if let Some(set) = active_or_latest(rollout) {
        resize(world, rollout, &set, wanted);
        return;
    }
    if rollout.new.as_ref().is_some_and(|new| is_saturated(new, wanted)) {
        for set in rollout.old.clone().into_iter().filter(|set| replicas(set) > 0) {
            resize(world, rollout, &set, 0);
        }
    } else if rollout.rolls() {
        scale_in_proportion(world, rollout);
    }
}

/// The only replica set with replicas, or the newest if none has any.
fn active_or_latest(rollout: &Rollout) -> Option<Arc<Value>> {
    let mut active = rollout.all().filter(|set| replicas(set) > 0);
    match (active.next(), active.next()) {
        (None, _) => rollout.new.clone().or_else(|| rollout.old.last().cloned()),
        (Some(only), None) => Some(only.clone()),
        _ => None,
    }
}

fn is_saturated(new: &Value, wanted: i64) -> bool {
    replicas(new) == wanted
        && annotation(new, DESIRED_REPLICAS) == Some(wanted.to_string().as_str())
        && count(new, "/status/availableReplicas") == wanted
}

fn scale_in_proportion(world: &mut World<'_>, rollout: &mut Rollout) {
    let wanted = rollout.wanted();
    let ceiling = if wanted > 0 { wanted + rollout.fenceposts().0 } else { 0 };
    let mut active: Vec<_> = rollout.all().filter(|set| replicas(set) > 0).cloned().collect();
    let change = ceiling - active.iter().map(|set| replicas(set)).sum::<i64>();
    // The largest first; among equals the newest grows and the oldest shrinks first.
    active.sort_by(|a, b| {
        let age = text(a, "/metadata/creationTimestamp").cmp(text(b, "/metadata/creationTimestamp"));
        let age = if change > 0 { age.reverse() } else { age };
        replicas(b).cmp(&replicas(a)).then(age).then(name(a).cmp(name(b)))
    });
    let mut sizes = Vec::new();
    let mut given = 0;
    for set in &active {
        let share = if change == 0 { 0 } else { share(set, wanted, ceiling) };
        let left = change - given;
        let share = if change > 0 { share.min(left) } else { share.max(left) };
        given += share;
        sizes.push(replicas(set) + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + change - given).max(0);
    }
    for (set, size) in active.iter().zip(sizes) {
        resize(world, rollout, set, size);
    }
}

/// What a replica set gains or loses if its part of the whole stays the same.
fn share(set: &Value, wanted: i64, ceiling: i64) -> i64 {
    if wanted == 0 {
        return -replicas(set);
    }
    let before = annotation(set, MAX_REPLICAS).and_then(|text| text.parse::<i64>().ok());
    let before = before.filter(|before| *before > 0).unwrap_or_else(|| count(set, "/status/replicas").max(1));
    let doubled = 2 * replicas(set) * ceiling;
    (doubled + before).div_euclid(2 * before) - replicas(set)
}
