//! Limit ranges: what a container gets that states nothing, and what none may exceed.

use serde_json::{Map, Value, json};

use crate::model::Quantity;
use crate::playground::kinds::Kind;
use crate::playground::store::text_at;

fn items<'a>(range: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let items = range.pointer("/spec/limits").and_then(Value::as_array).into_iter().flatten();
    items.filter(move |item| text_at(item, "/type") == kind)
}

fn entries<'a>(item: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    item.get(field).and_then(Value::as_object).into_iter().flatten()
}

/// Gives each container the defaults of its namespace. A limit that is stated is a request too.
pub(super) fn fill(range: &Value, kind: &Kind, object: &mut Value) {
    if kind.kind != "Pod" {
        return;
    }
    let (mut requests, mut limits) = (Map::new(), Map::new());
    for item in items(range, "Container") {
        requests.extend(entries(item, "defaultRequest").map(|(name, value)| (name.clone(), value.clone())));
        limits.extend(entries(item, "default").map(|(name, value)| (name.clone(), value.clone())));
    }
    // What has a default limit and no default request asks for its limit.
    for (name, value) in &limits {
        requests.entry(name.clone()).or_insert_with(|| value.clone());
    }
    for list in ["initContainers", "containers"] {
        let Some(containers) = object["spec"].get_mut(list).and_then(Value::as_array_mut) else { continue };
        for container in containers {
            let resources = &mut container["resources"];
            for (part, defaults) in [("limits", &limits), ("requests", &requests)] {
                for (name, value) in defaults {
                    let stated = resources["limits"].get(name).filter(|_| part == "requests").cloned();
                    if resources[part].get(name).is_none() {
                        let explicit = stated.filter(|limit| limits.get(name) != Some(limit));
                        resources[part][name] = explicit.unwrap_or_else(|| value.clone());
                    }
                }
            }
            if let Some(held) = resources.as_object_mut() {
                held.retain(|_, part| !part.is_null());
            } else {
                *resources = json!({});
            }
        }
    }
}

fn quantity(value: &Value) -> Option<Quantity> {
    value.as_str()?.parse().ok()
}

/// The faults of an object, in the words of the API server.
pub(super) fn check(range: &Value, kind: &Kind, object: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let list = |field: &str| object["spec"][field].as_array().cloned().unwrap_or_default();
    if kind.kind == "PersistentVolumeClaim" {
        let requests = json!({"requests": object["spec"]["resources"]["requests"]});
        for item in items(range, "PersistentVolumeClaim") {
            faults.extend(check_item(item, "PersistentVolumeClaim", &requests));
        }
        return faults;
    }
    let containers = list("containers");
    for container in containers.iter().chain(&list("initContainers")) {
        for item in items(range, "Container") {
            faults.extend(check_item(item, "Container", &container["resources"]));
        }
    }
    for item in items(range, "Pod") {
        faults.extend(check_item(item, "Pod", &sums(&containers)));
    }
    faults
}

/// The requests and limits of all containers together.
fn sums(containers: &[Value]) -> Value {
    let mut total = json!({});
    for part in ["requests", "limits"] {
        let mut names: Vec<&String> = containers
            .iter()
            .flat_map(|container| entries(&container["resources"], part))
            .map(|(name, _)| name)
            .collect();
        names.sort();
        names.dedup();
        for name in names {
            let amounts =
                containers.iter().filter_map(|container| quantity(container["resources"][part].get(name)?));
            let sum = amounts.fold(Quantity::from_int(0), |sum, amount| sum.plus(amount));
            total[part][name] = json!(sum.to_string());
        }
    }
    total
}

fn check_item(item: &Value, kind: &str, resources: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let held = |part: &str, name: &str| resources.get(part).and_then(|part| part.get(name)).cloned();
    for (name, least) in entries(item, "min") {
        match held("requests", name) {
            None => faults.push(format!(
                "minimum {name} usage per {kind} is {}.  No request is specified",
                plain(least)
            )),
            Some(request) if quantity(&request) < quantity(least) => faults.push(format!(
                "minimum {name} usage per {kind} is {}, but request is {}",
                plain(least),
                plain(&request)
            )),
            _ => {}
        }
    }
    for (name, most) in entries(item, "max") {
        let (limit, request) = (held("limits", name), held("requests", name));
        let claims = kind == "PersistentVolumeClaim";
        match (&limit, &request) {
            (None, _) if !claims => {
                faults.push(format!(
                    "maximum {name} usage per {kind} is {}.  No limit is specified",
                    plain(most)
                ));
            }
            (Some(limit), _) if quantity(limit) > quantity(most) => faults.push(format!(
                "maximum {name} usage per {kind} is {}, but limit is {}",
                plain(most),
                plain(limit)
            )),
            (_, Some(request)) if quantity(request) > quantity(most) => faults.push(format!(
                "maximum {name} usage per {kind} is {}, but request is {}",
                plain(most),
                plain(request)
            )),
            _ => {}
        }
    }
    faults
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
