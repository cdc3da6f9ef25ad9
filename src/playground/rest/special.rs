//! Subresources of pods and accounts: logs, evictions, bindings, tokens.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Reply;
use super::delete::{Options, delete_one, options_body};
use crate::playground::clock::kubernetes_time;
use crate::playground::kinds;
use crate::playground::request::Call;
use crate::playground::select::LabelSelector;
use crate::playground::server::ApiServer;
use crate::playground::status::ApiError;
use crate::playground::store::{Store, text_at};

pub(super) fn handle(server: &Arc<ApiServer>, call: &Call) -> Result<Reply, ApiError> {
    let mut store = server.store();
    let held = store
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    match (call.kind.kind, call.subresource.as_str(), call.verb) {
        ("Pod", "log", "get") => {
            drop(store);
            log(server, call, &held)
        }
        ("Pod", "eviction", "create") => {
            let body = options_body(call)?;
            let options = Options::of_call(call, &body["deleteOptions"])?;
            check_budgets(&mut store, call, &held, options.dry_run)?;
            delete_one(&mut store, call.kind, &held, &options)?;
            Ok(Reply::Object { code: 201, value: success(), warnings: Vec::new() })
        }
        ("Pod", "binding", "create") => {
            let body = options_body(call)?;
            let mut pod = (*held).clone();
            pod["spec"]["nodeName"] = body["target"]["name"].clone();
            store.put(call.kind, pod);
            Ok(Reply::Object { code: 201, value: success(), warnings: Vec::new() })
        }
        _ => Err(ApiError::no_such_path()),
    }
}

/// The canned log of a container. A followed one goes on until the server or the client ends it.
fn log(server: &Arc<ApiServer>, call: &Call, pod: &Value) -> Result<Reply, ApiError> {
    let names = |list: &str| -> Vec<String> {
        let held = pod["spec"][list].as_array().into_iter().flatten();
        held.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    };
    let containers = names("containers");
    let asked = call.parameter("container");
    let all: Vec<String> = containers.iter().cloned().chain(names("initContainers")).collect();
    let container = match (asked, containers.as_slice()) {
        ("", [only]) => only.clone(),
        ("", _) => {
            let why =
                format!("a container name must be specified for pod {}, choose one of: {all:?}", call.name);
            return Err(ApiError::bad_request(why.replace(", \"", " \"").replace('"', "")));
        }
        (asked, _) if all.iter().any(|held| held == asked) => asked.to_owned(),
        (asked, _) => {
            let why = format!("container {asked} is not valid for pod {}", call.name);
            return Err(ApiError::bad_request(why));
        }
    };
    let statuses = ["containerStatuses", "initContainerStatuses"];
    let mut held = statuses.iter().filter_map(|list| pod["status"][*list].as_array()).flatten();
    let status = held.find(|status| status["name"] == container.as_str()).cloned().unwrap_or_default();
    let previous = call.parameter("previous") == "true";
    if previous && status.pointer("/lastState/terminated").is_none() {
        let why = format!("previous terminated container {container:?} in pod {:?} not found", call.name);
        return Err(ApiError::bad_request(why));
    }
    if let Some(waiting) = status.pointer("/state/waiting/reason").and_then(Value::as_str)
        && status.pointer("/lastState/terminated").is_none()
    {
        let why = if matches!(waiting, "ErrImagePull" | "ImagePullBackOff") {
            "trying and failing to pull image".to_owned()
        } else {
            waiting.to_owned()
        };
        let why = format!("container {container:?} in pod {:?} is waiting to start: {why}", call.name);
        return Err(ApiError::bad_request(why));
    }
    let time = if call.parameter("timestamps") == "true" {
        format!("{} ", kubernetes_time(server.now()))
    } else {
        String::new()
    };
    let line = match (call.parameter("tailLines"), previous) {
        ("0", _) => String::new(),
        (_, true) => {
            format!("{time}{container} of {} ended in the playground; its log has this one line\n", call.name)
        }
        _ => {
            format!("{time}{container} of {} runs in the playground; its log has this one line\n", call.name)
        }
    };
    if call.parameter("follow") != "true" {
        return Ok(Reply::Text(line));
    }
    let server = server.clone();
    let lines = futures::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(line))]);
    let end = futures::stream::once(async move {
        server.stopped().await;
        Ok(Bytes::new())
    });
    Ok(Reply::Stream(Body::from_stream(futures::StreamExt::chain(lines, end))))
}

fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}

/// An eviction is refused while the budget of a ready pod allows no disruption; else it takes one.
fn check_budgets(store: &mut Store, call: &Call, pod: &Value, dry_run: bool) -> Result<(), ApiError> {
    let Some(kind) = kinds::by_kind("policy", "PodDisruptionBudget") else { return Ok(()) };
    if matches!(text_at(pod, "/status/phase"), "Pending" | "Succeeded" | "Failed")
        || pod.pointer("/metadata/deletionTimestamp").is_some()
    {
        return Ok(());
    }
    let covers = |budget: &Arc<Value>| {
        LabelSelector::of_object(&budget["spec"]["selector"])
            .is_ok_and(|selector| selector.matches(&pod["metadata"]["labels"]))
    };
    let budgets: Vec<_> =
        store.scan(kind, Some(&call.namespace)).into_iter().filter(|budget| covers(budget)).collect();
    let budget = match budgets.as_slice() {
        [] => return Ok(()),
        [budget] => budget,
        _ => {
            let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(ApiError::internal(why));
        }
    };
    let count = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let ready =
        conditions.into_iter().flatten().any(|held| held["type"] == "Ready" && held["status"] == "True");
    let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
    if !ready
        && (always || (count("currentHealthy") >= count("desiredHealthy") && count("desiredHealthy") > 0))
    {
        return Ok(());
    }
    if count("disruptionsAllowed") < 1 {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        let mut error = ApiError::new(429, "TooManyRequests", message);
        error.details = Some(json!({"causes": [{"reason": "DisruptionBudget", "message": format!(
            "The disruption budget {} needs {} healthy pods and has {} currently",
            text_at(budget, "/metadata/name"),
            count("desiredHealthy"),
            count("currentHealthy")
        )}]}));
        return Err(error);
    }
    if !dry_run {
        let mut taken = (**budget).clone();
        taken["status"]["disruptionsAllowed"] = json!(count("disruptionsAllowed") - 1);
        store.put(kind, taken);
    }
    Ok(())
}
