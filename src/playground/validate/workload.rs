//! Pods, pod templates and the workloads that hold them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::Quantity;
use crate::playground::kinds::Kind;
use crate::playground::select::LabelSelector;
use crate::playground::status::Cause;

/// The faults of a pod or workload.
pub(super) fn check(kind: &Kind, object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    for field in
        ["replicas", "minReadySeconds", "revisionHistoryLimit", "parallelism", "completions", "backoffLimit"]
    {
        if spec[field].as_i64().is_some_and(|number| number < 0) {
            let detail = "must be greater than or equal to 0";
            causes.push(Cause::invalid(format!("spec.{field}"), &spec[field], detail));
        }
    }
    match kind.kind {
        "Pod" => causes.extend(check_pod(spec, "spec", &[])),
        "CronJob" => {
            causes.extend(check_schedule(&spec["schedule"]));
            let template = &spec["jobTemplate"]["spec"]["template"];
            causes.extend(check_job_template(template, "spec.jobTemplate.spec.template"));
        }
        "Job" => causes.extend(check_job_template(&spec["template"], "spec.template")),
        _ => {
            causes.extend(check_selector(kind, spec));
            // Each pod of a StatefulSet gets its claims as volumes.
            let claims = list(spec, "volumeClaimTemplates");
            causes.extend(check_pod(&spec["template"]["spec"], "spec.template.spec", claims));
            let policy = &spec["template"]["spec"]["restartPolicy"];
            if policy.is_string() && policy != "Always" {
                causes.push(Cause::unsupported("spec.template.spec.restartPolicy", policy, &["Always"]));
            }
        }
    }
    causes.extend(check_strategy(kind, spec));
    causes
}

fn check_strategy(kind: &Kind, spec: &Value) -> Option<Cause> {
    let (field, allowed): (&str, &[&str]) = match kind.kind {
        "Deployment" => ("strategy", &["Recreate", "RollingUpdate"]),
        "StatefulSet" | "DaemonSet" => ("updateStrategy", &["RollingUpdate", "OnDelete"]),
        _ => return None,
    };
    let strategy = &spec[field];
    let name = strategy["type"].as_str().unwrap_or("RollingUpdate");
    if !allowed.contains(&name) {
        return Some(Cause::unsupported(format!("spec.{field}.type"), &strategy["type"], allowed));
    }
    if name == "Recreate" && strategy.get("rollingUpdate").is_some() {
        let detail = "may not be specified when strategy `type` is 'Recreate'";
        return Some(Cause::forbidden("spec.strategy.rollingUpdate", detail));
    }
    let zero = |value: &Value| *value == json!(0) || *value == json!("0%");
    let rolling = &strategy["rollingUpdate"];
    if kind.kind != "StatefulSet" && zero(&rolling["maxSurge"]) && zero(&rolling["maxUnavailable"]) {
        let detail = "may not be 0 when `maxSurge` is 0";
        let path = format!("spec.{field}.rollingUpdate.maxUnavailable");
        return Some(Cause::invalid(path, &rolling["maxUnavailable"], detail));
    }
    None
}

fn check_selector(kind: &Kind, spec: &Value) -> Option<Cause> {
    let selector = spec.get("selector")?;
    if selector.as_object().is_some_and(serde_json::Map::is_empty) {
        let detail = format!("empty selector is invalid for {}", kind.singular());
        return Some(Cause::invalid("spec.selector", selector, detail));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if LabelSelector::of_object(selector).is_ok_and(|selector| selector.matches(labels)) {
        return None;
    }
    let labels = if labels.is_null() { json!({}) } else { labels.clone() };
    Some(Cause::invalid(
        "spec.template.metadata.labels",
        &labels,
        "`selector` does not match template `labels`",
    ))
}

fn check_job_template(template: &Value, path: &str) -> Vec<Cause> {
    let mut causes = check_pod(&template["spec"], &format!("{path}.spec"), &[]);
    let policy = &template["spec"]["restartPolicy"];
    if policy == "Always" {
        let detail = "valid values: \"OnFailure\", \"Never\"";
        causes.push(Cause::required_because(format!("{path}.spec.restartPolicy"), detail));
    }
    causes
}

fn check_schedule(schedule: &Value) -> Option<Cause> {
    let text = schedule.as_str()?;
    let fields = text.split_whitespace().count();
    if text.starts_with('@') || fields == 5 || text.is_empty() {
        return None;
    }
    let detail = format!("expected exactly 5 fields, found {fields}: [{text}]");
    Some(Cause::invalid("spec.schedule", schedule, detail))
}

fn check_pod(spec: &Value, path: &str, claims: &[Value]) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut volumes: Vec<&Value> = list(spec, "volumes").iter().map(|volume| &volume["name"]).collect();
    volumes.extend(claims.iter().map(|claim| &claim["metadata"]["name"]));
    let mut names = BTreeSet::new();
    for (group, containers) in
        [("initContainers", list(spec, "initContainers")), ("containers", list(spec, "containers"))]
    {
        for (index, container) in containers.iter().enumerate() {
            let at = format!("{path}.{group}[{index}]");
            let name = container["name"].as_str().unwrap_or_default();
            if !name.is_empty() && !names.insert(name) {
                causes.push(Cause::duplicate(format!("{at}.name"), &container["name"]));
            }
            causes.extend(check_container(container, &at, &volumes));
        }
    }
    causes
}

