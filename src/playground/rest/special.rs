//! Subresources of pods and accounts: logs, evictions, bindings, tokens.

use serde_json::{Value, json};

use super::Reply;
use super::delete::{Options, delete_one, options_body};
use crate::playground::kinds;
use crate::playground::request::Call;
use crate::playground::select::LabelSelector;
use crate::playground::server::ApiServer;
use crate::playground::status::ApiError;
use crate::playground::store::{Store, text_at};

pub(super) fn handle(server: &ApiServer, call: &Call) -> Result<Reply, ApiError> {
    let mut store = server.store();
    let held = store
        .read(call.kind, &call.namespace, &call.name)
        .cloned()
        .ok_or_else(|| ApiError::not_found(call.kind, &call.name))?;
    match (call.kind.kind, call.subresource.as_str(), call.verb) {
        ("Pod", "log", "get") => {
            Ok(Reply::Text(format!("{} runs in the playground; its log has this one line\n", call.name)))
        }
        ("Pod", "eviction", "create") => {
            check_budgets(&store, call, &held)?;
            let body = options_body(call)?;
            let options = Options::of_call(call, &body["deleteOptions"])?;
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

fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}

/// An eviction is refused while a budget of the pod allows no disruption.
fn check_budgets(store: &Store, call: &Call, pod: &Value) -> Result<(), ApiError> {
    let Some(kind) = kinds::by_kind("policy", "PodDisruptionBudget") else { return Ok(()) };
    for budget in store.scan(kind, Some(&call.namespace)) {
        let covered = LabelSelector::of_object(&budget["spec"]["selector"])
            .is_ok_and(|selector| selector.matches(&pod["metadata"]["labels"]));
        if covered && budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) < 1 {
            let mut error = ApiError::new(
                429,
                "TooManyRequests",
                "Cannot evict pod as it would violate the pod's disruption budget.",
            );
            error.details = Some(json!({"causes": [{"reason": "DisruptionBudget", "message": format!(
                "The disruption budget {} needs {} healthy pods and has {} currently",
                text_at(&budget, "/metadata/name"),
                budget["status"]["desiredHealthy"].as_i64().unwrap_or(0),
                budget["status"]["currentHealthy"].as_i64().unwrap_or(0)
            )}]}));
            return Err(error);
        }
    }
    Ok(())
}
