//! How objects come, change and go: identity, generation, deletion.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::Store;
use crate::model::Timestamp;
use crate::playground::clock::kubernetes_time;
use crate::playground::custom;
use crate::playground::kinds::Kind;

/// The letters of generated names: no vowels and no look-alikes, as Kubernetes chooses them.
const NAME_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The text at a JSON pointer, or nothing.
pub(crate) fn text_at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// How an object is to be deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub grace_seconds: Option<i64>,
    /// `Foreground`, `Background` or `Orphan`; the default is `Background`.
    pub propagation: Option<String>,
}

/// What became of a deletion.
#[derive(Debug, Clone)]
pub(crate) enum Removal {
    /// The object is gone.
    Gone(Arc<Value>),
    /// The object is marked and waits for its finalizers or its grace.
    Pending(Arc<Value>),
}

/// Whether nothing holds back an object that is being deleted.
fn is_deletable(kind: &Kind, object: &Value) -> bool {
    let waits = |pointer: &str| {
        object.pointer(pointer).and_then(Value::as_array).is_some_and(|finalizers| !finalizers.is_empty())
    };
    let metadata = &object["metadata"];
    if metadata.get("deletionTimestamp").is_none() || waits("/metadata/finalizers") {
        return false;
    }
    match kind.kind {
        "Namespace" => !waits("/spec/finalizers"),
        "Pod" => metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0) == 0,
        _ => true,
    }
}

