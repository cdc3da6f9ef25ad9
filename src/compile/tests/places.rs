//! How pods are split over clusters, and when changes may be made.

use super::*;
use crate::model::{Replicas, Timestamp};

const HEAD: &str = "apiVersion: sluice.dev/v1alpha1\nkind: ";

fn document(kind: &str, name: &str, spec: &str) -> Vec<u8> {
    format!("{HEAD}{kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n").into_bytes()
}

fn fleet_of(clusters: &[(&str, &str)], environment: &str, app: &str) -> (DesiredState, Vec<Diagnostic>) {
    let mut files = BTreeMap::from([
        (
            "sluice.yaml".to_owned(),
            document(
                "Fleet",
                "acme",
                &format!("{{environments: [{{name: dev, branch: main{environment}}}]}}"),
            ),
        ),
        ("platform/tenant.yaml".to_owned(), document("Tenant", "shop", "{namespaces: {default: {}}}")),
        ("tenants/shop/web.yaml".to_owned(), document("App", "web", app)),
        (
            "tenants/shop/map.yaml".to_owned(),
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {a: b}\n".to_vec(),
        ),
    ]);
    for (name, more) in clusters {
        let spec = format!("{{environment: dev, access: {{playground: {{}}}}{more}}}");
        files.insert(format!("platform/{name}.yaml"), document("Cluster", name, &spec));
    }
    let (definitions, _) = read(&tree(files));
    let facts = Facts::assumed(&definitions);
    compile(&definitions, &definitions, &"dev".parse().unwrap(), revision(), &facts)
}

const WEB: &str = "image: \"registry.acme.example/web:1\", port: 8080, health: /";

/// The replicas of the app's component `web` on each cluster.
fn check(app: &str, clusters: &[&str], expected: &[(&str, Replicas)]) {
    let clusters: Vec<(&str, &str)> = clusters.iter().map(|name| (*name, "")).collect();
    let (state, diagnostics) = fleet_of(&clusters, "", &format!("{{{WEB}, {app}}}"));
    assert!(!diagnostics.iter().any(Diagnostic::is_error), "{app}: {}", listed(&diagnostics));
    let Desired::App(wish) = &state.apps[&"shop/web".parse().unwrap()] else { panic!("{app}") };
    let found: Vec<(&str, Replicas)> = wish
        .settings
        .iter()
        .map(|(target, settings)| (target.cluster.as_str(), settings.replicas["web"]))
        .collect();
    assert_eq!(found, expected, "{app}");
}

#[test]
fn pods_are_each_or_split() {
    use Replicas::{Autoscaled, Fixed};
    let three = ["a", "b", "c"];
    let split = "placement: {replicas: {split: {total: 10, weights: {a: 3, b: 2}}}}";
    check("replicas: 2", &three, &[("a", Fixed(2)), ("b", Fixed(2)), ("c", Fixed(2))]);
    check("replicas: 2, placement: {replicas: each}", &["a", "b"], &[("a", Fixed(2)), ("b", Fixed(2))]);
    check(split, &three, &[("a", Fixed(6)), ("b", Fixed(4)), ("c", Fixed(0))]);
    check(split, &["b", "c"], &[("b", Fixed(10)), ("c", Fixed(0))]);
    let even = "placement: {replicas: {split: {total: 7}}}";
    check(even, &three, &[("a", Fixed(3)), ("b", Fixed(2)), ("c", Fixed(2))]);
    let own = "replicas: 4, placement: {replicas: {split: {}}}";
    check(own, &three, &[("a", Fixed(2)), ("b", Fixed(1)), ("c", Fixed(1))]);
    let stopped = "state: stopped, placement: {replicas: {split: {total: 7}}}";
    check(stopped, &["a", "b"], &[("a", Fixed(0)), ("b", Fixed(0))]);
    let scaled = "resources: {cpu: 100m}, autoscale: {min: 2, max: 5, cpuPercent: 70}, placement: {replicas: {split: {total: 7}}}";
    let autoscaled = Autoscaled { min: 2, max: 5 };
    check(scaled, &["a", "b"], &[("a", autoscaled), ("b", autoscaled)]);
}

#[test]
fn what_cannot_be_split_is_refused() {
    for (app, words) in [
        (
            format!("{{{WEB}, placement: {{replicas: {{split: {{total: 3, weights: {{gone: 1}}}}}}}}}}"),
            "has a weight",
        ),
        (
            format!("{{{WEB}, placement: {{replicas: {{split: {{total: 3, weights: {{a: 0}}}}}}}}}}"),
            "has a weight",
        ),
        (
            "{source: {manifests: [map.yaml]}, placement: {replicas: {split: {total: 3}}}}".to_owned(),
            "numbers stand in the manifests",
        ),
    ] {
        let (state, diagnostics) = fleet_of(&[("a", "")], "", &app);
        let found = listed(&diagnostics);
        assert!(found.contains("S0410") && found.contains(words), "{app}: {found}");
        assert_eq!(state.apps[&"shop/web".parse().unwrap()], Desired::Refused, "{app}");
    }
}

#[test]
fn the_calendar_is_that_of_the_environment_and_its_clusters() {
    let rules = ", freeze: {reason: audit, until: 2026-12-01T00:00:00Z}, \
                 windows: [{from: \"22:00\", duration: 4h, timezone: Europe/Berlin}]";
    let maintenance = ", maintenance: {reason: new disks}";
    let (state, diagnostics) = fleet_of(&[("a", maintenance), ("b", "")], rules, &format!("{{{WEB}}}"));
    assert!(!diagnostics.iter().any(Diagnostic::is_error), "{}", listed(&diagnostics));
    let now: Timestamp = "2026-11-20T21:30:00Z".parse().unwrap();
    let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
    assert_eq!(state.calendar.maintenance(&a, now).unwrap().reason, "new disks");
    assert!(state.calendar.maintenance(&b, now).is_none() && state.calendar.is_open(now));
    assert_eq!(state.calendar.freeze([&b], now).unwrap().1.reason, "audit");
    for wrong in [
        ", windows: [{from: \"22:00\", duration: 4h, timezone: Mars/North}]",
        ", windows: [{from: \"25:00\", duration: 4h}]",
        ", windows: [{duration: 4h}]",
        ", freeze: {reason: audit, until: tomorrow}",
        ", freeze: {}",
    ] {
        let (state, diagnostics) = fleet_of(&[("a", "")], wrong, &format!("{{{WEB}}}"));
        assert!(diagnostics.iter().any(Diagnostic::is_error), "{wrong}");
        assert!(state.hidden.platform, "{wrong}: nothing is decided by rules that can't be read");
    }
}
