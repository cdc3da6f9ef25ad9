//! What a worker remembers of one owner on one target. All of it can be lost: the next pass asks
//! the cluster again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

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
    /// Resource versions of one object rise; the API server documents them as comparable whole
    /// numbers since 1.35, and every earlier one writes them so.
    pub(super) fn newest(&self, key: &ObjectKey, live: Option<Arc<Manifest>>) -> Option<Arc<Manifest>> {
        let Some(written) = self.written.get(key) else { return live };
        match live {
            Some(live) if version(&live) >= version(written) || live.uid() != written.uid() => Some(live),
            Some(_) => Some(written.clone()),
            // Not in the watch: not there yet, or gone. Who must know asks the API server.
            None => Some(written.clone()),
        }
    }
}

impl Held {
    /// Forgets our own write of an object once the watch has caught up with it: from then on, not
    /// being in the watch means being gone.
    pub(super) fn catch_up(&mut self, key: &ObjectKey, live: Option<&Manifest>) {
        let Some((live, written)) = live.zip(self.written.get(key)) else { return };
        if version(live) >= version(written) || live.uid() != written.uid() {
            self.written.remove(key);
        }
    }
}

pub(super) fn version(object: &Manifest) -> u64 {
    object.resource_version().and_then(|text| text.parse().ok()).unwrap_or_default()
}
