//! Defaults of the workload kinds.

use serde_json::{Value, json};

use super::pod;
use crate::playground::kinds::Kind;
use crate::playground::store::text_at;

/// Fills in what depends on the kind or on other fields.
pub(super) fn fill(kind: &Kind, object: &mut Value) {
    match kind.kind {
        "CronJob" => return pod::fill_spec(&mut object["spec"]["jobTemplate"]["spec"]["template"]["spec"]),
        "Job" => job(object),
        "Deployment" => {
            strategy(&mut object["spec"]["strategy"], &[("maxSurge", "25%"), ("maxUnavailable", "25%")])
        }
        "StatefulSet" => stateful_set(object),
        "DaemonSet" => {
            let strategy = &mut object["spec"]["updateStrategy"];
            if strategy["type"] == "RollingUpdate" {
                for (field, value) in [("maxSurge", 0), ("maxUnavailable", 1)] {
                    if strategy["rollingUpdate"].get(field).is_none() {
                        strategy["rollingUpdate"][field] = json!(value);
                    }
                }
            }
        }
        _ => {}
    }
    if object["spec"].get("template").is_some() {
        pod::fill_spec(&mut object["spec"]["template"]["spec"]);
    }
}

fn strategy(strategy: &mut Value, fields: &[(&str, &str)]) {
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    for (field, value) in fields {
        if strategy["rollingUpdate"].get(*field).is_none() {
            strategy["rollingUpdate"][*field] = json!(value);
        }
    }
}

fn stateful_set(object: &mut Value) {
    let strategy = &mut object["spec"]["updateStrategy"];
    if strategy["type"] == "RollingUpdate" && strategy["rollingUpdate"].get("partition").is_none() {
        strategy["rollingUpdate"]["partition"] = json!(0);
    }
    let claims = object["spec"].get_mut("volumeClaimTemplates").and_then(Value::as_array_mut);
    for claim in claims.into_iter().flatten() {
        claim["apiVersion"] = json!("v1");
        claim["kind"] = json!("PersistentVolumeClaim");
        if claim.get("status").is_none() {
            claim["status"] = json!({"phase": "Pending"});
        }
    }
}

fn job(object: &mut Value) {
    let name = text_at(object, "/metadata/name").to_owned();
    let uid = text_at(object, "/metadata/uid").to_owned();
    let spec = &mut object["spec"];
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        spec["completions"] = json!(1);
    }
    if spec.get("parallelism").is_none() {
        spec["parallelism"] = json!(1);
    }
    if spec.get("podReplacementPolicy").is_none() {
        let policy = if spec.get("podFailurePolicy").is_some() { "Failed" } else { "TerminatingOrFailed" };
        spec["podReplacementPolicy"] = json!(policy);
    }
    if spec["manualSelector"] == true || uid.is_empty() || spec.get("template").is_none() {
        return;
    }
    // The selector is made of the uid, so that two jobs of one name never share pods.
    let labels = &mut spec["template"]["metadata"]["labels"];
    for (label, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels[label] = json!(value);
    }
    if spec.get("selector").is_none() {
        spec["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    }
}
