//! HTTPRoute of the Gateway API: one per component and host.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Site, label, object::object, service};
use crate::definition::{Component, Route};
use crate::model::ComponentName;

/// The sum of the weights of a rule; always written.
const WEIGHT: u32 = 10_000;

/// The routes of a component by host, in the order of their paths.
pub(super) fn by_host(component: &Component) -> BTreeMap<&str, Vec<&Route>> {
    let mut hosts: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in &component.routes {
        hosts.entry(route.host.as_str()).or_default().push(route);
    }
    for routes in hosts.values_mut() {
        routes.sort_by(|a, b| a.path.cmp(&b.path));
    }
    hosts
}

/// The name of the route object of a component and host; hosts are unique within a component.
pub(super) fn name(component: &ComponentName, host: &str) -> String {
    super::object::fitted(&format!("{component}.{}", host.replace('*', "any")), 253)
}

/// The service port that a route leads to: the one named, or the only one.
pub fn service_port(component: &Component, route: &Route) -> Option<(String, u16)> {
    let ports = service::ports(component);
    match &route.port {
        Some(name) => ports.get(name).map(|port| (name.clone(), port.port)),
        None if ports.len() == 1 => ports.into_iter().next().map(|(name, port)| (name, port.port)),
        None => None,
    }
}

pub(super) fn render(
    site: &Site,
    component_name: &ComponentName,
    component: &Component,
    gateway: &str,
) -> Vec<Value> {
    let (gateway_namespace, gateway_name) =
        gateway.split_once('/').unwrap_or((site.namespace.as_str(), gateway));
    by_host(component)
        .into_iter()
        .map(|(host, routes)| {
            let mut object = object(
                "gateway.networking.k8s.io/v1",
                "HTTPRoute",
                site.namespace.as_str(),
                &name(component_name, host),
                &label::of_app(site, Some(component_name)),
            );
            let rules: Vec<Value> = routes
                .into_iter()
                .filter_map(|route| {
                    let (_, port) = service_port(component, route)?;
                    Some(json!({
                        "matches": [{"path": {"type": "PathPrefix", "value": route.path}}],
                        "backendRefs": [{
                            "group": "", "kind": "Service", "name": component_name.as_str(),
                            "port": port, "weight": WEIGHT,
                        }],
                    }))
                })
                .collect();
            object["spec"] = json!({
                "parentRefs": [{
                    "group": "gateway.networking.k8s.io", "kind": "Gateway",
                    "namespace": gateway_namespace, "name": gateway_name,
                }],
                "hostnames": [host],
                "rules": rules,
            });
            object
        })
        .collect()
}
