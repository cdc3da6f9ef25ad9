//! The canonical form of objects: what an API server would make of them, as far as comparison needs.
//!
//! Nulls go, empty collections go where they mean nothing, quantities are written as Kubernetes
//! writes them, keys by which lists merge are filled in, and so are the known defaults inside values
//! that are compared as a whole. Not every default is filled in: a rendered field must be in the live
//! object, not the other way round.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::model::Quantity;

/// Makes an object canonical. Answers the keys that stand twice in a list that merges by them: the
/// API server can't take such an object.
pub fn canonicalize(object: &mut Value) -> Vec<String> {
    drop_nulls(object);
    drop_empty(object.get_mut("metadata"), &["labels", "annotations", "finalizers"]);
    let mut twice = Vec::new();
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let spec = object.get_mut("spec");
    match (kind.as_str(), spec) {
        ("Deployment" | "DaemonSet" | "Job" | "ReplicaSet", Some(spec)) => template(spec, &mut twice),
        ("StatefulSet", Some(spec)) => {
            template(spec, &mut twice);
            for claim in items(spec, "volumeClaimTemplates") {
                fill(claim, json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim"}));
                drop_nulls(claim);
                if let Some(spec) = claim.get_mut("spec") {
                    claim_spec(spec);
                }
            }
        }
        ("CronJob", Some(spec)) => {
            if let Some(job) = spec.pointer_mut("/jobTemplate/spec") {
                template(job, &mut twice);
            }
        }
        ("PersistentVolumeClaim", Some(spec)) => claim_spec(spec),
        ("Service", Some(spec)) => service(spec, &mut twice),
        ("NetworkPolicy", Some(spec)) => network_policy(spec),
        ("HTTPRoute", Some(spec)) => http_route(spec),
        ("HorizontalPodAutoscaler", Some(spec)) => drop_empty(Some(spec), &["metrics"]),
        ("RoleBinding" | "ClusterRoleBinding", _) => binding(object),
        _ => {}
    }
    twice
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(entries) => entries.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn drop_empty(value: Option<&mut Value>, keys: &[&str]) {
    if let Some(fields) = value.and_then(Value::as_object_mut) {
        for key in keys {
            if fields.get(*key).is_some_and(is_empty) {
                fields.remove(*key);
            }
        }
    }
}

fn items<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Puts the fields of `defaults` where none stand.
fn fill(value: &mut Value, defaults: Value) {
    if let (Some(fields), Value::Object(defaults)) = (value.as_object_mut(), defaults) {
        for (key, default) in defaults {
            fields.entry(key).or_insert(default);
        }
    }
}

fn quantity(value: &mut Value) {
    let text = match &*value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return,
    };
    if let Ok(quantity) = text.parse::<Quantity>() {
        *value = json!(quantity);
    }
}

fn quantities(value: Option<&mut Value>) {
    value.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut).for_each(quantity);
}

/// Reports keys that stand twice among the entries of a list.
fn unique(value: &mut Value, list: &str, keys: &[&str], twice: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for entry in items(value, list) {
        let key: Vec<String> = keys
            .iter()
            .map(|key| match &entry[*key] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            })
            .collect();
        if !seen.insert(key.clone()) {
            twice.push(format!("`{}` stands twice in `{list}`", key.join("/")));
        }
    }
}

fn template(spec: &mut Value, twice: &mut Vec<String>) {
    let Some(template) = spec.get_mut("template") else { return };
    drop_empty(template.get_mut("metadata"), &["labels", "annotations"]);
    let Some(pod) = template.get_mut("spec") else { return };
    drop_empty(
        Some(&mut *pod),
        &[
            "volumes",
            "initContainers",
            "imagePullSecrets",
            "nodeSelector",
            "tolerations",
            "hostAliases",
            "topologySpreadConstraints",
            "affinity",
            "securityContext",
        ],
    );
    for list in ["containers", "initContainers"] {
        for container in items(pod, list) {
            self::container(container, twice);
        }
        unique(pod, list, &["name"], twice);
    }
    for volume in items(pod, "volumes") {
        if let Some(size) = volume.pointer_mut("/emptyDir/sizeLimit") {
            quantity(size);
        }
        for entry in
            volume.pointer_mut("/downwardAPI/items").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if let Some(field) = entry.get_mut("fieldRef") {
                fill(field, json!({"apiVersion": "v1"}));
            }
        }
    }
    unique(pod, "volumes", &["name"], twice);
    unique(pod, "imagePullSecrets", &["name"], twice);
}

fn container(container: &mut Value, twice: &mut Vec<String>) {
    drop_empty(
        Some(&mut *container),
        &["args", "command", "env", "envFrom", "ports", "volumeMounts", "resources", "securityContext"],
    );
    for port in items(container, "ports") {
        fill(port, json!({"protocol": "TCP"}));
    }
    for variable in items(container, "env") {
        // An empty value is the API's way to write none.
        if variable["value"].as_str() == Some("") {
            variable.as_object_mut().map(|fields| fields.remove("value"));
        }
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            fill(field, json!({"apiVersion": "v1"}));
        }
    }
    if let Some(resources) = container.get_mut("resources") {
        quantities(resources.get_mut("requests"));
        quantities(resources.get_mut("limits"));
    }
    unique(container, "ports", &["containerPort", "protocol"], twice);
    unique(container, "env", &["name"], twice);
    unique(container, "volumeMounts", &["mountPath"], twice);
}

fn claim_spec(spec: &mut Value) {
    fill(spec, json!({"volumeMode": "Filesystem"}));
    quantities(spec.pointer_mut("/resources/requests"));
}

fn service(spec: &mut Value, twice: &mut Vec<String>) {
    let external = spec["type"].as_str() == Some("ExternalName");
    for port in items(spec, "ports") {
        let number = port["port"].clone();
        fill(port, json!({"protocol": "TCP"}));
        if !external && !number.is_null() {
            fill(port, json!({"targetPort": number}));
        }
    }
    unique(spec, "ports", &["port", "protocol"], twice);
}

fn network_policy(spec: &mut Value) {
    // Empty lists of rules say nothing; an empty peer list in a rule says everybody.
    drop_empty(Some(&mut *spec), &["ingress", "egress"]);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in items(spec, direction) {
            drop_empty(Some(&mut *rule), &[peers, "ports"]);
            for port in items(rule, "ports") {
                fill(port, json!({"protocol": "TCP"}));
            }
        }
    }
}

fn http_route(spec: &mut Value) {
    for parent in items(spec, "parentRefs") {
        fill(parent, json!({"group": "gateway.networking.k8s.io", "kind": "Gateway"}));
    }
    for rule in items(spec, "rules") {
        fill(rule, json!({"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}));
        for found in items(rule, "matches") {
            fill(found, json!({"path": {"type": "PathPrefix", "value": "/"}}));
        }
        for backend in items(rule, "backendRefs") {
            fill(backend, json!({"group": "", "kind": "Service", "weight": 1}));
        }
    }
}

fn binding(object: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if let Some(role) = object.get_mut("roleRef") {
        fill(role, json!({"apiGroup": GROUP}));
    }
    for subject in items(object, "subjects") {
        if matches!(subject["kind"].as_str(), Some("User" | "Group")) {
            fill(subject, json!({"apiGroup": GROUP}));
        }
    }
}
