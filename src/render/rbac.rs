//! RBAC of a tenant's namespace: what the engine may do as the tenant, and what its people may.
//!
//! The engine impersonates a *user*: there is no ServiceAccount whose token somebody could mint.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::label::of_tenant;
use super::object::object;
use super::tenant::TenantSite;
use crate::definition::{Member, Role};
use crate::model::ClusterFacts;

const GROUP: &str = "rbac.authorization.k8s.io";
const ROLE: &str = "sluice-tenant";

/// The user that the engine impersonates for everything of a tenant.
pub(super) fn user(tenant: &str) -> String {
    format!("sluice:tenant:{tenant}")
}

pub(super) fn render(site: &TenantSite) -> Vec<Value> {
    let tenant = site.name.as_str();
    let labels = of_tenant(tenant);
    let namespace = site.namespace.as_str();
    let version = format!("{GROUP}/v1");
    let mut role = object(&version, "Role", namespace, ROLE, &labels);
    role["rules"] = json!(rules(site.facts, &site.tenant.kinds.allow));
    let mut binding = object(&version, "RoleBinding", namespace, ROLE, &labels);
    binding["roleRef"] = json!({"apiGroup": GROUP, "kind": "Role", "name": ROLE});
    binding["subjects"] = json!([subject("User", &user(tenant))]);
    let mut objects = vec![role, binding];
    for (cluster_role, subjects) in members(&site.tenant.members) {
        // A binding's role can't change, so its name contains it.
        let name = format!("sluice-{cluster_role}");
        let mut binding = object(&version, "RoleBinding", namespace, &name, &labels);
        binding["roleRef"] = json!({"apiGroup": GROUP, "kind": "ClusterRole", "name": cluster_role});
        binding["subjects"] =
            subjects.iter().map(|(kind, name)| subject(kind, name)).collect::<Vec<_>>().into();
        objects.push(binding);
    }
    objects
}

fn subject(kind: &str, name: &str) -> Value {
    json!({"apiGroup": GROUP, "kind": kind, "name": name})
}

fn members(members: &[Member]) -> BTreeMap<&'static str, BTreeSet<(&'static str, &str)>> {
    let mut by_role: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for member in members {
        let role = match member.role {
            Role::Admin => "admin",
            Role::Developer => "edit",
            Role::Viewer => "view",
        };
        let subjects = by_role.entry(role).or_default();
        subjects.extend(member.user.as_deref().map(|name| ("User", name)));
        subjects.extend(member.group.as_deref().map(|name| ("Group", name)));
    }
    by_role.retain(|_, subjects: &mut BTreeSet<_>| !subjects.is_empty());
    by_role
}

/// Exactly the kinds that an app may hold, and the pods that a rollback must be able to delete.
fn rules(facts: &ClusterFacts, allowed: &[String]) -> Vec<Value> {
    let mut by_group: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (group, _, plural) in super::manifests::USUAL_KINDS {
        by_group.entry((*group).to_owned()).or_default().insert((*plural).to_owned());
    }
    for (group, kind) in super::tenant_kinds(allowed) {
        if let Some(resource) = facts.find(&group, &kind) {
            by_group.entry(group).or_default().insert(resource.plural.clone());
        }
    }
    let mut rules: Vec<Value> = by_group
        .into_iter()
        .map(|(group, resources)| {
            json!({"apiGroups": [group], "resources": resources, "verbs": ["get", "create", "patch", "delete"]})
        })
        .collect();
    rules.push(json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["delete", "list"]}));
    rules
}
