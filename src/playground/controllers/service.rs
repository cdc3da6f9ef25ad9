//! Services: endpoints of the pods they select, and an address for those that ask for one.
//!
//! All endpoints of a service go into one slice for each set of port numbers; the real controller
//! splits them beyond a hundred.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::object::{
    array, controlled_by, deleting, flag, hash, key_of, label_of, labels, name, namespace, serves,
    short_name, text, uid,
};
use super::replica_set::{has_ended, is_ready};
use super::world::World;
use crate::model::ObjectKey;

const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";

/// Brings the endpoints of a service up to date.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(service) = world.get(key) else {
        let endpoints = ObjectKey { kind: "Endpoints".to_owned(), ..key.clone() };
        if let Some(endpoints) = world.get(&endpoints) {
            world.delete(&endpoints, None);
        }
        return;
    };
    if deleting(&service) {
        return;
    }
    balance(world, &service);
    if service["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty)
        || text(&service, "/spec/type") == "ExternalName"
    {
        return;
    }
    let mut pods = world.index.of_kind("", "Pod", namespace(&service));
    pods.retain(|pod| serves(&service, pod) && !text(pod, "/status/podIP").is_empty() && !has_ended(pod));
    write_slices(world, &service, &pods);
    write_endpoints(world, &service, &pods);
}

/// Gives a load balancer an address: one made up from its name, of a range for documentation.
fn balance(world: &mut World<'_>, service: &Arc<Value>) {
    let mut status = service.get("status").cloned().unwrap_or(json!({}));
    let wanted = if text(service, "/spec/type") == "LoadBalancer" {
        let number = hash(format!("{}/{}", namespace(service), name(service)).as_bytes());
        let host = u8::try_from(number % 254).unwrap_or(0) + 1;
        json!({ "ingress": [{ "ip": Ipv4Addr::new(203, 0, 113, host).to_string(), "ipMode": "VIP" }] })
    } else {
        json!({})
    };
    if status.get("loadBalancer") != Some(&wanted) {
        status["loadBalancer"] = wanted;
        world.set_status(service, status);
    }
}

/// The ports of a service as a pod serves them; none where the pod lacks one of a name.
fn ports_on(service: &Value, pod: &Value) -> Vec<Value> {
    let number = |port: &Value| -> Option<i64> {
        match port.get("targetPort") {
            None => port["port"].as_i64(),
            Some(Value::Number(number)) => {
                number.as_i64().filter(|number| *number > 0).or(port["port"].as_i64())
            }
            Some(named) => {
                let containers = array(pod, "/spec/containers").iter();
                let ports = containers.flat_map(|container| array(container, "/ports"));
                let protocol = |port: &Value| match text(port, "/protocol") {
                    "" => "TCP".to_owned(),
                    given => given.to_owned(),
                };
                let mut fitting =
                    ports.filter(|open| open.get("name") == Some(named) && protocol(open) == protocol(port));
                fitting.next().and_then(|open| open["containerPort"].as_i64())
            }
        }
    };
    let port = |port: &Value| {
        let mut found = json!({
            "name": text(port, "/name"), "port": number(port)?,
            "protocol": match text(port, "/protocol") { "" => "TCP", given => given },
        });
        if let Some(protocol) = port.get("appProtocol") {
            found["appProtocol"] = protocol.clone();
        }
        Some(found)
    };
    array(service, "/spec/ports").iter().filter_map(port).collect()
}

