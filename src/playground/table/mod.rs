//! Tables, as `kubectl get` prints them.

mod columns;
mod custom;

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::request::Call;
use crate::model::Timestamp;

/// A column: its title, and whether only `-o wide` shows it.
type Column = (&'static str, bool);

/// The table of some objects of the kind that a call is for.
pub(crate) fn table(
    call: &Call,
    objects: &[Arc<Value>],
    revision: &str,
    now: Timestamp,
    with_columns: bool,
) -> Value {
    let columns: Vec<Value> = match &call.custom {
        Some(version) => custom::columns(version),
        None => built_in_columns(call.kind),
    };
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let shown = match call.parameter("includeObject") {
                "Object" => call.shown(object).into_owned(),
                "None" => Value::Null,
                _ => json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                    "metadata": object["metadata"]}),
            };
            let cells = match &call.custom {
                Some(version) => custom::cells(version, object, now),
                None => columns::cells(call.kind, object, now),
            };
            let mut row = json!({"cells": cells});
            if !shown.is_null() {
                row["object"] = shown;
            }
            row
        })
        .collect();
    let mut table = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": revision}, "columnDefinitions": [], "rows": rows});
    if with_columns {
        table["columnDefinitions"] = Value::Array(columns);
    }
    table
}

fn built_in_columns(kind: &Kind) -> Vec<Value> {
    columns::columns(kind)
        .iter()
        .map(|(title, wide)| {
            json!({"name": title, "type": "string", "format": if *title == "Name" { "name" } else { "" },
                "description": "", "priority": i32::from(*wide)})
        })
        .collect()
}

/// The time since a moment, in the two largest units that say something (`90s`, `5m12s`, `3d4h`).
pub(crate) fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else { return "<unknown>".into() };
    human_duration(now.as_second() - since.as_second())
}

fn human_duration(seconds: i64) -> String {
    let pair = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit}{small}{small_unit}")
        }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        ..=-2 => "<invalid>".into(),
        -1 | 0 => "0s".into(),
        1..=119 => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 192 => pair(hours / 24, "d", hours % 24, "h"),
        _ if hours < 24 * 365 * 2 => format!("{}d", hours / 24),
        _ if hours < 24 * 365 * 8 => pair(hours / 24 / 365, "y", hours / 24 % 365, "d"),
        _ => format!("{}y", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::human_duration;

    #[test]
    fn durations_are_short() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (312, "5m12s"),
            (3600, "60m"),
            (4 * 3600 + 120, "4h2m"),
            (30 * 3600, "30h"),
            (76 * 3600, "3d4h"),
            (30 * 86_400, "30d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(seconds), text);
        }
    }
}
