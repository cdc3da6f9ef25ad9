//! Values with a type: the fields they set, how they differ, how one is merged into another.
//!
//! Follows the rules of structured merge: atomic values are one field, lists that are maps go by
//! their keys, sets by their items, and what has no schema is deduced from the value.

use serde_json::{Map, Value};

use super::field_set::{FieldSet, Step, path_text};
use crate::playground::schema::{ListMerge, Schema, Type};

/// How two values differ.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

/// A value can't be read by its type; the text names the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeError(pub String);

/// The structure of a value under its type.
enum Shape<'a> {
    Leaf,
    Map(&'a Map<String, Value>),
    List(&'a Vec<Value>),
}

fn shape<'a>(schema: &Schema, kind: &Type, value: &'a Value) -> Shape<'a> {
    if schema.is_atomic(kind) {
        return Shape::Leaf;
    }
    match (kind, value) {
        (Type::Map { .. } | Type::Named(_) | Type::Any, Value::Object(fields)) => Shape::Map(fields),
        (Type::List { .. }, Value::Array(items)) => Shape::List(items),
        _ => Shape::Leaf,
    }
}

/// The type of a map's or struct's entry, and whether the struct declares it.
fn entry<'a>(schema: &'a Schema, kind: &'a Type, name: &str) -> (&'a Type, bool) {
    if let Type::Map { value, .. } = kind {
        return (value, false);
    }
    schema.field(kind, name).unwrap_or((&Type::Any, false))
}

fn item_type(kind: &Type) -> &Type {
    match kind {
        Type::List { item, .. } => item,
        _ => &Type::Any,
    }
}

/// The step that names an item of a list.
fn item_step(kind: &Type, item: &Value) -> Result<Step, String> {
    let Type::List { merge, .. } = kind else { return Ok(Step::Item(item.to_string())) };
    match merge {
        ListMerge::Keys(keys) => {
            let mut held = Vec::new();
            for (key, default) in keys {
                match item.get(key).filter(|value| !value.is_null()).or(default.as_ref()) {
                    Some(value) => held.push((key.clone(), value.to_string())),
                    None if keys.len() > 1 => {}
                    None => {
                        return Err(format!(
                            "associative list with keys has an element that omits key field {key:?} (and doesn't have default value)"
                        ));
                    }
                }
            }
            held.sort();
            Ok(Step::Key(held))
        }
        _ => Ok(Step::Item(item.to_string())),
    }
}

fn steps(kind: &Type, items: &[Value]) -> Vec<Step> {
    items.iter().map(|item| item_step(kind, item).unwrap_or(Step::Item(item.to_string()))).collect()
}

/// Checks that a value fits its type, as strictly as a merge needs it: declared fields, the right
/// JSON types, and no two items of a list under one key.
pub(crate) fn check(schema: &Schema, kind: &Type, value: &Value) -> Result<(), TypeError> {
    check_at(schema, kind, value, &mut Vec::new())
}

fn check_at(schema: &Schema, kind: &Type, value: &Value, path: &mut Vec<Step>) -> Result<(), TypeError> {
    let fail = |path: &[Step], text: String| Err(TypeError(format!("{}: {text}", path_text(path))));
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
                let declared = !matches!(kind, Type::Named(_)) || schema.field(kind, name).is_some();
                if !declared {
                    return fail(path, "field not declared in schema".into());
                }
                check_at(schema, entry(schema, kind, name).0, inner, path)?;
                path.pop();
            }
            return Ok(());
        }
        (Type::List { item, merge }, Value::Array(items)) => {
            let mut seen = Vec::new();
            for (index, inner) in items.iter().enumerate() {
                let step = match merge {
                    ListMerge::Atomic => Step::Index(index),
                    _ => match item_step(kind, inner) {
                        Ok(step) if seen.contains(&step) => {
                            return fail(path, format!("duplicate entries for key {step}"));
                        }
                        Ok(step) => step,
                        Err(text) => return fail(path, format!("element {index}: {text}")),
                    },
                };
                seen.push(step.clone());
                path.push(step);
                check_at(schema, item, inner, path)?;
                path.pop();
            }
            return Ok(());
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
    fail(path, format!("expected {expected}, got {found}"))
}

