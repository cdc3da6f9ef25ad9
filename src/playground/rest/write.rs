//! Creating and replacing objects, and what every write goes through.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Reply;
use super::get::in_form;
use crate::playground::apply::managed::{self, Reset, Writer};
use crate::playground::clock::kubernetes_time;
use crate::playground::custom::{Version, structural, validation};
use crate::playground::kinds::{self, Kind};
use crate::playground::request::Call;
use crate::playground::schema::normalize::{Findings, normalize};
use crate::playground::schema::{Type, type_of};
use crate::playground::server::ApiServer;
use crate::playground::status::{ApiError, Cause};
use crate::playground::store::{Store, text_at};
use crate::playground::{admission, defaults, protobuf, rbac, validate};

/// The body of a write, as JSON or YAML.
pub(super) fn body_object(call: &Call) -> Result<Value, ApiError> {
    let media = call.content_type.split(';').next().unwrap_or("").trim();
    let value: Value = match media {
        "" | "application/json" => serde_json::from_slice(&call.body).map_err(|error| {
            ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
        })?,
        "application/yaml" => read_yaml(&call.body)?,
        protobuf::MEDIA_TYPE => protobuf::decode(&call.body)
            .ok_or_else(|| ApiError::unsupported_media_type(media, "application/json, application/yaml"))?,
        other => {
            return Err(ApiError::unsupported_media_type(other, "application/json, application/yaml"));
        }
    };
    if value.is_object() { Ok(value) } else { Err(ApiError::bad_request("the body is not an object")) }
}

/// Reads YAML (or JSON, which is YAML too).
pub(super) fn read_yaml(bytes: &[u8]) -> Result<Value, ApiError> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::bad_request("the body is not UTF-8"))?;
    serde_yaml::from_str(text).map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))
}

/// Checks that an object is what the path says, and fills in what the path says alone.
pub(super) fn check_identity(call: &Call, object: &mut Value) -> Result<(), ApiError> {
    let kind = call.view;
    let (api_version, found) = (text_at(object, "/apiVersion"), text_at(object, "/kind"));
    if (!api_version.is_empty() && api_version != kind.api_version())
        || (!found.is_empty() && found != kind.kind)
    {
        return Err(ApiError::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: the object is a {api_version} {found}",
            kind.kind, kind.version, kind.kind
        )));
    }
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    let namespace = text_at(object, "/metadata/namespace");
    if kind.namespaced {
        if !namespace.is_empty() && namespace != call.namespace {
            return Err(ApiError::bad_request(format!(
                "the namespace of the provided object does not match the namespace sent on the request ({namespace} != {})",
                call.namespace
            )));
        }
        object["metadata"]["namespace"] = json!(call.namespace);
    }
    let name = text_at(object, "/metadata/name");
    if !call.name.is_empty() && name != call.name {
        if name.is_empty() && call.verb == "patch" {
            object["metadata"]["name"] = json!(call.name);
            return Ok(());
        }
        return Err(ApiError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.name
        )));
    }
    Ok(())
}

/// Normalizes an object. Unknown fields are refused, warned of or dropped, as the call asks.
pub(super) fn admit_form(call: &Call, object: &mut Value) -> Result<Vec<String>, ApiError> {
    let Findings { unknown, wrong } = match &call.custom {
        None => normalize(&type_of(call.view), object),
        Some(version) => admit_custom(version, object),
    };
    let reading = || {
        let view = call.view;
        format!("{} in version {:?} cannot be handled as a {}", view.kind, view.version, view.kind)
    };
    if let Some(first) = wrong.first() {
        return Err(ApiError::bad_request(format!("{}: {first}", reading())));
    }
    let words: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
    match call.parameter("fieldValidation") {
        "Ignore" => Ok(Vec::new()),
        "Strict" if !words.is_empty() => {
            Err(ApiError::bad_request(format!("{}: strict decoding error: {}", reading(), words.join(", "))))
        }
        _ => Ok(words),
    }
}

/// Brings a custom resource into the form of its version: unknown fields go, defaults come.
fn admit_custom(version: &Version, object: &mut Value) -> Findings {
    let mut findings = normalize(&Type::Named("ObjectMeta".into()), &mut object["metadata"]);
    for path in findings.unknown.iter_mut() {
        *path = format!("metadata.{path}");
    }
    findings.unknown.extend(structural::prune(&version.schema, object));
    structural::fill(&version.schema, object);
    findings
}

/// A namespace that takes new objects.
pub(super) fn admit_namespace(store: &Store, call: &Call, name: &str) -> Result<(), ApiError> {
    if !call.kind.namespaced {
        return Ok(());
    }
    let Some(namespaces) = kinds::by_kind("", "Namespace") else { return Ok(()) };
    let namespace = store
        .read(namespaces, "", &call.namespace)
        .ok_or_else(|| ApiError::not_found(namespaces, &call.namespace))?;
    if text_at(namespace, "/status/phase") == "Terminating" {
        let why = format!(
            "unable to create new content in namespace {} because it is being terminated",
            call.namespace
        );
        let mut error = ApiError::forbidden(call.kind, name, &why);
        if let Some(details) = &mut error.details {
            details["causes"] = json!([{"reason": "NamespaceTerminating", "field": "metadata.namespace",
                "message": format!("namespace {} is being terminated", call.namespace)}]);
        }
        return Err(error);
    }
    Ok(())
}

