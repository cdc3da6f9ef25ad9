//! What components take up.

use super::Draft;
use crate::check::container::{effective, pod_amounts};
use crate::definition::{Component, Exposure, PortProtocol, Strategy, Volume, Workload};
use crate::diagnostic::{Code, Fault};
use crate::model::{ComponentName, Replicas};
use crate::render;

pub(super) fn take(draft: &mut Draft) {
    let standing = draft.standing;
    for (name, component) in &standing.app.value.components {
        hosts(draft, name, component);
        ports(draft, name, component);
        amounts(draft, name, component);
    }
}

fn who(draft: &Draft, name: &ComponentName) -> String {
    format!("{}/{name}", draft.standing.key)
}

fn hosts(draft: &mut Draft, name: &ComponentName, component: &Component) {
    for (index, route) in component.routes.iter().enumerate() {
        let place = draft.place(&["components", name.as_str(), "routes", &index.to_string()]);
        draft.host(&route.host, &route.path, place, who(draft, name));
    }
}

fn ports(draft: &mut Draft, name: &ComponentName, component: &Component) {
    let known = render::container_ports(component);
    if render::exposure(component) == Exposure::NodePort {
        for (port_name, port) in render::service_ports(component) {
            let Some(number) = port.node_port else { continue };
            let target = known.get(port.target.as_deref().unwrap_or(&port_name));
            let protocol = target.map_or(PortProtocol::TCP, |target| target.protocol);
            let place =
                draft.place(&["components", name.as_str(), "service", "ports", &port_name, "nodePort"]);
            draft.node_port(number, protocol, place, who(draft, name));
        }
    }
    for (container, definition) in &component.containers {
        for (port_name, port) in &definition.ports {
            let host = if component.host_network { Some(port.port) } else { port.host_port };
            let Some(number) = host else { continue };
            let place =
                draft.place(&["components", name.as_str(), "containers", container, "ports", port_name]);
            draft.port(number, port.protocol, place, who(draft, name));
        }
    }
}

fn amounts(draft: &mut Draft, name: &ComponentName, component: &Component) {
    let standing = draft.standing;
    let count = match standing.rendered.settings.replicas.get(name) {
        Some(Replicas::Fixed(count)) => *count,
        Some(Replicas::Autoscaled { max, .. }) => *max,
        None => 1,
    };
    let bounds = standing.rules.limits.as_ref().map(|limits| limits.container.clone()).unwrap_or_default();
    let surges = component.workload == Workload::Deployment && standing.strategy == Strategy::Rolling;
    draft.pods(pod_amounts(component, &bounds), count, surges);
    for volume in component.volumes.values() {
        let Volume::Claim { size, .. } = volume else { continue };
        let times = if component.workload == Workload::StatefulSet { i64::from(count) } else { 1 };
        draft.claims(*size, times);
    }
    for (container, definition) in &component.containers {
        let (requests, limits) = effective(definition, &bounds);
        for (resource, missing) in draft.unmeasured(&requests, &limits) {
            let at = ["components", name.as_str(), "containers", container, "resources"];
            let message = format!(
                "the namespace has a quota on {resource}, so container `{container}` needs a {resource} {missing}"
            );
            draft.diagnose(Fault::error(Code::S0508, &at, message));
        }
    }
}
