//! A cluster in memory: it stores what is applied, counts calls and fails on order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use serde_json::{Map, Value, json};

use super::super::*;
use crate::cluster::Changes;
use crate::model::{Manifest, ObjectKey};
use crate::port::cluster::{Answer, Apply, Delete, Discovery, Patch};

#[derive(Default)]
pub struct Fake(Mutex<State>);

#[derive(Default)]
struct State {
    objects: BTreeMap<ObjectKey, Manifest>,
    /// What watches show, when they lag.
    seen: Option<BTreeMap<ObjectKey, Manifest>>,
    /// What watches have seen going, as it was in the end.
    departed: BTreeMap<ObjectKey, Manifest>,
    version: u64,
    changes: Changes,
    /// Every write: `apply Service shop/web`.
    writes: Vec<String>,
    /// Writes left until every further call fails, and whether the first that fails takes effect.
    left: Option<(usize, bool)>,
    /// Names that the API server refuses.
    refused: BTreeSet<String>,
    /// Whether the engine has no rights.
    powerless: bool,
    /// Every state that an object of ours has had.
    past: Vec<Manifest>,
    /// So many applies meet a conflict.
    conflicts: usize,
}

impl Fake {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The writes since this was asked last, the inventory's by one word.
    pub fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().writes)
    }

    pub fn die_after(&self, writes: usize, takes_effect: bool) {
        self.state().left = Some((writes, takes_effect));
    }

    pub fn recover(&self) {
        self.state().left = None;
    }

    pub fn refuse(&self, name: &str) {
        self.state().refused.insert(name.to_owned());
    }

    pub fn take_rights(&self, taken: bool) {
        self.state().powerless = taken;
    }

    /// The most replicas that an object ever had.
    pub fn most_replicas(&self, key: &ObjectKey) -> u64 {
        let state = self.state();
        let states = state.past.iter().filter(|object| object.key() == *key);
        states.filter_map(|object| object.at("/spec/replicas")?.as_u64()).max().unwrap_or_default()
    }

    pub fn conflicts(&self, count: usize) {
        self.state().conflicts = count;
    }

    /// Watches show what is there now, until they are let go on.
    pub fn freeze_watches(&self, frozen: bool) {
        let mut state = self.state();
        state.seen = frozen.then(|| state.objects.clone());
    }

    pub fn object(&self, key: &ObjectKey) -> Option<Manifest> {
        self.state().objects.get(key).cloned()
    }

    /// All objects but inventories and namespaces, by kind and name.
    pub fn names(&self) -> Vec<String> {
        let state = self.state();
        let shown = state.objects.keys().filter(|key| key.namespace.as_deref() == Some("shop"));
        shown.map(|key| format!("{}/{}", key.kind, key.name)).collect()
    }

    /// Somebody else's write.
    pub fn edit(&self, key: &ObjectKey, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        let before = state.objects[key].clone();
        state.changes.of(&before);
        let mut value = before.into_value();
        change(&mut value);
        state.version += 1;
        value["metadata"]["resourceVersion"] = json!(state.version.to_string());
        let after = Manifest::new(value).unwrap();
        state.changes.of(&after);
        state.objects.insert(key.clone(), after);
    }

    /// Somebody else makes an object, or takes one away.
    pub fn put_foreign(&self, value: Value) {
        let mut state = self.state();
        let object = state.stamp(None, value);
        state.objects.insert(object.key(), object);
    }

    pub fn take_away(&self, key: &ObjectKey) {
        let mut state = self.state();
        if let Some(object) = state.objects.remove(key) {
            state.changes.of(&object);
            state.departed.insert(key.clone(), object);
        }
    }

    /// What went is forgotten, as by an engine that was not there when it went.
    pub fn forget_departed(&self) {
        self.state().departed.clear();
    }
}

impl State {
    /// Counts a write; whether it takes effect, and whether it is answered.
    fn write(&mut self, words: String) -> (bool, bool) {
        match &mut self.left {
            Some((0, takes_effect)) => (std::mem::take(takes_effect), false),
            left => {
                if let Some((left, _)) = left {
                    *left -= 1;
                }
                self.writes.push(words);
                (true, true)
            }
        }
    }

    fn is_dead(&self) -> bool {
        matches!(self.left, Some((0, false)))
    }

