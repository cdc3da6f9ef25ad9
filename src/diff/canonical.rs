//! The canonical form of an object: what a server makes of it, as far as that is known without one.
//!
//! Two objects that a server would store alike have one canonical form. The form is idempotent, and
//! it is what rendered objects are digested and applied in. List elements keep their positions, so
//! a pointer into the canonical form of a live object points into the live object too.

use base64::Engine as _;
use serde_json::{Map, Value};

use super::facts::{self, Shape, Type};
use crate::model::{Manifest, Quantity};

/// The annotation in which `kubectl apply` keeps what was applied.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a server or its controllers write into the metadata of every object.
const SERVER_METADATA: [&str; 8] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// Maps that mean the same when empty as when absent; of others `{}` has a meaning of its own.
const EMPTY_MAPS: [&str; 18] = [
    "metadata",
    "labels",
    "annotations",
    "data",
    "binaryData",
    "stringData",
    "resources",
    "limits",
    "requests",
    "hard",
    "securityContext",
    "capabilities",
    "affinity",
    "nodeSelector",
    "strategy",
    "updateStrategy",
    "matchLabels",
    "lifecycle",
];

/// The canonical form: quantities canonical, nulls and empty values dropped, known defaults and
/// merge keys filled in, `stringData` folded into `data`, what a server sets dropped.
pub fn canonical(object: &Manifest) -> Manifest {
    let root = facts::root(object.api_version(), object.kind());
    let is_built_in = facts::is_built_in(object.group());
    let mut canonical = object.clone();
    if let Some(fields) = canonical.as_value_mut().as_object_mut() {
        fields.remove("status");
        drop_server_metadata(fields);
        if object.kind() == "Secret" && object.group().is_empty() {
            fold_string_data(fields);
        }
    }
    normalize(Shape::One(root), canonical.as_value_mut(), is_built_in);
    canonical
}

fn drop_server_metadata(fields: &mut Map<String, Value>) {
    let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for name in SERVER_METADATA {
        metadata.remove(name);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
}

/// The server folds on every write, and keys of `stringData` win. What is no text stays where it
/// is: the server will refuse it, and hiding it would call it equal.
fn fold_string_data(fields: &mut Map<String, Value>) {
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let mut refused = Map::new();
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    for (key, text) in texts {
        match (&text, data.as_object_mut()) {
            (Value::String(text), Some(data)) => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(text);
                data.insert(key, Value::String(encoded));
            }
            _ => {
                refused.insert(key, text);
            }
        }
    }
    if !refused.is_empty() {
        fields.insert("stringData".to_owned(), Value::Object(refused));
    }
}

fn normalize(shape: Shape, value: &mut Value, is_built_in: bool) {
    match (shape, value) {
        (Shape::One(known), Value::Object(map)) => {
            // Metadata is of a built-in type whatever the kind.
            let is_built_in = is_built_in || std::ptr::eq(known, &raw const facts::METADATA);
            normalize_object(known, map, is_built_in);
        }
        (Shape::ListMap(_, known) | Shape::Atomic(known), Value::Array(list)) => {
            for element in list {
                normalize(Shape::One(known), element, is_built_in);
            }
        }
        (Shape::Quantities, Value::Object(map)) => {
            map.retain(|_, amount| !amount.is_null());
            map.values_mut().for_each(normalize_quantity);
        }
        (Shape::Quantity, value) => normalize_quantity(value),
        (Shape::Entries, Value::Object(map)) => map.retain(|_, entry| !entry.is_null()),
        (Shape::Any | Shape::Exact, Value::Object(map)) => normalize_object(&facts::NONE, map, is_built_in),
        (Shape::Any | Shape::Exact, Value::Array(list)) => {
            for element in list {
                normalize(Shape::Any, element, is_built_in);
            }
        }
        _ => {}
    }
}

fn normalize_object(known: &Type, map: &mut Map<String, Value>, is_built_in: bool) {
    for (name, value) in map.iter_mut() {
        normalize(known.field(name), value, is_built_in);
    }
    map.retain(|name, value| {
        let is_dropped = match value {
            Value::Null => true,
            Value::Array(list) => is_built_in && list.is_empty(),
            Value::Object(fields) => fields.is_empty() && is_built_in && EMPTY_MAPS.contains(&name.as_str()),
            Value::Bool(false) => known.omitted.contains(&name.as_str()),
            Value::Number(number) => number.as_i64() == Some(0) && known.omitted.contains(&name.as_str()),
            Value::String(text) => text.is_empty() && known.omitted.contains(&name.as_str()),
            Value::Bool(true) => false,
        };
        !is_dropped
    });
    for (name, default) in known.defaults {
        facts::put_default(map, name, || {
            serde_json::from_str(default).expect("the table of defaults holds JSON; a test reads all of it")
        });
    }
    if let Some(fill) = known.fill {
        fill(map);
    }
}

/// What is no quantity stays as it is, for the server to refuse.
fn normalize_quantity(value: &mut Value) {
    let text = match &*value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return,
    };
    if let Ok(quantity) = text.parse::<Quantity>() {
        *value = Value::String(quantity.to_string());
    }
}
