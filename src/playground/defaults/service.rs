//! Defaults of Services, and the addresses and ports that they are given.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::playground::kinds;
use crate::playground::store::{Store, text_at};

/// The default range of node ports of a real API server.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// Fills in a Service.
pub(super) fn fill(store: &Store, old: Option<&Value>, service: &mut Value) {
    let spec = &mut service["spec"];
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let target = port.get("targetPort");
        if target.is_none_or(|target| *target == json!(0) || *target == json!("")) {
            port["targetPort"] = port["port"].clone();
        }
    }
    let kind = spec["type"].as_str().unwrap_or("ClusterIP").to_owned();
    if kind == "ExternalName" {
        return;
    }
    if spec.get("internalTrafficPolicy").is_none() {
        spec["internalTrafficPolicy"] = json!("Cluster");
    }
    keep_addresses(old, spec);
    allocate_address(store, spec);
    if !matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        return;
    }
    if spec.get("externalTrafficPolicy").is_none() {
        spec["externalTrafficPolicy"] = json!("Cluster");
    }
    if kind == "LoadBalancer" && spec.get("allocateLoadBalancerNodePorts").is_none() {
        spec["allocateLoadBalancerNodePorts"] = json!(true);
    }
    allocate_node_ports(store, old, spec);
}

/// A write that says nothing about addresses keeps those that the Service has.
fn keep_addresses(old: Option<&Value>, spec: &mut Value) {
    let Some(old) = old else { return };
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if spec.get(field).is_none()
            && let Some(held) = old["spec"].get(field)
        {
            spec[field] = held.clone();
        }
    }
}

fn services(store: &Store) -> Vec<std::sync::Arc<Value>> {
    kinds::by_kind("", "Service").map(|kind| store.scan(kind, None)).unwrap_or_default()
}

fn allocate_address(store: &Store, spec: &mut Value) {
    if spec.get("clusterIP").is_none() {
        let services = services(store);
        let taken: BTreeSet<&str> = services.iter().map(|held| text_at(held, "/spec/clusterIP")).collect();
        let free = (2_u32..65_534)
            .map(|number| format!("10.96.{}.{}", number / 256, number % 256))
            .find(|address| !taken.contains(address.as_str()));
        if let Some(address) = free {
            spec["clusterIP"] = json!(address);
        }
    }
    if spec.get("clusterIPs").is_none() {
        spec["clusterIPs"] = json!([spec["clusterIP"]]);
    }
    for (field, value) in [("ipFamilies", json!(["IPv4"])), ("ipFamilyPolicy", json!("SingleStack"))] {
        if spec.get(field).is_none() {
            spec[field] = value;
        }
    }
}

fn allocate_node_ports(store: &Store, old: Option<&Value>, spec: &mut Value) {
    let ports_of = |service: &Value| -> Vec<Value> {
        service.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut taken: BTreeSet<i64> = services(store)
        .iter()
        .flat_map(|service| ports_of(service))
        .filter_map(|port| port["nodePort"].as_i64())
        .collect();
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if port.get("nodePort").is_some() {
            continue;
        }
        let held = old.map(ports_of).unwrap_or_default().into_iter().find(|held| {
            held["port"] == port["port"]
                && held["protocol"] == port["protocol"]
                && held.get("nodePort").is_some()
        });
        let number = match held {
            Some(held) => held["nodePort"].as_i64(),
            None => NODE_PORTS.into_iter().find(|number| !taken.contains(number)),
        };
        if let Some(number) = number {
            taken.insert(number);
            port["nodePort"] = json!(number);
        }
    }
}