/// The fields that a value sets.
pub(crate) fn field_set(schema: &Schema, kind: &Type, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(schema, kind, value, &mut Vec::new(), &mut set);
    set
}

fn collect(schema: &Schema, kind: &Type, value: &Value, path: &mut Vec<Step>, set: &mut FieldSet) {
    match shape(schema, kind, value) {
        Shape::Leaf => set.insert(path),
        Shape::Map(fields) => {
            for (name, inner) in fields {
                let (inner_kind, declared) = entry(schema, kind, name);
                path.push(Step::field(name));
                collect(schema, inner_kind, inner, path, set);
                let bare = inner.is_null() || inner.as_object().is_some_and(Map::is_empty);
                if bare || !declared {
                    set.insert(path);
                }
                path.pop();
            }
        }
        Shape::List(items) => {
            for (step, inner) in steps(kind, items).into_iter().zip(items) {
                path.push(step);
                collect(schema, item_type(kind), inner, path, set);
                set.insert(path);
                path.pop();
            }
        }
    }
}

/// What changed from `old` to `new`.
pub(crate) fn compare(schema: &Schema, kind: &Type, old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    walk(schema, kind, Some(old), Some(new), &mut Vec::new(), &mut comparison);
    comparison
}

fn walk(
    schema: &Schema,
    kind: &Type,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<Step>,
    out: &mut Comparison,
) {
    let leaf = |out: &mut Comparison, path: &[Step]| match (old, new) {
        (None, Some(_)) => out.added.insert(path),
        (Some(_), None) => out.removed.insert(path),
        (Some(old), Some(new)) if old != new => out.modified.insert(path),
        _ => {}
    };
    let (before, after) =
        (old.map(|value| shape(schema, kind, value)), new.map(|value| shape(schema, kind, value)));
    // Null beside a map or list is an empty one.
    let (before, after) = match (before, after) {
        (Some(Shape::Leaf), Some(after)) if old.is_some_and(Value::is_null) => (None, Some(after)),
        (Some(before), Some(Shape::Leaf)) if new.is_some_and(Value::is_null) => (Some(before), None),
        sides => sides,
    };
    match (before, after) {
        (Some(Shape::Leaf), _) | (_, Some(Shape::Leaf)) | (None, None) => leaf(out, path),
        (before, after) => {
            let maps = |shape: &Option<Shape<'_>>| matches!(shape, Some(Shape::Map(_)));
            if maps(&before) || maps(&after) {
                walk_maps(schema, kind, (old, new), path, out);
            } else {
                walk_lists(schema, kind, (old, new), path, out);
            }
            match (old, new) {
                (None, _) => out.added.insert(path),
                (_, None) => out.removed.insert(path),
                _ => {}
            }
        }
    }
}

type Sides<'a> = (Option<&'a Value>, Option<&'a Value>);

fn walk_maps(schema: &Schema, kind: &Type, sides: Sides<'_>, path: &mut Vec<Step>, out: &mut Comparison) {
    let fields = |value: Option<&'_ Value>| -> Map<String, Value> {
        value.and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (old, new) = (fields(sides.0), fields(sides.1));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        path.push(Step::field(name));
        walk(schema, entry(schema, kind, name).0, old.get(name), new.get(name), path, out);
        path.pop();
    }
}

fn walk_lists(schema: &Schema, kind: &Type, sides: Sides<'_>, path: &mut Vec<Step>, out: &mut Comparison) {
    let items = |value: Option<&'_ Value>| -> Vec<(Step, Value)> {
        let items = value.and_then(Value::as_array).cloned().unwrap_or_default();
        steps(kind, &items).into_iter().zip(items).collect()
    };
    let (old, new) = (items(sides.0), items(sides.1));
    let find = |side: &[(Step, Value)], step: &Step| {
        side.iter().find(|(held, _)| held == step).map(|(_, value)| value.clone())
    };
    let mut seen = Vec::new();
    for (step, _) in old.iter().chain(&new) {
        if seen.contains(step) {
            continue;
        }
        seen.push(step.clone());
        let (before, after) = (find(&old, step), find(&new, step));
        path.push(step.clone());
        walk(schema, item_type(kind), before.as_ref(), after.as_ref(), path, out);
        path.pop();
    }
}

