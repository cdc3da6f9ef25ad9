//! Replica sets: as many pods of one template as asked for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::{
    Condition, annotation, condition, controlled_by, controller_uid, count, deleting, drop_condition,
    fields_mut, holds, int, key_of, labels, moment, name, namespace, selects, text, uid,
};
use super::world::{World, later_secs};
use crate::model::{ObjectKey, Timestamp};

/// How soon refused pods are tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Whether a pod counts: not ended and not on its way out.
pub(super) fn is_active(pod: &Value) -> bool {
    !deleting(pod) && !has_ended(pod)
}

/// Whether all of a pod's containers ended for good.
pub(super) fn has_ended(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    holds(pod, "Ready")
}

/// Since when a pod is ready.
pub(super) fn ready_since(pod: &Value) -> Option<Timestamp> {
    moment(condition(pod, "Ready").filter(|_| is_ready(pod))?, "/lastTransitionTime")
}

/// Whether a pod has been ready for `wait` seconds; asks to look again when it will have been.
pub(super) fn is_available(world: &mut World<'_>, key: &ObjectKey, pod: &Value, wait: i64) -> bool {
    let Some(since) = ready_since(pod) else { return false };
    let available = later_secs(since, wait);
    if available > world.now {
        world.wake(key, available);
    }
    wait <= 0 || available <= world.now
}

/// A pod of a template, owned by `owner`, not yet created.
pub(super) fn pod_of(template: &Value, owner: &Value, pod_name: &str) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": template.get("metadata").cloned().unwrap_or(json!({})),
        "spec": template.get("spec").cloned().unwrap_or(json!({})),
    });
    let metadata = fields_mut(&mut pod, &["metadata"]);
    metadata.remove("creationTimestamp");
    metadata.insert("name".to_owned(), json!(pod_name));
    metadata.insert("namespace".to_owned(), json!(namespace(owner)));
    metadata.insert("ownerReferences".to_owned(), json!([controlled_by(owner)]));
    pod
}

/// The pods that a set controls; those that nobody controls and it selects are adopted, those it
/// controls and no longer selects are let go.
pub(super) fn claim(world: &mut World<'_>, owner: &Value) -> Vec<Arc<Value>> {
    let selector = &owner["spec"]["selector"];
    let mut pods = Vec::new();
    for pod in world.index.children(uid(owner), "Pod") {
        if selects(selector, &labels(&pod)) || deleting(owner) {
            pods.push(pod);
        } else if !deleting(&pod) {
            let mut released = Value::clone(&pod);
            if let Some(owners) = released["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|entry| text(entry, "/uid") != uid(owner));
            }
            world.update(&pod, released);
        }
    }
    for orphan in world.index.orphans("Pod", namespace(owner)) {
        if deleting(owner) || !is_active(&orphan) || !selects(selector, &labels(&orphan)) {
            continue;
        }
        let mut adopted = Value::clone(&orphan);
        let owners = fields_mut(&mut adopted, &["metadata"]).entry("ownerReferences").or_insert(json!([]));
        if let Some(owners) = owners.as_array_mut() {
            owners.push(controlled_by(owner));
        }
        pods.push(world.update(&orphan, adopted));
    }
    pods
}

