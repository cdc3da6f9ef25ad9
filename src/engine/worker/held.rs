//! What a worker remembers of one owner on one target. All of it can be lost: the next pass asks
//! the cluster again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::jobs::is_job;
use crate::inventory::Inventory;
use crate::model::{ContentDigest, Manifest, ObjectKey};

/// What a worker remembers of one owner on one target.
#[derive(Debug, Default)]
pub struct Held {
    /// The inventory as it stands in the cluster, once it was read: its shards' resource versions.
    pub(super) inventory: Option<StoredInventory>,
    /// Objects as our own last write returned them. The watch may lag behind.
    pub(super) written: BTreeMap<ObjectKey, Arc<Manifest>>,
    /// The digest of what was wanted of an object when it was applied last, or found as wanted.
    pub(super) applied: BTreeMap<ObjectKey, ContentDigest>,
    /// Differences that a dry run says are none: (digest of what is wanted, of what is live).
    pub(super) settled: BTreeMap<ObjectKey, (ContentDigest, ContentDigest)>,
    /// Secrets that were opened: by the digest of the sealed object.
    pub(super) opened: BTreeMap<ContentDigest, Arc<Manifest>>,
    /// When the owner lacked rights first.
    pub(super) powerless: Option<Instant>,
}

/// So long rights may take to be in force: an API server that is told of a Role by its watch takes
/// a second or two, several behind one address some more.
const RIGHTS_WITHIN: Duration = Duration::from_secs(10);

/// An inventory and the shards that it was read from.
#[derive(Debug, Default)]
pub struct StoredInventory {
    pub(super) inventory: Inventory,
    pub(super) versions: Vec<String>,
}

impl Held {
    /// Whether rights that are missing now may still come.
    pub(super) fn is_early(&mut self) -> bool {
        self.powerless.get_or_insert_with(Instant::now).elapsed() < RIGHTS_WITHIN
    }

    /// The newer of what the watch shows and what our own write returned.
    ///
    /// Resource versions of one kind rise, also over objects of one name that follow each other; the
    /// API server documents them as comparable whole numbers since 1.35, and every earlier one
    /// writes them so.
    pub(super) fn newest(&self, key: &ObjectKey, live: Option<Arc<Manifest>>) -> Option<Arc<Manifest>> {
        let Some(written) = self.written.get(key) else { return live };
        match live {
            Some(live) if version(&live) >= version(written) => Some(live),
            Some(_) => Some(written.clone()),
            // Not in the watch: not there yet, or gone. Who must know asks the API server.
            None => Some(written.clone()),
        }
    }
}

impl Held {
    /// Whether this is a Job that was made, so that it is not made again now that it is gone. Of
    /// one that went before it had ended the inventory has forgotten that.
    pub(super) fn has_run(&self, key: &ObjectKey) -> bool {
        let entry = self.inventory.as_ref().and_then(|stored| stored.inventory.objects.get(key));
        is_job(key) && entry.is_some_and(|entry| entry.uid.is_some() || entry.ended.is_some())
    }

    /// Forgets our own write of an object once the watch has caught up with it: from then on, not
    /// being in the watch means being gone.
    pub(super) fn catch_up(&mut self, key: &ObjectKey, live: Option<&Manifest>) {
        let Some((live, written)) = live.zip(self.written.get(key)) else { return };
        if version(live) >= version(written) {
            self.written.remove(key);
        }
    }
}

pub(super) fn version(object: &Manifest) -> u64 {
    object.resource_version().and_then(|text| text.parse().ok()).unwrap_or_default()
}
