//! Pods: ready or succeeded; failed, or with a container that says why it can't start.

use super::faults::{self, FaultKind};
use super::{Health, Object};
use crate::model::Timestamp;

/// How long a pod may be called unschedulable before that is a failure: the scheduler retries at
/// once when a node has room, so a pod that is merely new gets past this in one or two rounds.
const SCHEDULING_WINDOW_SECS: i64 = 15;

pub(super) fn assess(object: &Object<'_>, now: Timestamp) -> Health {
    let phase = object.text("/status/phase");
    match phase {
        None => return Health::progressing("PodNotObserved", "no kubelet has seen this pod yet"),
        Some("Succeeded") => return Health::healthy("PodSucceeded", "all containers ended with success"),
        Some("Failed") => return failed(object),
        Some(_) => {}
    }
    let faults = faults::of_pod(object);
    if let Some(fault) = faults.iter().find(|fault| fault.kind.is_early()) {
        return Health::degraded(&fault.reason, fault.to_string());
    }
    if let Some(fault) = faults.iter().find(|fault| fault.kind == FaultKind::Unschedulable) {
        return unschedulable(object, fault.message.clone(), now);
    }
    match object.condition("Ready") {
        Some(ready) if ready.is_true() => Health::healthy("PodReady", "all containers are ready"),
        Some(ready) => Health::progressing(ready.reason_or_name(), ready.message_or_state()),
        None => Health::progressing("PodNotReady", format!("the pod is {}", phase.unwrap_or_default())),
    }
}

fn failed(object: &Object<'_>) -> Health {
    let reason = object.text("/status/reason");
    let message = object.text("/status/message");
    let ended = faults::ended_containers(object);
    match (reason, ended.first()) {
        (None, Some(fault)) => Health::degraded(&fault.reason, fault.to_string()),
        _ => Health::degraded(reason.unwrap_or("PodFailed"), message.unwrap_or("the pod failed")),
    }
}

fn unschedulable(object: &Object<'_>, message: String, now: Timestamp) -> Health {
    let condition = object.condition("PodScheduled").map_or("", |condition| condition.since);
    let since = [condition, object.text("/metadata/creationTimestamp").unwrap_or_default()]
        .into_iter()
        .find_map(|text| text.parse::<Timestamp>().ok());
    // A pod read from a cluster has a time of creation; one without any time is no new one.
    match since.map(|since| now.as_second().saturating_sub(since.as_second())) {
        Some(waited) if waited <= SCHEDULING_WINDOW_SECS => Health::progressing("Unschedulable", message),
        _ => Health::degraded("Unschedulable", message),
    }
}
