//! Bringing a custom resource into the form of its schema: unknown fields go, defaults come.

use serde_json::{Map, Value};

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

/// The schema of a map's values, if it has one.
fn values(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|inner| inner.is_object())
}

fn keeps_unknown(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true || schema["additionalProperties"] == true
}

/// Whether a field of a whole object is none of the schema's business.
fn is_identity(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

/// Takes out what the schema doesn't declare; answers the paths of it.
pub(crate) fn prune(schema: &Value, object: &mut Value) -> Vec<String> {
    let mut gone = Vec::new();
    prune_at(schema, object, "", true, &mut gone);
    gone
}

fn prune_at(schema: &Value, value: &mut Value, path: &str, whole: bool, gone: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.retain(|name, inner| {
            if whole && is_identity(name) {
                return true;
            }
            let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let Some(declared) = property(schema, name).or_else(|| values(schema)) else {
                if !keeps_unknown(schema) {
                    gone.push(place);
                    return false;
                }
                return true;
            };
            let whole = declared["x-kubernetes-embedded-resource"] == true;
            prune_at(declared, inner, &place, whole, gone);
            true
        }),
        Value::Array(items) => {
            let Some(declared) = schema.get("items") else { return };
            let whole = declared["x-kubernetes-embedded-resource"] == true;
            for (index, item) in items.iter_mut().enumerate() {
                prune_at(declared, item, &format!("{path}[{index}]"), whole, gone);
            }
        }
        _ => {}
    }
}

/// Fills in defaults. A null where none may be gives way to the default.
pub(crate) fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, declared) in schema.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                fill_field(declared, fields, name);
            }
            if let Some(declared) = values(schema) {
                let known = |name: &str| property(schema, name).is_some();
                fields
                    .iter_mut()
                    .filter(|(name, _)| !known(name))
                    .for_each(|(_, inner)| fill(declared, inner));
            }
        }
        Value::Array(items) => {
            if let Some(declared) = schema.get("items") {
                items.iter_mut().for_each(|item| fill(declared, item));
            }
        }
        _ => {}
    }
}

fn fill_field(declared: &Value, fields: &mut Map<String, Value>, name: &str) {
    let nullable = declared["nullable"] == true;
    if fields.get(name).is_some_and(|held| held.is_null() && !nullable) {
        fields.remove(name);
    }
    if let (Some(default), None) = (declared.get("default"), fields.get(name)) {
        fields.insert(name.to_owned(), default.clone());
    }
    if let Some(inner) = fields.get_mut(name) {
        fill(declared, inner);
    }
}
