//! The object store of one cluster: what etcd is to a real API server.
//!
//! Objects by resource, namespace and name, one resourceVersion counter for all, and a bounded log
//! of events for watches. It knows how objects come and go (uid, generation, finalizers, grace) and
//! records field ownership for the controllers, but neither validates nor authorizes.

mod controllers;
mod lifecycle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::apply::managed::{Reset, Served};
use super::custom::{self, Definition, Definitions, types};
use super::kinds::{self, Kind};
use super::schema::{schema, type_of};
use crate::model::{ObjectKey, Timestamp};
use crate::playground::Clock;

pub(crate) use lifecycle::{Deletion, Removal, text_at};

/// How many events a watch can always look back; older watches list anew, as they would after a
/// compaction of etcd. Each keeps a version of its object, so that a hundred clusters need few.
const EVENTS_KEPT: usize = 500;

/// How long more events than those are kept: a watch that is served at all is behind by less, even
/// while thousands of pods start at once.
const KEPT_FOR: SignedDuration = SignedDuration::from_secs(20);

/// How many events are kept at most.
const EVENT_LIMIT: usize = 50_000;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

/// An entry of the event log.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub revision: u64,
    pub at: Timestamp,
    pub change: Change,
    pub kind: &'static Kind,
    pub object: Arc<Value>,
    pub previous: Option<Arc<Value>>,
}

/// The events asked for are no longer in the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compacted;

type ByName = BTreeMap<(String, String), Arc<Value>>;

/// The objects of one cluster.
pub struct Store {
    clock: Arc<dyn Clock>,
    objects: BTreeMap<(&'static str, &'static str), ByName>,
    revision: u64,
    log: VecDeque<Event>,
    log_limit: usize,
    /// The newest revision that the log no longer holds.
    compacted: u64,
    changed: Vec<ObjectKey>,
    definitions: Definitions,
    notice: watch::Sender<u64>,
}