impl Store {
    /// Fills in what the system sets on a new object. A name is generated where only
    /// `generateName` is given.
    pub(crate) fn dress_new(&self, kind: &Kind, object: &mut Value) {
        let now = self.now();
        let Some(metadata) = object_field(object, "metadata") else { return };
        let prefix = metadata.get("generateName").and_then(Value::as_str).unwrap_or_default().to_owned();
        if metadata.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() && !prefix.is_empty() {
            // 58 + 5: a generated name is still a DNS label.
            let prefix: String = prefix.chars().take(58).collect();
            metadata.insert("name".into(), json!(format!("{prefix}{}", random_suffix())));
        }
        for field in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            metadata.remove(field);
        }
        metadata.insert("uid".into(), json!(uuid::Uuid::new_v4().to_string()));
        metadata.insert("creationTimestamp".into(), json!(kubernetes_time(now)));
        if kind.generation {
            metadata.insert("generation".into(), json!(1));
        } else {
            metadata.remove("generation");
        }
        if !kind.namespaced {
            metadata.remove("namespace");
        }
        if kind.kind == "DaemonSet" {
            count_template(object, 1);
        }
    }

    /// Carries over what a client can't change and counts the generation. `status` says whether the
    /// status (and only that) is written, or all but the status.
    pub(crate) fn dress_changed(&self, kind: &Kind, old: &Value, new: &mut Value, status: bool) {
        if status {
            let mut result = old.clone();
            match new.get("status") {
                Some(value) => result["status"] = value.clone(),
                None => drop(result.as_object_mut().and_then(|fields| fields.remove("status"))),
            }
            if let Some(managed) = new.pointer("/metadata/managedFields") {
                result["metadata"]["managedFields"] = managed.clone();
            }
            *new = result;
            return;
        }
        if kind.status
            && let Some(fields) = new.as_object_mut()
        {
            match old.get("status") {
                Some(held) => drop(fields.insert("status".into(), held.clone())),
                None => drop(fields.remove("status")),
            }
        }
        let Some(metadata) = object_field(new, "metadata") else { return };
        for field in [
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "resourceVersion",
            "generateName",
        ] {
            match old["metadata"].get(field) {
                Some(held) => drop(metadata.insert(field.into(), held.clone())),
                None => drop(metadata.remove(field)),
            }
        }
        metadata.remove("selfLink");
        if kind.generation && counts_as_change(kind, old, new) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            new["metadata"]["generation"] = json!(generation);
        }
        if kind.kind == "DaemonSet" {
            let before = old["metadata"]["annotations"][TEMPLATE_GENERATION].as_str();
            let number: u64 = before.and_then(|text| text.parse().ok()).unwrap_or(1);
            let changed = old.pointer("/spec/template") != new.pointer("/spec/template");
            count_template(new, number + u64::from(changed));
        }
    }

    /// Stores a changed object, or removes it when that was all its deletion waited for.
    pub(crate) fn put_or_finish(&mut self, kind: &'static Kind, object: Value) -> Arc<Value> {
        let finished = is_deletable(kind, &object);
        let held = self.put(kind, object);
        if finished {
            let (namespace, name) = (text_at(&held, "/metadata/namespace"), text_at(&held, "/metadata/name"));
            return self.remove(kind, namespace, name).unwrap_or(held);
        }
        held
    }

    /// What `object` looks like once its deletion was asked for at `now`.
    pub(crate) fn marked(kind: &Kind, object: &Value, deletion: &Deletion, now: Timestamp) -> Value {
        let mut marked = object.clone();
        let grace = if kind.kind == "Pod" { pod_grace(object, deletion.grace_seconds) } else { 0 };
        let held_grace = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
        let already = object.pointer("/metadata/deletionTimestamp").is_some();
        // A second deletion may shorten the grace, never lengthen it.
        if !already || held_grace.is_some_and(|held| grace < held) {
            let when = now.checked_add(SignedDuration::from_secs(grace)).unwrap_or(now);
            marked["metadata"]["deletionTimestamp"] = json!(kubernetes_time(when));
            marked["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        }
        if !already {
            if let Some(generation) = object.pointer("/metadata/generation").and_then(Value::as_i64) {
                marked["metadata"]["generation"] = json!(generation + 1);
            }
            if kind.kind == "Namespace" {
                marked["status"]["phase"] = json!("Terminating");
            }
            if kind.is(custom::GROUP, "CustomResourceDefinition") {
                mark_definition(&mut marked, &kubernetes_time(now));
            }
        }
        let finalizer = match deletion.propagation.as_deref() {
            Some("Foreground") => Some("foregroundDeletion"),
            Some("Orphan") => Some("orphan"),
            _ => None,
        };
        if let Some(finalizer) = finalizer {
            let finalizers = &mut marked["metadata"]["finalizers"];
            match finalizers.as_array_mut() {
                Some(list) if list.iter().any(|held| held == finalizer) => {}
                Some(list) => list.push(json!(finalizer)),
                None => *finalizers = json!([finalizer]),
            }
        }
        marked
    }

    /// Deletes an object that is there.
    pub(crate) fn delete_object(
        &mut self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
        deletion: &Deletion,
    ) -> Option<Removal> {
        let object = self.read(kind, namespace, name)?.clone();
        let marked = Self::marked(kind, &object, deletion, self.now());
        if is_deletable(kind, &marked) {
            return self.remove(kind, namespace, name).map(Removal::Gone);
        }
        Some(Removal::Pending(self.put(kind, marked)))
    }
}

/// A definition waits for its instances, which go first.
fn mark_definition(definition: &mut Value, now: &str) {
    let finalizers = &mut definition["metadata"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(list) if list.iter().any(|held| held == custom::CLEANUP) => {}
        Some(list) => list.push(json!(custom::CLEANUP)),
        None => *finalizers = json!([custom::CLEANUP]),
    }
    let condition = json!({"type": "Terminating", "status": "True", "lastTransitionTime": now,
        "reason": "InstanceDeletionPending", "message":
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"});
    match definition["status"]["conditions"].as_array_mut() {
        Some(conditions) => conditions.push(condition),
        None => definition["status"]["conditions"] = json!([condition]),
    }
}

/// The seconds that a pod has to end: none where nothing runs.
fn pod_grace(pod: &Value, asked: Option<i64>) -> i64 {
    let ended = matches!(text_at(pod, "/status/phase"), "Succeeded" | "Failed");
    if ended || text_at(pod, "/spec/nodeName").is_empty() {
        return 0;
    }
    let own = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
    asked.unwrap_or(own).max(0)
}

/// Whether a write counts in `metadata.generation`.
fn counts_as_change(kind: &Kind, old: &Value, new: &Value) -> bool {
    match kind.kind {
        _ if kind.custom || matches!(kind.kind, "EndpointSlice" | "PriorityClass") => {
            let is_counted = |name: &str| match name {
                "metadata" | "apiVersion" => false,
                "status" => !kind.status,
                _ => true,
            };
            let counted = |object: &Value| -> Vec<(String, Value)> {
                let fields = object.as_object().into_iter().flatten();
                fields
                    .filter(|(name, _)| is_counted(name))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect()
            };
            counted(old) != counted(new)
        }
        "Deployment" => {
            old.get("spec") != new.get("spec")
                || old["metadata"].get("annotations") != new["metadata"].get("annotations")
        }
        _ => old.get("spec") != new.get("spec"),
    }
}

/// A field that is an object, made if it is missing. `None` only if `object` is no object itself.
pub(crate) fn object_field<'a>(object: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    let held = object.as_object_mut()?.entry(field).or_insert_with(|| json!({}));
    if !held.is_object() {
        *held = json!({});
    }
    held.as_object_mut()
}

fn random_suffix() -> String {
    let random = uuid::Uuid::new_v4();
    random.as_bytes()[..5].iter().map(|byte| NAME_LETTERS[usize::from(*byte) % 27] as char).collect()
}

/// How often the template of a DaemonSet has changed: pods carry it as a label.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

fn count_template(set: &mut Value, number: u64) {
    set["metadata"]["annotations"][TEMPLATE_GENERATION] = json!(number.to_string());
}
