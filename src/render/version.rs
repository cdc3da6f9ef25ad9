//! API versions: those that the cluster serves, found by group and kind.

use crate::model::schema::KnownSchema;
use crate::model::{ClusterFacts, Manifest, Resource};

/// Gives an object a version that the cluster serves: its own, else the preferred one. False when the
/// cluster does not serve the kind at all.
pub(super) fn settle(manifest: &mut Manifest, facts: &ClusterFacts) -> bool {
    let served = |resource: &&Resource| {
        resource.group == manifest.group()
            && resource.kind == manifest.kind()
            && resource.version == manifest.version()
    };
    if facts.resources.iter().any(|resource| served(&resource)) {
        return true;
    }
    let Some(preferred) = facts.find(manifest.group(), manifest.kind()) else { return false };
    manifest.as_value_mut()["apiVersion"] = preferred.api_version().into();
    true
}

/// A standard cluster for work without one: Kubernetes 1.36 with the Gateway API.
pub fn assumed_facts() -> ClusterFacts {
    let resource = |group: &str, version: &str, kind: &str, plural: &str, namespaced: bool| Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        namespaced,
    };
    let mut resources: Vec<Resource> = super::USUAL_KINDS
        .iter()
        .map(|(group, kind, plural)| {
            let version = if *group == "autoscaling" { "v2" } else { "v1" };
            resource(group, version, kind, plural, true)
        })
        .collect();
    for (group, kind, plural, namespaced) in [
        ("", "Namespace", "namespaces", false),
        ("", "Node", "nodes", false),
        ("", "PersistentVolume", "persistentvolumes", false),
        ("", "Pod", "pods", true),
        ("", "Event", "events", true),
        ("", "Endpoints", "endpoints", true),
        ("", "ResourceQuota", "resourcequotas", true),
        ("", "LimitRange", "limitranges", true),
        ("apps", "ReplicaSet", "replicasets", true),
        ("apps", "ControllerRevision", "controllerrevisions", true),
        ("coordination.k8s.io", "Lease", "leases", true),
        ("discovery.k8s.io", "EndpointSlice", "endpointslices", true),
        ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false),
        ("storage.k8s.io", "StorageClass", "storageclasses", false),
        ("scheduling.k8s.io", "PriorityClass", "priorityclasses", false),
        ("networking.k8s.io", "IngressClass", "ingressclasses", false),
        ("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", false),
        (
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration",
            "validatingwebhookconfigurations",
            false,
        ),
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration",
            "mutatingwebhookconfigurations",
            false,
        ),
        ("gateway.networking.k8s.io", "Gateway", "gateways", true),
        ("gateway.networking.k8s.io", "GatewayClass", "gatewayclasses", false),
    ] {
        resources.push(resource(group, "v1", kind, plural, namespaced));
    }
    ClusterFacts { version: "v1.36.0".to_owned(), resources, schema: Some(KnownSchema::builtin()) }
}
