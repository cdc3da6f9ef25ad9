//! Reading one object, and lists.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value, json};

use super::Reply;
use crate::playground::request::Call;
use crate::playground::select::{FieldSelector, LabelSelector};
use crate::playground::server::ApiServer;
use crate::playground::status::ApiError;
use crate::playground::store::text_at;
use crate::playground::table;

/// What a list or watch is narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    namespace: String,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Filter {
    pub(crate) fn of_call(call: &Call) -> Result<Self, ApiError> {
        Ok(Self {
            namespace: call.namespace.clone(),
            labels: LabelSelector::parse(call.parameter("labelSelector")).map_err(ApiError::bad_request)?,
            fields: FieldSelector::parse(call.kind, call.parameter("fieldSelector"))
                .map_err(ApiError::bad_request)?,
        })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        (self.namespace.is_empty() || text_at(object, "/metadata/namespace") == self.namespace)
            && self.labels.matches(&object["metadata"]["labels"])
            && self.fields.matches(object)
    }
}

/// The form in which objects are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Table,
    Metadata,
}

impl Form {
    pub(crate) fn of_call(call: &Call) -> Self {
        let first = call.accept.split(',').next().unwrap_or("");
        if first.contains("as=Table") {
            Self::Table
        } else if first.contains("as=PartialObjectMetadata") {
            Self::Metadata
        } else {
            Self::Whole
        }
    }
}

/// An object without all but its metadata.
pub(crate) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// An object in the form that was asked for.
pub(crate) fn in_form(server: &ApiServer, call: &Call, object: &Value) -> Value {
    match Form::of_call(call) {
        Form::Whole => object.clone(),
        Form::Metadata => metadata_only(object),
        Form::Table => {
            let revision = text_at(object, "/metadata/resourceVersion").to_owned();
            let objects = [Arc::new(object.clone())];
            table::table(call.kind, &objects, &revision, server.now(), true, call.parameter("includeObject"))
        }
    }
}

pub(super) fn get(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let held = server
        .store()
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    Ok(Reply::ok(in_form(server, call, &held)))
}

/// Where a list goes on: the resourceVersion of its first page, and the last object sent.
fn continue_token(revision: &str, last: &Value) -> String {
    let token =
        json!({"rv": revision, "ns": last["metadata"]["namespace"], "name": last["metadata"]["name"]});
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token.to_string())
}

fn read_token(token: &str) -> Option<Value> {
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok()?;
    serde_json::from_slice(&bytes).ok()
}

pub(super) fn list(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let filter = Filter::of_call(call)?;
    let (mut objects, mut revision) = {
        let store = server.store();
        let namespace = (!call.namespace.is_empty()).then_some(call.namespace.as_str());
        (store.scan(call.kind, namespace), store.revision().to_string())
    };
    objects.retain(|object| filter.matches(object));
    let token = call.parameter("continue");
    if !token.is_empty() {
        let from = read_token(token).ok_or_else(|| ApiError::bad_request("continue key is not valid"))?;
        let key = |object: &Value| {
            (text_at(object, "/metadata/namespace").to_owned(), text_at(object, "/metadata/name").to_owned())
        };
        let last = (text_at(&from, "/ns").to_owned(), text_at(&from, "/name").to_owned());
        objects.retain(|object| key(object) > last);
        revision = text_at(&from, "/rv").to_owned();
    }
    let limit = call.parameter("limit").parse::<usize>().unwrap_or(0);
    let mut metadata = json!({"resourceVersion": revision});
    if limit > 0 && objects.len() > limit {
        metadata["remainingItemCount"] = json!(objects.len() - limit);
        objects.truncate(limit);
        if let Some(last) = objects.last() {
            metadata["continue"] = json!(continue_token(&revision, last));
        }
    }
    Ok(Reply::ok(match Form::of_call(call) {
        Form::Whole => {
            let items: Vec<&Value> = objects.iter().map(AsRef::as_ref).collect();
            json!({"kind": format!("{}List", call.kind.kind), "apiVersion": call.kind.api_version(),
                "metadata": metadata, "items": items})
        }
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(|object| metadata_only(object)).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata, "items": items})
        }
        Form::Table => {
            let include = call.parameter("includeObject");
            let mut value = table::table(call.kind, &objects, &revision, server.now(), true, include);
            value["metadata"] = metadata;
            value
        }
    }))
}
