//! The columns that a CustomResourceDefinition asks for.

use serde_json::{Value, json};

use super::age;
use crate::model::Timestamp;
use crate::playground::custom::{Version, path};

/// The columns of a version: the name, then what is asked for, else the age.
pub(super) fn columns(version: &Version) -> Vec<Value> {
    let column = |title: &str, kind: &str, priority: i64| {
        json!({"name": title, "type": kind, "format": if title == "Name" { "name" } else { "" },
            "description": "", "priority": priority})
    };
    let mut columns = vec![column("Name", "string", 0)];
    columns.extend(version.columns.iter().map(|held| column(&held.title, &held.kind, held.priority)));
    if version.columns.is_empty() {
        columns.push(column("Age", "date", 0));
    }
    columns
}

/// The cells of an object. What is not there is empty; a date is shown by its age.
pub(super) fn cells(version: &Version, object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![object["metadata"]["name"].clone()];
    cells.extend(version.columns.iter().map(|column| {
        let found = path::find(object, &column.path);
        match (found.first(), column.kind.as_str()) {
            (None | Some(Value::Null), _) => Value::Null,
            (Some(since), "date") => json!(age(&path::text(since), now)),
            (Some(number), "integer" | "number" | "boolean") => (*number).clone(),
            (Some(value), _) => json!(path::text(value)),
        }
    }));
    if version.columns.is_empty() {
        cells.push(json!(age(object["metadata"]["creationTimestamp"].as_str().unwrap_or_default(), now)));
    }
    cells
}