fn write_slices(world: &mut World<'_>, service: &Arc<Value>, pods: &[Arc<Value>]) {
    let mut groups: BTreeMap<String, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    for pod in pods {
        let ports = ports_on(service, pod);
        let group = groups.entry(Value::from(ports.clone()).to_string()).or_insert((ports, Vec::new()));
        group.1.push(endpoint(service, pod));
    }
    let mut wanted: BTreeMap<String, Value> = BTreeMap::new();
    for (ports, endpoints) in groups.into_values() {
        // Named by the ports, so that a slice keeps its name while pods come and go.
        let seed = format!("{}/{}", uid(service), Value::from(ports.clone()));
        let letters = short_name(hash(seed.as_bytes()));
        let slice =
            slice(service, &format!("{}-{}", name(service), &letters[letters.len() - 5..]), ports, endpoints);
        wanted.insert(name(&slice).to_owned(), slice);
    }
    for held in world.index.children(uid(service), "EndpointSlice") {
        if label_of(&held, MANAGED_BY) != Some(CONTROLLER) {
            continue;
        }
        match wanted.remove(name(&held)) {
            Some(slice) => {
                let mut changed = Value::clone(&held);
                for field in ["endpoints", "ports"] {
                    changed[field] = slice[field].clone();
                }
                world.update(&held, changed);
            }
            None => world.delete(&held, None),
        }
    }
    for slice in wanted.into_values() {
        if world.create(slice).is_err() {
            world.wake_after(&key_of(service), std::time::Duration::from_secs(5));
        }
    }
}

fn slice(service: &Value, slice_name: &str, ports: Vec<Value>, endpoints: Vec<Value>) -> Value {
    let mut own = labels(service);
    own.insert(SERVICE_NAME.to_owned(), json!(name(service)));
    own.insert(MANAGED_BY.to_owned(), json!(CONTROLLER));
    if text(service, "/spec/clusterIP") == "None" {
        own.insert("service.kubernetes.io/headless".to_owned(), json!(""));
    }
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": slice_name, "namespace": namespace(service), "labels": own,
            "generateName": format!("{}-", name(service)), "ownerReferences": [controlled_by(service)],
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    })
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let serving = is_ready(pod);
    let ready = (serving && !deleting(pod)) || flag(service, "/spec/publishNotReadyAddresses");
    let mut endpoint = json!({
        "addresses": [pod["status"]["podIP"]], "nodeName": pod["spec"]["nodeName"],
        "conditions": { "ready": ready, "serving": serving, "terminating": deleting(pod) },
        "targetRef": reference(pod),
    });
    if !text(pod, "/spec/subdomain").is_empty() && text(pod, "/spec/subdomain") == name(service) {
        endpoint["hostname"] = pod["spec"]["hostname"].clone();
    }
    endpoint
}

fn reference(pod: &Value) -> Value {
    json!({ "kind": "Pod", "name": name(pod), "namespace": namespace(pod), "uid": uid(pod) })
}

/// The addresses that serve the same ports.
#[derive(Default)]
struct Subset {
    ports: Vec<Value>,
    ready: Vec<Value>,
    waiting: Vec<Value>,
}

/// The older form, in which pods that are not ready stand apart and those that end are left out.
fn write_endpoints(world: &mut World<'_>, service: &Arc<Value>, pods: &[Arc<Value>]) {
    let mut groups: BTreeMap<String, Subset> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !deleting(pod)) {
        let ports = ports_on(service, pod);
        let group = groups.entry(Value::from(ports.clone()).to_string()).or_default();
        group.ports = ports;
        let address = json!({
            "ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": reference(pod),
        });
        if is_ready(pod) || flag(service, "/spec/publishNotReadyAddresses") {
            group.ready.push(address);
        } else {
            group.waiting.push(address);
        }
    }
    let subset = |group: Subset| {
        let mut subset = json!({});
        let fields =
            [("addresses", group.ready), ("notReadyAddresses", group.waiting), ("ports", group.ports)];
        for (field, list) in fields {
            if !list.is_empty() {
                subset[field] = Value::Array(list);
            }
        }
        subset
    };
    let subsets: Vec<Value> = groups.into_values().map(subset).collect();
    let mut endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": { "name": name(service), "namespace": namespace(service), "labels": labels(service) },
    });
    if !subsets.is_empty() {
        endpoints["subsets"] = Value::Array(subsets);
    }
    match world.objects.get("", "Endpoints", Some(namespace(service)), name(service)) {
        Some(held) => {
            let mut changed = Value::clone(&held);
            match endpoints.get_mut("subsets") {
                Some(subsets) => changed["subsets"] = subsets.take(),
                None => drop(super::object::fields_mut(&mut changed, &[]).remove("subsets")),
            }
            world.update(&held, changed);
        }
        None => {
            if world.create(endpoints).is_err() {
                world.wake_after(&key_of(service), std::time::Duration::from_secs(5));
            }
        }
    }
}
