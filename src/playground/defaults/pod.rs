//! Defaults of pods and of pod templates.

use serde_json::{Map, Value, json};

/// Both kinds of containers.
fn containers(spec: &mut Value) -> Vec<&mut Value> {
    let Some(fields) = spec.as_object_mut() else { return Vec::new() };
    fields
        .iter_mut()
        .filter(|(name, _)| matches!(name.as_str(), "containers" | "initContainers"))
        .flat_map(|(_, list)| list.as_array_mut().into_iter().flatten())
        .collect()
}

/// What depends on the values of a pod's spec.
pub(super) fn fill_spec(spec: &mut Value) {
    let host_network = spec["hostNetwork"] == true;
    for container in containers(spec) {
        if container.get("imagePullPolicy").is_none() {
            let policy = if floats(container["image"].as_str().unwrap_or_default()) {
                "Always"
            } else {
                "IfNotPresent"
            };
            container["imagePullPolicy"] = json!(policy);
        }
        for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if host_network && port.get("hostPort").is_none() {
                port["hostPort"] = port["containerPort"].clone();
            }
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(fields) = volume.as_object_mut().filter(|fields| fields.len() == 1) {
            fields.insert("emptyDir".into(), json!({}));
        }
    }
    // Two names of one field: the old one is kept in step.
    match (spec.get("serviceAccountName").cloned(), spec.get("serviceAccount").cloned()) {
        (Some(account), _) => spec["serviceAccount"] = account,
        (None, Some(account)) => spec["serviceAccountName"] = account,
        (None, None) => {}
    }
}

/// Whether an image's tag is `latest`, said or meant.
fn floats(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

/// What admission adds to a new pod.
pub(super) fn fill(old: Option<&Value>, pod: &mut Value) {
    fill_spec(&mut pod["spec"]);
    if old.is_some() {
        return;
    }
    let spec = &mut pod["spec"];
    for container in containers(spec) {
        let limits = container["resources"].get("limits").and_then(Value::as_object).cloned();
        for (resource, limit) in limits.into_iter().flatten() {
            let requests = &mut container["resources"]["requests"];
            if requests.get(&resource).is_none() {
                requests[resource] = limit;
            }
        }
    }
    for (field, value) in [
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("priority", json!(0)),
        ("serviceAccountName", json!("default")),
        ("serviceAccount", json!("default")),
    ] {
        if spec.get(field).is_none() {
            spec[field] = value;
        }
    }
    tolerate_lost_nodes(spec);
    let qos = quality_of_service(spec);
    if !pod["status"].is_object() {
        pod["status"] = json!({});
    }
    if pod["status"].get("phase").is_none() {
        pod["status"]["phase"] = json!("Pending");
    }
    pod["status"]["qosClass"] = json!(qos);
}

fn tolerate_lost_nodes(spec: &mut Value) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let held = spec.get("tolerations").and_then(Value::as_array);
        let tolerated = held.is_some_and(|held| {
            held.iter().any(|toleration| {
                toleration["key"] == key
                    || (toleration.get("key").is_none() && toleration["operator"] == "Exists")
            })
        });
        if tolerated {
            continue;
        }
        let toleration =
            json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
        match spec.get_mut("tolerations").and_then(Value::as_array_mut) {
            Some(held) => held.push(toleration),
            None => spec["tolerations"] = json!([toleration]),
        }
    }
}

/// `Guaranteed`, `Burstable` or `BestEffort`, from the requests and limits of all containers.
fn quality_of_service(spec: &mut Value) -> &'static str {
    let empty = Map::new();
    let (mut some, mut guaranteed) = (false, true);
    for container in containers(spec) {
        let part = |name: &str| container["resources"][name].as_object().unwrap_or(&empty).clone();
        let (requests, limits) = (part("requests"), part("limits"));
        some |= !requests.is_empty() || !limits.is_empty();
        guaranteed &= ["cpu", "memory"].iter().all(|resource| {
            limits.get(*resource).is_some_and(|limit| requests.get(*resource) == Some(limit))
        });
    }
    match (some, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
