//! The bones of an object, and fields that stay away when they are empty.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{Manifest, sha256};

/// An object of a namespace.
pub(super) fn object(
    api_version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    })
}

/// Checks what rendering itself has made.
pub(super) fn manifest(value: Value) -> Manifest {
    Manifest::new(value).expect("rendering writes apiVersion, kind and name")
}

/// Puts `value` under `key` of a JSON object unless it is null, `{}`, `[]` or an empty text.
pub(super) fn put(object: &mut Value, key: &str, value: impl Into<Value>) {
    let value = value.into();
    let empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if !empty {
        object[key] = value;
    }
}

/// `text` as a name of at most `limit` bytes: longer ones are cut and end in a digest of the whole.
pub(super) fn fitted(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut cut = limit - 11;
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}-{}", text[..cut].trim_end_matches(['-', '.', '_']), sha256(text.as_bytes()).short())
}
