//! Whether a value fits its type.

use std::collections::HashSet;

use serde_json::Value;

use super::{TypeError, entry, item_step};
use crate::playground::apply::field_set::{Step, path_text};
use crate::playground::schema::{ListMerge, Schema, Type};

/// Checks that a value fits its type, as strictly as a merge needs it: declared fields, the right
/// JSON types, and no two items of a list under one key.
///
/// # Errors
/// It does not; the first place found is named.
pub(crate) fn check(schema: &Schema, kind: &Type, value: &Value) -> Result<(), TypeError> {
    check_at(schema, kind, value, &mut Vec::new())
}

fn fail(path: &[Step], text: &str) -> Result<(), TypeError> {
    Err(TypeError(format!("{}: {text}", path_text(path))))
}

fn check_at(schema: &Schema, kind: &Type, value: &Value, path: &mut Vec<Step>) -> Result<(), TypeError> {
    let expected = match (kind, value) {
        (_, Value::Null) | (Type::Any | Type::AnyAtomic | Type::IntOrString | Type::Quantity, _) => {
            return Ok(());
        }
        (Type::Text { .. }, Value::String(_))
        | (Type::Integer { .. } | Type::Number, Value::Number(_))
        | (Type::Boolean { .. }, Value::Bool(_)) => return Ok(()),
        (Type::Map { .. } | Type::Named(_), Value::Object(fields)) => {
            for (name, inner) in fields {
                path.push(Step::field(name));
                if !matches!(kind, Type::Map { .. }) && schema.field(kind, name).is_none() {
                    return fail(path, "field not declared in schema");
                }
                check_at(schema, entry(schema, kind, name).0, inner, path)?;
                path.pop();
            }
            return Ok(());
        }
        (Type::List { item, merge }, Value::Array(items)) => {
            return check_items(schema, kind, (item, merge), items, path);
        }
        (Type::Text { .. }, _) => "string",
        (Type::Integer { .. } | Type::Number, _) => "numeric (int or float)",
        (Type::Boolean { .. }, _) => "boolean",
        (Type::List { .. }, _) => "list",
        _ => "map",
    };
    let found = match value {
        Value::String(text) => format!("string: &value.valueUnstructured{{Value:{text:?}}}"),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Array(_) => "list".into(),
        _ => "map".into(),
    };
    fail(path, &format!("expected {expected}, got {found}"))
}

fn check_items(
    schema: &Schema,
    kind: &Type,
    (item, merge): (&Type, &ListMerge),
    items: &[Value],
    path: &mut Vec<Step>,
) -> Result<(), TypeError> {
    let mut seen = HashSet::new();
    for (index, inner) in items.iter().enumerate() {
        let step = match merge {
            ListMerge::Atomic => Step::Index(index),
            _ => match item_step(kind, inner) {
                Ok(step) if seen.contains(&step) => {
                    return fail(path, &format!("duplicate entries for key {step}"));
                }
                Ok(step) => step,
                Err(text) => return fail(path, &format!("element {index}: {text}")),
            },
        };
        seen.insert(step.clone());
        path.push(step);
        check_at(schema, item, inner, path)?;
        path.pop();
    }
    Ok(())
}
