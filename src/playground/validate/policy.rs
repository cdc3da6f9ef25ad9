//! Configuration, services, routes, autoscalers, budgets and rights.

use serde_json::{Value, json};

use crate::playground::kinds::Kind;
use crate::playground::status::Cause;
use crate::playground::store::text_at;

/// How many rules a route may have (Gateway API v1).
const ROUTE_RULES_LIMIT: usize = 16;

/// The most bytes that the data of a ConfigMap or Secret may have.
const DATA_LIMIT: usize = 1024 * 1024;

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The faults of an object that is no workload.
pub(super) fn check(kind: &Kind, object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    match kind.kind {
        "ConfigMap" | "Secret" => check_data(kind, object),
        "Service" => check_service(spec),
        "HorizontalPodAutoscaler" => check_autoscaler(spec),
        "PodDisruptionBudget" => {
            if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
                let detail = "minAvailable and maxUnavailable cannot be both set";
                return vec![Cause::invalid("spec", spec, detail)];
            }
            Vec::new()
        }
        "Ingress" => check_ingress(spec),
        "HTTPRoute" => {
            let rules = list(spec, "rules").len();
            if rules > ROUTE_RULES_LIMIT {
                return vec![Cause {
                    reason: "FieldValueTooMany",
                    message: format!("Too many: {rules}: must have at most {ROUTE_RULES_LIMIT} items"),
                    field: "spec.rules".into(),
                }];
            }
            Vec::new()
        }
        "Role" | "ClusterRole" => check_rules(object),
        "RoleBinding" | "ClusterRoleBinding" => check_subjects(object),
        _ => Vec::new(),
    }
}

fn check_data(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut size = 0;
    for (key, value) in object.get("data").and_then(Value::as_object).into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        size += text.len();
        let good = !key.is_empty()
            && key.len() <= 253
            && key.bytes().all(|held| held.is_ascii_alphanumeric() || b"-_.".contains(&held));
        if !good {
            let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
            causes.push(Cause::invalid(format!("data[{key}]"), &json!(key), detail));
        }
    }
    if size > DATA_LIMIT {
        let field = if kind.kind == "Secret" { "data" } else { "" };
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {DATA_LIMIT} bytes"),
            field: field.into(),
        });
    }
    causes
}

fn check_service(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.contains(&spec["type"].as_str().unwrap_or("ClusterIP")) {
        causes.push(Cause::unsupported("spec.type", &spec["type"], &kinds));
    }
    let ports = list(spec, "ports");
    if ports.is_empty() && spec["clusterIP"] != "None" && spec["type"] != "ExternalName" {
        causes.push(Cause::required("spec.ports"));
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let name = port["name"].as_str().unwrap_or_default();
        if name.is_empty() && ports.len() > 1 {
            causes.push(Cause::required(format!("spec.ports[{index}].name")));
        } else if names.contains(&name) {
            causes.push(Cause::duplicate(format!("spec.ports[{index}].name"), &port["name"]));
        }
        names.push(name);
        if port["port"].as_i64().is_some_and(|number| !(1..=65_535).contains(&number)) {
            let detail = "must be between 1 and 65535, inclusive";
            causes.push(Cause::invalid(format!("spec.ports[{index}].port"), &port["port"], detail));
        }
    }
    causes
}

fn check_autoscaler(spec: &Value) -> Vec<Cause> {
    let (least, most) = (spec["minReplicas"].as_i64().unwrap_or(1), spec["maxReplicas"].as_i64());
    let Some(most) = most else { return Vec::new() };
    let mut causes = Vec::new();
    if most < 1 {
        causes.push(Cause::invalid("spec.maxReplicas", &spec["maxReplicas"], "must be greater than 0"));
    } else if most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        causes.push(Cause::invalid("spec.maxReplicas", &spec["maxReplicas"], detail));
    }
    if least < 1 {
        let detail = "must be greater than or equal to 1";
        causes.push(Cause::invalid("spec.minReplicas", &spec["minReplicas"], detail));
    }
    causes
}

fn check_ingress(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if spec.get("rules").is_none() && spec.get("defaultBackend").is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        causes.push(Cause::invalid("spec", &json!({}), detail));
    }
    for (rule, held) in list(spec, "rules").iter().enumerate() {
        for (index, path) in list(&held["http"], "paths").iter().enumerate() {
            let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
            if path["pathType"].as_str().is_some_and(|kind| !kinds.contains(&kind)) {
                let field = format!("spec.rules[{rule}].http.paths[{index}].pathType");
                causes.push(Cause::unsupported(field, &path["pathType"], &kinds));
            }
        }
    }
    causes
}

fn check_rules(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (index, rule) in list(object, "rules").iter().enumerate() {
        if rule.get("nonResourceURLs").is_some() {
            continue;
        }
        for (field, detail) in [
            ("apiGroups", "resource rules must supply at least one api group"),
            ("resources", "resource rules must supply at least one resource"),
        ] {
            if list(rule, field).is_empty() {
                causes.push(Cause::required_because(format!("rules[{index}].{field}"), detail));
            }
        }
    }
    causes
}

fn check_subjects(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (index, subject) in list(object, "subjects").iter().enumerate() {
        let kinds = ["Group", "ServiceAccount", "User"];
        match subject["kind"].as_str() {
            Some("ServiceAccount") if subject["namespace"].as_str().unwrap_or_default().is_empty() => {
                causes.push(Cause::required(format!("subjects[{index}].namespace")));
            }
            Some(kind) if !kinds.contains(&kind) => {
                causes.push(Cause::unsupported(format!("subjects[{index}].kind"), &subject["kind"], &kinds));
            }
            _ => {}
        }
    }
    causes
}

/// The faults of a change: what is fixed once the object is there.
pub(super) fn check_change(kind: &Kind, old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    match kind.kind {
        "ConfigMap" | "Secret" => {
            if old["immutable"] == true {
                if new["immutable"] != true {
                    causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
                }
                if old.get("data") != new.get("data") || old.get("binaryData") != new.get("binaryData") {
                    causes.push(Cause::forbidden("data", "field is immutable when `immutable` is set"));
                }
            }
            if kind.kind == "Secret" && old.get("type") != new.get("type") {
                causes.push(Cause::invalid("type", &new["type"], "field is immutable"));
            }
        }
        "RoleBinding" | "ClusterRoleBinding" if old.get("roleRef") != new.get("roleRef") => {
            causes.push(Cause::invalid("roleRef", &new["roleRef"], "cannot change roleRef"));
        }
        "Service" => {
            let (before, after) = (text_at(old, "/spec/clusterIP"), text_at(new, "/spec/clusterIP"));
            if !before.is_empty() && before != after && new["spec"]["type"] != "ExternalName" {
                let value = json!([after]);
                causes.push(Cause::invalid("spec.clusterIPs[0]", &value, "may not change once set"));
            }
        }
        "PersistentVolumeClaim" => {
            let rest = |object: &Value| {
                let mut spec = object["spec"].clone();
                spec["resources"] = Value::Null;
                spec["volumeName"] = Value::Null;
                spec
            };
            if rest(old) != rest(new) {
                let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
                causes.push(Cause::forbidden("spec", detail));
            }
        }
        _ => {}
    }
    causes
}
