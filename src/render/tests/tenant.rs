//! Namespaces of tenants.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Here;
use crate::definition::{Cluster, Namespace, Tenant};
use crate::model::Manifest;
use crate::render::{TenantSite, assumed_facts, render_namespace};

fn namespace(rules: Value, tenant: Value) -> Vec<Manifest> {
    let mut full = json!({"namespaces": {}});
    json_patch::merge(&mut full, &tenant);
    let tenant: Tenant = serde_json::from_value(full).unwrap();
    let rules: Namespace = serde_json::from_value(rules).unwrap();
    let offers: Cluster = serde_json::from_value(Here::default().offers).unwrap();
    let (name, called, facts) = ("acme".parse().unwrap(), "acme-web".parse().unwrap(), assumed_facts());
    render_namespace(&TenantSite {
        name: &name,
        tenant: &tenant,
        namespace: &called,
        rules: &rules,
        offers: &offers,
        facts: &facts,
    })
}

#[test]
fn a_namespace_is_isolated_unless_said_otherwise() {
    let policies = |rules: Value| -> Vec<String> {
        let objects = namespace(rules, json!({}));
        objects.iter().filter(|o| o.kind() == "NetworkPolicy").map(|o| o.name().to_owned()).collect()
    };
    assert_eq!(policies(json!({})), ["sluice-allow-namespace", "sluice-allow-gateway", "sluice-deny"]);
    assert!(policies(json!({"network": {"default": "open"}})).is_empty());
    let all = policies(json!({"network": {"default": "denyAll", "allow": ["other"]}}));
    assert_eq!(all.last().map(String::as_str), Some("sluice-deny"), "allow before deny");
    assert!(all.contains(&"sluice-allow-dns".to_owned()));
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(sorted.last().map(String::as_str), Some("sluice-deny"), "allow sorts before deny");
}

#[test]
fn the_tenants_role_lists_kinds_and_verbs_exactly() {
    let objects = namespace(
        json!({}),
        json!({"members": [
            {"group": "web-team", "role": "developer"}, {"user": "ann", "role": "admin"},
        ]}),
    );
    let role = objects.iter().find(|o| o.kind() == "Role").unwrap();
    for rule in role.at("/rules").unwrap().as_array().unwrap() {
        for word in ["verbs", "resources", "apiGroups"] {
            assert!(!rule[word].as_array().unwrap().contains(&json!("*")), "{rule}");
        }
    }
    let bindings: BTreeMap<&str, Value> = objects
        .iter()
        .filter(|o| o.kind() == "RoleBinding")
        .map(|o| (o.name(), o.at("/subjects/0/name").unwrap().clone()))
        .collect();
    assert_eq!(bindings["sluice-tenant"], "sluice:tenant:acme");
    assert_eq!((&bindings["sluice-edit"], &bindings["sluice-admin"]), (&json!("web-team"), &json!("ann")));
}

#[test]
fn a_limit_range_holds_what_the_server_would_fill_in() {
    let objects = namespace(json!({"limits": {"container": {"max": {"cpu": "2"}}}}), json!({}));
    let range = objects.iter().find(|o| o.kind() == "LimitRange").unwrap();
    assert_eq!(
        range.at("/spec/limits/0"),
        Some(&json!({
            "type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"},
        }))
    );
}
