//! One object: compare, ask, apply.

use std::sync::Arc;

use serde_json::{Value, json};

use super::converge::{Place, Scene};
use super::held::Held;
use super::yielded;
use crate::diff::{self, Difference, DifferenceKind};
use crate::model::{ContentDigest, FIELD_MANAGER, Manifest, ObjectKey, Resource, SCALE_MANAGER, is_sealed};
use crate::port::cluster::{Apply, ClusterError, Patch};
use crate::wanted::WantedObject;

/// So often a write is tried anew on the object as it is then, when somebody else wrote first.
/// Controllers write a workload's status in bursts; three looks outlast one.
const CONFLICT_TRIES: u32 = 3;

/// Brings one object to what is wanted. Returns the number of writes.
pub(super) async fn bring(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &mut Held,
    key: &ObjectKey,
) -> Result<u32, ClusterError> {
    let wanted = &place.wanted.objects[key];
    let Some(resource) = scene.facts.find(&key.group, &key.kind) else {
        return Err(ClusterError::NotFound("the cluster does not serve this kind".to_owned()));
    };
    let object = opened(scene, held, &wanted.manifest)?;
    let mut live = found(scene, held, resource, key).await?;
    if live.is_none() && held.inventory.as_ref().is_some_and(|stored| stored.inventory.ended(key).is_some()) {
        return Ok(0);
    }
    let mut writes = 0;
    for attempt in 1..=CONFLICT_TRIES {
        match write(scene, place, held, resource, key, wanted, &object, live.clone(), &mut writes).await {
            Err(ClusterError::Conflict(_)) if attempt < CONFLICT_TRIES => {
                live = reread(scene, held, resource, key).await?;
            }
            other => return other.map(|()| writes),
        }
    }
    Ok(writes)
}

/// The object as it is: the newer of what the watch shows and what our own write returned. One that
/// we wrote and the watch does not show is not there yet or was deleted: the API server knows.
async fn found(
    scene: &Scene<'_>,
    held: &mut Held,
    resource: &Resource,
    key: &ObjectKey,
) -> Result<Option<Arc<Manifest>>, ClusterError> {
    let live = scene.cluster.live(resource, key);
    held.catch_up(key, live.as_deref());
    if live.is_some() || !held.written.contains_key(key) {
        return Ok(held.newest(key, live));
    }
    reread(scene, held, resource, key).await
}

/// The object as the API server has it now.
async fn reread(
    scene: &Scene<'_>,
    held: &mut Held,
    resource: &Resource,
    key: &ObjectKey,
) -> Result<Option<Arc<Manifest>>, ClusterError> {
    let live = scene.cluster.get(resource, key).await?.map(Arc::new);
    match &live {
        Some(live) => held.written.insert(key.clone(), live.clone()),
        None => held.written.remove(key),
    };
    Ok(live)
}

#[expect(clippy::too_many_arguments, reason = "one object's whole situation, used here alone")]
async fn write(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &mut Held,
    resource: &Resource,
    key: &ObjectKey,
    wanted: &WantedObject,
    object: &Arc<Manifest>,
    live: Option<Arc<Manifest>>,
    writes: &mut u32,
) -> Result<(), ClusterError> {
    let options = diff::Options {
        ignore: wanted.owned_elsewhere.iter().cloned().collect(),
        ..diff::Options::default()
    };
    let object = &yielded::to_owners(object, live.as_deref(), &wanted.owned_elsewhere);
    let digest = object.digest();
    let differences = diff::differ(object, live.as_deref(), &options);
    let mut now = live.clone();
    // What others added is not undone by applying, so a dry run says nothing of it.
    let (added, only) = (differences.iter().any(is_foreign), differences.iter().all(is_foreign));
    if !differences.is_empty()
        && !is_known_settled(held, key, object, live.as_deref())
        && (added || !is_settled(scene, place, held, resource, key, object, live.as_deref()).await?)
    {
        let user = place.user();
        let mut result = match live.as_deref() {
            Some(live) if only => live.clone(),
            live => {
                *writes += 1;
                let apply = Apply {
                    object: &fenced(object, live),
                    manager: FIELD_MANAGER,
                    force: true,
                    dry_run: false,
                    as_user: user.as_deref(),
                };
                scene.cluster.apply(resource, apply).await?
            }
        };
        if let Some(operations) = removal(&diff::differ(object, Some(&result), &options), &result) {
            held.written.insert(key.clone(), Arc::new(result));
            *writes += 1;
            let patch =
                Patch { key, operations: &operations, manager: FIELD_MANAGER, as_user: user.as_deref() };
            result = scene.cluster.patch(resource, patch).await?;
            if diff::differ(object, Some(&result), &options).iter().any(is_foreign) {
                // The server keeps it: asking for the same again would never end.
                held.settled.insert(key.clone(), (object.digest(), comparable(&result)));
            }
        }
        let result = Arc::new(result);
        held.written.insert(key.clone(), result.clone());
        now = Some(result);
    }
    held.applied.insert(key.clone(), digest);
    scale(scene, place, held, resource, key, wanted, now.as_deref(), writes).await
}

