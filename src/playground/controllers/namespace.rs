//! Namespaces: a default service account in each, and an orderly end.

use std::sync::Arc;

use serde_json::{Value, json};

use super::object::{Condition, array, deleting, fields_mut, name, text};
use super::world::World;
use crate::model::ObjectKey;
use crate::playground::ObjectsError;

/// The finalizer in `spec.finalizers` that stands for the removal of the contents.
const KUBERNETES: &str = "kubernetes";

/// Keeps a namespace furnished, or empties one that is being deleted.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(space) = world.get(key) else { return };
    if deleting(&space) {
        empty(world, &space);
        return;
    }
    let account = world.objects.get("", "ServiceAccount", Some(&key.name), "default");
    if account.is_none() {
        let made = world.create(json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "default", "namespace": key.name },
        }));
        if !matches!(made, Ok(_) | Err(ObjectsError::AlreadyExists)) {
            world.wake_after(key, std::time::Duration::from_secs(1));
        }
    }
    if text(&space, "/status/phase").is_empty() {
        let mut status = space.get("status").cloned().unwrap_or(json!({}));
        status["phase"] = json!("Active");
        world.set_status(&space, status);
    }
}

fn empty(world: &mut World<'_>, space: &Arc<Value>) {
    let contents = |world: &World<'_>| -> Vec<Arc<Value>> {
        world.index.contents(name(space)).map(|(_, object)| object.clone()).collect()
    };
    for object in contents(world).iter().filter(|object| !deleting(object)) {
        world.delete(object, None);
    }
    let left = contents(world);
    if left.is_empty() {
        let mut freed = Value::clone(space);
        if let Some(list) =
            fields_mut(&mut freed, &["spec"]).get_mut("finalizers").and_then(Value::as_array_mut)
        {
            list.retain(|finalizer| finalizer != KUBERNETES);
        }
        let freed = world.update(space, freed);
        world.delete(&freed, None);
        return;
    }
    let finalizers: std::collections::BTreeSet<&str> = left
        .iter()
        .flat_map(|object| array(object, "/metadata/finalizers"))
        .filter_map(Value::as_str)
        .collect();
    let mut status = space.get("status").cloned().unwrap_or(json!({}));
    status["phase"] = json!("Terminating");
    let remaining = Condition {
        kind: "NamespaceContentRemaining",
        status: "True",
        reason: "SomeResourcesRemain",
        message: format!("Some resources are remaining: {} objects", left.len()),
    };
    remaining.put(&mut status, world.now);
    if !finalizers.is_empty() {
        let names: Vec<_> = finalizers.into_iter().collect();
        let message = format!("Some content in the namespace has finalizers remaining: {}", names.join(", "));
        let held = Condition {
            kind: "NamespaceFinalizersRemaining",
            status: "True",
            reason: "SomeFinalizersRemain",
            message,
        };
        held.put(&mut status, world.now);
    }
    world.set_status(space, status);
}
