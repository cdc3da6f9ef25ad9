//! Watches: the live objects of every followed kind, in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::changes::Changes;
use crate::model::{Manifest, ObjectKey, Resource, sha256};

/// The most objects of one page of a list: the API server's own clients ask for as many.
const PAGE: u32 = 500;

/// So many Jobs that went are remembered, some kilobytes each: more than end between two passes.
const DEPARTED: usize = 512;

/// How watches are kept from standing still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// After so many seconds the API server ends a watch, and another begins where it ended. One
    /// that tells nothing for five seconds more, not even a bookmark, is given up: the connection
    /// may stand though nobody is at its other end.
    pub watch_secs: u32,
    /// After so long a kind is listed anew, so that an event which was lost is made good.
    pub relist: Duration,
}

impl Default for Rhythm {
    /// Less than two of the minutes in which an API server sends a bookmark; and ten minutes, in
    /// which a list costs nothing beside what watches cost.
    fn default() -> Self {
        Self { watch_secs: 110, relist: Duration::from_secs(600) }
    }
}

type Place = (Option<String>, String);

/// The objects of one kind.
#[derive(Default)]
struct Followed {
    synced: bool,
    objects: BTreeMap<Place, Arc<Manifest>>,
    /// A list that is under way: it replaces the objects when it is whole.
    coming: BTreeMap<Place, Arc<Manifest>>,
    /// Jobs that went, as they were in the end, the latest last. Their time to live may take them
    /// away before anybody looks, and how they ended is in their last state alone.
    departed: VecDeque<(Place, Arc<Manifest>)>,
}

/// Everything that is followed.
#[derive(Default)]
struct Index {
    kinds: BTreeMap<Resource, Followed>,
    changes: Changes,
}

type Shared = Arc<Mutex<Index>>;

/// Every watch of a cluster; they end with it.
pub(super) struct Watches {
    client: kube::Client,
    rhythm: Rhythm,
    index: Shared,
    changed: Arc<Notify>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Watches {
    fn drop(&mut self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            task.abort();
        }
    }
}

fn lock(index: &Shared) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watches {
    pub fn new(client: kube::Client, rhythm: Rhythm) -> Self {
        Self {
            client,
            rhythm,
            index: Shared::default(),
            changed: Arc::new(Notify::new()),
            tasks: Mutex::new(Vec::new()),
        }
    }

    pub fn follow(&self, kinds: &BTreeSet<Resource>) {
        let mut index = lock(&self.index);
        for resource in kinds {
            if index.kinds.contains_key(resource) {
                continue;
            }
            index.kinds.insert(resource.clone(), Followed::default());
            let task = tokio::spawn(run(
                self.client.clone(),
                resource.clone(),
                self.rhythm,
                self.index.clone(),
                self.changed.clone(),
            ));
            self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        }
    }

    pub fn is_synced(&self, resource: &Resource) -> bool {
        lock(&self.index).kinds.get(resource).is_some_and(|followed| followed.synced)
    }

    pub fn object(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        let place = (key.namespace.clone(), key.name.clone());
        lock(&self.index).kinds.get(resource)?.objects.get(&place).cloned()
    }

    pub fn departed(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        let index = lock(&self.index);
        let mut latest_first = index.kinds.get(resource)?.departed.iter().rev();
        let found =
            latest_first.find(|((namespace, name), _)| *namespace == key.namespace && *name == key.name);
        found.map(|(_, object)| object.clone())
    }

    pub fn objects(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Arc<Manifest>> {
        let index = lock(&self.index);
        let Some(followed) = index.kinds.get(resource) else { return Vec::new() };
        let Some(namespace) = namespace else { return followed.objects.values().cloned().collect() };
        let start = (Some(namespace.to_owned()), String::new());
        let within = followed.objects.range(start..);
        within
            .take_while(|((of, _), _)| of.as_deref() == Some(namespace))
            .map(|(_, object)| object.clone())
            .collect()
    }

    pub fn changes(&self, namespace: &str, app: Option<&str>) -> u64 {
        lock(&self.index).changes.newest(namespace, app)
    }

    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

async fn run(client: kube::Client, resource: Resource, rhythm: Rhythm, index: Shared, changed: Arc<Notify>) {
    let kind = ApiResource {
        group: resource.group.clone(),
        version: resource.version.clone(),
        api_version: resource.api_version(),
        kind: resource.kind.clone(),
        plural: resource.plural.clone(),
    };
    let api: Api<DynamicObject> = Api::all_with(client, &kind);
    let config = watcher::Config::default().page_size(PAGE).timeout(rhythm.watch_secs);
    loop {
        // Begun anew, it lists anew; what is known stays until the list is whole.
        let events = watcher(api.clone(), config.clone()).default_backoff();
        let mut events = Box::pin(events.take_until(tokio::time::sleep(spread(&resource, rhythm.relist))));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if take(&mut lock(&index), &resource, event) {
                        changed.notify_one();
                    }
                }
                // The watcher lists anew by itself, ever more slowly.
                Err(error) => tracing::debug!(kind = %resource.kind, %error, "a watch broke"),
            }
        }
    }
}

/// Between three quarters of a time and the whole, so that not all kinds are listed at once.
fn spread(resource: &Resource, time: Duration) -> Duration {
    let digest = sha256(format!("{}/{}", resource.group, resource.plural).as_bytes()).to_hex();
    let share = u32::from_str_radix(&digest[..4], 16).unwrap_or_default();
    time.mul_f64(0.75 + 0.25 * f64::from(share) / f64::from(0xffff_u32))
}

/// Takes one event in, and counts it. Returns whether anybody can see a difference.
fn take(index: &mut Index, resource: &Resource, event: Event<DynamicObject>) -> bool {
    let Index { kinds, changes } = index;
    let Some(followed) = kinds.get_mut(resource) else { return false };
    match event {
        Event::Init => {
            followed.coming.clear();
            false
        }
        Event::InitApply(object) => {
            if let Some((place, object)) = manifest(resource, object) {
                followed.coming.insert(place, object);
            }
            false
        }
        Event::InitDone => {
            followed.objects = std::mem::take(&mut followed.coming);
            followed.synced = true;
            changes.everywhere();
            true
        }
        Event::Apply(object) => {
            if let Some((place, object)) = manifest(resource, object) {
                changes.of(&object);
                // Whose it was has seen a change as well.
                if let Some(before) = followed.objects.insert(place, object) {
                    changes.of(&before);
                }
            }
            true
        }
        Event::Delete(object) => {
            if let Some((place, object)) = manifest(resource, object) {
                changes.of(&object);
                if let Some(before) = followed.objects.remove(&place) {
                    changes.of(&before);
                }
                if (resource.group.as_str(), resource.kind.as_str()) == ("batch", "Job") {
                    followed.departed.push_back((place, object));
                    if followed.departed.len() > DEPARTED {
                        followed.departed.pop_front();
                    }
                }
            }
            true
        }
    }
}

fn manifest(resource: &Resource, object: DynamicObject) -> Option<(Place, Arc<Manifest>)> {
    let place = (object.metadata.namespace.clone(), object.metadata.name.clone()?);
    let mut value = serde_json::to_value(object).ok()?;
    // Items of a list carry neither.
    value["apiVersion"] = serde_json::Value::String(resource.api_version());
    value["kind"] = serde_json::Value::String(resource.kind.clone());
    Some((place, Arc::new(Manifest::new(value).ok()?)))
}
