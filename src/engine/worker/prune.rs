//! What may go: tombstones that are not wanted, pods of a failed revision, old configuration.

use serde_json::Value;

use super::collect;
use super::converge::{Outcome, Place, Scene};
use super::held::Held;
use super::inventory;
use crate::accepted::AcceptedOn;
use crate::model::{Manifest, ObjectKey};
use crate::port::cluster::{ClusterError, Delete};
use crate::wanted::rank;

/// Deletes what may go, in the reverse order of the kinds, each only under the uid that was seen.
pub(super) async fn prune(
    scene: &Scene<'_>,
    place: &Place<'_>,
    here: &AcceptedOn,
    held: &mut Held,
    outcome: &mut Outcome,
) {
    if place.wanted.suspended {
        return;
    }
    retire(scene, place, held, outcome).await;
    let Some(stored) = &held.inventory else { return };
    let mut left = stored.inventory.clone();
    let mut going: Vec<ObjectKey> =
        place.wanted.remove.iter().filter(|key| left.objects.contains_key(*key)).cloned().collect();
    going.extend(collect::collectable(scene, place, here, &left));
    going.sort_by_key(|key| (std::cmp::Reverse(rank(key)), key.clone()));
    for key in going {
        match remove(scene, place, held, &key).await {
            Ok(Removal::Gone(writes)) => {
                outcome.writes += writes;
                left.objects.remove(&key);
                held.written.remove(&key);
                held.applied.remove(&key);
            }
            Ok(Removal::Going(writes)) => {
                outcome.writes += writes;
                outcome.note(format!("waits for {key} to go"), false);
            }
            Err(error) => outcome.fail(&key, &error),
        }
    }
    match inventory::store(scene, place, held, left).await {
        Ok(writes) => outcome.writes += writes,
        Err(error) => outcome.fail_inventory(&error),
    }
}

enum Removal {
    Gone(u32),
    Going(u32),
}

async fn remove(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &Held,
    key: &ObjectKey,
) -> Result<Removal, ClusterError> {
    // A kind that discovery does not show may still exist behind a group that did not answer.
    let Some(resource) = scene.facts.find(&key.group, &key.kind) else { return Ok(Removal::Going(0)) };
    let Some(live) = scene.cluster.get(resource, key).await? else { return Ok(Removal::Gone(0)) };
    let known = held.inventory.as_ref().and_then(|stored| stored.inventory.objects.get(key)?.uid.as_deref());
    // The very object that we applied, though somebody has taken its fields over; or another, of
    // which we had no time to note the uid.
    let same = known.is_some() && known == live.uid();
    if !same && !is_ours(&live) {
        // Somebody else made another object of this name: not ours to delete.
        return Ok(Removal::Gone(0));
    }
    if is_going(&live) {
        return Ok(Removal::Going(0));
    }
    let user = place.user();
    let delete = Delete {
        key,
        uid: live.uid().unwrap_or_default(),
        resource_version: live.resource_version(),
        as_user: user.as_deref(),
    };
    scene.cluster.delete(resource, delete).await?;
    Ok(Removal::Going(1))
}

/// Whether we have applied it.
fn is_ours(live: &Manifest) -> bool {
    let entries = live.at("/metadata/managedFields").and_then(Value::as_array);
    entries.is_some_and(|entries| {
        entries
            .iter()
            .any(|entry| entry["manager"] == crate::model::FIELD_MANAGER && entry["operation"] == "Apply")
    })
}

/// Pods of a revision that is left: a StatefulSet does not replace a pod that never got ready. One
/// at a time, the highest ordinal first.
async fn retire(scene: &Scene<'_>, place: &Place<'_>, held: &Held, outcome: &mut Outcome) {
    let Some(pods) = scene.facts.find("", "Pod") else { return };
    for key in &place.wanted.retire {
        let Some(resource) = scene.facts.find(&key.group, &key.kind) else { continue };
        let Some(set) = held.newest(key, scene.cluster.live(resource, key)) else { continue };
        let observed = set.at("/status/observedGeneration").and_then(Value::as_i64);
        let revision = set.at("/status/updateRevision").and_then(Value::as_str);
        let (Some(revision), true) = (revision, observed >= set.generation()) else { continue };
        let mut left: Vec<_> = scene
            .cluster
            .live_in(pods, key.namespace.as_deref())
            .into_iter()
            .filter(|pod| is_controlled_by(pod, &set))
            .filter(|pod| pod.label("controller-revision-hash") != Some(revision))
            .collect();
        left.sort_by_key(|pod| std::cmp::Reverse(ordinal(pod)));
        let Some(pod) = left.first() else { continue };
        if is_going(pod) {
            continue;
        }
        let pod_key = pod.key();
        // The watch may not show yet that it was told to go, or that another stands in its place.
        match scene.cluster.get(pods, &pod_key).await {
            Ok(Some(now)) if now.uid() == pod.uid() && !is_going(&now) => {}
            Ok(_) => continue,
            Err(error) => {
                outcome.fail(&pod_key, &error);
                continue;
            }
        }
        let user = place.user();
        let uid = pod.uid().unwrap_or_default();
        let delete = Delete { key: &pod_key, uid, resource_version: None, as_user: user.as_deref() };
        outcome.writes += 1;
        if let Err(error) = scene.cluster.delete(pods, delete).await {
            outcome.fail(&pod_key, &error);
        }
    }
}

/// Whether it was told to go.
fn is_going(object: &Manifest) -> bool {
    object.at("/metadata/deletionTimestamp").is_some()
}

fn ordinal(pod: &Manifest) -> u32 {
    pod.name().rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

/// Whether `owner` is the controller of `object`.
pub(super) fn is_controlled_by(object: &Manifest, owner: &Manifest) -> bool {
    let references = object.at("/metadata/ownerReferences").and_then(Value::as_array);
    references.is_some_and(|references| {
        references
            .iter()
            .any(|reference| reference["controller"] == true && reference["uid"].as_str() == owner.uid())
    })
}
