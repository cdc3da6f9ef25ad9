//! Patches of rendered objects, the last word of a definition, and fields left to somebody else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::app::Draft;
use super::label::PREFIX;
use crate::definition::{JsonPatchOp, ObjectPatch, OwnedElsewhere, PatchTarget};
use crate::diagnostic::{Code, Fault};
use crate::model::{Manifest, ObjectKey};

/// The most values that an object may have after an operation of a patch. Few objects have a
/// thousand, and an API server takes no more bytes than a hundred thousand short ones; copies of
/// copies double at each operation.
const NODE_LIMIT: usize = 100_000;

/// How many values there are in a value, counted up to a little beyond `limit`.
fn nodes(value: &Value, limit: usize) -> usize {
    let mut count = 0;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        count += 1;
        if count > limit {
            break;
        }
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    count
}

fn matches(target: &PatchTarget, object: &Manifest) -> bool {
    target.kind == object.kind() && target.name.as_deref().is_none_or(|name| name == object.name())
}

fn named(target: &PatchTarget) -> String {
    match &target.name {
        Some(name) => format!("{} `{name}`", target.kind),
        None => target.kind.clone(),
    }
}

/// What a target could have meant: the objects of its kind, else the kinds.
fn candidates(target: &PatchTarget, draft: &Draft) -> String {
    let all = || draft.objects.iter().chain(&draft.settings);
    let names: BTreeSet<&str> =
        all().filter(|object| object.kind() == target.kind).map(Manifest::name).collect();
    if names.is_empty() {
        let kinds: BTreeSet<&str> = all().map(Manifest::kind).collect();
        format!("the app renders the kinds {}", kinds.into_iter().collect::<Vec<_>>().join(", "))
    } else {
        format!("rendered of this kind: {}", names.into_iter().collect::<Vec<_>>().join(", "))
    }
}

pub(super) fn apply(patches: &[ObjectPatch], draft: &mut Draft) {
    for (index, patch) in patches.iter().enumerate() {
        let place = index.to_string();
        let mut found = false;
        let mut faults = Vec::new();
        for object in draft.objects.iter_mut().chain(&mut draft.settings) {
            if matches(&patch.target, object) {
                found = true;
                faults.extend(apply_one(&place, &patch.ops, object));
            }
        }
        if !found {
            let message = format!("the patch matches no rendered object: {}", named(&patch.target));
            let at = ["patches", place.as_str(), "target"];
            faults.push(Fault::error(Code::S0605, &at, message).help(candidates(&patch.target, draft)));
        }
        draft.faults.extend(faults);
    }
}

/// What a patch must leave alone: identity, selectors, labels of the engine, replicas.
fn kept(object: &Value) -> Vec<Value> {
    let own = |pointer: &str| -> BTreeMap<String, Value> {
        let labels = object.pointer(pointer).and_then(Value::as_object);
        labels
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.starts_with(PREFIX) || key.starts_with("app.kubernetes.io/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let mut all: Vec<Value> =
        ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace", "/spec/selector", "/spec/replicas"]
            .iter()
            .map(|pointer| object.pointer(pointer).cloned().unwrap_or_default())
            .collect();
    for pointer in ["/metadata/labels", "/metadata/annotations", "/spec/template/metadata/labels"] {
        all.push(serde_json::json!(own(pointer)));
    }
    all
}

fn apply_one(index: &str, ops: &[JsonPatchOp], object: &mut Manifest) -> Option<Fault> {
    let key = object.key();
    let immutable = object.at("/immutable").is_some();
    if immutable {
        let message = format!("{key} is named by its content and can't be patched");
        let fault = Fault::error(Code::S0606, &["patches", index, "target"], message);
        return Some(fault.help("change the Config, Secret or file that it comes from"));
    }
    let mut value = object.as_value().clone();
    for (number, op) in ops.iter().enumerate() {
        let number = number.to_string();
        let at = ["patches", index, "ops", number.as_str()];
        let op = serde_json::to_value(op).and_then(serde_json::from_value::<json_patch::PatchOperation>);
        let applied = match op {
            Ok(op) => json_patch::patch(&mut value, &[op]).map_err(|error| error.kind.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = applied {
            return Some(Fault::error(
                Code::S0605,
                &at,
                format!("the operation does not fit {key}: {error}"),
            ));
        }
        if nodes(&value, NODE_LIMIT) > NODE_LIMIT {
            let message = format!("{key} would have more than {NODE_LIMIT} values after the operation");
            return Some(Fault::error(Code::S0605, &at, message).help("copies of copies grow fast"));
        }
    }
    if kept(&value) != kept(object.as_value()) {
        let message =
            format!("the patch changes the name, namespace, selector, replicas or engine's labels of {key}");
        let fault = Fault::error(Code::S0606, &["patches", index, "ops"], message);
        return Some(fault.help("replicas are a field of the component; the others must stay"));
    }
    match Manifest::new(value) {
        Ok(patched) => *object = patched,
        Err(error) => {
            let message = format!("{key} is no object after the patch: {error}");
            return Some(Fault::error(Code::S0606, &["patches", index, "ops"], message));
        }
    }
    None
}

/// The fields left to somebody else, by object.
pub(super) fn owned_elsewhere(
    entries: &[OwnedElsewhere],
    draft: &mut Draft,
) -> BTreeMap<ObjectKey, BTreeSet<String>> {
    let mut all: BTreeMap<ObjectKey, BTreeSet<String>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let index = index.to_string();
        let keys: Vec<ObjectKey> = draft
            .objects
            .iter()
            .chain(&draft.settings)
            .filter(|object| matches(&entry.target, object))
            .map(Manifest::key)
            .collect();
        if keys.is_empty() {
            let message = format!("`ownedElsewhere` matches no rendered object: {}", named(&entry.target));
            let at = ["ownedElsewhere", index.as_str(), "target"];
            faults.push(Fault::error(Code::S0605, &at, message).help(candidates(&entry.target, draft)));
        }
        for field in &entry.fields {
            let owned = ["/metadata/name", "/metadata/namespace", "/apiVersion", "/kind", ""];
            if !field.starts_with('/') || owned.contains(&field.as_str()) {
                let message = format!("`{field}` is no field that somebody else can own");
                let at = ["ownedElsewhere", index.as_str(), "fields"];
                let fault = Fault::error(Code::S0605, &at, message);
                faults.push(
                    fault.help("write a JSON pointer, for example `/spec/template/metadata/annotations`"),
                );
            }
        }
        for key in keys {
            all.entry(key).or_default().extend(entry.fields.iter().cloned());
        }
    }
    draft.faults.extend(faults);
    all
}
