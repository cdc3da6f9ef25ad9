//! Reading one object, and lists.

use std::borrow::Cow;
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
            fields: FieldSelector::parse(call, call.parameter("fieldSelector"))
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
    let shown = call.shown(object);
    let object = shown.as_ref();
    match Form::of_call(call) {
        Form::Whole => object.clone(),
        Form::Metadata => metadata_only(object),
        Form::Table => {
            let revision = text_at(object, "/metadata/resourceVersion").to_owned();
            let objects = [Arc::new(object.clone())];
            table::table(call, &objects, &revision, server.now(), true)
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

/// The objects of a list, and the revision as of which they are told: now, that of the first page, or
/// exactly the one that is asked for.
fn read(server: &ApiServer, call: &Call, from: Option<&Value>) -> Result<(Vec<Arc<Value>>, u64), ApiError> {
    let store = server.store();
    let namespace = (!call.namespace.is_empty()).then_some(call.namespace.as_str());
    let now = store.revision();
    let asked = call.parameter("resourceVersion");
    let exact = call.parameter("resourceVersionMatch") == "Exact";
    let revision = match from {
        Some(from) => text_at(from, "/rv").parse().unwrap_or(0),
        None if asked.is_empty() => now,
        None => asked.parse::<u64>().map_err(|_| {
            ApiError::bad_request(format!(
                "invalid resource version {asked:?}: strconv.ParseUint: parsing {asked:?}: invalid syntax"
            ))
        })?,
    };
    if revision > now {
        let message = format!("Too large resource version: {revision}, current: {now}");
        let mut error = ApiError::new(504, "Timeout", message);
        error.details = Some(json!({"retryAfterSeconds": 1, "causes": [
            {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}));
        return Err(error);
    }
    if from.is_none() && !exact {
        return Ok((store.scan(call.kind, namespace), now));
    }
    let expired = if from.is_some() {
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter."
    } else {
        "The resourceVersion for the provided list is too old."
    };
    let objects = store.scan_at(call.kind, namespace, revision).map_err(|_| ApiError::expired(expired))?;
    Ok((objects, revision))
}

pub(super) fn list(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let filter = Filter::of_call(call)?;
    let token = call.parameter("continue");
    let from = match token {
        "" => None,
        token => Some(read_token(token).ok_or_else(|| ApiError::bad_request("continue key is not valid"))?),
    };
    let (mut objects, revision) = read(server, call, from.as_ref())?;
    let revision = revision.to_string();
    objects.retain(|object| filter.matches(object));
    if let Some(from) = from {
        let key = |object: &Value| {
            (text_at(object, "/metadata/namespace").to_owned(), text_at(object, "/metadata/name").to_owned())
        };
        let last = (text_at(&from, "/ns").to_owned(), text_at(&from, "/name").to_owned());
        objects.retain(|object| key(object) > last);
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
            let items: Vec<Cow<'_, Value>> = objects.iter().map(|object| call.shown(object)).collect();
            json!({"kind": format!("{}List", call.view.kind), "apiVersion": call.view.api_version(),
                "metadata": metadata, "items": items})
        }
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(|object| metadata_only(object)).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata, "items": items})
        }
        Form::Table => {
            let mut value = table::table(call, &objects, &revision, server.now(), true);
            value["metadata"] = metadata;
            value
        }
    }))
}
