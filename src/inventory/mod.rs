//! What Sluice has put into a cluster, as it is written there.
//!
//! One ConfigMap in the engine's own namespace per (target, owner) and shard. It is written ahead:
//! before anything is applied it names what was there and what is to come, afterwards what is
//! there. So a kill at any point leaves nothing behind that nobody knows of. The text is one
//! compressed blob: a key per object would not do, since keys allow neither `/` nor `:`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::{Manifest, ObjectKey, Owner, SYSTEM_NAMESPACE, TargetKey, sha256};

/// So many objects stand in one ConfigMap: 2000 compress to well under its limit of 1 MiB.
pub const SHARD_SIZE: usize = 2000;

/// The most that a blob may unpack to: 100 times what a full shard of long names takes, so that a
/// forged blob can't fill the memory.
const UNPACKED_LIMIT: u64 = 64 << 20;

/// The label by which inventories are found.
pub const INVENTORY_LABEL: &str = "sluice.dev/inventory";

const FIELD: &str = "objects";

/// What Sluice has put into a target for one owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The objects, with the uid under which they were seen last.
    pub objects: BTreeMap<ObjectKey, Entry>,
}

/// One object of an inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The uid, once the object was applied: an object of the same name with another uid is another
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// How a Job ended. One that has ended is never made again, though its time to live or a person
    /// removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How a Job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Enough of its pods ended well.
    Complete,
    /// Too many did not.
    Failed,
    /// It was there and is gone, and nobody saw how it ended. It may have done its work, so it is
    /// not made again.
    Unseen,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    key: ObjectKey,
    #[serde(flatten)]
    entry: Entry,
}

/// Why an inventory can't be read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The ConfigMap has no blob, or one that is no base64 or gzip.
    #[error("the inventory {0} is damaged")]
    Damaged(String, #[source] Option<Box<dyn std::error::Error + Send + Sync>>),
}

impl Inventory {
    /// Names these keys too, without forgetting any.
    pub fn include<'a>(&mut self, keys: impl IntoIterator<Item = &'a ObjectKey>) {
        for key in keys {
            self.objects.entry(key.clone()).or_default();
        }
    }

    /// How a Job ended, if it has.
    pub fn ended(&self, key: &ObjectKey) -> Option<Ended> {
        self.objects.get(key).and_then(|entry| entry.ended)
    }

    /// The keys.
    pub fn keys(&self) -> BTreeSet<ObjectKey> {
        self.objects.keys().cloned().collect()
    }
}

/// The name of the ConfigMap of an owner's inventory on a target.
pub fn name(target: &TargetKey, owner: &Owner, shard: usize) -> String {
    // Two pairs joined by `-` can read alike; the digest tells them apart.
    let whole = format!("{target} {owner}");
    let digest = sha256(whole.as_bytes()).short();
    let people: String = owner.to_string().replace('/', "-");
    format!("inventory-{:.80}-{digest}-{shard}", people)
}

/// The ConfigMaps of an inventory. An empty one is one empty shard.
pub fn encode(target: &TargetKey, owner: &Owner, inventory: &Inventory) -> Vec<Manifest> {
    let lines: Vec<Line> = inventory
        .objects
        .iter()
        .map(|(key, entry)| Line { key: key.clone(), entry: entry.clone() })
        .collect();
    let chunks: Vec<&[Line]> = if lines.is_empty() { vec![&[]] } else { lines.chunks(SHARD_SIZE).collect() };
    chunks
        .iter()
        .enumerate()
        .map(|(shard, lines)| {
            let blob = STANDARD.encode(compress(&serde_json::to_vec(lines).expect("lines are JSON")));
            let value = json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": name(target, owner, shard),
                    "namespace": SYSTEM_NAMESPACE,
                    "labels": {
                        "app.kubernetes.io/managed-by": "sluice",
                        INVENTORY_LABEL: target.namespace.as_str(),
                    },
                    "annotations": { "sluice.dev/owner": owner, "sluice.dev/target": target },
                },
                "data": { "count": lines.len().to_string() },
                "binaryData": { FIELD: blob },
            });
            Manifest::new(value).expect("an inventory is an object")
        })
        .collect()
}

/// Reads one shard.
///
/// # Errors
/// The blob is missing or damaged.
pub fn decode(shard: &Manifest) -> Result<Inventory, InventoryError> {
    let damaged = |source| InventoryError::Damaged(shard.name().to_owned(), source);
    let blob = shard.at(&format!("/binaryData/{FIELD}")).and_then(serde_json::Value::as_str);
    let blob = STANDARD
        .decode(blob.ok_or_else(|| damaged(None))?)
        .map_err(|error| damaged(Some(Box::new(error))))?;
    let mut text = Vec::new();
    let reader = flate2::read::GzDecoder::new(blob.as_slice());
    reader.take(UNPACKED_LIMIT).read_to_end(&mut text).map_err(|error| damaged(Some(Box::new(error))))?;
    let lines: Vec<Line> = serde_json::from_slice(&text).map_err(|error| damaged(Some(Box::new(error))))?;
    Ok(Inventory { objects: lines.into_iter().map(|line| (line.key, line.entry)).collect() })
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("writing into memory does not fail");
    encoder.finish().expect("writing into memory does not fail")
}

#[cfg(test)]
mod tests;
