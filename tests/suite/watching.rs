//! Watching objects during the whole of a course, so that nothing in between is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use kube::api::DynamicObject;
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::World;

/// Every state of some objects, in the order in which the API server told of them.
pub struct Watched {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// So many of the states are how it stood when the watch began.
    begun: usize,
    task: JoinHandle<()>,
}

/// One state of one object.
#[derive(Debug, Clone)]
pub struct Seen {
    pub object: Value,
    pub deleted: bool,
}

impl World {
    /// Watches all objects of a kind in the tenant's namespace from now on.
    pub async fn watch(&self, cluster: &str, api: &str, kind: &str) -> Watched {
        let api = self.cluster(cluster).api(api, kind, Some(&self.tenant));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (sink, ready) = (seen.clone(), Arc::new(tokio::sync::Notify::new()));
        let begun = ready.clone();
        let task = tokio::spawn(async move {
            let mut events = std::pin::pin!(watcher(api, Config::default()));
            while let Some(event) = events.next().await {
                let push = |object: DynamicObject, deleted| {
                    let object = serde_json::to_value(object).unwrap();
                    sink.lock().unwrap().push(Seen { object, deleted });
                };
                match event {
                    Ok(Event::Apply(object) | Event::InitApply(object)) => push(object, false),
                    Ok(Event::Delete(object)) => push(object, true),
                    Ok(Event::InitDone) => begun.notify_one(),
                    Ok(Event::Init) | Err(_) => {}
                }
            }
        });
        ready.notified().await;
        let begun = seen.lock().unwrap().len();
        Watched { seen, begun, task }
    }
}

impl Watched {
    pub fn states(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many pods of a component were ready at once, and of how many different images, at every
    /// moment since the watch began. One that is told to go counts as gone.
    pub fn at_once(&self, component: &str) -> Vec<AtOnce> {
        let mut ready: BTreeSet<String> = BTreeSet::new();
        let mut images: BTreeMap<String, String> = BTreeMap::new();
        let mut moments = Vec::new();
        for (number, seen) in self.states().iter().enumerate() {
            let text = |pointer: &str| {
                seen.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            if text("/metadata/labels/app.kubernetes.io~1component") == component {
                let uid = text("/metadata/uid");
                let going = seen.object.pointer("/metadata/deletionTimestamp").is_some();
                if seen.deleted || going || !is_ready(&seen.object) {
                    ready.remove(&uid);
                } else {
                    ready.insert(uid.clone());
                }
                if seen.deleted {
                    images.remove(&uid);
                } else {
                    images.insert(uid, text("/spec/containers/0/image"));
                }
            }
            if number + 1 >= self.begun {
                let images: BTreeSet<&String> = images.values().collect();
                moments.push(AtOnce { ready: ready.len(), images: images.len() });
            }
        }
        moments
    }

    /// What a number of one object was at least.
    pub fn least(&self, name: &str, pointer: &str) -> u64 {
        let states = self.states();
        let numbers = states.iter().filter(|seen| seen.object["metadata"]["name"] == name);
        let number = |seen: &Seen| seen.object.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
        numbers.map(number).min().expect("it was seen")
    }

    /// The different values of a field of one object, in the order in which they came.
    pub fn course(&self, name: &str, pointer: &str) -> Vec<Value> {
        let states = self.states();
        let mut values: Vec<Value> = states
            .iter()
            .filter(|seen| seen.object["metadata"]["name"] == name && !seen.deleted)
            .map(|seen| seen.object.pointer(pointer).cloned().unwrap_or_default())
            .collect();
        values.dedup();
        values
    }
}

/// The pods of a component at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtOnce {
    pub ready: usize,
    /// Of pods that are still there, ready or not.
    pub images: usize,
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}
