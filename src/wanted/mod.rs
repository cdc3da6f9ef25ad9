//! What a cluster must hold at this moment: accepted bundles, sized by the settings in force.
//!
//! One writer: rollouts and healing both go through the cluster's worker, which converges to this.
//! Nothing here looks at live state; the worker compares.

mod order;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::accepted::{AcceptedOn, MoveShare, MoveState};
use crate::model::{
    Allocation, Bundle, BundleDigest, ComponentName, ExtraMetadata, Manifest, ObjectKey, Owner, Replicas,
    Settings, Size, Slots,
};

pub use order::rank;

/// Bundles by digest, as the ledger stores them.
pub type Bundles = BTreeMap<BundleDigest, Arc<Bundle>>;

/// An allocation names a bundle that was not handed in: a stored object is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored bundle {0} is missing")]
pub struct MissingBundle(pub BundleDigest);

/// What one owner must have on one target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// The objects, by key.
    pub objects: BTreeMap<ObjectKey, WantedObject>,
    /// What may be deleted, if it is there: tombstones, and workloads that stop by not being there.
    pub remove: BTreeSet<ObjectKey>,
    /// Workloads whose pods of any other template are to be deleted, the highest ordinal first.
    pub retire: BTreeSet<ObjectKey>,
    /// The workload of each component.
    pub workloads: BTreeMap<ComponentName, ObjectKey>,
    /// The number of the allocation (for the platform: of its objects) that this follows from.
    pub allocation: u64,
    /// The number of the settings that this follows from.
    pub settings: u64,
    /// Nothing is written while set.
    pub suspended: bool,
    /// Objects that are only kept, until a soak or the way back is over.
    pub kept: BTreeSet<ObjectKey>,
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedObject {
    /// The object, without `spec.replicas`. A Secret may still be sealed.
    pub manifest: Arc<Manifest>,
    /// Its replicas, where it has them.
    pub scale: Option<Scale>,
    /// Fields (JSON pointers) that somebody else owns.
    pub owned_elsewhere: BTreeSet<String>,
}

/// The replicas of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Exactly so many: anything else is drift.
    Held(u32),
    /// So many to begin with and when it stands at 0; after that an autoscaler decides.
    Initial(u32),
}

impl Scale {
    /// The number to write, given what is live; none if nothing is to be written.
    pub fn to_write(self, live: Option<u64>) -> Option<u32> {
        match self {
            Scale::Held(count) => (live != Some(u64::from(count))).then_some(count),
            Scale::Initial(count) => matches!(live, None | Some(0)).then_some(count),
        }
    }
}

/// What every owner must have on one target.
///
/// # Errors
/// A bundle that an allocation names was not handed in.
pub fn wanted(here: &AcceptedOn, bundles: &Bundles) -> Result<BTreeMap<Owner, Wanted>, MissingBundle> {
    let mut all = BTreeMap::new();
    if !here.platform.value.is_empty() || here.tombstones.contains_key(&Owner::Platform) {
        all.insert(Owner::Platform, platform(here));
    }
    for (app, share) in &here.apps {
        let owner = Owner::App(app.clone());
        let mut set = app_on_target(share, bundles)?;
        set.remove.extend(remove(here, &owner, &set.objects));
        all.insert(owner, set);
    }
    // Apps that have left: their tombstones are all that is known of them.
    for owner in here.tombstones.keys() {
        if !all.contains_key(owner) {
            let remove = remove(here, owner, &BTreeMap::new());
            all.insert(owner.clone(), Wanted { remove, ..Wanted::default() });
        }
    }
    leave_to_one(&mut all);
    keep_what_others_want(&mut all);
    for set in all.values_mut() {
        set.suspended |= here.paused;
    }
    Ok(all)
}

/// An object has one owner: of several that hold it, who only keeps it yields, then who comes later.
fn leave_to_one(all: &mut BTreeMap<Owner, Wanted>) {
    let mut owners: BTreeMap<&ObjectKey, Vec<(bool, &Owner)>> = BTreeMap::new();
    for (owner, set) in all.iter() {
        for key in set.objects.keys() {
            owners.entry(key).or_default().push((set.kept.contains(key), owner));
        }
    }
    let yielding: Vec<(Owner, ObjectKey)> = owners
        .into_iter()
        .filter(|(_, owners)| owners.len() > 1)
        .flat_map(|(key, mut owners)| {
            owners.sort();
            owners.into_iter().skip(1).map(|(_, owner)| (owner.clone(), key.clone())).collect::<Vec<_>>()
        })
        .collect();
    for (owner, key) in yielding {
        if let Some(set) = all.get_mut(&owner) {
            set.objects.remove(&key);
        }
    }
}

/// An object that has moved from one owner to another is not deleted behind the new one's back.
fn keep_what_others_want(all: &mut BTreeMap<Owner, Wanted>) {
    let wanted: BTreeSet<ObjectKey> = all.values().flat_map(|set| set.objects.keys().cloned()).collect();
    for set in all.values_mut() {
        set.remove.retain(|key| !wanted.contains(key));
    }
}

fn platform(here: &AcceptedOn) -> Wanted {
    let objects: BTreeMap<_, _> = here
        .platform
        .value
        .iter()
        .map(|object| {
            let manifest = Arc::new(object.clone());
            (object.key(), WantedObject { manifest, scale: None, owned_elsewhere: BTreeSet::new() })
        })
        .collect();
    let remove = remove(here, &Owner::Platform, &objects);
    Wanted { objects, remove, allocation: here.platform.number, settings: 0, ..Wanted::default() }
}

