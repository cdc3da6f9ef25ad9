//! StatefulSets: every pod ready, and every ordinal from the partition up of the update revision.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    if object.is_not_observed() {
        return Health::progressing("NotObserved", "the controller has not seen this StatefulSet yet");
    }
    let wanted = object.replicas();
    let total = object.count("/status/replicas");
    let ready = object.count("/status/readyReplicas");
    if total < wanted {
        return Health::progressing("CreatingReplicas", format!("{total} of {wanted} pods are created"));
    }
    if ready < wanted {
        return Health::progressing("WaitingForReady", format!("{ready} of {wanted} pods are ready"));
    }
    if total > wanted {
        return Health::progressing("ScalingDown", format!("{} pods too many", total - wanted));
    }
    if let Some(available) = object.integer("/status/availableReplicas").filter(|count| *count < wanted)
        && object.count("/spec/minReadySeconds") > 0
    {
        return Health::progressing(
            "WaitingForAvailable",
            format!("{available} of {wanted} pods are available"),
        );
    }
    if wanted == 0 {
        return Health::healthy("ScaledToZero", "no pods are wanted");
    }
    update(object, wanted)
}

/// How far the update revision has come, once all pods are ready.
fn update(object: &Object<'_>, wanted: i64) -> Health {
    // Under `OnDelete` someone else deletes the pods; that old ones still run is as asked.
    if object.text("/spec/updateStrategy/type") == Some("OnDelete") {
        return Health::healthy("Ready", format!("{wanted} of {wanted} pods are ready; updated on delete"));
    }
    let updated = object.count("/status/updatedReplicas");
    let partition = object.count("/spec/updateStrategy/rollingUpdate/partition");
    let current_revision = object.text("/status/currentRevision");
    let update_revision = object.text("/status/updateRevision");
    if partition > 0 {
        let due = (wanted - partition).max(0);
        // With one revision there is nothing to update, and `updatedReplicas` may be left out.
        let same = current_revision.is_some() && current_revision == update_revision;
        if updated < due && !same {
            return Health::progressing(
                "PartitionedUpdate",
                format!("{updated} of {due} pods from ordinal {partition} up are updated"),
            );
        }
        return Health::healthy(
            "PartitionUpdated",
            format!("the pods from ordinal {partition} up are updated"),
        );
    }
    if current_revision != update_revision && current_revision.is_some() && update_revision.is_some() {
        return Health::progressing("UpdatingReplicas", format!("{updated} of {wanted} pods are updated"));
    }
    let current = object.count("/status/currentReplicas");
    if current < wanted {
        return Health::progressing(
            "UpdatingReplicas",
            format!("{current} of {wanted} pods are of the current revision"),
        );
    }
    Health::healthy("Ready", format!("{wanted} of {wanted} pods are updated and ready"))
}
