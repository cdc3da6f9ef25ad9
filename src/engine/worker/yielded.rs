//! Fields that somebody else owns: never taken over, never let fall.
//!
//! Leaving a field out of what is applied removes it if nobody else owns it. So it is left out only
//! where another manager applies it too; else the live value is sent along. Of an object that is
//! made there is no live value: it begins as rendered.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diff;
use crate::model::{FIELD_MANAGER, Manifest, SCALE_MANAGER};

/// The object as it is applied, given what is live.
pub(in crate::engine) fn to_owners(
    rendered: &Arc<Manifest>,
    live: Option<&Manifest>,
    owned_elsewhere: &BTreeSet<String>,
) -> Arc<Manifest> {
    let Some(live) = live.filter(|_| !owned_elsewhere.is_empty()) else { return rendered.clone() };
    let owners = diff::owners(live);
    let mut object = rendered.as_value().clone();
    let pointers: BTreeSet<String> = owned_elsewhere
        .iter()
        .flat_map(|pattern| places(pattern, rendered.as_value(), live.as_value()))
        .collect();
    for pointer in pointers {
        let path = diff::elements(live, &pointer);
        let applies = |owner: &&diff::Owner| owner.is_apply && owner.fields.covering(&path).is_some();
        let ours = |owner: &diff::Owner| owner.manager == FIELD_MANAGER || owner.manager == SCALE_MANAGER;
        let theirs = owners.iter().filter(applies).any(|owner| !ours(owner));
        let held = owners.iter().filter(applies).any(ours) || object.pointer(&pointer).is_some();
        match live.at(&pointer) {
            Some(value) if !theirs && held => set(&mut object, &pointer, value.clone()),
            _ => remove(&mut object, &pointer),
        }
    }
    Manifest::new(object).map_or_else(|_| rendered.clone(), Arc::new)
}

/// The places that a pattern means in either of two objects: `*` stands for any one segment.
fn places(pattern: &str, rendered: &Value, live: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::from([String::new()]);
    for segment in pattern.split('/').skip(1) {
        found = found
            .into_iter()
            .flat_map(|place| match segment {
                "*" => [rendered, live]
                    .iter()
                    .flat_map(|object| object.pointer(&place).map(children).unwrap_or_default())
                    .map(|child| format!("{place}/{child}"))
                    .collect::<Vec<_>>(),
                _ => vec![format!("{place}/{segment}")],
            })
            .collect();
    }
    found
}

fn children(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            fields.keys().map(|name| name.replace('~', "~0").replace('/', "~1")).collect()
        }
        Value::Array(items) => (0..items.len()).map(|place| place.to_string()).collect(),
        _ => Vec::new(),
    }
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = object.pointer_mut(pointer) {
        *place = value;
        return;
    }
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    if object.pointer(parent).is_none() {
        set(object, parent, Value::Object(Map::new()));
    }
    // Into a list that is rendered without the element nothing is added.
    if let Some(Value::Object(fields)) = object.pointer_mut(parent) {
        fields.insert(last.replace("~1", "/").replace("~0", "~"), value);
    }
}

fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(fields)) = object.pointer_mut(parent) {
        fields.remove(&last.replace("~1", "/").replace("~0", "~"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(spec: Value, managers: Value) -> Manifest {
        let value = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "managedFields": managers}, "spec": spec,
        });
        Manifest::new(value).unwrap()
    }

    fn entry(manager: &str, operation: &str) -> Value {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:minReadySeconds": {}}},
        })
    }

    #[test]
    fn a_field_of_others_is_neither_taken_nor_dropped() {
        let rendered = Arc::new(deployment(json!({"minReadySeconds": 1, "paused": false}), json!([])));
        let fields = BTreeSet::from(["/spec/minReadySeconds".to_owned()]);
        let check = |live: Option<Manifest>, expected: Value, why: &str| {
            let sent = to_owners(&rendered, live.as_ref(), &fields);
            assert_eq!(sent.at("/spec").unwrap(), &expected, "{why}");
        };
        let live = |managers: Value| Some(deployment(json!({"minReadySeconds": 7}), managers));
        check(None, json!({"minReadySeconds": 1, "paused": false}), "made as rendered");
        check(
            live(json!([entry("sluice", "Apply")])),
            json!({"minReadySeconds": 7, "paused": false}),
            "ours: the live value goes along",
        );
        check(
            live(json!([entry("kubectl", "Update")])),
            json!({"minReadySeconds": 7, "paused": false}),
            "an update can be undone by nobody's apply",
        );
        check(live(json!([entry("other", "Apply")])), json!({"paused": false}), "another applies it");
        check(
            Some(deployment(json!({}), json!([]))),
            json!({"paused": false}),
            "who owns it has taken it away",
        );
    }

    #[test]
    fn a_star_stands_for_one_segment() {
        let rendered =
            Arc::new(deployment(json!({"template": {"a": {"x": 1}, "b": {"x": 1, "y": 2}}}), json!([])));
        let live = deployment(json!({"template": {"a": {"x": 5}, "b": {"x": 6, "y": 2}}}), json!([]));
        let fields = BTreeSet::from(["/spec/template/*/x".to_owned()]);
        let sent = to_owners(&rendered, Some(&live), &fields);
        assert_eq!(sent.at("/spec/template").unwrap(), live.at("/spec/template").unwrap());
    }
}