impl Store {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_event_limit(clock, EVENT_LIMIT)
    }

    pub(crate) fn with_event_limit(clock: Arc<dyn Clock>, log_limit: usize) -> Self {
        Self {
            clock,
            objects: BTreeMap::new(),
            revision: 1,
            log: VecDeque::new(),
            log_limit,
            compacted: 1,
            changed: Vec::new(),
            definitions: Definitions::default(),
            notice: watch::Sender::new(1),
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The resourceVersion of the last write.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The versions in which a kind is served, for records of who owns what.
    pub(crate) fn served(&self, kind: &Kind, reset: Reset) -> Served<'_> {
        let own = || vec![(kind.api_version(), schema(), type_of(kind))];
        let types = match self.definition(kind) {
            Some(definition) => definition
                .versions
                .iter()
                .map(|version| (version.kind.api_version(), &version.shape, types::root_type()))
                .collect(),
            None => own(),
        };
        Served { types, reset }
    }

    /// The definition of a custom kind.
    pub(crate) fn definition(&self, kind: &Kind) -> Option<&Arc<Definition>> {
        if kind.custom { self.definitions.by_plural(kind.group, kind.plural) } else { None }
    }

    /// All custom kinds.
    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The kind of a group by its name, built in or custom, as its objects are kept.
    pub(crate) fn kind_named(&self, group: &str, kind: &str) -> Option<&'static Kind> {
        kinds::by_kind(group, kind).or_else(|| self.definitions.by_kind(group, kind).map(|held| held.kind))
    }

    /// The objects that were written or deleted since the last call.
    pub fn take_changed(&mut self) -> Vec<ObjectKey> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort();
        changed.dedup();
        changed
    }

    /// Says the newest revision whenever something is written.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.notice.subscribe()
    }

    pub(crate) fn read(&self, kind: &Kind, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects.get(&(kind.group, kind.plural))?.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The objects of a kind in a namespace, or in all, by namespace and name.
    pub(crate) fn scan(&self, kind: &Kind, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let Some(objects) = self.objects.get(&(kind.group, kind.plural)) else { return Vec::new() };
        match namespace {
            None => objects.values().cloned().collect(),
            Some(namespace) => objects
                .range((namespace.to_owned(), String::new())..)
                .take_while(|((held, _), _)| held == namespace)
                .map(|(_, object)| object.clone())
                .collect(),
        }
    }

    /// The objects of a kind as they were at a revision.
    ///
    /// # Errors
    /// The log no longer reaches back so far.
    pub(crate) fn scan_at(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Vec<Arc<Value>>, Compacted> {
        let key = |object: &Value| {
            (text_at(object, "/metadata/namespace").to_owned(), text_at(object, "/metadata/name").to_owned())
        };
        let held = self.scan(kind, namespace);
        if revision >= self.revision {
            return Ok(held);
        }
        let mut objects: BTreeMap<(String, String), Arc<Value>> =
            held.into_iter().map(|object| (key(&object), object)).collect();
        let mut undone: Vec<&Event> = self.events_after(revision)?.collect();
        undone.reverse();
        for event in undone.into_iter().filter(|event| event.kind.same_resource(kind)) {
            let place = key(&event.object);
            if namespace.is_some_and(|namespace| namespace != place.0) {
                continue;
            }
            match &event.previous {
                Some(previous) => drop(objects.insert(place, previous.clone())),
                None => drop(objects.remove(&place)),
            }
        }
        Ok(objects.into_values().collect())
    }

    /// The events after `revision`, oldest first.
    ///
    /// # Errors
    /// The log no longer reaches back so far.
    pub(crate) fn events_after(&self, revision: u64) -> Result<impl Iterator<Item = &Event>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted);
        }
        let start = self.log.partition_point(|event| event.revision <= revision);
        Ok(self.log.range(start..))
    }

    /// Stores an object, whether it was there or not, with the next resourceVersion. An object that
    /// is there in exactly this form is left alone, as etcd does.
    pub(crate) fn put(&mut self, kind: &'static Kind, mut object: Value) -> Arc<Value> {
        let namespace = text_at(&object, "/metadata/namespace").to_owned();
        let name = text_at(&object, "/metadata/name").to_owned();
        let key = (namespace, name);
        let previous = self.objects.get(&(kind.group, kind.plural)).and_then(|held| held.get(&key)).cloned();
        if let Some(previous) = &previous {
            object["metadata"]["resourceVersion"] = previous["metadata"]["resourceVersion"].clone();
            if object == **previous {
                return previous.clone();
            }
        }
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        self.objects.entry((kind.group, kind.plural)).or_default().insert(key, object.clone());
        let change = if previous.is_some() { Change::Modified } else { Change::Added };
        self.record(Event {
            revision: self.revision,
            at: self.now(),
            change,
            kind,
            object: object.clone(),
            previous,
        });
        object
    }

    /// Removes an object for good; the answer is its last form with the revision of its removal.
    pub(crate) fn remove(&mut self, kind: &'static Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let held = self.objects.get_mut(&(kind.group, kind.plural))?;
        let previous = held.remove(&(namespace.to_owned(), name.to_owned()))?;
        self.revision += 1;
        let mut last = (*previous).clone();
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let last = Arc::new(last);
        self.record(Event {
            revision: self.revision,
            at: self.now(),
            change: Change::Deleted,
            kind,
            object: last.clone(),
            previous: Some(previous),
        });
        Some(last)
    }

    fn record(&mut self, event: Event) {
        if event.kind.is(custom::GROUP, "CustomResourceDefinition") {
            match event.change {
                Change::Deleted => self.definitions.remove(&event.object),
                _ => self.definitions.put(&event.object),
            }
        }
        let namespace = text_at(&event.object, "/metadata/namespace");
        self.changed.push(ObjectKey {
            group: event.kind.group.to_owned(),
            kind: event.kind.kind.to_owned(),
            namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
            name: text_at(&event.object, "/metadata/name").to_owned(),
        });
        self.log.push_back(event);
        while self.log.len() > self.log_limit || self.has_stale_event() {
            if let Some(dropped) = self.log.pop_front() {
                self.compacted = dropped.revision;
            }
        }
        self.notice.send_replace(self.revision);
    }
}

impl Store {
    /// Whether the oldest event is kept for nobody.
    fn has_stale_event(&self) -> bool {
        let is_old = |event: &Event| self.now().duration_since(event.at) > KEPT_FOR;
        self.log.len() > EVENTS_KEPT && self.log.front().is_some_and(is_old)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("revision", &self.revision).finish_non_exhaustive()
    }
}
