//! Brings an object into the form in which the API server keeps it.
//!
//! Unknown fields go (and are named), nulls and Go's empty values are left out, quantities are
//! written canonically, plain defaults are filled in.

use serde_json::{Map, Value, json};

use super::{Struct, Type, schema};
use crate::model::Quantity;

/// What was wrong with an object's form.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Paths of fields that the kind doesn't have.
    pub unknown: Vec<String>,
    /// Values of the wrong JSON type, in the words of the API server.
    pub wrong: Vec<String>,
}

/// Normalizes `value` as a value of type `kind`.
pub(crate) fn normalize(kind: &Type, value: &mut Value) -> Findings {
    let mut findings = Findings::default();
    walk(kind, value, "", "", &mut findings);
    findings
}

fn walk(kind: &Type, value: &mut Value, path: &str, owner: &str, findings: &mut Findings) {
    let go_type = match (kind, &*value) {
        (Type::Any | Type::AnyAtomic, _) | (_, Value::Null) => return,
        (Type::Text { .. }, Value::String(_)) | (Type::Boolean { .. }, Value::Bool(_)) => return,
        (Type::Number, Value::Number(_)) => return,
        (Type::Integer { .. }, Value::Number(number)) => {
            if let Some(whole) = number.as_f64().filter(|held| held.fract() == 0.0 && number.is_f64()) {
                *value = json!(whole as i64);
            }
            return;
        }
        (Type::IntOrString, Value::Number(_) | Value::String(_)) => return,
        (Type::Quantity, Value::Number(_) | Value::String(_)) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match text.parse::<Quantity>() {
                Ok(quantity) => *value = json!(quantity.to_string()),
                Err(_) => findings.wrong.push(
                    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                        .into(),
                ),
            }
            return;
        }
        (Type::Map { .. } | Type::Named(_), Value::Object(_)) | (Type::List { .. }, Value::Array(_)) => {
            return walk_inside(kind, value, path, findings);
        }
        (Type::Text { .. }, _) => "string",
        (Type::Boolean { .. }, _) => "bool",
        (Type::Integer { .. }, _) => "int32",
        (Type::Number, _) => "float64",
        (Type::List { .. }, _) => "[]",
        (Type::IntOrString, _) => "intstr.IntOrString",
        (Type::Quantity, _) => "resource.Quantity",
        (Type::Map { .. }, _) => "map[string]string",
        (Type::Named(name), _) => name,
    };
    let found = match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Array(_) => "array",
        _ => "object",
    };
    findings.wrong.push(format!(
        "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {go_type}"
    ));
}

fn walk_inside(kind: &Type, value: &mut Value, path: &str, findings: &mut Findings) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (kind, value) {
        (Type::Named(name), Value::Object(fields)) => {
            let Some(named) = schema().named(name) else { return };
            for (field, inner) in fields.iter_mut() {
                match named.fields.get(field) {
                    Some(held) => walk(&held.kind, inner, &join(field), name, findings),
                    None => findings.unknown.push(join(field)),
                }
            }
            fields
                .retain(|field, inner| named.fields.contains_key(field) && !is_omitted(named, field, inner));
        }
        (Type::Map { value: inner_kind, .. }, Value::Object(fields)) => {
            for (field, inner) in fields.iter_mut() {
                walk(inner_kind, inner, &join(field), "", findings);
            }
            fields.retain(|_, inner| !inner.is_null());
        }
        (Type::List { item, .. }, Value::Array(items)) => {
            for (index, inner) in items.iter_mut().enumerate() {
                walk(item, inner, &format!("{path}[{index}]"), "", findings);
            }
        }
        _ => {}
    }
}

/// Whether Go leaves a field out when it writes the object.
fn is_omitted(named: &Struct, field: &str, value: &Value) -> bool {
    let Some(held) = named.fields.get(field) else { return true };
    if value.is_null() {
        return true;
    }
    if named.custom || held.keep_empty {
        return false;
    }
    match (&held.kind, value) {
        (Type::Text { keep_empty, .. }, Value::String(text)) => text.is_empty() && !keep_empty,
        (Type::Integer { drop_zero }, Value::Number(number)) => *drop_zero && number.as_i64() == Some(0),
        (Type::Boolean { drop_false }, Value::Bool(flag)) => *drop_false && !flag,
        (Type::Map { .. }, Value::Object(fields)) => fields.is_empty(),
        (Type::List { .. }, Value::Array(items)) => items.is_empty() && !held.required,
        (Type::Named(inner), Value::Object(fields)) => inner == "NodeSpec" && fields.is_empty(),
        _ => false,
    }
}

/// Fills in the defaults that the schema holds.
pub(crate) fn fill_defaults(kind: &Type, value: &mut Value) {
    match (kind, value) {
        (Type::Named(name), Value::Object(fields)) => {
            let Some(named) = schema().named(name) else { return };
            // A CronJob's job gets its defaults when the job is made; its pods have them before.
            let bare = name == "JobTemplateSpec";
            if bare {
                if let Some(template) = fields.get_mut("spec").and_then(|spec| spec.get_mut("template")) {
                    fill_defaults(&Type::Named("PodTemplateSpec".into()), template);
                }
                return;
            }
            fill_fields(named, fields);
        }
        (Type::Map { value: inner, .. }, Value::Object(fields)) => {
            fields.values_mut().for_each(|value| fill_defaults(inner, value));
        }
        (Type::List { item, .. }, Value::Array(items)) => {
            items.iter_mut().for_each(|value| fill_defaults(item, value));
        }
        _ => {}
    }
}

fn fill_fields(named: &Struct, fields: &mut Map<String, Value>) {
    for (name, field) in &named.fields {
        if let (Some(default), None) = (&field.default, fields.get(name)) {
            fields.insert(name.clone(), default.clone());
        }
        if let Some(inner) = fields.get_mut(name) {
            fill_defaults(&field.kind, inner);
        }
    }
}

/// The paths of required fields that are missing, with `path` before them.
pub(crate) fn missing_fields(kind: &Type, value: &Value, path: &str) -> Vec<String> {
    let mut missing = Vec::new();
    match (kind, value) {
        (Type::Named(name), Value::Object(fields)) => {
            let Some(named) = schema().named(name) else { return missing };
            for (name, field) in &named.fields {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match fields.get(name) {
                    Some(value) => {
                        let empty = value.as_str().is_some_and(str::is_empty) && !is_text_kept(&field.kind)
                            || value.as_array().is_some_and(Vec::is_empty);
                        if field.required && empty && !named.custom {
                            missing.push(inner.clone());
                        }
                        missing.extend(missing_fields(&field.kind, value, &inner));
                    }
                    None if field.required && !is_text_kept(&field.kind) => missing.push(inner),
                    None => {}
                }
            }
        }
        (Type::Map { value: inner, .. }, Value::Object(fields)) => {
            for (name, value) in fields {
                missing.extend(missing_fields(inner, value, &format!("{path}[{name}]")));
            }
        }
        (Type::List { item, .. }, Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                missing.extend(missing_fields(item, value, &format!("{path}[{index}]")));
            }
        }
        _ => {}
    }
    missing
}

fn is_text_kept(kind: &Type) -> bool {
    matches!(kind, Type::Text { keep_empty: true, .. })
}
