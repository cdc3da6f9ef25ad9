//! Deleting objects and collections.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Reply;
use super::get::{Filter, in_form};
use crate::playground::kinds::Kind;
use crate::playground::protobuf;
use crate::playground::request::Call;
use crate::playground::server::ApiServer;
use crate::playground::status::ApiError;
use crate::playground::store::{Deletion, Removal, Store, text_at};

/// What a deletion asks for, from its body and its query.
#[derive(Debug, Default)]
pub(super) struct Options {
    deletion: Deletion,
    uid: String,
    revision: String,
    pub(super) dry_run: bool,
}

impl Options {
    pub(super) fn of_call(call: &Call, body: &Value) -> Result<Self, ApiError> {
        let text = |field: &str| {
            let queried = call.parameter(field);
            if queried.is_empty() {
                text_at(body, &format!("/{field}")).to_owned()
            } else {
                queried.to_owned()
            }
        };
        let grace = call.parameter("gracePeriodSeconds").parse::<i64>().ok();
        let mut propagation = text("propagationPolicy");
        if body["orphanDependents"] == true {
            propagation = "Orphan".into();
        }
        if !["", "Orphan", "Background", "Foreground"].contains(&propagation.as_str()) {
            return Err(ApiError::new(
                422,
                "Invalid",
                format!(
                    "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {propagation:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                ),
            ));
        }
        let dry_run =
            call.is_dry_run() || body["dryRun"].as_array().is_some_and(|held| held.contains(&json!("All")));
        Ok(Self {
            deletion: Deletion {
                grace_seconds: grace.or(body["gracePeriodSeconds"].as_i64()),
                propagation: (!propagation.is_empty()).then_some(propagation),
            },
            uid: text_at(body, "/preconditions/uid").to_owned(),
            revision: text_at(body, "/preconditions/resourceVersion").to_owned(),
            dry_run,
        })
    }

    fn check(&self, kind: &Kind, object: &Value) -> Result<(), ApiError> {
        let name = text_at(object, "/metadata/name");
        let held = text_at(object, "/metadata/uid");
        if !self.uid.is_empty() && self.uid != held {
            let why =
                format!("Precondition failed: UID in precondition: {}, UID in object meta: {held}", self.uid);
            return Err(ApiError::conflict(kind, name, &why));
        }
        let held = text_at(object, "/metadata/resourceVersion");
        if !self.revision.is_empty() && self.revision != held {
            let why = format!(
                "Precondition failed: ResourceVersion in precondition: {}, ResourceVersion in object meta: {held}",
                self.revision
            );
            return Err(ApiError::conflict(kind, name, &why));
        }
        let system = ["default", "kube-system", "kube-public"];
        if kind.kind == "Namespace" && system.contains(&name) {
            return Err(ApiError::forbidden(kind, name, "this namespace may not be deleted"));
        }
        Ok(())
    }
}

/// Deletes an object that is there.
pub(super) fn delete_one(
    store: &mut Store,
    kind: &'static Kind,
    object: &Arc<Value>,
    options: &Options,
) -> Result<Removal, ApiError> {
    options.check(kind, object)?;
    let (namespace, name) = (text_at(object, "/metadata/namespace"), text_at(object, "/metadata/name"));
    if options.dry_run {
        return Ok(Removal::Gone(object.clone()));
    }
    store
        .delete_object(kind, namespace, name, &options.deletion)
        .ok_or_else(|| ApiError::not_found(kind, name))
}

pub(super) fn options_body(call: &Call) -> Result<Value, ApiError> {
    if call.body.is_empty() {
        return Ok(json!({}));
    }
    if call.content_type == protobuf::MEDIA_TYPE {
        return protobuf::decode(&call.body)
            .ok_or_else(|| ApiError::unsupported_media_type(&call.content_type, "application/json"));
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| ApiError::bad_request(format!("error decoding DeleteOptions: {error}")))
}

pub(super) fn delete(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let options = Options::of_call(call, &options_body(call)?)?;
    let mut store = server.store();
    let held = store
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    let removal = delete_one(&mut store, call.kind, &held, &options)?;
    drop(store);
    Ok(Reply::ok(match removal {
        Removal::Pending(object) => in_form(server, call, &object),
        // Pods are answered whole, other kinds by name.
        Removal::Gone(object) if call.kind.kind == "Pod" => in_form(server, call, &object),
        Removal::Gone(object) => {
            let mut details =
                json!({"name": call.name, "kind": call.kind.plural, "uid": object["metadata"]["uid"]});
            if !call.kind.group.is_empty() {
                details["group"] = json!(call.kind.group);
            }
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
        }
    }))
}

pub(super) fn delete_collection(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let options = Options::of_call(call, &options_body(call)?)?;
    let filter = Filter::of_call(call)?;
    let mut store = server.store();
    let namespace = (!call.namespace.is_empty()).then_some(call.namespace.as_str());
    let mut objects = store.scan(call.kind, namespace);
    objects.retain(|object| filter.matches(object));
    for object in &objects {
        delete_one(&mut store, call.kind, object, &options)?;
    }
    let items: Vec<&Value> = objects.iter().map(AsRef::as_ref).collect();
    Ok(Reply::ok(json!({"kind": format!("{}List", call.view.kind), "apiVersion": call.view.api_version(),
        "metadata": {"resourceVersion": store.revision().to_string()}, "items": items})))
}