fn remove(here: &AcceptedOn, owner: &Owner, kept: &BTreeMap<ObjectKey, WantedObject>) -> BTreeSet<ObjectKey> {
    let keys = here.tombstones.get(owner).into_iter().flatten();
    keys.filter(|key| !kept.contains_key(key)).cloned().collect()
}

fn app_on_target(share: &MoveShare, bundles: &Bundles) -> Result<Wanted, MissingBundle> {
    let MoveState { allocation, settings, .. } = &share.state;
    let mut wanted = Wanted {
        allocation: allocation.number,
        settings: settings.number,
        suspended: share.suspended,
        ..Wanted::default()
    };
    for digest in shared_precedence(allocation) {
        let bundle = get(bundles, digest)?;
        let workloads: BTreeSet<&ObjectKey> = bundle.workloads.values().collect();
        // A bundle that is only kept keeps its workloads too: a component that was dropped goes
        // after the last soak, not before.
        let with_workloads = allocation.retained == Some(digest);
        for object in &bundle.objects {
            let key = object.key();
            if wanted.objects.contains_key(&key) || (workloads.contains(&key) && !with_workloads) {
                continue;
            }
            if with_workloads {
                wanted.kept.insert(key);
            }
            insert(&mut wanted, object.clone(), None, &settings.value);
        }
    }
    for (component, slots) in &allocation.components {
        place(&mut wanted, component, slots, bundles, &settings.value)?;
    }
    if !allocation.components.is_empty() {
        for object in &settings.value.objects {
            insert(&mut wanted, object.clone(), None, &settings.value);
        }
    }
    Ok(wanted)
}

/// The bundles whose objects beside workloads are held, the one that wins on a shared key first:
/// what is stable serves clients until a commit, whatever comes is only added to it.
fn shared_precedence(allocation: &Allocation) -> Vec<BundleDigest> {
    let mut order = Vec::new();
    let named = allocation
        .stable
        .into_iter()
        .chain(allocation.preparing)
        .chain(allocation.components.values().flat_map(Slots::bundles))
        .chain(allocation.retained);
    for digest in named {
        if !order.contains(&digest) {
            order.push(digest);
        }
    }
    order
}

fn place(
    wanted: &mut Wanted,
    component: &ComponentName,
    slots: &Slots,
    bundles: &Bundles,
    settings: &Settings,
) -> Result<(), MissingBundle> {
    let bundle = get(bundles, slots.workload_bundle())?;
    let Some(key) = bundle.workloads.get(component) else { return Ok(()) };
    let Some(object) = bundle.object(key) else { return Ok(()) };
    let mut object = object.clone();
    let mut size = Size::Full;
    match slots {
        Slots::Steady(place) => size = place.size,
        Slots::InPlace { .. } => {}
        Slots::Ordinal { partition, retire, .. } => {
            set_partition(&mut object, *partition);
            if *retire {
                wanted.retire.insert(key.clone());
            }
        }
    }
    let scale = match (settings.replicas.get(component), size) {
        (None, Size::Full) => None,
        (_, Size::Zero) => has_replicas(key).then_some(Scale::Held(0)),
        (Some(Replicas::Fixed(count)), Size::Full) => Some(Scale::Held(*count)),
        (Some(Replicas::Autoscaled { min, .. }), Size::Full) => Some(Scale::Initial(*min)),
    };
    wanted.workloads.insert(component.clone(), key.clone());
    // A workload without replicas (DaemonSet, Job) at size zero is one that is not there.
    if size == Size::Zero && scale.is_none() {
        wanted.objects.remove(key);
        wanted.remove.insert(key.clone());
        return Ok(());
    }
    insert(wanted, object, scale, settings);
    Ok(())
}

fn has_replicas(key: &ObjectKey) -> bool {
    matches!(key.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet")
}

fn set_partition(object: &mut Manifest, partition: u32) {
    let strategy = &mut object.as_value_mut()["spec"]["updateStrategy"];
    *strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
}

fn get(bundles: &Bundles, digest: BundleDigest) -> Result<&Arc<Bundle>, MissingBundle> {
    bundles.get(&digest).ok_or(MissingBundle(digest))
}

fn insert(wanted: &mut Wanted, mut object: Manifest, scale: Option<Scale>, settings: &Settings) {
    let key = object.key();
    if let Some(extra) = settings.metadata.get(&key) {
        add_metadata(&mut object, extra);
    }
    let owned_elsewhere = settings.owned_elsewhere.get(&key).cloned().unwrap_or_default();
    wanted.objects.insert(key, WantedObject { manifest: Arc::new(object), scale, owned_elsewhere });
}

/// Adds labels and annotations; what the manifest itself says stays.
fn add_metadata(object: &mut Manifest, extra: &ExtraMetadata) {
    for (field, pairs) in [("labels", &extra.labels), ("annotations", &extra.annotations)] {
        if pairs.is_empty() {
            continue;
        }
        let map = &mut object.as_value_mut()["metadata"][field];
        if map.is_null() {
            *map = json!({});
        }
        let Some(map) = map.as_object_mut() else { continue };
        for (name, value) in pairs {
            map.entry(name.clone()).or_insert_with(|| Value::String(value.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
