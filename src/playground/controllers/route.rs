//! Whom a change matters to.

use std::sync::Arc;

use serde_json::Value;

use super::object::{array, controller_key, deleting, key_of, labels, selects, serves, text, uid};
use super::queue::Task;
use super::world::{Change, World};
use super::{custom_resource, deployment, garbage, gateway, replica_set, storage};
use crate::model::ObjectKey;

/// Queues all work that a change calls for.
pub(super) fn tell(world: &mut World<'_>, change: &Change) {
    if super::is_reconciled(&change.key) {
        world.queue.add(Task::reconcile(change.key.clone()));
    }
    for state in [&change.before, &change.after].into_iter().flatten() {
        if let Some(owner) = controller_key(state) {
            world.queue.add(Task::reconcile(owner));
        }
    }
    garbage::tell(world, change);
    tell_by_kind(world, change);
    let Some(space) = &change.key.namespace else { return };
    let home = ObjectKey::cluster_scoped("", "Namespace", space);
    if world.get(&home).is_some_and(|home| deleting(&home)) {
        world.queue.add(Task::reconcile(home));
    }
    add_all(world, "", "ResourceQuota", space, |_| true);
}

fn tell_by_kind(world: &mut World<'_>, change: &Change) {
    let key = &change.key;
    let space = key.namespace.clone().unwrap_or_default();
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Pod") => tell_of_pod(world, change, &space),
        ("apps", "ReplicaSet") => {
            if let Some(after) = &change.after {
                add_keys(world, deployment::adopters(world, after));
            }
            tell_scalers(world, key, &space);
        }
        ("apps", "Deployment" | "StatefulSet") => tell_scalers(world, key, &space),
        ("", "Node") => {
            add_keys(world, world.kubelet.unscheduled(None));
            add_keys(world, keys_of(&world.objects.list("apps", "DaemonSet", None)));
        }
        ("", "ConfigMap" | "Secret" | "PersistentVolumeClaim") => {
            if let (Some(gone), None, "PersistentVolumeClaim") =
                (&change.before, &change.after, key.kind.as_str())
            {
                storage::release(world, gone);
            }
            add_keys(world, world.kubelet.waiting_in(&space));
        }
        ("storage.k8s.io", "StorageClass") => {
            add_keys(world, keys_of(&world.objects.list("", "PersistentVolumeClaim", None)));
        }
        ("gateway.networking.k8s.io", "GatewayClass") => {
            add_keys(world, keys_of(&world.objects.list(&key.group, "Gateway", None)));
        }
        ("gateway.networking.k8s.io", "Gateway" | "ReferenceGrant") => {
            add_keys(world, keys_of(&world.objects.list(&key.group, "HTTPRoute", None)));
        }
        ("gateway.networking.k8s.io", "HTTPRoute") => {
            for state in [&change.before, &change.after].into_iter().flatten() {
                add_keys(world, gateway::parents(state));
            }
        }
        ("", "Namespace") => {
            add_keys(
                world,
                keys_of(&world.objects.list("gateway.networking.k8s.io", "HTTPRoute", Some(&key.name))),
            );
        }
        ("", "Service") => add_all(world, "gateway.networking.k8s.io", "HTTPRoute", &space, |_| true),
        ("", "ServiceAccount") => {
            world.queue.add(Task::reconcile(ObjectKey::cluster_scoped("", "Namespace", &space)));
        }
        _ if change.after.is_none() && !key.group.is_empty() && key.group.contains('.') => {
            // The last instance lets its definition go.
            if let Some(definition) = custom_resource::definition_of(world, key) {
                world.queue.add(Task::reconcile(definition));
            }
        }
        _ => {}
    }
}

fn tell_of_pod(world: &mut World<'_>, change: &Change, space: &str) {
    if let Some(after) = &change.after {
        add_keys(world, replica_set::adopters(world, after));
    } else if let Some(before) = &change.before {
        world.kubelet.forget(uid(before));
        // Room for those that found none.
        add_keys(world, world.kubelet.unscheduled(Some(ROOM_FOR)));
    }
    // Claims in deletion wait for the last pod that uses them.
    add_all(world, "", "PersistentVolumeClaim", space, deleting);
    let states: Vec<_> =
        [&change.before, &change.after].into_iter().flatten().map(|state| labels(state)).collect();
    let pods = [&change.before, &change.after];
    add_all(world, "", "Service", space, |service| {
        pods.iter().copied().flatten().any(|pod| serves(service, pod))
    });
    add_all(world, "policy", "PodDisruptionBudget", space, |budget| {
        states.iter().any(|labels| selects(&budget["spec"]["selector"], labels))
    });
}

/// How many waiting pods are looked at when one goes: more would not fit into its place.
const ROOM_FOR: usize = 16;

fn tell_scalers(world: &mut World<'_>, target: &ObjectKey, space: &str) {
    add_all(world, "autoscaling", "HorizontalPodAutoscaler", space, |scaler| {
        text(scaler, "/spec/scaleTargetRef/kind") == target.kind
            && text(scaler, "/spec/scaleTargetRef/name") == target.name
    });
}

fn add_all(world: &mut World<'_>, group: &str, kind: &str, space: &str, matters: impl Fn(&Value) -> bool) {
    for object in world.index.of_kind(group, kind, space) {
        if matters(&object) {
            world.queue.add(Task::reconcile(key_of(&object)));
        }
    }
}

fn add_keys(world: &mut World<'_>, keys: Vec<ObjectKey>) {
    for key in keys {
        world.queue.add(Task::reconcile(key));
    }
}

fn keys_of(objects: &[Arc<Value>]) -> Vec<ObjectKey> {
    objects.iter().map(|object| key_of(object)).collect()
}

/// The finalizers of an object.
pub(super) fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    array(object, "/metadata/finalizers").iter().filter_map(Value::as_str)
}