    fn stamp(&mut self, before: Option<&Manifest>, mut value: Value) -> Manifest {
        self.version += 1;
        let uid = before.and_then(Manifest::uid).map_or(format!("uid-{}", self.version), str::to_owned);
        if value["kind"] == "Deployment" && value["spec"]["replicas"].is_null() {
            value["spec"]["replicas"] = json!(1);
        }
        let same = before.is_some_and(|before| before.at("/spec") == value.get("spec"));
        let generation = before.and_then(Manifest::generation).map_or(1, |n| if same { n } else { n + 1 });
        value["metadata"]["uid"] = json!(uid);
        value["metadata"]["generation"] = json!(generation);
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Manifest::new(value).unwrap();
        self.changes.of(&object);
        object
    }

    fn apply(&mut self, apply: &Apply<'_>) -> Result<Manifest, ClusterError> {
        let key = apply.object.key();
        if self.powerless {
            return Err(ClusterError::Forbidden(format!("User \"sluice-engine\" cannot patch {key}")));
        }
        if self.refused.contains(&key.name) {
            return Err(ClusterError::Invalid(format!("{} is denied", key.name)));
        }
        if self.conflicts > 0 && !apply.dry_run {
            self.conflicts -= 1;
            return Err(ClusterError::Conflict("it has changed".to_owned()));
        }
        let before = self.objects.get(&key).cloned();
        let fence = |field: &str, there: Option<&str>| {
            apply
                .object
                .at(&format!("/metadata/{field}"))
                .and_then(Value::as_str)
                .is_none_or(|asked| Some(asked) == there)
        };
        let uid = before.as_ref().and_then(Manifest::uid);
        let version = before.as_ref().and_then(Manifest::resource_version);
        if !fence("uid", uid) || !fence("resourceVersion", version) {
            return Err(ClusterError::Conflict("it is another".to_owned()));
        }
        let mut sent = apply.object.clone().into_value();
        for field in ["uid", "resourceVersion"] {
            sent["metadata"].as_object_mut().unwrap().remove(field);
        }
        let mut value = before.clone().map_or(json!({}), Manifest::into_value);
        let fields = fields(&sent);
        let entries =
            value.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
        let (mine, mut others): (Vec<Value>, Vec<Value>) =
            entries.into_iter().partition(|entry| entry["manager"] == apply.manager);
        if let Some(mine) = mine.first() {
            let others: Vec<&Value> = others.iter().map(|entry| &entry["fieldsV1"]).collect();
            drop_fields(&mut value, &mine["fieldsV1"], &fields, &others);
        }
        merge(&mut value, &sent);
        others.push(json!({"manager": apply.manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}));
        value["metadata"]["managedFields"] = json!(others);
        if before.as_ref().is_some_and(|before| *before.as_value() == value) {
            return Ok(before.unwrap());
        }
        let saved = self.version;
        let object = self.stamp(before.as_ref(), value);
        if apply.dry_run {
            self.version = saved;
        } else {
            self.past.push(object.clone());
            self.objects.insert(key, object.clone());
        }
        Ok(object)
    }
}