/// Brings a replica set nearer to its size.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(set) = world.get(key) else { return };
    let pods = claim(world, &set);
    let active: Vec<_> = pods.iter().filter(|pod| is_active(pod)).cloned().collect();
    let mut failure = None;
    if !deleting(&set) {
        let wanted = usize::try_from(int(&set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
        if active.len() < wanted {
            failure = grow(world, &set, wanted - active.len());
        } else if active.len() > wanted {
            shrink(world, active, wanted);
        }
    }
    sync(world, &set, failure);
}

/// Creates pods; answers why one was refused.
fn grow(world: &mut World<'_>, set: &Arc<Value>, missing: usize) -> Option<String> {
    for _ in 0..missing {
        let build = |pod_name: &str| {
            let mut pod = pod_of(&set["spec"]["template"], set, pod_name);
            pod["metadata"]["generateName"] = json!(format!("{}-", name(set)));
            pod
        };
        if let Err(error) = world.create_child(set, build) {
            world.wake_after(&key_of(set), RETRY_AFTER);
            return Some(error.to_string());
        }
    }
    None
}

fn shrink(world: &mut World<'_>, mut active: Vec<Arc<Value>>, wanted: usize) {
    active.sort_by_cached_key(|pod| std::cmp::Reverse(worth(pod)));
    for pod in active.split_off(wanted) {
        world.delete(&pod, None);
    }
}

/// What a pod is worth when a set shrinks: the least goes first. As in kube-controller-manager:
/// without a node, not running, not ready, low deletion cost, ready for a shorter time, restarted
/// more often, younger.
fn worth(pod: &Value) -> impl Ord + use<> {
    let phase = match text(pod, "/status/phase") {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    };
    let cost = annotation(pod, "controller.kubernetes.io/pod-deletion-cost");
    let restarts = super::object::array(pod, "/status/containerStatuses")
        .iter()
        .map(|status| count(status, "/restartCount"))
        .max();
    (
        !text(pod, "/spec/nodeName").is_empty(),
        phase,
        is_ready(pod),
        cost.and_then(|cost| cost.parse().ok()).unwrap_or(0),
        std::cmp::Reverse(ready_since(pod)),
        -restarts.unwrap_or(0),
        std::cmp::Reverse(text(pod, "/metadata/creationTimestamp").to_owned()),
        name(pod).to_owned(),
    )
}

fn sync(world: &mut World<'_>, set: &Arc<Value>, failure: Option<String>) {
    let key = key_of(set);
    let wait = count(set, "/spec/minReadySeconds");
    let template = super::object::fields(set, "/spec/template/metadata/labels");
    let (mut total, mut labelled, mut ready, mut available, mut terminating) = (0, 0, 0, 0, 0);
    for pod in world.index.children(uid(set), "Pod") {
        if !is_active(&pod) {
            terminating += i64::from(deleting(&pod) && !has_ended(&pod));
            continue;
        }
        total += 1;
        let own = labels(&pod);
        labelled += i64::from(template.iter().all(|(label, value)| own.get(label) == Some(value)));
        ready += i64::from(is_ready(&pod));
        available += i64::from(is_available(world, &key, &pod, wait));
    }
    let mut status = json!({
        "replicas": total, "observedGeneration": count(set, "/metadata/generation"),
        "terminatingReplicas": terminating,
    });
    for (field, number) in
        [("fullyLabeledReplicas", labelled), ("readyReplicas", ready), ("availableReplicas", available)]
    {
        if number > 0 {
            status[field] = json!(number);
        }
    }
    if let Some(conditions) = set.pointer("/status/conditions") {
        status["conditions"] = conditions.clone();
    }
    match failure {
        Some(message) => {
            let condition =
                Condition { kind: "ReplicaFailure", status: "True", reason: "FailedCreate", message };
            // The first refusal stays: each names another pod, and a changed status calls back here.
            if !holds(set, condition.kind) {
                condition.put(&mut status, world.now);
            }
        }
        None => drop_condition(&mut status, "ReplicaFailure"),
    }
    if status["conditions"].as_array().is_some_and(Vec::is_empty) {
        fields_mut(&mut status, &[]).remove("conditions");
    }
    world.set_status(set, status);
}

/// The replica sets and other selecting owners of a namespace that would adopt a pod.
pub(super) fn adopters(world: &World<'_>, pod: &Value) -> Vec<ObjectKey> {
    if !controller_uid(pod).is_empty() || !is_active(pod) {
        return Vec::new();
    }
    let own = labels(pod);
    let mut keys = Vec::new();
    for (group, kind) in [("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("apps", "DaemonSet")] {
        let candidates = world.index.of_kind(group, kind, namespace(pod));
        let meeting = candidates.iter().filter(|owner| selects(&owner["spec"]["selector"], &own));
        keys.extend(meeting.map(|owner| key_of(owner)));
    }
    keys
}
