//! What a cluster serves: the discovery documents in their old and their aggregated form.

pub(crate) mod openapi;

use serde_json::{Value, json};

use crate::playground::kinds::{KINDS, Kind, groups};

/// The version that the API servers give themselves.
pub(crate) const VERSION: (&str, &str) = ("1", "36");

/// Kinds that are only asked, never stored: group, kind, resource.
pub(crate) const REVIEWS: &[(&str, &str, &str)] = &[
    ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
    ("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
];

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const SUBRESOURCE_VERBS: [&str; 3] = ["get", "patch", "update"];

/// `/version`.
pub(crate) fn version() -> Value {
    let (major, minor) = VERSION;
    json!({"major": major, "minor": minor, "emulationMajor": major, "emulationMinor": minor,
        "minCompatibilityMajor": major, "minCompatibilityMinor": "35",
        "gitVersion": format!("v{major}.{minor}.0+playground"), "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": ""})
}

/// The groups with stored kinds and those of the reviews.
fn all_groups() -> Vec<(&'static str, &'static str)> {
    let mut all = groups();
    for (group, _, _) in REVIEWS {
        all.push((group, "v1"));
    }
    all
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn api_group(group: &str, version: &str) -> Value {
    let entry = json!({"groupVersion": group_version(group, version), "version": version});
    json!({"name": group, "versions": [entry], "preferredVersion": entry})
}

/// A subresource: its name, the kind that it takes and gives, its verbs.
struct Subresource {
    name: &'static str,
    group: &'static str,
    kind: &'static str,
    verbs: &'static [&'static str],
}

fn subresources(kind: &Kind) -> Vec<Subresource> {
    let own = |name, verbs| Subresource { name, group: kind.group, kind: kind.kind, verbs };
    let other = |name, group, kind, verbs| Subresource { name, group, kind, verbs };
    let mut all = Vec::new();
    if kind.status {
        all.push(own("status", &SUBRESOURCE_VERBS));
    }
    if kind.scale {
        all.push(other("scale", "autoscaling", "Scale", &SUBRESOURCE_VERBS));
    }
    if kind.kind == "Pod" {
        all.push(own("log", &["get"]));
        all.push(other("eviction", "policy", "Eviction", &["create"]));
        all.push(other("binding", "", "Binding", &["create"]));
    }
    if kind.kind == "Namespace" {
        all.push(own("finalize", &["update"]));
    }
    all
}

/// `/api` in its old form.
pub(crate) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]})
}

/// `/apis` in its old form.
pub(crate) fn group_list() -> Value {
    let groups: Vec<Value> = all_groups()
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, version)| api_group(group, version))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(crate) fn group(name: &str) -> Option<Value> {
    let (group, version) = all_groups().into_iter().find(|(group, _)| *group == name)?;
    let mut value = api_group(group, version);
    value["kind"] = json!("APIGroup");
    value["apiVersion"] = json!("v1");
    Some(value)
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(crate) fn resource_list(group: &str, version: &str) -> Option<Value> {
    all_groups().into_iter().find(|held| *held == (group, version))?;
    let mut resources = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.group == group) {
        let mut resource = json!({"name": kind.plural, "singularName": kind.singular(),
            "namespaced": kind.namespaced, "kind": kind.kind, "verbs": VERBS});
        if !kind.short_names.is_empty() {
            resource["shortNames"] = json!(kind.short_names);
        }
        if kind.in_all {
            resource["categories"] = json!(["all"]);
        }
        resources.push(resource);
        for held in subresources(kind) {
            let mut resource = json!({"name": format!("{}/{}", kind.plural, held.name), "singularName": "",
                "namespaced": kind.namespaced, "kind": held.kind, "verbs": held.verbs});
            if held.group != kind.group {
                resource["group"] = json!(held.group);
                resource["version"] = json!("v1");
            }
            resources.push(resource);
        }
    }
    for (_, kind, plural) in REVIEWS.iter().filter(|(held, _, _)| *held == group) {
        resources.push(json!({"name": plural, "singularName": kind.to_lowercase(), "namespaced": false,
            "kind": kind, "verbs": ["create"]}));
    }
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version(group, version), "resources": resources}))
}

/// `/api` or `/apis` in the aggregated form: all groups with all their resources.
pub(crate) fn aggregated(core: bool) -> Value {
    let items: Vec<Value> = all_groups()
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, version)| {
            let resources: Vec<Value> = KINDS
                .iter()
                .filter(|kind| kind.group == group)
                .map(aggregated_resource)
                .chain(REVIEWS.iter().filter(|(held, _, _)| *held == group).map(aggregated_review))
                .collect();
            json!({"metadata": {"name": if group.is_empty() { Value::Null } else { json!(group) },
                "creationTimestamp": null}, "versions": [{"version": version,
                "resources": resources, "freshness": "Current"}]})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(kind: &Kind) -> Value {
    let response =
        |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut resource = json!({"resource": kind.plural, "singularResource": kind.singular(),
        "responseKind": response(kind.group, kind.version, kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "verbs": VERBS});
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if kind.in_all {
        resource["categories"] = json!(["all"]);
    }
    let subresources: Vec<Value> = subresources(kind)
        .into_iter()
        .map(|held| {
            let version = if held.group == kind.group { kind.version } else { "v1" };
            json!({"subresource": held.name, "responseKind": response(held.group, version, held.kind),
                "verbs": held.verbs})
        })
        .collect();
    if !subresources.is_empty() {
        resource["subresources"] = Value::Array(subresources);
    }
    resource
}

fn aggregated_review((group, kind, plural): &(&str, &str, &str)) -> Value {
    json!({"resource": plural, "singularResource": kind.to_lowercase(), "scope": "Cluster",
        "responseKind": {"group": group, "version": "v1", "kind": kind}, "verbs": ["create"]})
}