/// The set of fields of an applied object; lists are atomic here.
fn fields(value: &Value) -> Value {
    let Value::Object(map) = value else { return json!({}) };
    let named = |name: &&String| !matches!(name.as_str(), "apiVersion" | "kind" | "name" | "namespace");
    Value::Object(
        map.iter()
            .filter(|(name, _)| named(name))
            .map(|(name, value)| (format!("f:{name}"), fields(value)))
            .collect::<Map<_, _>>(),
    )
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// Takes away what was applied before, no longer is and has no other owner.
fn drop_fields(value: &mut Value, before: &Value, now: &Value, others: &[&Value]) {
    let (Value::Object(map), Some(before)) = (value, before.as_object()) else { return };
    for (field, inner) in before {
        let name = field.trim_start_matches("f:");
        let others: Vec<&Value> = others.iter().filter_map(|other| other.get(field)).collect();
        match now.get(field) {
            None if others.is_empty() => drop(map.remove(name)),
            None => {}
            Some(now) => {
                if let Some(value) = map.get_mut(name) {
                    drop_fields(value, inner, now, &others);
                }
            }
        }
    }
}

fn answer<T: Send + 'static>(result: Result<T, ClusterError>) -> Answer<'static, T> {
    ready(result).boxed()
}

fn unreachable<T>() -> Result<T, ClusterError> {
    Err(ClusterError::Unreachable("it is dead".to_owned()))
}

impl Cluster for Fake {
    fn discover(&self) -> Answer<'_, Discovery> {
        answer(Ok(Discovery { facts: crate::render::assumed_facts(), unanswered: Vec::new() }))
    }

    fn follow(&self, _: &BTreeSet<Resource>) {}

    fn is_synced(&self, _: &Resource) -> bool {
        true
    }

    fn live(&self, _: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        let state = self.state();
        let shown = state.seen.as_ref().unwrap_or(&state.objects);
        shown.get(key).cloned().map(Arc::new)
    }

    fn departed(&self, _: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        self.state().departed.get(key).cloned().map(Arc::new)
    }

    fn live_in(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Arc<Manifest>> {
        let state = self.state();
        let fits = |key: &&ObjectKey| {
            key.kind == resource.kind
                && key.group == resource.group
                && (namespace.is_none() || key.namespace.as_deref() == namespace)
        };
        let shown = state.seen.as_ref().unwrap_or(&state.objects);
        shown.iter().filter(|(key, _)| fits(key)).map(|(_, object)| Arc::new(object.clone())).collect()
    }

    fn changes(&self, namespace: &str, app: Option<&str>) -> Option<u64> {
        Some(self.state().changes.newest(namespace, app))
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        futures::future::pending().boxed()
    }

    fn get<'a>(&'a self, _: &'a Resource, key: &'a ObjectKey) -> Answer<'a, Option<Manifest>> {
        let state = self.state();
        answer(if state.is_dead() { unreachable() } else { Ok(state.objects.get(key).cloned()) })
    }

    fn apply<'a>(&'a self, _: &'a Resource, apply: Apply<'a>) -> Answer<'a, Manifest> {
        let mut state = self.state();
        if apply.dry_run {
            return answer(if state.is_dead() { unreachable() } else { state.apply(&apply) });
        }
        let (takes_effect, answered) = state.write(format!("{} {}", apply.manager, apply.object.key()));
        let result = if takes_effect { state.apply(&apply) } else { unreachable() };
        answer(if answered { result } else { unreachable() })
    }

    fn patch<'a>(&'a self, _: &'a Resource, patch: Patch<'a>) -> Answer<'a, Manifest> {
        let mut state = self.state();
        let (takes_effect, answered) = state.write(format!("patch {}", patch.key));
        if !takes_effect {
            return answer(unreachable());
        }
        let mut value = state.objects[patch.key].clone().into_value();
        let operations: json_patch::Patch = serde_json::from_value(patch.operations.clone()).unwrap();
        if json_patch::patch(&mut value, &operations).is_err() {
            return answer(Err(ClusterError::Conflict("a test failed".to_owned())));
        }
        let before = state.objects[patch.key].clone();
        let object = state.stamp(Some(&before), value);
        state.objects.insert(patch.key.clone(), object.clone());
        answer(if answered { Ok(object) } else { unreachable() })
    }

    fn put<'a>(&'a self, _: &'a Resource, object: &'a Manifest) -> Answer<'a, Manifest> {
        let mut state = self.state();
        let (takes_effect, answered) = state.write("inventory".to_owned());
        if !takes_effect {
            return answer(unreachable());
        }
        if state.powerless {
            return answer(Err(ClusterError::Forbidden(
                "User \"sluice-engine\" cannot update it".to_owned(),
            )));
        }
        let before = state.objects.get(&object.key()).cloned();
        match (object.resource_version(), before.as_ref().and_then(Manifest::resource_version)) {
            (None, Some(_)) => return answer(Err(ClusterError::AlreadyExists(object.name().to_owned()))),
            (asked, there) if asked != there => {
                return answer(Err(ClusterError::Conflict("it is another".to_owned())));
            }
            _ => {}
        }
        let object = state.stamp(before.as_ref(), object.as_value().clone());
        state.objects.insert(object.key(), object.clone());
        answer(if answered { Ok(object) } else { unreachable() })
    }

    fn delete<'a>(&'a self, _: &'a Resource, delete: Delete<'a>) -> Answer<'a, ()> {
        let mut state = self.state();
        let (takes_effect, answered) = state.write(format!("delete {}", delete.key));
        if !takes_effect {
            return answer(unreachable());
        }
        if state.powerless || state.refused.contains(&delete.key.name) {
            return answer(Err(ClusterError::Forbidden(format!("{} is protected", delete.key.name))));
        }
        if state.objects.get(delete.key).is_some_and(|object| object.uid() != Some(delete.uid)) {
            return answer(Err(ClusterError::Conflict("it is another".to_owned())));
        }
        state.objects.remove(delete.key);
        answer(if answered { Ok(()) } else { unreachable() })
    }
}
