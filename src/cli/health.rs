//! `health`: judges objects from files.

use serde::Serialize;
use serde_json::Value;

use super::args;
use super::console::{Console, Paint};
use super::failure::Failure;
use super::objects;
use crate::health::{HealthStatus, assess_value};
use crate::model::Timestamp;

/// One object's health.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    api_version: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
    status: HealthStatus,
    reason: String,
    message: String,
}

/// Runs the command.
///
/// # Errors
/// The file can't be read.
pub fn run(args: &args::Health, console: &mut Console) -> Result<(), Failure> {
    let objects = objects::read(&args.filename, console)?;
    let now = Timestamp::now();
    let rows: Vec<Row> = objects.iter().map(|object| row(object, now)).collect();
    if let Some(form) = args.output.machine() {
        return console.machine(form, &rows);
    }
    let mut table = console.table(&["KIND", "NAMESPACE", "NAME", "STATUS", "REASON", "MESSAGE"]);
    for row in &rows {
        let status = console.paint(paint(row.status), row.status.as_str());
        table.row([
            row.kind.as_str(),
            row.namespace.as_deref().unwrap_or_default(),
            &row.name,
            &status,
            &row.reason,
            &row.message,
        ]);
    }
    console.print(&table.text())
}

fn row(object: &Value, now: Timestamp) -> Row {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let health = assess_value(object, now);
    Row {
        api_version: text("/apiVersion").unwrap_or_default(),
        kind: text("/kind").unwrap_or_default(),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name").unwrap_or_default(),
        status: health.status,
        reason: health.reason,
        message: health.message,
    }
}

/// How a status is painted.
pub fn paint(status: HealthStatus) -> Paint {
    match status {
        HealthStatus::Healthy => Paint::Good,
        HealthStatus::Suspended => Paint::Faint,
        HealthStatus::Progressing | HealthStatus::Unknown => Paint::Attention,
        HealthStatus::Missing | HealthStatus::Degraded => Paint::Bad,
    }
}
