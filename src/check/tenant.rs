//! Tenants and their namespaces.

use crate::definition::{Cluster, Namespace, NetworkDefault, Tenant};
use crate::diagnostic::{Code, Fault};
use crate::model::TargetKey;

/// Checks the members of a tenant.
pub fn tenant(tenant: &Tenant) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, member) in tenant.members.iter().enumerate() {
        let index = index.to_string();
        let at = ["members", index.as_str()];
        match (&member.user, &member.group) {
            (Some(name), None) | (None, Some(name))
                if name.starts_with("system:") || name.starts_with("sluice:") =>
            {
                let message = format!("`{name}` is no person: the cluster or the engine uses it itself");
                faults.push(Fault::error(Code::S0524, &at, message));
            }
            (Some(name), None) | (None, Some(name)) if name.is_empty() => {
                faults.push(Fault::error(Code::S0524, &at, "the name is empty"));
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => {
                let message = "exactly one of `user` and `group` is expected";
                faults.push(Fault::error(Code::S0524, &at, message));
            }
        }
    }
    for (name, rules) in &tenant.namespaces {
        let Some(limits) = &rules.limits else { continue };
        for (scope, bounds) in [("container", &limits.container), ("pod", &limits.pod)] {
            for (resource, least) in &bounds.min {
                if bounds.max.get(resource).is_some_and(|most| least > most) {
                    let at = ["namespaces", name.as_str(), "limits", scope, "min", resource];
                    faults.push(Fault::error(
                        Code::S0507,
                        &at,
                        format!("the least {resource} is over the most"),
                    ));
                }
            }
        }
    }
    faults
}

/// Checks one namespace on a cluster.
pub fn namespace(name: &str, rules: &Namespace, target: &TargetKey, cluster: &Cluster) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !cluster.network_policy && rules.network.default != NetworkDefault::Open {
        let message = format!(
            "cluster `{}` enforces no network policies: namespace `{}` is not isolated there",
            target.cluster, target.namespace
        );
        let fault = Fault::warning(Code::S0518, &["namespaces", name, "network"], message);
        faults.push(
            fault.help("install a network plugin that enforces them, or write `network: {default: open}`"),
        );
    }
    faults
}
