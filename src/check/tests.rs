use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::definition::{self, Cluster, Namespace, Secret, Strategy};
use crate::render::{self, Material};

/// The codes of the faults of an app of one component, with its fields over a sound one's.
fn codes(component: Value) -> Vec<&'static str> {
    let mut full = json!({"containers": {"main": {
        "image": "r.example/a:1",
        "ports": {"http": {"port": 80}},
        "probes": {"readiness": {"http": "/"}},
    }}});
    json_patch::merge(&mut full, &component);
    let app: App = serde_json::from_value(json!({"components": {"web": full}})).unwrap();
    let offers: Cluster =
        serde_json::from_value(json!({"environment": "dev", "access": {"playground": {}}})).unwrap();
    let (tenant, name) = ("acme".parse().unwrap(), "shop".parse().unwrap());
    let (cluster, namespace) = ("east".parse().unwrap(), "acme".parse().unwrap());
    let (facts, none, rules) = (render::assumed_facts(), BTreeMap::new(), Namespace::default());
    let site = Site {
        tenant: &tenant,
        app: &name,
        cluster: &cluster,
        offers: &offers,
        facts: &facts,
        namespace: &namespace,
        rules: &rules,
        strategy: Strategy::Rolling,
        path: "tenants/acme/shop.yaml",
        labels: &none,
        annotations: &none,
        allowed_kinds: &[],
    };
    let material = Material::default();
    let rendered = render::render_app(&site, &app, &material);
    super::app(&site, &app, &material, &rendered, None, &[]).iter().map(|fault| fault.code.as_str()).collect()
}

#[test]
fn a_sound_component_has_no_fault() {
    assert_eq!(codes(json!({})), Vec::<&str>::new());
}

#[test]
fn components_are_judged() {
    let main = |container: Value| json!({"containers": {"main": container}});
    for (component, code) in [
        (json!({"autoscale": {"min": 1, "max": 2}}), "S0512"),
        (json!({"disruption": {"minAvailable": 1, "maxUnavailable": 1}, "replicas": 3}), "S0521"),
        (json!({"disruption": {"maxUnavailable": "150%"}}), "S0522"),
        (json!({"disruption": {"maxUnavailable": 0}}), "S0521"),
        (json!({"workload": "CronJob"}), "S0521"),
        (json!({"service": {"ports": {"http": {"port": 80, "nodePort": 30001}}}}), "S0521"),
        (json!({"service": {"ports": {"web": {"port": 80}}}}), "S0514"),
        (json!({"service": {"exposure": "none"}, "routes": [{"host": "a.example"}]}), "S0514"),
        (main(json!({"probes": {"readiness": {"http": "healthz"}}})), "S0515"),
        (main(json!({"probes": {"readiness": {"http": "/", "port": "htpp"}}})), "S0514"),
        (main(json!({"ports": {"http": {"hostPort": 80}}})), "S0510"),
        (main(json!({"resources": {"memory": "512m"}})), "S0507"),
        (main(json!({"mounts": {"/x": {"volume": "none"}}})), "S0514"),
        (main(json!({"env": {"API_TOKEN": "abc"}})), "S0513"),
        (
            json!({"containers": {"side": {"image": "r.example/b:1", "ports": {"http": {"port": 81}}}}}),
            "S0609",
        ),
    ] {
        let found = codes(component.clone());
        assert!(found.contains(&code), "{component}: {found:?}, not {code}");
    }
}

#[test]
fn secrets_in_plain_text_are_told_from_what_is_none() {
    for (name, value, plain) in [
        ("PASSWORD", "123456", true),
        ("mysql-root-password", "x", true),
        ("GITHUB_TOKEN", "x", true),
        ("DATABASE", "postgres://app:pw@db/x", true),
        ("PASSWORD", "$(OTHER)", false),
        ("PASSWORD", "", false),
        ("PASSWORD_FILE", "/run/secret", false),
        ("DATABASE", "postgres://db/x", false),
        ("DATABASE", "postgres://app:$(PASSWORD)@db/x", false),
        ("TOKEN_TTL", "5m", false),
        ("REQUIRE_PASSWORD", "true", false),
        ("LOG_LEVEL", "info", false),
    ] {
        assert_eq!(secret::is_plain(name, value), plain, "{name}={value}");
    }
}

#[test]
fn values_of_secrets_are_encrypted_and_never_shown() {
    let secret: Secret = serde_json::from_value(json!({"values": {"a": "visible", "b c": ""}})).unwrap();
    let faults = sealed(&secret, true);
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code.as_str()).collect();
    assert_eq!(codes, ["S0701", "S0522"]);
    assert!(!format!("{faults:?}").contains("visible"));
    let tls: Secret = serde_json::from_value(json!({"type": "kubernetes.io/tls", "values": {}})).unwrap();
    let codes: Vec<&str> = sealed(&tls, false).iter().map(|fault| fault.code.as_str()).collect();
    assert_eq!(codes, ["S0702", "S0522", "S0522"]);
}

fn edge(from: &str, to: &str) -> Edge {
    let key = |name: &str| format!("t/{name}").parse().unwrap();
    Edge { from: key(from), to: key(to), known: true, place: Place::file(from) }
}

#[test]
fn circles_are_printed_and_chains_are_not() {
    let chain: Vec<Edge> = (0..5000).map(|i| edge(&format!("a{i}"), &format!("a{}", i + 1))).collect();
    assert_eq!(cycles(&chain), []);
    let diamond = [edge("a", "b"), edge("a", "c"), edge("b", "d"), edge("c", "d")];
    assert_eq!(cycles(&diamond), []);
    let alone = cycles(&[edge("a", "a")]);
    assert_eq!(alone.len(), 1);
    assert!(alone[0].1.message.ends_with("t/a -> t/a"), "{}", alone[0].1.message);
    let found = cycles(&[edge("a", "b"), edge("b", "a"), edge("c", "a")]);
    let refused: Vec<String> = found.iter().flat_map(|(app, _)| app).map(ToString::to_string).collect();
    assert_eq!(refused, ["t/a", "t/b"], "who waits for a circle is not in it");
}

#[test]
fn large_objects_are_refused_before_they_are_sent() {
    let component = json!({"containers": {"main": {"args": ["x".repeat(1_600_000)]}}});
    assert_eq!(codes(component), ["S0517"]);
}

#[test]
fn probes_slower_than_the_release_are_remarked() {
    let app: App = serde_json::from_value(json!({"components": {"web": {"containers": {"main": {
        "image": "a", "probes": {"startup": {"http": "/", "period": "30s", "failureThreshold": 20}},
    }}}}}))
    .unwrap();
    assert_eq!(pace(&app, &definition::GrayRelease::default()).len(), 1);
    let patient = json!({"strategy": "rolling", "timeouts": {"progress": "20m"}});
    assert_eq!(pace(&app, &serde_json::from_value(patient).unwrap()), []);
}
