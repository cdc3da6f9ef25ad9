//! What a cluster serves: the discovery documents in their old and their aggregated form.

pub(crate) mod openapi;

use serde_json::{Value, json};

use crate::playground::kinds::{KINDS, Kind, VIEWS};
use crate::playground::store::Store;

/// The version that the API servers give themselves.
pub(crate) const VERSION: (&str, &str) = ("1", "36");

/// Kinds that are only asked, never stored: group, kind, resource.
pub(crate) const REVIEWS: &[(&str, &str, &str)] = &[
    ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
    ("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews"),
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

/// A group with its versions, the preferred one first.
type Group = (&'static str, Vec<&'static str>);

/// Every kind that is served, in every version.
fn all_kinds(store: &Store) -> Vec<&'static Kind> {
    let built_in = KINDS.iter().chain(VIEWS.iter().map(|(view, _)| view));
    let custom = store.definitions().all().flat_map(|definition| &definition.versions);
    built_in.chain(custom.filter(|version| version.served).map(|version| version.kind)).collect()
}

/// The groups with stored kinds and those of the reviews.
fn all_groups(store: &Store) -> Vec<Group> {
    let mut all: Vec<Group> = Vec::new();
    let kinds = all_kinds(store).into_iter().map(|kind| (kind.group, kind.version));
    for (group, version) in kinds.chain(REVIEWS.iter().map(|(group, _, _)| (*group, "v1"))) {
        match all.iter_mut().find(|(held, _)| *held == group) {
            Some((_, versions)) if versions.contains(&version) => {}
            Some((_, versions)) => versions.push(version),
            None => all.push((group, vec![version])),
        }
    }
    for (_, versions) in &mut all {
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    }
    all
}

/// How versions are ordered: stable before beta before alpha, then by number.
fn priority(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (major, stage) = rest.split_at(end);
    let number = |text: &str| text.parse().unwrap_or(0);
    let (rank, minor) = match (stage.strip_prefix("beta"), stage.strip_prefix("alpha")) {
        _ if stage.is_empty() => (3, 0),
        (Some(minor), _) => (2, number(minor)),
        (_, Some(minor)) => (1, number(minor)),
        _ => (0, 0),
    };
    (rank, number(major), minor)
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn api_group((group, versions): &Group) -> Value {
    let entries: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": group_version(group, version), "version": version}))
        .collect();
    json!({"name": group, "versions": entries, "preferredVersion": entries.first()})
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
pub(crate) fn group_list(store: &Store) -> Value {
    let groups: Vec<Value> =
        all_groups(store).iter().filter(|(group, _)| !group.is_empty()).map(api_group).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(crate) fn group(store: &Store, name: &str) -> Option<Value> {
    let mut value = api_group(all_groups(store).iter().find(|(group, _)| *group == name)?);
    value["kind"] = json!("APIGroup");
    value["apiVersion"] = json!("v1");
    Some(value)
}

fn kinds_of(store: &Store, group: &str, version: &str) -> Vec<&'static Kind> {
    let mut kinds = all_kinds(store);
    kinds.retain(|kind| kind.group == group && kind.version == version);
    kinds
}

fn reviews_of(
    group: &str,
    version: &str,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    REVIEWS.iter().filter(move |(held, _, _)| *held == group && version == "v1")
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(crate) fn resource_list(store: &Store, group: &str, version: &str) -> Option<Value> {
    all_groups(store).iter().find(|(held, versions)| *held == group && versions.contains(&version))?;
    let mut resources = Vec::new();
    for kind in kinds_of(store, group, version) {
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
    for (_, kind, plural) in reviews_of(group, version) {
        resources.push(json!({"name": plural, "singularName": kind.to_lowercase(), "namespaced": false,
            "kind": kind, "verbs": ["create"]}));
    }
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version(group, version), "resources": resources}))
}

/// `/api` or `/apis` in the aggregated form: all groups with all their resources.
pub(crate) fn aggregated(store: &Store, core: bool) -> Value {
    let version_of = |group: &str, version: &str| {
        let resources: Vec<Value> = kinds_of(store, group, version)
            .into_iter()
            .map(aggregated_resource)
            .chain(reviews_of(group, version).map(aggregated_review))
            .collect();
        json!({"version": version, "resources": resources, "freshness": "Current"})
    };
    let items: Vec<Value> = all_groups(store)
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let name = if group.is_empty() { Value::Null } else { json!(group) };
            let versions: Vec<Value> = versions.iter().map(|version| version_of(group, version)).collect();
            json!({"metadata": {"name": name, "creationTimestamp": null}, "versions": versions})
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
            let version =
                if held.group == kind.group && held.kind == kind.kind { kind.version } else { "v1" };
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
