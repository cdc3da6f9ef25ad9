//! What the API server refuses: wrong names, missing fields, changes of what can't change.
//!
//! Covers what the engine and its users meet; it is not every rule of the real server.

mod definition;
mod metadata;
mod policy;
mod workload;

use serde_json::Value;

use super::kinds::Kind;
use super::schema::normalize::missing_fields;
use super::schema::type_of;
use super::status::Cause;

/// The faults of an object that is about to be stored in place of `old` (or anew).
pub(crate) fn check(kind: &Kind, old: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = metadata::check(kind, object);
    let missing = if kind.custom { Vec::new() } else { missing_fields(&type_of(kind), object, "") };
    causes.extend(missing.into_iter().filter(|field| !field.starts_with("metadata")).map(Cause::required));
    match kind.kind {
        _ if kind.custom => {}
        "CustomResourceDefinition" => causes.extend(definition::check(old, object)),
        "Pod" | "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" => {
            causes.extend(workload::check(kind, object));
        }
        _ => causes.extend(policy::check(kind, object)),
    }
    if let Some(old) = old.filter(|_| !kind.custom) {
        causes.extend(workload::check_change(kind, old, object));
        causes.extend(policy::check_change(kind, old, object));
    }
    // One fault may be found in two ways.
    let mut seen: Vec<Cause> = Vec::new();
    for cause in causes {
        let twice = seen.iter().any(|held| held.field == cause.field && held.reason == cause.reason);
        if !twice {
            seen.push(cause);
        }
    }
    seen
}