fn is_foreign(difference: &Difference) -> bool {
    difference.kind == DifferenceKind::Foreign
}

/// Whether a difference was found to be none before, with both sides as they are.
fn is_known_settled(held: &Held, key: &ObjectKey, object: &Manifest, live: Option<&Manifest>) -> bool {
    let Some(live) = live else { return false };
    held.settled.get(key).is_some_and(|known| *known == (object.digest(), comparable(live)))
}

/// Whether the API server itself sees no difference: what is wanted and what is live are the same
/// once it has filled in and normalised. Asked only when nothing else explains the difference: an
/// object that is there and was already as wanted, or of which nothing is remembered.
async fn is_settled(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &mut Held,
    resource: &Resource,
    key: &ObjectKey,
    object: &Arc<Manifest>,
    live: Option<&Manifest>,
) -> Result<bool, ClusterError> {
    let Some(live) = live else { return Ok(false) };
    let pair = (object.digest(), comparable(live));
    if held.applied.get(key).is_some_and(|applied| *applied != pair.0) {
        return Ok(false);
    }
    let answer = ask(scene, place, resource, object).await?;
    let same = comparable(&answer) == pair.1;
    if same {
        held.settled.insert(key.clone(), pair);
    }
    Ok(same)
}

/// A server-side dry run.
pub(super) async fn ask(
    scene: &Scene<'_>,
    place: &Place<'_>,
    resource: &Resource,
    object: &Manifest,
) -> Result<Manifest, ClusterError> {
    let user = place.user();
    let apply =
        Apply { object, manager: FIELD_MANAGER, force: true, dry_run: true, as_user: user.as_deref() };
    scene.cluster.apply(resource, apply).await
}

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
fn fenced(object: &Manifest, live: Option<&Manifest>) -> Manifest {
    let mut sent = object.clone();
    if let Some(live) = live {
        let metadata = &mut sent.as_value_mut()["metadata"];
        metadata["uid"] = json!(live.uid());
        metadata["resourceVersion"] = json!(live.resource_version());
    }
    sent
}

/// A JSON Patch that takes foreign additions away; none if there are none.
fn removal(differences: &[Difference], live: &Manifest) -> Option<Value> {
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

#[expect(clippy::too_many_arguments, reason = "one object's whole situation, used here alone")]
async fn scale(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &mut Held,
    resource: &Resource,
    key: &ObjectKey,
    wanted: &WantedObject,
    live: Option<&Manifest>,
    writes: &mut u32,
) -> Result<(), ClusterError> {
    let Some(scale) = wanted.scale else { return Ok(()) };
    if wanted.owned_elsewhere.contains("/spec/replicas") {
        return Ok(());
    }
    let replicas = live.and_then(|live| live.at("/spec/replicas")).and_then(Value::as_u64);
    // An object that was made a moment ago has the server's default, which nobody chose.
    let fresh = held.applied.contains_key(key) && live.and_then(Manifest::generation) == Some(1);
    let autoscaled = matches!(scale, crate::wanted::Scale::Initial(_));
    let seen = if fresh && autoscaled && !owns_replicas(live) { None } else { replicas };
    let Some(count) = scale.to_write(seen) else { return Ok(()) };
    let value = json!({
        "apiVersion": resource.api_version(),
        "kind": resource.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "uid": live.and_then(Manifest::uid),
        },
        "spec": {"replicas": count},
    });
    let object = Manifest::new(value).map_err(|error| ClusterError::Invalid(error.to_string()))?;
    let user = place.user();
    let apply = Apply {
        object: &object,
        manager: SCALE_MANAGER,
        force: true,
        dry_run: false,
        as_user: user.as_deref(),
    };
    *writes += 1;
    let result = scene.cluster.apply(resource, apply).await?;
    held.written.insert(key.clone(), Arc::new(result));
    Ok(())
}

/// Whether somebody has chosen the number of replicas.
fn owns_replicas(live: Option<&Manifest>) -> bool {
    let entries = live.and_then(|live| live.at("/metadata/managedFields")).and_then(Value::as_array);
    entries.is_some_and(|entries| {
        entries.iter().any(|entry| entry.pointer("/fieldsV1/f:spec/f:replicas").is_some())
    })
}

/// The object with its values opened, remembered by the digest of the sealed one.
fn opened(scene: &Scene<'_>, held: &mut Held, object: &Arc<Manifest>) -> Result<Arc<Manifest>, ClusterError> {
    if !is_sealed(object) {
        return Ok(object.clone());
    }
    let digest = object.digest();
    if let Some(opened) = held.opened.get(&digest) {
        return Ok(opened.clone());
    }
    let opened = open(scene, object)?;
    held.opened.insert(digest, opened.clone());
    Ok(opened)
}

/// The object with its values opened.
pub(super) fn open(scene: &Scene<'_>, object: &Manifest) -> Result<Arc<Manifest>, ClusterError> {
    if !is_sealed(object) {
        return Ok(Arc::new(object.clone()));
    }
    let opened = crate::artifact::unseal(object, scene.keys);
    opened.map(Arc::new).map_err(|error| ClusterError::Invalid(error.to_string()))
}