fn check_valid(call: &Call, old: Option<&Value>, object: &Value) -> Result<(), ApiError> {
    let kind = call.kind;
    let mut causes = validate::check(kind, old, object);
    if let Some(version) = &call.custom {
        causes.extend(validation::check(&version.schema, object));
    }
    refuse(kind, object, &causes)
}

fn refuse(kind: &Kind, object: &Value, causes: &[Cause]) -> Result<(), ApiError> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(kind, text_at(object, "/metadata/name"), causes))
}

/// Stores a new object that was normalized. With `applied` its managedFields are in place.
pub(super) fn store_new(
    store: &mut Store,
    call: &Call,
    mut object: Value,
    applied: bool,
) -> Result<Arc<Value>, ApiError> {
    let kind = call.kind;
    admit_namespace(store, call, text_at(&object, "/metadata/name"))?;
    if store.definition(kind).is_some_and(|definition| definition.terminating) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(ApiError::new(405, "MethodNotAllowed", why));
    }
    let fields = object["metadata"]["managedFields"].take();
    store.dress_new(kind, &mut object);
    if kind.status && kind.kind != "Node" {
        object.as_object_mut().map(|fields| fields.remove("status"));
    }
    defaults::fill(store, kind, None, &mut object);
    check_valid(call, None, &object)?;
    rbac::check_escalation(store, &call.user, kind, None, &object)?;
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        if applied {
            metadata.insert("managedFields".into(), fields);
        }
    }
    if !applied {
        record(store, &Value::Null, &mut object, call);
    }
    let name = text_at(&object, "/metadata/name").to_owned();
    if store.read(kind, &call.namespace, &name).is_some() {
        return Err(ApiError::already_exists(kind, &name));
    }
    admission::admit(store, kind, None, &mut object, call.is_dry_run())?;
    if call.is_dry_run() {
        return Ok(Arc::new(object));
    }
    Ok(store.put(kind, object))
}

/// Records what a call wrote as its manager's.
fn record(store: &Store, old: &Value, new: &mut Value, call: &Call) {
    let (api_version, now) = (call.recorded_version(), kubernetes_time(store.now()));
    let writer = Writer {
        manager: call.manager(),
        api_version: &api_version,
        subresource: &call.subresource,
        now: &now,
    };
    managed::record_update(&store.served(call.kind, reset_of(call)), old, new, &writer);
}

/// What a write through the call's path leaves as it is.
pub(super) fn reset_of(call: &Call) -> Reset {
    match call.subresource.as_str() {
        "status" => Reset::AllButStatus,
        _ if call.kind.status => Reset::Status,
        _ => Reset::Nothing,
    }
}

/// Stores a changed object that was normalized. With `applied` its managedFields are in place.
pub(super) fn store_changed(
    store: &mut Store,
    call: &Call,
    old: &Arc<Value>,
    mut new: Value,
    applied: bool,
) -> Result<Arc<Value>, ApiError> {
    let kind = call.kind;
    check_preconditions(kind, &call.name, old, &new)?;
    let status = call.subresource == "status";
    store.dress_changed(kind, old, &mut new, status);
    if status {
        if let Some(version) = &call.custom {
            refuse(kind, &new, &validation::check(&version.schema, &new))?;
        }
    } else {
        defaults::fill(store, kind, Some(old), &mut new);
        store.dress_changed(kind, old, &mut new, false);
        check_valid(call, Some(old), &new)?;
        rbac::check_escalation(store, &call.user, kind, Some(old), &new)?;
    }
    if !applied {
        record(store, old, &mut new, call);
    }
    admission::admit(store, kind, Some(old), &mut new, call.is_dry_run())?;
    if call.is_dry_run() {
        return Ok(Arc::new(new));
    }
    Ok(store.put_or_finish(kind, new))
}

/// A write may name the uid and resourceVersion that it is meant for.
fn check_preconditions(kind: &Kind, name: &str, old: &Value, new: &Value) -> Result<(), ApiError> {
    let (uid, held) = (text_at(new, "/metadata/uid"), text_at(old, "/metadata/uid"));
    if !uid.is_empty() && uid != held {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {held}");
        return Err(ApiError::conflict(kind, name, &why));
    }
    let revision = text_at(new, "/metadata/resourceVersion");
    if !revision.is_empty() && revision != text_at(old, "/metadata/resourceVersion") {
        return Err(ApiError::modified(kind, name));
    }
    Ok(())
}

pub(super) fn create(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let mut object = body_object(call)?;
    check_identity(call, &mut object)?;
    if !text_at(&object, "/metadata/resourceVersion").is_empty() {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let warnings = admit_form(call, &mut object)?;
    let held = store_new(&mut server.store(), call, call.kept(object), false)?;
    Ok(Reply::Object { code: 201, value: in_form(server, call, &held), warnings })
}

pub(super) fn update(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let mut object = body_object(call)?;
    check_identity(call, &mut object)?;
    let warnings = admit_form(call, &mut object)?;
    let mut store = server.store();
    let old = store
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    let held = store_changed(&mut store, call, &old, call.kept(object), false)?;
    drop(store);
    Ok(Reply::Object { code: 200, value: in_form(server, call, &held), warnings })
}
