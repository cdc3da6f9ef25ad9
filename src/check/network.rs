//! Ports of nodes, and hosts with their paths: one owner each in a cluster.

use std::collections::BTreeMap;

use super::{Finding, Placed};
use crate::definition::{Exposure, PortProtocol};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::ClusterName;
use crate::render;

/// A claim on something that only one can have.
struct Claim<'a> {
    placed: &'a Placed<'a>,
    place: Place,
    /// The component that claims.
    who: String,
}

pub(super) fn check(placed: &[Placed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ports: BTreeMap<(&ClusterName, u16, PortProtocol), Vec<Claim>> = BTreeMap::new();
    let mut hosts: BTreeMap<(&ClusterName, String, String), Vec<Claim>> = BTreeMap::new();
    for one in placed {
        node_ports(one, &mut ports, &mut findings);
        for (name, component) in &one.app.value.components {
            for (index, route) in component.routes.iter().enumerate() {
                let at = ["components", name.as_str(), "routes", &index.to_string()].map(str::to_owned);
                let path = match route.path.trim_end_matches('/') {
                    "" => "/".to_owned(),
                    path => path.to_owned(),
                };
                let claim =
                    Claim { placed: one, place: one.app.place(&at), who: format!("{}/{name}", one.key) };
                hosts
                    .entry((&one.target.cluster, route.host.to_ascii_lowercase(), path))
                    .or_default()
                    .push(claim);
            }
        }
    }
    for ((cluster, port, protocol), claims) in &ports {
        let what = format!("port {port}/{protocol:?} of the nodes of cluster `{cluster}`");
        contest(Code::S0502, &what, claims, &mut findings);
    }
    for ((cluster, host, path), claims) in &hosts {
        contest(Code::S0503, &format!("`{host}{path}` of cluster `{cluster}`"), claims, &mut findings);
    }
    findings
}

fn contest(code: Code, what: &str, claims: &[Claim], findings: &mut Vec<Finding>) {
    if claims.len() < 2 {
        return;
    }
    for (index, claim) in claims.iter().enumerate() {
        let other = &claims[if index == 0 { 1 } else { 0 }];
        let message = format!("{what} belongs to `{}` ({}) too", other.who, other.place.path);
        findings
            .push((Some(claim.placed.key.clone()), Diagnostic::error(code, claim.place.clone(), message)));
    }
}

fn node_ports<'a>(
    one: &'a Placed<'a>,
    ports: &mut BTreeMap<(&'a ClusterName, u16, PortProtocol), Vec<Claim<'a>>>,
    findings: &mut Vec<Finding>,
) {
    for (name, component) in &one.app.value.components {
        let at = |rest: &[&str]| -> Place {
            let mut all = vec!["components".to_owned(), name.to_string()];
            all.extend(rest.iter().map(|part| (*part).to_owned()));
            one.app.place(&all)
        };
        let known = render::container_ports(component);
        let mut claim = |number: u16, protocol: PortProtocol, place: Place| {
            let claim = Claim { placed: one, place, who: format!("{}/{name}", one.key) };
            ports.entry((&one.target.cluster, number, protocol)).or_default().push(claim);
        };
        if render::exposure(component) == Exposure::NodePort {
            for (port_name, port) in render::service_ports(component) {
                let Some(number) = port.node_port else { continue };
                let target = known.get(port.target.as_deref().unwrap_or(&port_name));
                let place = at(&["service", "ports", &port_name, "nodePort"]);
                findings.extend(granted(one, number, &place));
                claim(number, target.map_or(PortProtocol::TCP, |target| target.protocol), place);
            }
        }
        for (container, definition) in &component.containers {
            for (port_name, port) in &definition.ports {
                let host = if component.host_network { Some(port.port) } else { port.host_port };
                let Some(number) = host else { continue };
                let place = at(&["containers", container, "ports", port_name]);
                if one.cluster.node_ports.reserved.contains(&number) {
                    findings.push(reserved(one, number, &place));
                }
                claim(number, port.protocol, place);
            }
        }
    }
}

fn reserved(one: &Placed, number: u16, place: &Place) -> Finding {
    let message = format!("port {number} is reserved on the nodes of cluster `{}`", one.target.cluster);
    (Some(one.key.clone()), Diagnostic::error(Code::S0502, place.clone(), message))
}

/// Whether the cluster and the tenant's grant allow a node port.
fn granted(one: &Placed, number: u16, place: &Place) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (first, last) = one.cluster.node_ports.range;
    if !(first..=last).contains(&number) {
        let message =
            format!("node port {number} is outside of {first}-{last}, the range of `{}`", one.target.cluster);
        findings.push((Some(one.key.clone()), Diagnostic::error(Code::S0502, place.clone(), message)));
    }
    if one.cluster.node_ports.reserved.contains(&number) {
        findings.push(reserved(one, number, place));
    }
    if !one.tenant.node_ports.contains(&number) {
        let message = format!("node port {number} is not granted to tenant `{}`", one.key.tenant);
        let help = "the platform team grants it with `nodePorts` of the Tenant; a route needs none";
        let diagnostic = Diagnostic::error(Code::S0502, place.clone(), message).help(help);
        findings.push((Some(one.key.clone()), diagnostic));
    }
    findings
}
