//! The JSONPath of printer columns: names, places in lists, all items, items with a field of a value.

use serde_json::Value;

/// What a path finds in an object.
pub(crate) fn find<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![object];
    let mut rest = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    while !rest.is_empty() {
        let (step, after) = split(rest);
        found = found.into_iter().flat_map(|value| follow(value, step)).collect();
        rest = after;
    }
    found
}

/// The first step (`name`, or what stands in brackets) and what comes after it.
fn split(path: &str) -> (&str, &str) {
    if let Some(inside) = path.strip_prefix('[') {
        // A filter may hold brackets in quotes, which no known column does.
        return inside.split_once(']').unwrap_or((inside, ""));
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    // An escaped dot belongs to the name.
    let mut end = 0;
    let bytes = path.as_bytes();
    while end < bytes.len() && !(matches!(bytes[end], b'.' | b'[') && (end == 0 || bytes[end - 1] != b'\\')) {
        end += 1;
    }
    path.split_at(end)
}

fn follow<'a>(value: &'a Value, step: &str) -> Vec<&'a Value> {
    let step = step.trim();
    if let Some(filter) = step.strip_prefix("?(@.").and_then(|filter| filter.strip_suffix(')')) {
        let Some((field, wanted)) = filter.split_once("==") else { return Vec::new() };
        let wanted = wanted.trim().trim_matches(['"', '\'']);
        let is_wanted = |item: &&Value| item.get(field.trim()).is_some_and(|held| text(held) == wanted);
        return value.as_array().into_iter().flatten().filter(is_wanted).collect();
    }
    match (step, value) {
        ("*", Value::Array(items)) => items.iter().collect(),
        ("*", Value::Object(fields)) => fields.values().collect(),
        ("", value) => vec![value],
        (index, Value::Array(items)) => {
            index.parse::<usize>().ok().and_then(|index| items.get(index)).into_iter().collect()
        }
        (name, value) => {
            let name = name.trim_matches(['"', '\'']).replace("\\.", ".");
            value.get(&name).into_iter().collect()
        }
    }
}

/// A value as a column shows it.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
