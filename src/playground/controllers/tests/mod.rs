use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::{annotation, array, condition, count, name, text};
use super::world::later;
use super::{Controllers, PodBehaviour};
use crate::model::Timestamp;
use crate::playground::{ManualClock, Objects, Store};

mod deployment;
mod jobs;
mod life;
mod services;
mod sets;

/// A cluster in virtual time: a store and its controllers.
pub(super) struct Cluster {
    pub(super) store: Store,
    clock: Arc<ManualClock>,
    controllers: Controllers,
    pub(super) now: Timestamp,
    due: Option<Timestamp>,
}

impl Cluster {
    /// A cluster with three nodes and the namespace `shop`.
    pub(super) fn new() -> Self {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let store = Store::new(clock.clone());
        let controllers = Controllers::new(PodBehaviour::default());
        let mut cluster = Self { store, clock, controllers, now, due: None };
        for number in 1..=3 {
            cluster.add(json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": { "name": format!("node-{number}"), "labels": { "number": number.to_string() } },
            }));
        }
        cluster.add(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" },
            "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" },
        }));
        cluster
    }

    pub(super) fn add(&mut self, object: Value) -> Arc<Value> {
        let made = self.store.create(object).unwrap();
        self.run();
        made
    }

    /// Runs the controllers on what changed, without moving the clock.
    pub(super) fn run(&mut self) {
        let changed = self.store.take_changed();
        self.due = self.controllers.run(&mut self.store, &changed, self.now);
    }

    /// Moves the clock step by step; `check` sees the cluster after each.
    pub(super) fn advance(&mut self, by: Duration, mut check: impl FnMut(&Self)) {
        let end = later(self.now, by);
        self.run();
        check(self);
        while let Some(due) = self.due.filter(|due| *due <= end) {
            assert!(due > self.now, "the controllers never settle");
            self.now = due;
            self.clock.set(due);
            self.run();
            check(self);
        }
        self.now = end;
        self.clock.set(end);
        self.run();
        check(self);
    }

    pub(super) fn settle(&mut self, secs: u64) {
        self.advance(Duration::from_secs(secs), |_| {});
    }

    pub(super) fn get(&self, group: &str, kind: &str, named: &str) -> Arc<Value> {
        let found = self.find(group, kind, named);
        found.unwrap_or_else(|| panic!("no {kind} {named}"))
    }

    pub(super) fn find(&self, group: &str, kind: &str, named: &str) -> Option<Arc<Value>> {
        self.store.get(group, kind, Some("shop"), named)
    }

    pub(super) fn list(&self, group: &str, kind: &str) -> Vec<Arc<Value>> {
        self.store.list(group, kind, Some("shop"))
    }

    pub(super) fn pods(&self) -> Vec<Arc<Value>> {
        self.list("", "Pod")
    }

    pub(super) fn ready_pods(&self) -> usize {
        self.pods().iter().filter(|pod| super::replica_set::is_ready(pod)).count()
    }

    /// Changes an object as a user would.
    pub(super) fn edit(&mut self, group: &str, kind: &str, named: &str, change: impl FnOnce(&mut Value)) {
        let mut object = Value::clone(&self.get(group, kind, named));
        change(&mut object);
        self.store.update(object).unwrap();
    }

    pub(super) fn delete(&mut self, group: &str, kind: &str, named: &str) {
        self.store.delete(group, kind, Some("shop"), named, None, None).unwrap();
    }

    /// The reasons for which containers wait, by pod.
    pub(super) fn waiting(&self) -> BTreeMap<String, String> {
        let pods = self.pods();
        let reason = |pod: &Arc<Value>| {
            let first = array(pod, "/status/containerStatuses").first()?;
            let reason = text(first, "/state/waiting/reason");
            (!reason.is_empty()).then(|| (name(pod).to_owned(), reason.to_owned()))
        };
        pods.iter().filter_map(reason).collect()
    }
}

/// A pod template with one container.
pub(super) fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": app } },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    })
}

/// The words of a condition: status and reason.
pub(super) fn words<'a>(object: &'a Value, kind: &str) -> (&'a str, &'a str) {
    condition(object, kind).map_or(("", ""), |found| (text(found, "/status"), text(found, "/reason")))
}

#[test]
fn nothing_to_do_asks_for_no_call() {
    let mut cluster = Cluster::new();
    cluster.settle(60);
    assert_eq!(cluster.due, None);
    let before = cluster.store.revision();
    cluster.settle(600);
    assert_eq!(cluster.store.revision(), before, "an idle cluster writes nothing");
}
