use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::definition::{App, Cluster, parse};
use crate::diagnostic::Diagnostic;
use crate::model::{ClusterName, EnvironmentName, FileEntry, SourceTree};

fn app_in(spec: &str, environment: &str, cluster: &str) -> Result<Resolved<App>, Vec<Diagnostic>> {
    let text = format!("apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {{name: web}}\nspec:\n{spec}");
    let (definitions, faults, _) = parse("tenants/shop/web.yaml", text.as_bytes());
    assert_eq!(faults, []);
    let environment: EnvironmentName = environment.parse().unwrap();
    let cluster: ClusterName = cluster.parse().unwrap();
    let mut variables = Variables::default();
    variables.set("environment.name", environment.as_str());
    variables.extend(
        "cluster.vars",
        &BTreeMap::from([("count".into(), "3".into()), ("word".into(), "on".into())]),
    );
    resolve(&definitions[0], &Setting { environment: &environment, cluster: Some(&cluster), variables })
}

/// What stands at a pointer of the app in full form.
#[track_caller]
fn check(spec: &str, pointer: &str, expected: Value) {
    let app = app_in(spec, "dev", "east").unwrap();
    let value = serde_json::to_value(&app.value).unwrap();
    assert_eq!(value.pointer(pointer), Some(&expected), "{value}");
}

const IMAGE: &str = "/components/web/containers/web/image";
const ENV: &str = "/components/web/containers/web/env/A";

#[test]
fn variables_are_replaced_in_scalars_and_stay_scalars() {
    for (written, expected) in [
        ("a:${environment.name}", "a:dev"),
        ("a-${environment.name}:${cluster.vars.count}", "a-dev:3"),
        ("$${environment.name}", "${environment.name}"),
        ("cost $5 {x}", "cost $5 {x}"),
        ("$$${environment.name}", "$${environment.name}"),
    ] {
        check(&format!("  image: \"{written}\"\n"), IMAGE, json!(expected));
    }
}

#[test]
fn a_plain_scalar_of_one_variable_takes_the_type_that_is_wanted() {
    check("  image: a\n  replicas: ${cluster.vars.count}\n", "/components/web/replicas", json!(3));
    check("  image: a\n  env: {A: \"${cluster.vars.count}\"}\n", ENV, json!("3"));
    check("  image: a\n  env: {A: \"${cluster.vars.word}\"}\n", ENV, json!("on"));
    assert!(app_in("  image: a\n  replicas: \"${cluster.vars.count}\"\n", "dev", "east").is_err(), "quoted");
}

#[test]
fn overrides_merge_in_order_where_they_count() {
    let spec = "  image: a:1\n  env: {A: one, B: two}\n  overrides:\n\
                \x20   - {when: {environments: [dev]}, merge: {env: {A: dev, B: null}}}\n\
                \x20   - {when: {clusters: [east]}, merge: {env: {A: east}}}\n\
                \x20   - {when: {environments: [production], clusters: [east]}, merge: {image: never}}\n";
    let env = |environment: &str, cluster: &str| {
        let app = app_in(spec, environment, cluster).unwrap();
        let value = serde_json::to_value(&app.value).unwrap();
        assert_eq!(value.pointer("/overrides"), Some(&json!([])));
        value.pointer("/components/web/containers/web").cloned().unwrap()
    };
    assert_eq!(env("dev", "west")["env"], json!({"A": "dev"}));
    assert_eq!(env("dev", "east")["env"], json!({"A": "east"}));
    assert_eq!(env("staging", "west")["env"], json!({"A": "one", "B": "two"}));
    assert_eq!(env("production", "east")["image"], "never");
}

#[test]
fn a_fault_in_an_override_is_reported_where_it_is_written() {
    let spec = "  image: a:1\n  overrides:\n    - merge: {replcias: 3}\n";
    let faults = app_in(spec, "dev", "east").unwrap_err();
    assert_eq!((faults[0].place.line, faults[0].code.as_str()), (7, "S0301"), "{faults:?}");
}

#[test]
fn paths_stay_inside_the_tenants_folder() {
    let mut tree = SourceTree::default();
    for path in
        ["tenants/shop/a.txt", "tenants/shop/x/b.yaml", "tenants/shop/x/c.yml", "tenants/pay/a.txt", "a.txt"]
    {
        tree.files.insert(path.to_owned(), FileEntry { id: String::new(), bytes: path.as_bytes().into() });
    }
    let files = Files::new(&tree, "tenants/shop/x/app.yaml");
    for (relative, expected) in [
        ("b.yaml", Some("tenants/shop/x/b.yaml")),
        ("./../a.txt", Some("tenants/shop/a.txt")),
        ("../../pay/a.txt", None),
        ("../../../a.txt", None),
        ("/a.txt", None),
        ("", None),
        ("nothing", None),
        ("..\\a.txt", None),
    ] {
        assert_eq!(files.read(relative).ok().map(|(path, _)| path).as_deref(), expected, "{relative}");
    }
    let all: Vec<String> = files.read_all("..").unwrap().into_iter().map(|(path, _)| path).collect();
    assert_eq!(all, ["tenants/shop/x/b.yaml", "tenants/shop/x/c.yml"]);
}

#[test]
fn clusters_on_one_server_share_it_only_across_environments() {
    let cluster = |environment: &str, access: Value| -> Cluster {
        serde_json::from_value(json!({"environment": environment, "access": access})).unwrap()
    };
    let file = json!({"kubeconfig": {"file": "a"}});
    let all: BTreeMap<ClusterName, Cluster> = [
        ("a", cluster("dev", file.clone())),
        ("b", cluster("production", file)),
        ("c", cluster("dev", json!({"kubeconfig": {"file": "b"}}))),
        ("d", cluster("dev", json!({"playground": {}}))),
        ("e", cluster("production", json!({"playground": {}}))),
    ]
    .into_iter()
    .map(|(name, cluster)| (name.parse().unwrap(), cluster))
    .collect();
    let shared = shared_servers(&all);
    assert_eq!(shared.iter().map(ClusterName::as_str).collect::<Vec<_>>(), ["a", "b"]);
}
