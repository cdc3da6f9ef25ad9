//! DaemonSets: a pod on every node that should have one, of the present template, available.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    if object.is_not_observed() {
        return Health::progressing("NotObserved", "the controller has not seen this DaemonSet yet");
    }
    let Some(wanted) = object.integer("/status/desiredNumberScheduled") else {
        return Health::progressing("NotScheduled", "the number of nodes is not known yet");
    };
    // Under `OnDelete` someone else deletes the pods; that old ones still run is as asked.
    let on_delete = object.text("/spec/updateStrategy/type") == Some("OnDelete");
    let checks = [
        ("SchedulingPods", "scheduled", "/status/currentNumberScheduled", false),
        ("UpdatingPods", "updated", "/status/updatedNumberScheduled", on_delete),
        ("WaitingForReady", "ready", "/status/numberReady", false),
        ("WaitingForAvailable", "available", "/status/numberAvailable", false),
    ];
    for (reason, word, pointer, skipped) in checks {
        let count = object.count(pointer);
        if count < wanted && !skipped {
            return Health::progressing(reason, format!("{count} of {wanted} pods are {word}"));
        }
    }
    match wanted {
        0 => Health::healthy("NoNodes", "no node should run a pod"),
        _ => Health::healthy("Available", format!("{wanted} of {wanted} pods are available")),
    }
}
