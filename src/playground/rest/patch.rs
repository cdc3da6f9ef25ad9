//! Patches: server-side apply, JSON Patch, merge patch, strategic merge patch.

use serde_json::{Value, json};

use super::Reply;
use super::get::in_form;
use super::write::{admit_form, check_identity, read_yaml, reset_of, store_changed, store_new};
use crate::playground::apply::managed::{self, ApplyError, Conflict, Writer};
use crate::playground::apply::strategic;
use crate::playground::clock::kubernetes_time;
use crate::playground::rbac;
use crate::playground::request::Call;
use crate::playground::schema::type_of;
use crate::playground::server::ApiServer;
use crate::playground::status::{ApiError, Cause};
use crate::playground::store::text_at;

/// The kinds of patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Apply,
    Json,
    Merge,
    Strategic,
}

pub(super) fn format_of(call: &Call) -> Result<Format, ApiError> {
    match call.content_type.split(';').next().unwrap_or("").trim() {
        "application/apply-patch+yaml" => Ok(Format::Apply),
        "application/json-patch+json" => Ok(Format::Json),
        "application/merge-patch+json" => Ok(Format::Merge),
        "application/strategic-merge-patch+json" => Ok(Format::Strategic),
        other => Err(ApiError::unsupported_media_type(
            other,
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, application/strategic-merge-patch+json",
        )),
    }
}

/// `object` with a patch that is no apply.
pub(super) fn patched(call: &Call, format: Format, object: &Value) -> Result<Value, ApiError> {
    let body: Value = serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    let mut patched = object.clone();
    match format {
        Format::Json => {
            let patch: json_patch::Patch = serde_json::from_value(body)
                .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
            json_patch::patch(&mut patched, &patch).map_err(|error| {
                ApiError::new(
                    422,
                    "Invalid",
                    format!("the server rejected our request due to an error in our request: {error}"),
                )
            })?;
        }
        Format::Strategic if !call.kind.custom && !call.kind.group.starts_with("gateway") => {
            patched = strategic::patch(&type_of(call.view), object, &body)
                .map_err(|error| ApiError::bad_request(error.0))?;
        }
        Format::Strategic => {
            let known =
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
            return Err(ApiError::unsupported_media_type(&call.content_type, known));
        }
        Format::Merge | Format::Apply => json_patch::merge(&mut patched, &body),
    }
    Ok(patched)
}

pub(super) fn patch(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let format = format_of(call)?;
    if format == Format::Apply {
        return apply(server, call);
    }
    let mut store = server.store();
    let old = store
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    let mut new = patched(call, format, &call.shown(&old))?;
    check_identity(call, &mut new)?;
    let warnings = admit_form(call, &mut new)?;
    let held = store_changed(&mut store, call, &old, call.kept(new), false)?;
    drop(store);
    Ok(Reply::Object { code: 200, value: in_form(server, call, &held), warnings })
}

/// A conflict of field ownership as an answer.
pub(super) fn conflict_error(conflicts: &[Conflict]) -> ApiError {
    let causes: Vec<Cause> = conflicts
        .iter()
        .map(|conflict| Cause {
            reason: "FieldManagerConflict",
            message: format!("conflict with {}", conflict.manager),
            field: conflict.path.clone(),
        })
        .collect();
    ApiError::new(409, "Conflict", managed::conflict_message(conflicts)).with_causes(&causes)
}

/// The applied configuration, checked.
fn configuration(call: &Call) -> Result<Value, ApiError> {
    if call.parameter("fieldManager").is_empty() {
        let cause = Cause::required_because("fieldManager", "is required for apply patch");
        let message = format!("PatchOptions.meta.k8s.io \"\" is invalid: {}: {}", cause.field, cause.message);
        return Err(ApiError::new(422, "Invalid", message).with_causes(&[cause]));
    }
    let mut config = read_yaml(&call.body)?;
    if !config.is_object() {
        return Err(ApiError::bad_request("the patch is not an object"));
    }
    for field in ["apiVersion", "kind"] {
        if text_at(&config, &format!("/{field}")).is_empty() {
            return Err(ApiError::bad_request(format!(
                "Object '{}' is missing in the patch",
                if field == "kind" { "Kind" } else { "apiVersion" }
            )));
        }
    }
    check_identity(call, &mut config)?;
    if config.pointer("/metadata/managedFields").is_some_and(|held| !held.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    Ok(config)
}

fn apply(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let config = call.kept(configuration(call)?);
    let mut store = server.store();
    let old = store.read(call.kind, &call.namespace, &call.name).cloned();
    if old.is_none() {
        let uid = text_at(&config, "/metadata/uid");
        if !uid.is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            );
            return Err(ApiError::conflict(call.kind, &call.name, &why));
        }
        if call.subresource == "status" {
            return Err(ApiError::not_found(call.kind, &call.name));
        }
        rbac::check_apply_creates(&store, call)?;
    }
    let live = old.as_deref().cloned().unwrap_or(Value::Null);
    let (api_version, now) = (call.recorded_version(), kubernetes_time(store.now()));
    let writer = Writer {
        manager: call.parameter("fieldManager"),
        api_version: &api_version,
        subresource: &call.subresource,
        now: &now,
    };
    let force = call.parameter("force") == "true";
    let mut applied =
        managed::apply(&store.served(call.kind, reset_of(call)), &live, &config, &writer, force).map_err(
            |error| match error {
                ApplyError::Conflicts(conflicts) => conflict_error(&conflicts),
                ApplyError::Type(error) => {
                    let name = if call.namespace.is_empty() {
                        format!("/{}", call.name)
                    } else {
                        format!("{}/{}", call.namespace, call.name)
                    };
                    ApiError::internal(format!(
                        "failed to create typed patch object ({name}; {api_version}, Kind={}): {}",
                        call.kind.kind, error.0
                    ))
                }
            },
        )?;
    // The preconditions of the configuration hold for what is live.
    for field in ["uid", "resourceVersion"] {
        if let Some(wanted) = config["metadata"].get(field) {
            applied["metadata"][field] = wanted.clone();
        }
    }
    applied["apiVersion"] = json!(call.kind.api_version());
    applied["kind"] = json!(call.kind.kind);
    let mut applied = call.shown(&applied).into_owned();
    let warnings = admit_form(call, &mut applied)?;
    let mut applied = call.kept(applied);
    let (code, held) = match &old {
        Some(old) => (200, store_changed(&mut store, call, old, applied, true)?),
        None => {
            if let Some(metadata) = applied["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            (201, store_new(&mut store, call, applied, true)?)
        }
    };
    drop(store);
    Ok(Reply::Object { code, value: in_form(server, call, &held), warnings })
}
