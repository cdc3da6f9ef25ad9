//! A tenant's namespace: Namespace, ResourceQuota, LimitRange, network policies and RBAC.

use serde_json::{Value, json};

use super::label::of_tenant;
use super::object::{manifest, object, put};
use super::{network_policy, rbac, version};
use crate::definition::{Cluster, LimitBounds, Namespace, PodSecurity, Tenant};
use crate::model::{Amounts, ClusterFacts, Manifest, NamespaceName, TenantName};

/// Where a tenant's namespace is rendered.
#[derive(Debug, Clone, Copy)]
pub struct TenantSite<'a> {
    /// The tenant's name.
    pub name: &'a TenantName,
    /// Its definition.
    pub tenant: &'a Tenant,
    /// The namespace as it is called in the cluster.
    pub namespace: &'a NamespaceName,
    /// Its rules.
    pub rules: &'a Namespace,
    /// What the cluster offers.
    pub offers: &'a Cluster,
    /// What the cluster serves.
    pub facts: &'a ClusterFacts,
}

/// The objects of one namespace of a tenant, in the order in which they are applied.
pub fn render_namespace(site: &TenantSite) -> Vec<Manifest> {
    let mut objects = vec![namespace(site)];
    objects.extend(quota(site));
    objects.extend(limits(site));
    objects.extend(rbac::render(site));
    objects.extend(network_policy::render(site));
    let mut manifests: Vec<Manifest> = objects.into_iter().map(manifest).collect();
    for one in &mut manifests {
        // The kinds of the platform are served everywhere; what is not fails when it is applied.
        version::settle(one, site.facts);
    }
    manifests
}

fn namespace(site: &TenantSite) -> Value {
    let mut labels = site.rules.labels.clone();
    let level = match site.rules.pod_security {
        PodSecurity::Privileged => "privileged",
        PodSecurity::Baseline => "baseline",
        PodSecurity::Restricted => "restricted",
    };
    for (key, value) in [("enforce", level), ("enforce-version", "latest"), ("warn", level)] {
        labels.insert(format!("pod-security.kubernetes.io/{key}"), value.to_owned());
    }
    labels.extend(of_tenant(site.name.as_str()));
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": site.namespace.as_str(), "labels": labels},
    })
}

fn quota(site: &TenantSite) -> Option<Value> {
    if site.rules.quota.is_empty() {
        return None;
    }
    let labels = of_tenant(site.name.as_str());
    let mut quota = object("v1", "ResourceQuota", site.namespace.as_str(), "sluice-quota", &labels);
    quota["spec"] = json!({"hard": site.rules.quota});
    Some(quota)
}

fn limits(site: &TenantSite) -> Option<Value> {
    let limits = site.rules.limits.as_ref()?;
    let scopes: Vec<Value> = [("Container", &limits.container), ("Pod", &limits.pod)]
        .into_iter()
        .filter(|(_, bounds)| **bounds != LimitBounds::default())
        .map(|(scope, bounds)| limit(scope, bounds))
        .collect();
    if scopes.is_empty() {
        return None;
    }
    let labels = of_tenant(site.name.as_str());
    let mut range = object("v1", "LimitRange", site.namespace.as_str(), "sluice-limits", &labels);
    range["spec"] = json!({"limits": scopes});
    Some(range)
}

/// One entry, with what the API server would fill in: the list is compared as a whole.
///
/// Source: the defaulting of `LimitRangeItem`: for containers the default limit is the maximum, the
/// default request the default limit, else the minimum.
fn limit(scope: &str, bounds: &LimitBounds) -> Value {
    let (default, default_request) = match scope {
        "Container" => {
            let default = filled(&bounds.default, &[&bounds.max]);
            let request = filled(&bounds.default_request, &[&default, &bounds.min]);
            (default, request)
        }
        _ => (Amounts::new(), Amounts::new()),
    };
    let mut value = json!({"type": scope});
    for (key, amounts) in [
        ("default", &default),
        ("defaultRequest", &default_request),
        ("min", &bounds.min),
        ("max", &bounds.max),
        ("maxLimitRequestRatio", &bounds.max_limit_request_ratio),
    ] {
        put(&mut value, key, json!(amounts));
    }
    value
}

fn filled(given: &Amounts, fallbacks: &[&Amounts]) -> Amounts {
    let mut all = given.clone();
    for fallback in fallbacks {
        for (name, amount) in *fallback {
            all.entry(name.clone()).or_insert(*amount);
        }
    }
    all
}
