//! Strategic merge patches, as kubectl writes them.

use serde_json::{Map, Value};

use crate::playground::schema::{ListMerge, Type, schema};

/// A directive in a patch can't be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StrategicError(pub String);

/// Applies a strategic merge patch to a value of a type.
pub(crate) fn patch(kind: &Type, original: &Value, patch: &Value) -> Result<Value, StrategicError> {
    match patch {
        Value::Object(fields) => {
            let empty = Map::new();
            merge_map(kind, original.as_object().unwrap_or(&empty), fields).map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

fn field_type(kind: &Type, name: &str) -> Type {
    match kind {
        Type::Map { value, .. } => (**value).clone(),
        _ => schema().field(kind, name).map_or(Type::Any, |(kind, _)| kind.clone()),
    }
}

fn merge_map(
    kind: &Type,
    original: &Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Map<String, Value>, StrategicError> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let mut replaced = patch.clone();
            replaced.remove("$patch");
            return Ok(replaced);
        }
        Some("delete") => return Ok(Map::new()),
        None | Some("merge") => {}
        Some(other) => return Err(StrategicError(format!("unknown patch type found in map: {other}"))),
    }
    let mut result = original.clone();
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        result.retain(|name, _| kept.iter().any(|held| held == name));
    }
    for (name, items) in patch {
        let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") else { continue };
        if let (Some(held), Some(gone)) =
            (result.get_mut(list).and_then(Value::as_array_mut), items.as_array())
        {
            held.retain(|item| !gone.contains(item));
        }
    }
    for (name, value) in patch {
        if name.starts_with('$') {
            continue;
        }
        if value.is_null() {
            result.remove(name);
            continue;
        }
        let inner = field_type(kind, name);
        let merged = match (result.get(name), value) {
            (Some(Value::Object(held)), Value::Object(given)) => {
                Value::Object(merge_map(&inner, held, given)?)
            }
            (_, Value::Object(given)) => Value::Object(merge_map(&inner, &Map::new(), given)?),
            (held, Value::Array(given)) => {
                let empty = Vec::new();
                let held = held.and_then(Value::as_array).unwrap_or(&empty);
                Value::Array(merge_list(&inner, held, given)?)
            }
            (_, other) => other.clone(),
        };
        result.insert(name.clone(), merged);
    }
    for (name, order) in patch {
        let Some(list) = name.strip_prefix("$setElementOrder/") else { continue };
        if let (Some(held), Some(order)) =
            (result.get_mut(list).and_then(Value::as_array_mut), order.as_array())
        {
            let key = merge_key(&field_type(kind, list));
            sort_by_order(held, order, key.as_deref());
        }
    }
    Ok(result)
}

/// The key by which a list is merged. Where server-side apply knows several, patches know the first.
fn merge_key(kind: &Type) -> Option<String> {
    match kind {
        Type::List { merge: ListMerge::Keys(keys), .. } => keys.first().map(|(key, _)| key.clone()),
        _ => None,
    }
}

fn merge_list(kind: &Type, original: &[Value], patch: &[Value]) -> Result<Vec<Value>, StrategicError> {
    let Type::List { item, merge } = kind else { return Ok(patch.to_vec()) };
    match merge {
        ListMerge::Atomic => return Ok(without_directives(patch)),
        ListMerge::Set => {
            let mut result = original.to_vec();
            result.extend(patch.iter().filter(|value| !original.contains(value)).cloned());
            return Ok(result);
        }
        ListMerge::Keys(_) => {}
    }
    let Some(key) = merge_key(kind) else { return Ok(patch.to_vec()) };
    if patch.iter().any(|value| value["$patch"] == "replace") {
        return Ok(without_directives(patch));
    }
    let mut result = original.to_vec();
    for value in patch {
        let Some(name) = value.get(&key) else {
            return Err(StrategicError(format!("map: {value} does not contain declared merge key: {key}")));
        };
        let place = result.iter().position(|held| held.get(&key) == Some(name));
        if value["$patch"] == "delete" {
            result.retain(|held| held.get(&key) != Some(name));
            continue;
        }
        match place {
            Some(place) => result[place] = self::patch(item, &result[place], value)?,
            None => result.push(self::patch(item, &Value::Null, value)?),
        }
    }
    Ok(result)
}

fn without_directives(patch: &[Value]) -> Vec<Value> {
    patch.iter().filter(|value| value.get("$patch").is_none()).cloned().collect()
}

/// Items named in `order` in that order; the others stay after the item that they followed.
fn sort_by_order(items: &mut [Value], order: &[Value], key: Option<&str>) {
    let name = |value: &Value| match key {
        Some(key) => value.get(key).cloned().unwrap_or(Value::Null),
        None => value.clone(),
    };
    let rank = |value: &Value| order.iter().position(|wanted| name(wanted) == name(value));
    let mut named: Vec<Value> = items.iter().filter(|item| rank(item).is_some()).cloned().collect();
    named.sort_by_key(|item| rank(item));
    let mut named = named.into_iter();
    for item in items.iter_mut().filter(|item| rank(item).is_some()) {
        if let Some(next) = named.next() {
            *item = next;
        }
    }
}
