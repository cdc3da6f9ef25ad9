//! The status of a Deployment: counts, and the conditions Available, Progressing, ReplicaFailure.

use serde_json::{Value, json};

use super::{Rollout, failure, replicas};
use crate::playground::controllers::object::{
    Condition, condition, count, drop_condition, key_of, moment, name, stamp, text,
};
use crate::playground::controllers::world::{World, later_secs};

/// Counts and availability, without progress.
pub(super) fn sync(world: &mut World<'_>, rollout: &Rollout) {
    let status = counted(world, rollout);
    world.set_status(&rollout.deployment, status);
}

fn counted(world: &World<'_>, rollout: &Rollout) -> Value {
    let sum = |pointer: &str| rollout.all().map(|set| count(set, pointer)).sum::<i64>();
    let available = rollout.available();
    let updated = rollout.new.as_ref().map_or(0, |new| count(new, "/status/replicas"));
    let mut status = json!({ "observedGeneration": count(&rollout.deployment, "/metadata/generation") });
    let numbers = [
        ("replicas", sum("/status/replicas")),
        ("updatedReplicas", updated),
        ("readyReplicas", sum("/status/readyReplicas")),
        ("availableReplicas", available),
        ("unavailableReplicas", (rollout.asked() - available).max(0)),
        ("collisionCount", count(&rollout.deployment, "/status/collisionCount")),
    ];
    for (field, number) in numbers {
        // Zeros are left out, as the API does.
        if number != 0 {
            status[field] = json!(number);
        }
    }
    status["terminatingReplicas"] = json!(sum("/status/terminatingReplicas"));
    if let Some(conditions) = rollout.deployment.pointer("/status/conditions") {
        status["conditions"] = conditions.clone();
    }
    let enough = available >= rollout.wanted() - rollout.fenceposts().1;
    let (held, reason, message) = if enough {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    put(&mut status, world, "Available", held, reason, message.to_owned());
    status
}

/// Sets a condition; the time of its update changes only with its status or reason.
fn put(status: &mut Value, world: &World<'_>, kind: &str, held: &str, reason: &str, message: String) {
    let conditions = json!({ "status": { "conditions": status["conditions"] } });
    let before = condition(&conditions, kind);
    if before.is_some_and(|found| text(found, "/status") == held && text(found, "/reason") == reason) {
        return;
    }
    renew(status, world, kind, held, reason, message);
}

/// Sets a condition and the time of its update.
fn renew(status: &mut Value, world: &World<'_>, kind: &str, held: &str, reason: &str, message: String) {
    Condition { kind, status: held, reason, message }.put(status, world.now);
    let conditions = status["conditions"].as_array_mut().into_iter().flatten();
    for found in conditions.filter(|found| text(found, "/type") == kind) {
        found["lastUpdateTime"] = json!(stamp(world.now));
    }
}

/// Whether every replica is of the present template and available.
pub(super) fn is_complete(rollout: &Rollout, status: &Value) -> bool {
    let wanted = rollout.wanted();
    ["/updatedReplicas", "/replicas", "/availableReplicas"].iter().all(|field| count(status, field) == wanted)
        && count(status, "/observedGeneration") >= count(&rollout.deployment, "/metadata/generation")
}

/// Counts, availability and progress.
pub(super) fn sync_progress(world: &mut World<'_>, rollout: &Rollout) {
    let mut status = counted(world, rollout);
    let before = &rollout.deployment["status"];
    let settled = count(&status, "/replicas") == count(&status, "/updatedReplicas")
        && rollout.progressing_reason() == "NewReplicaSetAvailable";
    let of = rollout.new.as_ref().map_or_else(
        || format!("Deployment \"{}\"", name(&rollout.deployment)),
        |new| format!("ReplicaSet \"{}\"", name(new)),
    );
    if !settled {
        if is_complete(rollout, &status) {
            let message = format!("{of} has successfully progressed.");
            put(&mut status, world, "Progressing", "True", "NewReplicaSetAvailable", message);
        } else if progressed(before, &status) {
            let message = format!("{of} is progressing.");
            renew(&mut status, world, "Progressing", "True", "ReplicaSetUpdated", message);
        } else if timed_out(world, rollout) {
            let message = format!("{of} has timed out progressing.");
            put(&mut status, world, "Progressing", "False", "ProgressDeadlineExceeded", message);
        }
    }
    let failed = rollout.new.as_deref().and_then(failure).or_else(|| {
        let old = rollout.old.iter().filter(|set| replicas(set) > 0);
        old.filter_map(|set| failure(set)).next()
    });
    match failed {
        Some(found) => {
            let message = text(found, "/message").to_owned();
            put(&mut status, world, "ReplicaFailure", "True", text(found, "/reason"), message);
        }
        None => drop_condition(&mut status, "ReplicaFailure"),
    }
    let deployment = world.set_status(&rollout.deployment, status);
    let rollout = Rollout { deployment, new: rollout.new.clone(), old: rollout.old.clone() };
    if let Some(deadline) =
        deadline(&rollout).filter(|_| !is_complete(&rollout, &rollout.deployment["status"]))
    {
        world.wake(&key_of(&rollout.deployment), deadline);
    }
}

/// Whether more pods are new, ready or available than before, or fewer are old.
fn progressed(before: &Value, after: &Value) -> bool {
    let grew = |field: &str| count(after, field) > count(before, field);
    let old = |status: &Value| count(status, "/replicas") - count(status, "/updatedReplicas");
    grew("/updatedReplicas")
        || grew("/readyReplicas")
        || grew("/availableReplicas")
        || old(after) < old(before)
}

/// When the rollout counts as stuck, if nothing moves until then.
fn deadline(rollout: &Rollout) -> Option<crate::model::Timestamp> {
    let progressing = condition(&rollout.deployment, "Progressing")?;
    if matches!(text(progressing, "/reason"), "NewReplicaSetAvailable" | "ProgressDeadlineExceeded") {
        return None;
    }
    // The real controller compares with "after", and its times are cut to the second.
    Some(later_secs(moment(progressing, "/lastUpdateTime")?, rollout.deadline() + 1))
}

fn timed_out(world: &World<'_>, rollout: &Rollout) -> bool {
    rollout.progressing_reason() == "ProgressDeadlineExceeded"
        || deadline(rollout).is_some_and(|deadline| world.now >= deadline)
}

/// Notes that the replica set of the present template was found.
pub(super) fn note_found(world: &mut World<'_>, rollout: &mut Rollout) {
    let Some(new) = rollout.new.as_ref() else { return };
    if condition(&rollout.deployment, "Progressing").is_none() {
        let message = format!("Found new replica set \"{}\"", name(new));
        note(world, rollout, "True", "FoundNewReplicaSet", message);
    }
}

/// Notes that a replica set was made.
pub(super) fn note_created(world: &mut World<'_>, rollout: &mut Rollout, set: &str) {
    let message = format!("Created new replica set \"{set}\"");
    note(world, rollout, "True", "NewReplicaSetCreated", message);
}

/// Notes that the replica set could not be made.
pub(super) fn note_refused(world: &mut World<'_>, rollout: &mut Rollout, why: &str) {
    let message = format!("Failed to create new replica set: {why}");
    note(world, rollout, "False", "ReplicaSetCreateError", message);
    world.wake_after(&key_of(&rollout.deployment), std::time::Duration::from_secs(10));
}

/// Notes that a rollout was paused or goes on.
pub(super) fn note_pause(world: &mut World<'_>, rollout: &mut Rollout) {
    let reason = rollout.progressing_reason();
    if reason == "ProgressDeadlineExceeded" {
        return;
    }
    let is_noted = reason == "DeploymentPaused";
    if rollout.paused() && !is_noted {
        note(world, rollout, "Unknown", "DeploymentPaused", "Deployment is paused".to_owned());
    } else if !rollout.paused() && is_noted {
        note(world, rollout, "Unknown", "DeploymentResumed", "Deployment is resumed".to_owned());
    }
}

fn note(world: &mut World<'_>, rollout: &mut Rollout, held: &str, reason: &str, message: String) {
    let mut status = rollout.deployment.get("status").cloned().unwrap_or(json!({}));
    put(&mut status, world, "Progressing", held, reason, message);
    rollout.deployment = world.set_status(&rollout.deployment, status);
}
