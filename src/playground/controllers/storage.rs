//! Persistent volume claims: bound at once to a volume made for them, and kept for as long as a pod
//! uses them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::object::{annotation, array, deleting, name, namespace, text, uid};
use super::route::finalizers;
use super::world::World;
use crate::model::ObjectKey;
use crate::playground::ObjectsError;

/// The annotation of the class that claims without one get.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// The finalizer that keeps a claim while a pod uses it.
const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// Binds a claim. One of a class that is not there stays pending.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(claim) = world.get(key) else { return };
    if deleting(&claim) {
        return let_go(world, &claim);
    }
    if text(&claim, "/status/phase") == "Bound" {
        return;
    }
    let class = match text(&claim, "/spec/storageClassName") {
        "" => default_class(world),
        named => named.to_owned(),
    };
    if !class.is_empty() && world.objects.get("storage.k8s.io", "StorageClass", None, &class).is_none() {
        world.set_status(&claim, json!({ "phase": "Pending" }));
        return;
    }
    let volume = match text(&claim, "/spec/volumeName") {
        "" => format!("pvc-{}", uid(&claim)),
        named => named.to_owned(),
    };
    let capacity = json!({ "storage": claim["spec"]["resources"]["requests"]["storage"] });
    let made = world.create(json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": { "name": volume },
        "spec": {
            "accessModes": claim["spec"]["accessModes"], "capacity": capacity, "storageClassName": class,
            "persistentVolumeReclaimPolicy": "Delete", "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": name(&claim),
                "namespace": namespace(&claim), "uid": uid(&claim),
            },
            "hostPath": { "path": format!("/var/lib/playground/{volume}") },
        },
        "status": { "phase": "Bound" },
    }));
    if !matches!(made, Ok(_) | Err(ObjectsError::AlreadyExists)) {
        world.wake_after(key, std::time::Duration::from_secs(5));
        return;
    }
    let mut bound = Value::clone(&claim);
    bound["spec"]["volumeName"] = json!(volume);
    let bound = world.update(&claim, bound);
    let status =
        json!({ "phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": capacity });
    world.set_status(&bound, status);
}

/// Lets a claim in deletion go once no pod that may still run uses it.
fn let_go(world: &mut World<'_>, claim: &Arc<Value>) {
    let pods = world.index.of_kind("", "Pod", namespace(claim));
    let uses = |pod: &Arc<Value>| {
        !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
            && array(pod, "/spec/volumes")
                .iter()
                .any(|volume| text(volume, "/persistentVolumeClaim/claimName") == name(claim))
    };
    if !finalizers(claim).any(|name| name == PROTECTION) || pods.iter().any(uses) {
        return;
    }
    let mut released = Value::clone(claim);
    if let Some(list) = released["metadata"]["finalizers"].as_array_mut() {
        list.retain(|name| name != PROTECTION);
    }
    world.update(claim, released);
}

fn default_class(world: &World<'_>) -> String {
    let classes = world.objects.list("storage.k8s.io", "StorageClass", None);
    let default = classes.iter().find(|class| annotation(class, DEFAULT_CLASS) == Some("true"));
    default.map(|class| name(class).to_owned()).unwrap_or_default()
}

/// Deletes the volume that was made for a claim that is gone.
pub(super) fn release(world: &mut World<'_>, claim: &Value) {
    let named = text(claim, "/spec/volumeName");
    let Some(volume) = world.objects.get("", "PersistentVolume", None, named) else { return };
    let ours = text(&volume, "/spec/claimRef/uid") == uid(claim)
        && text(&volume, "/spec/persistentVolumeReclaimPolicy") == "Delete"
        && array(&volume, "/metadata/finalizers").is_empty();
    if ours {
        world.delete(&volume, None);
    }
}
