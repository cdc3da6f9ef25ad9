//! Deployments: complete when every pod is of the present template and available.

use super::replica_set::replica_failure;
use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    let wanted = object.replicas();
    if let Some(failure) = replica_failure(object) {
        return failure;
    }
    let progressing = object.condition("Progressing");
    if let Some(stuck) = progressing.filter(|c| c.reason == "ProgressDeadlineExceeded" && c.is_false())
        && wanted > 0
    {
        return Health::degraded(stuck.reason, stuck.message_or_state());
    }
    if object.is_not_observed() {
        return Health::progressing("NotObserved", "the controller has not seen this Deployment yet");
    }
    if object.flag("/spec/paused") {
        return Health::suspended("DeploymentPaused", "the Deployment is paused");
    }
    let total = object.count("/status/replicas");
    let updated = object.count("/status/updatedReplicas");
    let ready = object.count("/status/readyReplicas");
    let available = object.count("/status/availableReplicas");
    if updated < wanted {
        return Health::progressing("UpdatingReplicas", format!("{updated} of {wanted} pods are updated"));
    }
    if total > updated {
        let old = total - updated;
        return Health::progressing("TerminatingOldReplicas", format!("{old} old pods are still there"));
    }
    if ready < wanted {
        return Health::progressing("WaitingForReady", format!("{ready} of {wanted} pods are ready"));
    }
    if available < wanted {
        return Health::progressing(
            "WaitingForAvailable",
            format!("{available} of {wanted} pods are available"),
        );
    }
    if total > wanted {
        return Health::progressing("ScalingDown", format!("{} pods too many", total - wanted));
    }
    if wanted == 0 {
        return Health::healthy("ScaledToZero", "no pods are wanted");
    }
    for condition in progressing.into_iter().chain(object.condition("Available")) {
        if !condition.is_true() {
            return Health::progressing(condition.reason_or_name(), condition.message_or_state());
        }
    }
    Health::healthy("Available", format!("{available} of {wanted} pods are updated and available"))
}
