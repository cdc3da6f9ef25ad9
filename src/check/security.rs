//! The namespace's Pod Security Standard, and ports of the host.

use super::Component;
use crate::definition::{DnsPolicy, PodSecurity, Strategy, Workload};
use crate::diagnostic::{Code, Fault};
use crate::render;

pub(super) fn check(here: &Component, faults: &mut Vec<Fault>) {
    let level = here.site.rules.pod_security;
    let open = level == PodSecurity::Privileged;
    if here.component.host_network && !open {
        let message = "the namespace forbids the host's network";
        faults.push(here.error(Code::S0510, &["hostNetwork"], message));
    }
    if here.component.host_network
        && here.component.dns_policy.unwrap_or(DnsPolicy::ClusterFirst) == DnsPolicy::ClusterFirst
    {
        let message = "on the host's network `ClusterFirst` means the node's name service";
        let fault = here.warning(Code::S0511, &["hostNetwork"], message);
        faults.push(fault.help("write `dnsPolicy: ClusterFirstWithHostNet` to find services by name"));
    }
    let mut host_ports = here.component.host_network;
    for (list, name, container) in here.containers() {
        for (port, definition) in &container.ports {
            if definition.host_port.is_some() {
                host_ports = true;
                if !open {
                    let message = "the namespace forbids ports of the host";
                    faults.push(here.error(Code::S0510, &[list, name, "ports", port, "hostPort"], message));
                }
            }
        }
        container_security(here, list, name, &container.security, level, faults);
    }
    let surges = here.component.workload == Workload::Deployment && here.site.strategy == Strategy::Rolling;
    if host_ports && surges {
        let message = "the new pod can't start beside the old one: both listen on the same ports of the node";
        let fault = here.error(Code::S0511, &[], message);
        faults.push(fault.help("release it with `strategy: recreate`, or use `workload: DaemonSet`"));
    }
}

fn container_security(
    here: &Component,
    list: &str,
    name: &str,
    security: &crate::definition::Security,
    level: PodSecurity,
    faults: &mut Vec<Fault>,
) {
    if let Some(allowed) = render::addable_capabilities(level) {
        for capability in security.add_capabilities.iter().filter(|one| !allowed.contains(&one.as_str())) {
            let message = format!("the namespace forbids the capability `{capability}`");
            let help = format!("allowed here: {}", allowed.join(", "));
            let at = [list, name, "security", "addCapabilities"];
            faults.push(here.error(Code::S0510, &at, message).help(help));
        }
    }
    if level == PodSecurity::Restricted {
        let root = security.run_as_user == Some(0) || security.run_as_non_root == Some(false);
        if root {
            let message = "the namespace forbids to run as root";
            faults.push(here.error(Code::S0510, &[list, name, "security"], message));
        }
    }
}
