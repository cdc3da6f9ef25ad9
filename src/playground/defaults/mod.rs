//! What the API server adds to an object beyond the plain defaults of the schema.

mod pod;
mod service;
mod workload;

use base64::Engine as _;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::schema::normalize::fill_defaults;
use super::schema::type_of;
use super::store::{Store, text_at};

/// Fills in the defaults of an object that is about to be stored. `old` is its stored form, if any;
/// the store says what is allocated already.
pub(crate) fn fill(store: &Store, kind: &Kind, old: Option<&Value>, object: &mut Value) {
    if kind.custom {
        return;
    }
    if kind.kind == "Secret" {
        fold_string_data(object);
    }
    fill_defaults(&type_of(kind), object);
    match kind.kind {
        "Pod" => pod::fill(old, object),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" => {
            workload::fill(kind, object);
        }
        "Service" => service::fill(store, old, object),
        "HorizontalPodAutoscaler" => autoscaler(object),
        "NetworkPolicy" => network_policy(object),
        "RoleBinding" | "ClusterRoleBinding" => subjects(object),
        "Namespace" => namespace(old, object),
        "LimitRange" => limit_range(object),
        "PersistentVolumeClaim" => claim(store, old, object),
        "CustomResourceDefinition" => definition(old, object),
        _ => {}
    }
    if kind.status && !kind.group.starts_with("gateway") && object.get("status").is_none() {
        object["status"] = json!({});
    }
}

/// `stringData` is written only: its values end up in `data`.
fn fold_string_data(secret: &mut Value) {
    let Some(texts) = secret.as_object_mut().and_then(|fields| fields.remove("stringData")) else { return };
    for (key, text) in texts.as_object().into_iter().flatten() {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
        secret["data"][key] = json!(encoded);
    }
}

fn autoscaler(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.get("metrics").is_none() {
        spec["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 80}}}]);
    }
    if spec.get("behavior").is_none() {
        return;
    }
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    let up = &mut spec["behavior"]["scaleUp"];
    if up.get("stabilizationWindowSeconds").is_none() {
        up["stabilizationWindowSeconds"] = json!(0);
    }
    if up.get("policies").is_none() {
        up["policies"] = json!([pods, percent]);
    }
    let down = &mut spec["behavior"]["scaleDown"];
    if down.get("policies").is_none() {
        down["policies"] = json!([percent]);
    }
}

fn network_policy(object: &mut Value) {
    let spec = &mut object["spec"];
    if spec.get("policyTypes").is_none() {
        let types =
            if spec.get("egress").is_some() { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
        spec["policyTypes"] = types;
    }
}

fn subjects(object: &mut Value) {
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if subject["kind"] != "ServiceAccount" && subject.get("apiGroup").is_none() {
            subject["apiGroup"] = json!("rbac.authorization.k8s.io");
        }
    }
}

fn namespace(old: Option<&Value>, object: &mut Value) {
    let name = text_at(object, "/metadata/name").to_owned();
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
    if old.is_none() {
        object["spec"]["finalizers"] = json!(["kubernetes"]);
        object["status"] = json!({"phase": "Active"});
    }
}

/// A container's greatest is its default limit, and that or its least its default request.
fn limit_range(object: &mut Value) {
    for item in object["spec"]["limits"].as_array_mut().into_iter().flatten() {
        if item["type"] != "Container" {
            continue;
        }
        for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
            let amounts = item.get(from).and_then(Value::as_object).cloned().unwrap_or_default();
            for (resource, amount) in amounts {
                if item[to].get(&resource).is_none() {
                    item[to][resource] = amount;
                }
            }
            if item.get(to).is_some_and(Value::is_null) {
                item.as_object_mut().map(|item| item.remove(to));
            }
        }
    }
}

fn definition(old: Option<&Value>, object: &mut Value) {
    let spec = &mut object["spec"];
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    for (field, value) in [("singular", kind.to_lowercase()), ("listKind", format!("{kind}List"))] {
        if spec["names"].get(field).is_none() {
            spec["names"][field] = json!(value);
        }
    }
    if spec.get("conversion").is_none() {
        spec["conversion"] = json!({"strategy": "None"});
    }
    if old.is_none() {
        let stored = spec["versions"].as_array().into_iter().flatten();
        let stored =
            stored.filter(|version| version["storage"] == true).map(|version| version["name"].clone());
        object["status"] = json!({"acceptedNames": {"kind": "", "plural": ""}, "conditions": null,
            "storedVersions": stored.collect::<Vec<Value>>()});
    }
}

fn claim(store: &Store, old: Option<&Value>, object: &mut Value) {
    if old.is_some() {
        return;
    }
    object["status"] = json!({"phase": "Pending"});
    if object["metadata"].get("finalizers").is_none() {
        object["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
    }
    if object["spec"].get("storageClassName").is_some() {
        return;
    }
    let Some(classes) = super::kinds::by_kind("storage.k8s.io", "StorageClass") else { return };
    let default = store.scan(classes, None).into_iter().find(|class| {
        class["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    });
    if let Some(class) = default {
        object["spec"]["storageClassName"] = class["metadata"]["name"].clone();
    }
}
