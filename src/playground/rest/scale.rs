//! The subresource `scale`: the size of a workload without the rest of it.

use serde_json::{Value, json};

use super::Reply;
use super::patch::{Format, conflict_error, format_of, patched};
use super::write::{body_object, read_yaml, store_changed};
use crate::playground::apply::managed::{self, ApplyError, Writer};
use crate::playground::clock::kubernetes_time;
use crate::playground::request::Call;
use crate::playground::schema::type_of;
use crate::playground::server::ApiServer;
use crate::playground::status::ApiError;
use crate::playground::store::{Store, text_at};

/// The `Scale` of a workload.
fn scale_of(object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let mut scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": object["spec"]["replicas"].as_i64().unwrap_or(0)},
        "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or(0)}});
    if !selector.is_empty() {
        scale["status"]["selector"] = json!(selector.join(","));
    }
    scale
}

pub(super) fn handle(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let mut store = server.store();
    let old = store
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    let scale = match call.verb {
        "get" => return Ok(Reply::ok(scale_of(&old))),
        "update" => body_object(call)?,
        "patch" => match format_of(call)? {
            Format::Apply => return apply(&mut store, call, &old).map(|held| Reply::ok(scale_of(&held))),
            // A Scale has no lists, so a strategic patch is a merge patch.
            Format::Strategic => patched(call, Format::Merge, &scale_of(&old))?,
            format => patched(call, format, &scale_of(&old))?,
        },
        _ => return Err(ApiError::method_not_allowed()),
    };
    let mut new = (*old).clone();
    new["spec"]["replicas"] = json!(scale["spec"]["replicas"].as_i64().unwrap_or(0));
    new["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"].clone();
    let held = store_changed(&mut store, call, &old, new, false)?;
    Ok(Reply::ok(scale_of(&held)))
}

fn apply(
    store: &mut Store,
    call: &Call,
    old: &std::sync::Arc<Value>,
) -> Result<std::sync::Arc<Value>, ApiError> {
    let scale = read_yaml(&call.body)?;
    let config = json!({"apiVersion": call.kind.api_version(), "kind": call.kind.kind,
        "metadata": {"name": call.name, "namespace": call.namespace},
        "spec": {"replicas": scale["spec"]["replicas"]}});
    let (api_version, now) = (call.kind.api_version(), kubernetes_time(store.now()));
    let writer =
        Writer { manager: call.manager(), api_version: &api_version, subresource: "scale", now: &now };
    let force = call.parameter("force") == "true";
    let mut new =
        managed::apply(&type_of(call.kind), old, &config, &writer, force).map_err(|error| match error {
            ApplyError::Conflicts(conflicts) => conflict_error(&conflicts),
            ApplyError::Type(error) => {
                ApiError::internal(format!("failed to create typed patch object: {}", error.0))
            }
        })?;
    let revision = text_at(&scale, "/metadata/resourceVersion");
    if !revision.is_empty() {
        new["metadata"]["resourceVersion"] = json!(revision);
    }
    store_changed(store, call, old, new, true)
}
