//! The inventory in the cluster: read once, written ahead and after, only when it says something new.

use serde_json::json;

use super::converge::{Place, Scene};
use super::held::{Held, StoredInventory};
use crate::inventory::{Inventory, decode, encode, name};
use crate::model::{ClusterFacts, FIELD_MANAGER, Manifest, ObjectKey, Resource, SYSTEM_NAMESPACE};
use crate::port::cluster::{Apply, Cluster, ClusterError};

/// Makes the engine's own namespace, if it is not there.
pub(super) async fn ensure_namespace(
    cluster: &dyn Cluster,
    facts: &ClusterFacts,
) -> Result<(), ClusterError> {
    let Some(resource) = facts.find("", "Namespace") else {
        return Err(ClusterError::NotFound("the cluster serves no namespaces".to_owned()));
    };
    let key = ObjectKey::cluster_scoped("", "Namespace", SYSTEM_NAMESPACE);
    if cluster.get(resource, &key).await?.is_some() {
        return Ok(());
    }
    let value = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": SYSTEM_NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "sluice"}},
    });
    let object = Manifest::new(value).expect("a namespace is an object");
    let apply = Apply { object: &object, manager: FIELD_MANAGER, force: true, dry_run: false, as_user: None };
    cluster.apply(resource, apply).await.map(|_| ())
}

fn config_maps<'a>(scene: &'a Scene<'_>) -> Result<&'a Resource, ClusterError> {
    let missing = || ClusterError::NotFound("the cluster serves no ConfigMaps".to_owned());
    scene.facts.find("", "ConfigMap").ok_or_else(missing)
}

/// Reads the inventory from the cluster, unless it was read before.
pub(super) async fn load<'h>(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &'h mut Held,
) -> Result<&'h mut StoredInventory, ClusterError> {
    if held.inventory.is_none() {
        let resource = config_maps(scene)?;
        let mut stored = StoredInventory::default();
        loop {
            let name = name(place.target, place.owner, stored.versions.len());
            let key = ObjectKey::namespaced("", "ConfigMap", SYSTEM_NAMESPACE, &name);
            let Some(shard) = scene.cluster.get(resource, &key).await? else { break };
            let part = decode(&shard).map_err(|error| ClusterError::Invalid(error.to_string()))?;
            stored.inventory.objects.extend(part.objects);
            stored.versions.push(shard.resource_version().unwrap_or_default().to_owned());
        }
        held.inventory = Some(stored);
    }
    Ok(held.inventory.get_or_insert_default())
}

/// Writes the inventory, if it says something else than what is stored. Returns the number of writes.
pub(super) async fn store(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &mut Held,
    inventory: Inventory,
) -> Result<u32, ClusterError> {
    let stored = load(scene, place, held).await?;
    if stored.inventory == inventory {
        return Ok(0);
    }
    let resource = config_maps(scene)?;
    let mut writes = 0;
    let shards = encode(place.target, place.owner, &inventory);
    let count = shards.len();
    for (number, mut shard) in shards.into_iter().enumerate() {
        if let Some(version) = stored.versions.get(number) {
            shard.as_value_mut()["metadata"]["resourceVersion"] = json!(version);
        }
        writes += 1;
        match scene.cluster.put(resource, &shard).await {
            Ok(written) => {
                let version = written.resource_version().unwrap_or_default().to_owned();
                match stored.versions.get_mut(number) {
                    Some(place) => *place = version,
                    None => stored.versions.push(version),
                }
            }
            Err(error) => {
                // Somebody else wrote it, or nobody knows whether we did: read it again.
                held.inventory = None;
                return Err(error);
            }
        }
    }
    // Shards that are no longer needed stay, empty of meaning, until the next write fills them:
    // an empty list in each.
    for number in count..stored.versions.len() {
        let mut shard = encode(place.target, place.owner, &Inventory::default()).remove(0);
        let name = name(place.target, place.owner, number);
        shard.as_value_mut()["metadata"]["name"] = json!(name);
        shard.as_value_mut()["metadata"]["resourceVersion"] = json!(stored.versions[number]);
        writes += 1;
        let written = scene.cluster.put(resource, &shard).await?;
        stored.versions[number] = written.resource_version().unwrap_or_default().to_owned();
    }
    stored.inventory = inventory;
    Ok(writes)
}
