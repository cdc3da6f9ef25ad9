//! What is sent, and what of an object counts.

use serde_json::{Value, json};

use crate::diff::{Difference, DifferenceKind};
use crate::model::{ContentDigest, Manifest, ObjectKey, Resource};
use crate::port::cluster::ClusterError;

/// The digest of what a write could change: all but status and what the server counts.
pub(in crate::engine) fn comparable(object: &Manifest) -> ContentDigest {
    let mut value = object.as_value().clone();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            for counted in ["managedFields", "resourceVersion", "generation"] {
                metadata.remove(counted);
            }
        }
    }
    ContentDigest::of_json(&value)
}

/// The object with uid and resourceVersion of what was decided on.
pub(super) fn fenced(object: &Manifest, live: &Manifest) -> Manifest {
    let mut sent = object.clone();
    let metadata = &mut sent.as_value_mut()["metadata"];
    metadata["uid"] = json!(live.uid());
    metadata["resourceVersion"] = json!(live.resource_version());
    sent
}

/// The replicas of an object and nothing else of it.
pub(super) fn scaled(
    resource: &Resource,
    key: &ObjectKey,
    live: &Manifest,
    count: u32,
) -> Result<Manifest, ClusterError> {
    let value = json!({
        "apiVersion": resource.api_version(),
        "kind": resource.kind,
        "metadata": { "name": key.name, "namespace": key.namespace, "uid": live.uid() },
        "spec": { "replicas": count },
    });
    Manifest::new(value).map_err(|error| ClusterError::Invalid(error.to_string()))
}

/// A JSON Patch that takes foreign additions away; none if there are none.
pub(super) fn removal(differences: &[Difference], live: &Manifest) -> Option<Value> {
    let mut pointers: Vec<&str> = differences
        .iter()
        .filter(|difference| matches!(difference.kind, DifferenceKind::Foreign | DifferenceKind::Removed))
        .map(|difference| difference.pointer.as_str())
        .collect();
    if pointers.is_empty() {
        return None;
    }
    // Later elements of a list first, so that the places of the earlier ones stay.
    pointers.sort_by_key(|pointer| std::cmp::Reverse(natural(pointer)));
    let mut operations = vec![
        // Written, not tested: a failed test is answered as an invalid request, this as a conflict.
        json!({"op": "add", "path": "/metadata/uid", "value": live.uid()}),
        json!({"op": "add", "path": "/metadata/resourceVersion", "value": live.resource_version()}),
    ];
    operations.extend(pointers.iter().map(|pointer| json!({"op": "remove", "path": pointer})));
    Some(Value::Array(operations))
}

/// A pointer's parts, with list places as numbers.
fn natural(pointer: &str) -> Vec<(u64, String)> {
    pointer.split('/').map(|part| (part.parse().unwrap_or(u64::MAX), part.to_owned())).collect()
}
