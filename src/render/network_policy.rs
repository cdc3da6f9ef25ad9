//! NetworkPolicies of a tenant's namespace: who comes in and what goes out where no policy of an
//! app speaks.
//!
//! Policies add up. Their names sort so that what allows is applied before what denies.

use serde_json::{Value, json};

use super::label::of_tenant;
use super::object::object;
use super::tenant::TenantSite;
use crate::definition::{NetworkDefault, TrafficProvider};

/// The namespace of ingress-nginx where the Cluster names none.
const NGINX_NAMESPACE: &str = "ingress-nginx";

pub(super) fn render(site: &TenantSite) -> Vec<Value> {
    let deny_all = match site.rules.network.default {
        NetworkDefault::Open => return Vec::new(),
        NetworkDefault::Isolated => false,
        NetworkDefault::DenyAll => true,
    };
    let own = json!([{"podSelector": {}}]);
    let mut policies = vec![policy(
        site,
        "sluice-allow-namespace",
        json!({
            "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": own}],
        }),
    )];
    let gateway = namespaces(&gateway_namespaces(site));
    if !gateway.is_empty() {
        policies.push(policy(
            site,
            "sluice-allow-gateway",
            json!({
                "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": gateway}],
            }),
        ));
    }
    let others = namespaces(&site.rules.network.allow);
    if !others.is_empty() {
        policies.push(policy(
            site,
            "sluice-allow-others",
            json!({
                "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": others}],
            }),
        ));
    }
    if deny_all {
        policies.push(policy(
            site,
            "sluice-allow-dns",
            json!({
                "podSelector": {}, "policyTypes": ["Egress"],
                "egress": [
                    {
                        "to": namespaces(&["kube-system".to_owned()]),
                        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
                    },
                    {"to": own},
                ],
            }),
        ));
    }
    let types = if deny_all { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    policies.push(policy(site, "sluice-deny", json!({"podSelector": {}, "policyTypes": types})));
    policies
}

fn policy(site: &TenantSite, name: &str, spec: Value) -> Value {
    let labels = of_tenant(site.name.as_str());
    let mut policy = object("networking.k8s.io/v1", "NetworkPolicy", site.namespace.as_str(), name, &labels);
    policy["spec"] = spec;
    policy
}

/// Where the pods run that bring traffic from outside.
fn gateway_namespaces(site: &TenantSite) -> Vec<String> {
    let traffic = &site.offers.traffic;
    if !traffic.namespaces.is_empty() {
        return traffic.namespaces.clone();
    }
    match traffic.provider {
        TrafficProvider::GatewayApi => {
            let gateway = traffic.gateway.as_deref().and_then(|name| name.split_once('/'));
            gateway.map(|(namespace, _)| namespace.to_owned()).into_iter().collect()
        }
        TrafficProvider::Nginx => vec![NGINX_NAMESPACE.to_owned()],
        TrafficProvider::Replicas => Vec::new(),
    }
}

fn namespaces(names: &[String]) -> Vec<Value> {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}))
        .collect()
}
