//! Service: `<name>` selects the component's pods in one slot; its target is always a port's name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Site, label, object::object, object::put};
use crate::definition::{
    Component, ContainerPort, Exposure, PortProtocol, ServicePort, SessionAffinity, Workload,
};
use crate::model::ComponentName;

/// Every container port by name; of equal names the first container's (a check refuses the others).
pub fn container_ports(component: &Component) -> BTreeMap<&str, &ContainerPort> {
    let mut ports = BTreeMap::new();
    for container in component.containers.values() {
        for (name, port) in &container.ports {
            ports.entry(name.as_str()).or_insert(port);
        }
    }
    ports
}

/// The service ports by name: those written, else one for each container port.
pub fn ports(component: &Component) -> BTreeMap<String, ServicePort> {
    match &component.service {
        Some(service) if !service.ports.is_empty() => service.ports.clone(),
        _ => container_ports(component)
            .into_iter()
            .map(|(name, port)| {
                (name.to_owned(), ServicePort { port: port.port, target: None, node_port: None })
            })
            .collect(),
    }
}

/// Who reaches a component: a StatefulSet without a word of its own is reached pod by pod.
pub fn exposure(component: &Component) -> Exposure {
    match (&component.service, component.workload) {
        (Some(service), _) => service.exposure,
        (None, Workload::StatefulSet) => Exposure::Headless,
        (None, Workload::Job | Workload::CronJob) => Exposure::None,
        (None, _) => Exposure::Cluster,
    }
}

/// Whether the component has a Service called like itself.
pub fn has_service(component: &Component) -> bool {
    match exposure(component) {
        Exposure::None => false,
        Exposure::Headless => true,
        Exposure::Cluster | Exposure::NodePort => !ports(component).is_empty(),
    }
}

/// The headless Service that gives the pods of a StatefulSet their names in DNS.
pub(super) fn governing_name(name: &ComponentName, component: &Component) -> String {
    match exposure(component) {
        Exposure::Cluster | Exposure::NodePort => format!("{name}-pods"),
        Exposure::Headless | Exposure::None => name.to_string(),
    }
}

pub(super) fn render(site: &Site, name: &ComponentName, component: &Component) -> Vec<Value> {
    let mut services = Vec::new();
    let exposure = exposure(component);
    if has_service(component) {
        services.push(one(site, name, name.as_str(), component, exposure));
    }
    let governing = governing_name(name, component);
    if component.workload == Workload::StatefulSet && governing != name.as_str() {
        services.push(one(site, name, &governing, component, Exposure::Headless));
    }
    services
}

fn one(site: &Site, name: &ComponentName, called: &str, component: &Component, exposure: Exposure) -> Value {
    let mut service =
        object("v1", "Service", site.namespace.as_str(), called, &label::of_app(site, Some(name)));
    let known = container_ports(component);
    let ports: Vec<Value> = ports(component)
        .iter()
        .map(|(port_name, port)| {
            let target = port.target.as_deref().unwrap_or(port_name);
            let protocol = known.get(target).map_or(PortProtocol::TCP, |port| port.protocol);
            let mut entry =
                json!({"name": port_name, "port": port.port, "protocol": protocol, "targetPort": target});
            if exposure == Exposure::NodePort {
                put(&mut entry, "nodePort", port.node_port);
            }
            entry
        })
        .collect();
    service["spec"] = json!({
        "type": if exposure == Exposure::NodePort { "NodePort" } else { "ClusterIP" },
        "selector": label::selector(site, name),
    });
    put(&mut service["spec"], "ports", ports);
    if exposure == Exposure::Headless {
        service["spec"]["clusterIP"] = json!("None");
        if component.workload == Workload::StatefulSet {
            // Members of a set find each other before they are ready.
            service["spec"]["publishNotReadyAddresses"] = json!(true);
        }
    }
    let affinity = component.service.as_ref().map(|service| service.session_affinity).unwrap_or_default();
    if affinity == SessionAffinity::ClientIp {
        service["spec"]["sessionAffinity"] = json!("ClientIP");
    }
    service
}