/// `live` with `config` merged in.
pub(crate) fn merge(schema: &Schema, kind: &Type, live: &Value, config: &Value) -> Value {
    match (shape(schema, kind, live), shape(schema, kind, config)) {
        (Shape::Map(held), Shape::Map(given)) => {
            let mut merged = held.clone();
            for (name, value) in given {
                let inner = entry(schema, kind, name).0;
                let value = match held.get(name) {
                    Some(held) => merge(schema, inner, held, value),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Shape::List(held), Shape::List(given)) => Value::Array(merge_lists(schema, kind, held, given)),
        // A null says nothing about what is in a map or list; who owned that may still take it out.
        (Shape::Map(_) | Shape::List(_), _) if config.is_null() => live.clone(),
        _ => config.clone(),
    }
}

/// Items in the order of the configuration, with items that only live has kept near their place.
fn merge_lists(schema: &Schema, kind: &Type, live: &[Value], config: &[Value]) -> Vec<Value> {
    let (held, given) = (steps(kind, live), steps(kind, config));
    let merged = |step: &Step, item: &Value| match held.iter().position(|other| other == step) {
        Some(at) => merge(schema, item_type(kind), &live[at], item),
        None => item.clone(),
    };
    let mut shared = given.iter().filter(|step| held.contains(step)).peekable();
    let mut out = Vec::new();
    let mut done: Vec<&Step> = Vec::new();
    let (mut left, mut right) = (0, 0);
    while left < held.len() || right < given.len() {
        if left < held.len() && right < given.len() {
            let step = &held[left];
            if *step == given[right] {
                out.push(merged(step, &config[right]));
                done.push(step);
                left += 1;
                right += 1;
                shared.next();
                continue;
            }
            if given.contains(step) && shared.peek().is_some_and(|wanted| *wanted != step) {
                left += 1;
                continue;
            }
        }
        if left < held.len() {
            let step = &held[left];
            if !given.contains(step) {
                out.push(live[left].clone());
                left += 1;
                continue;
            }
            if done.contains(&step) {
                left += 1;
            }
        }
        if right < given.len() {
            let step = &given[right];
            out.push(merged(step, &config[right]));
            done.push(step);
            right += 1;
            if shared.peek().is_some_and(|wanted| *wanted == step) {
                shared.next();
            }
        }
    }
    out
}

/// `value` without the fields and items of a set.
pub(crate) fn without(schema: &Schema, kind: &Type, value: &Value, gone: &FieldSet) -> Value {
    match shape(schema, kind, value) {
        Shape::Leaf => value.clone(),
        Shape::Map(fields) => {
            let mut kept = Map::new();
            for (name, inner) in fields {
                let step = Step::field(name);
                if gone.has(&step) {
                    continue;
                }
                let inner = match gone.below(&step) {
                    Some(below) => without(schema, entry(schema, kind, name).0, inner, below),
                    None => inner.clone(),
                };
                kept.insert(name.clone(), inner);
            }
            emptied(Value::Object(kept), value)
        }
        Shape::List(items) => {
            let mut kept = Vec::new();
            for (step, inner) in steps(kind, items).into_iter().zip(items) {
                if gone.has(&step) {
                    continue;
                }
                kept.push(match gone.below(&step) {
                    Some(below) => without(schema, item_type(kind), inner, below),
                    None => inner.clone(),
                });
            }
            emptied(Value::Array(kept), value)
        }
    }
}

/// A value of which everything was taken is null: the API server leaves nothing behind either.
fn emptied(kept: Value, before: &Value) -> Value {
    let empty = |value: &Value| {
        value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
    };
    if empty(&kept) && !empty(before) { Value::Null } else { kept }
}

/// Takes out null fields.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, inner| !inner.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
