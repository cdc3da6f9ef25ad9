//! The subresource `scale`: the size of a workload without the rest of it.

use serde_json::{Value, json};

use super::Reply;
use super::patch::{Format, conflict_error, format_of, patched};
use super::write::{body_object, read_yaml, store_changed};
use crate::playground::apply::managed::{self, ApplyError, Reset, Writer};
use crate::playground::clock::kubernetes_time;
use crate::playground::request::Call;
use crate::playground::server::ApiServer;
use crate::playground::status::ApiError;
use crate::playground::store::{Store, text_at};

/// The `Scale` of a workload.
fn scale_of(call: &Call, object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    let (wanted, held) = paths(call);
    let selector = selector(call, object);
    let count = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let mut scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": count(&wanted)},
        "status": {"replicas": count(&held)}});
    if !selector.is_empty() {
        scale["status"]["selector"] = json!(selector);
    }
    scale
}

/// Where the wanted and the present size are.
fn paths(call: &Call) -> (String, String) {
    match call.custom.as_ref().and_then(|version| version.scale.as_ref()) {
        Some(scale) => (scale.wanted.clone(), scale.held.clone()),
        None => ("/spec/replicas".to_owned(), "/status/replicas".to_owned()),
    }
}

fn selector(call: &Call, object: &Value) -> String {
    if let Some(scale) = call.custom.as_ref().and_then(|version| version.scale.as_ref()) {
        let pointer = scale.selector.as_deref().unwrap_or_default();
        return text_at(object, if pointer.is_empty() { "/-" } else { pointer }).to_owned();
    }
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let labels: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    labels.join(",")
}

/// An object with another size.
fn resized(call: &Call, object: &Value, replicas: &Value) -> Value {
    let mut resized = object.clone();
    let mut at = &mut resized;
    for part in paths(call).0.split('/').filter(|part| !part.is_empty()) {
        at = &mut at[part];
    }
    *at = replicas.clone();
    resized
}

pub(super) fn handle(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let mut store = server.store();
    let old = store
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    let scale = match call.verb {
        "get" => return Ok(Reply::ok(scale_of(call, &old))),
        "update" => body_object(call)?,
        "patch" => match format_of(call)? {
            Format::Apply => {
                return apply(&mut store, call, &old).map(|held| Reply::ok(scale_of(call, &held)));
            }
            // A Scale has no lists, so a strategic patch is a merge patch.
            Format::Strategic => patched(call, Format::Merge, &scale_of(call, &old))?,
            format => patched(call, format, &scale_of(call, &old))?,
        },
        _ => return Err(ApiError::method_not_allowed()),
    };
    let mut new = resized(call, &old, &json!(scale["spec"]["replicas"].as_i64().unwrap_or(0)));
    new["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"].clone();
    let held = store_changed(&mut store, call, &old, new, false)?;
    Ok(Reply::ok(scale_of(call, &held)))
}

fn apply(
    store: &mut Store,
    call: &Call,
    old: &std::sync::Arc<Value>,
) -> Result<std::sync::Arc<Value>, ApiError> {
    let scale = read_yaml(&call.body)?;
    let bare = json!({"apiVersion": call.kind.api_version(), "kind": call.kind.kind,
        "metadata": {"name": call.name, "namespace": call.namespace}});
    let config = resized(call, &bare, &scale["spec"]["replicas"]);
    let (api_version, now) = (call.recorded_version(), kubernetes_time(store.now()));
    let writer =
        Writer { manager: call.manager(), api_version: &api_version, subresource: "scale", now: &now };
    let force = call.parameter("force") == "true";
    let mut new = managed::apply(&store.served(call.kind, Reset::Status), old, &config, &writer, force)
        .map_err(|error| match error {
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