fn check_container(container: &Value, at: &str, volumes: &[&Value]) -> Vec<Cause> {
    let mut causes = Vec::new();
    if container["image"].as_str().unwrap_or_default().is_empty() {
        causes.push(Cause::required(format!("{at}.image")));
    }
    if let Some(policy) = container["imagePullPolicy"].as_str()
        && !["Always", "IfNotPresent", "Never"].contains(&policy)
    {
        let allowed = ["Always", "IfNotPresent", "Never"];
        causes.push(Cause::unsupported(
            format!("{at}.imagePullPolicy"),
            &container["imagePullPolicy"],
            &allowed,
        ));
    }
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        if !volumes.contains(&&mount["name"]) {
            causes.push(Cause::not_found(format!("{at}.volumeMounts[{index}].name"), &mount["name"]));
        }
    }
    for (index, port) in list(container, "ports").iter().enumerate() {
        let number = &port["containerPort"];
        if number.as_i64().is_some_and(|number| !(1..=65_535).contains(&number)) {
            let detail = "must be between 1 and 65535, inclusive";
            causes.push(Cause::invalid(format!("{at}.ports[{index}].containerPort"), number, detail));
        }
    }
    let limits = &container["resources"]["limits"];
    let requests = container["resources"]["requests"].as_object();
    for (resource, request) in requests.into_iter().flatten() {
        let quantity = |value: &Value| value.as_str().and_then(|text| text.parse::<Quantity>().ok());
        let (Some(asked), Some(limit)) = (quantity(request), quantity(&limits[resource])) else { continue };
        if asked.nano() > limit.nano() {
            let detail = format!("must be less than or equal to {resource} limit of {limit}");
            causes.push(Cause::invalid(format!("{at}.resources.requests"), request, detail));
        }
    }
    causes
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The faults of a change: what is fixed once the object is there.
pub(super) fn check_change(kind: &Kind, old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut fixed = |field: &str| {
        let pointer = format!("/{}", field.replace('.', "/"));
        let (before, after) = (old.pointer(&pointer), new.pointer(&pointer));
        if before != after {
            causes.push(Cause::invalid(field, after.unwrap_or(&Value::Null), "field is immutable"));
        }
    };
    match kind.kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" => fixed("spec.selector"),
        "Job" => {
            fixed("spec.selector");
            fixed("spec.template");
            fixed("spec.completions");
            fixed("spec.completionMode");
        }
        "StatefulSet" => causes.extend(check_stateful_change(old, new)),
        "Pod" => causes.extend(check_pod_change(old, new)),
        _ => {}
    }
    causes
}

fn check_stateful_change(old: &Value, new: &Value) -> Option<Cause> {
    let rest = |object: &Value| {
        let mut spec = object["spec"].clone();
        if let Some(fields) = spec.as_object_mut() {
            for field in [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ] {
                fields.remove(field);
            }
        }
        spec
    };
    (rest(old) != rest(new)).then(|| {
        Cause::forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )
    })
}

fn check_pod_change(old: &Value, new: &Value) -> Option<Cause> {
    let rest = |object: &Value| {
        let mut spec = object["spec"].clone();
        for group in ["containers", "initContainers"] {
            for container in spec.get_mut(group).and_then(Value::as_array_mut).into_iter().flatten() {
                container.as_object_mut().map(|fields| fields.remove("image"));
            }
        }
        if let Some(fields) = spec.as_object_mut() {
            for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
                fields.remove(field);
            }
            // Binding a pod to its node is no change of what runs.
            if object["spec"].get("nodeName").is_none() || old["spec"].get("nodeName").is_none() {
                fields.remove("nodeName");
            }
        }
        spec
    };
    (rest(old) != rest(new)).then(|| {
        Cause::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        )
    })
}
