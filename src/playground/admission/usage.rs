//! How much of a quota's resources one object takes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::Quantity;
use crate::playground::kinds::Kind;
use crate::playground::store::text_at;

/// Amounts by resource, named as a quota names them.
pub(crate) type Sums = BTreeMap<String, Quantity>;

fn add(sums: &mut Sums, resource: &str, amount: Quantity) {
    let sum = sums.get(resource).map_or(amount, |sum| sum.plus(amount));
    sums.insert(resource.to_owned(), sum);
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn amounts<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, Quantity)> {
    let map = value.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(resource, amount)| Some((resource.as_str(), amount.as_str()?.parse().ok()?)))
}

/// What an object takes.
pub(crate) fn of(kind: &Kind, object: &Value) -> Sums {
    let mut sums = Sums::new();
    let one = Quantity::from_int(1);
    let ended = matches!(text_at(object, "/status/phase"), "Succeeded" | "Failed");
    if kind.kind == "Pod" && kind.group.is_empty() {
        sums.insert("count/pods".to_owned(), one);
        if !ended {
            pod(&mut sums, object);
        }
        return sums;
    }
    sums.insert(format!("count/{}", kind.group_resource()), one);
    if !kind.group.is_empty() {
        return sums;
    }
    match kind.kind {
        "Service" => service(&mut sums, object),
        "PersistentVolumeClaim" => {
            add(&mut sums, kind.plural, one);
            let class = text_at(object, "/spec/storageClassName");
            for (resource, amount) in amounts(object, "/spec/resources/requests") {
                if resource == "storage" {
                    add(&mut sums, "requests.storage", amount);
                    if !class.is_empty() {
                        let of_class = format!("{class}.storageclass.storage.k8s.io");
                        add(&mut sums, &format!("{of_class}/requests.storage"), amount);
                        add(&mut sums, &format!("{of_class}/persistentvolumeclaims"), one);
                    }
                }
            }
        }
        "ConfigMap" | "Secret" | "ResourceQuota" => add(&mut sums, kind.plural, one),
        _ => {}
    }
    sums
}

fn service(sums: &mut Sums, object: &Value) {
    let one = Quantity::from_int(1);
    add(sums, "services", one);
    let ports = i64::try_from(list(object, "/spec/ports").len()).unwrap_or(0);
    match text_at(object, "/spec/type") {
        "NodePort" => add(sums, "services.nodeports", Quantity::from_int(ports)),
        "LoadBalancer" => {
            add(sums, "services.loadbalancers", one);
            if object["spec"]["allocateLoadBalancerNodePorts"] != false {
                add(sums, "services.nodeports", Quantity::from_int(ports));
            }
        }
        _ => {}
    }
}

/// A pod counts with the sum of its containers, or its largest initial one where that is more.
fn pod(sums: &mut Sums, object: &Value) {
    add(sums, "pods", Quantity::from_int(1));
    for part in ["requests", "limits"] {
        let mut own = Sums::new();
        for container in list(object, "/spec/containers") {
            for (resource, amount) in amounts(container, &format!("/resources/{part}")) {
                add(&mut own, resource, amount);
            }
        }
        for container in list(object, "/spec/initContainers") {
            for (resource, amount) in amounts(container, &format!("/resources/{part}")) {
                if own.get(resource).is_none_or(|held| *held < amount) {
                    own.insert(resource.to_owned(), amount);
                }
            }
        }
        for (resource, amount) in own {
            add(sums, &format!("{part}.{resource}"), amount);
            if part == "requests" && matches!(resource.as_str(), "cpu" | "memory" | "ephemeral-storage") {
                add(sums, &resource, amount);
            }
        }
    }
}

/// Whether a quota with scopes counts an object at all.
pub(crate) fn is_in_scope(quota: &Value, kind: &Kind, object: &Value) -> bool {
    let scopes = list(quota, "/spec/scopes").iter().map(|scope| (scope, None));
    let expressions = list(quota, "/spec/scopeSelector/matchExpressions");
    let expressions = expressions.iter().map(|one| (&one["scopeName"], Some(one)));
    let mut all = scopes.chain(expressions).peekable();
    if all.peek().is_none() {
        return true;
    }
    let is_pod = kind.kind == "Pod" && kind.group.is_empty();
    let best_effort = || {
        list(object, "/spec/containers").iter().all(|container| {
            amounts(container, "/resources/requests").next().is_none()
                && amounts(container, "/resources/limits").next().is_none()
        })
    };
    is_pod
        && all.all(|(scope, expression)| match scope.as_str() {
            Some("Terminating") => object["spec"].get("activeDeadlineSeconds").is_some(),
            Some("NotTerminating") => object["spec"].get("activeDeadlineSeconds").is_none(),
            Some("BestEffort") => best_effort(),
            Some("NotBestEffort") => !best_effort(),
            Some("PriorityClass") => is_of_class(object, expression),
            _ => false,
        })
}

fn is_of_class(pod: &Value, expression: Option<&Value>) -> bool {
    let class = text_at(pod, "/spec/priorityClassName");
    let Some(expression) = expression else { return !class.is_empty() };
    let named = list(expression, "/values").iter().any(|value| value.as_str() == Some(class));
    match expression["operator"].as_str() {
        Some("In") => named,
        Some("NotIn") => !named,
        Some("Exists") => !class.is_empty(),
        _ => class.is_empty(),
    }
}

/// The resources of a quota that a pod's containers do not state, in the words of the API server.
pub(crate) fn unstated(hard: &Value, pod: &Value) -> String {
    let mut parts = Vec::new();
    for resource in hard.as_object().into_iter().flatten().map(|(resource, _)| resource.as_str()) {
        let (part, plain) = match resource {
            "cpu" | "memory" => ("requests", resource),
            _ => match resource.split_once('.') {
                Some((part @ ("requests" | "limits"), plain @ ("cpu" | "memory"))) => (part, plain),
                _ => continue,
            },
        };
        let lacks = |container: &&Value| container["resources"][part].get(plain).is_none();
        let names: Vec<&str> = list(pod, "/spec/containers")
            .iter()
            .filter(lacks)
            .filter_map(|container| container["name"].as_str())
            .collect();
        if !names.is_empty() {
            parts.push(format!("{resource} for: {}", names.join(",")));
        }
    }
    parts.join("; ")
}
