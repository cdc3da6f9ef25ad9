//! ReplicaSets and ReplicationControllers: all pods there, ready and available.

use super::{Health, Object};

/// A controller that can't create pods (quota, admission) says so in `ReplicaFailure`.
pub(super) fn replica_failure(object: &Object<'_>) -> Option<Health> {
    let failure = object.condition("ReplicaFailure").filter(|c| c.is_true())?;
    Some(Health::degraded(failure.reason_or_name(), failure.message_or_state()))
}

pub(super) fn assess(object: &Object<'_>) -> Health {
    if let Some(failure) = replica_failure(object) {
        return failure;
    }
    if object.is_not_observed() {
        return Health::progressing("NotObserved", "the controller has not seen this object yet");
    }
    let wanted = object.replicas();
    let total = object.count("/status/replicas");
    let checks = [
        ("CreatingReplicas", "created", total),
        ("WaitingForLabels", "labelled", object.count("/status/fullyLabeledReplicas")),
        ("WaitingForReady", "ready", object.count("/status/readyReplicas")),
        ("WaitingForAvailable", "available", object.count("/status/availableReplicas")),
    ];
    for (reason, word, count) in checks {
        if count < wanted {
            return Health::progressing(reason, format!("{count} of {wanted} pods are {word}"));
        }
    }
    if total > wanted {
        return Health::progressing("ScalingDown", format!("{} pods too many", total - wanted));
    }
    match wanted {
        0 => Health::healthy("ScaledToZero", "no pods are wanted"),
        _ => Health::healthy("Available", format!("{wanted} of {wanted} pods are available")),
    }
}
