//! A compile with what an earlier one left behind comes to what a fresh one comes to, whatever was
//! edited between; and it compiles what was touched, no more.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::AppKey;

const APPS: usize = 4;

/// The texts that a random fleet is made of; some edits make faults.
fn text(path: &str, version: u8) -> String {
    let head = |kind: &str, name: &str| {
        format!("apiVersion: sluice.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n")
    };
    let name = path.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
    let image = format!("registry.acme.example/{name}:{version}");
    match path {
        "sluice.yaml" => {
            let more = ["", ", vars: {a: b}"][usize::from(version > 3)];
            let environments = format!("{{name: dev, branch: main}}, {{name: production, branch: p{more}}}");
            let policy = ["", "\n  policy: {requireLimits: true}"][usize::from(version == 5)];
            format!("{}spec:\n  environments: [{environments}]{policy}\n", head("Fleet", "acme"))
        }
        "platform/east.yaml" | "platform/west.yaml" => {
            let vars = format!("vars: {{domain: d{version}.example}}, nodePorts: {{reserved: [{version}]}}");
            format!(
                "{}spec: {{environment: dev, access: {{playground: {{}}}}, {vars}}}\n",
                head("Cluster", name)
            )
        }
        "platform/shop.yaml" | "platform/pay.yaml" => {
            let rules = ["{}", "{quota: {pods: 3}}", "{podSecurity: restricted}"][usize::from(version % 3)];
            format!("{}spec: {{namespaces: {{default: {rules}}}}}\n", head("Tenant", name))
        }
        "platform/careful.yaml" => {
            let strategy = ["rolling", "recreate"][usize::from(version % 2)];
            format!("{}spec: {{strategy: {strategy}}}\n", head("GrayRelease", name))
        }
        _ if path.ends_with("settings.yaml") => {
            format!("{}spec: {{values: {{LEVEL: v{version}}}}}\n", head("Config", "settings"))
        }
        _ if path.ends_with(".txt") => format!("text {version}\n"),
        _ if path.ends_with("object.yaml") => {
            let typo = ["selector", "selecter"][usize::from(version == 4)];
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: s{version}}}\nspec: {{{typo}: {{a: b}}, ports: [{{port: 80}}]}}\n"
            )
        }
        _ => {
            let spec = match version {
                0 => format!(
                    "{{image: \"{image}\", port: 80, health: /, env: {{LEVEL: {{config: settings}}}}}}"
                ),
                1 => format!(
                    "{{image: \"{image}\", port: 80, health: /, files: {{/etc/a: a.txt}}, grayRelease: careful}}"
                ),
                2 => "{source: {manifests: [object.yaml]}}".to_owned(),
                3 => format!("{{image: \"{image}\", port: 80, health: /, dependsOn: [a0], replicas: 3}}"),
                4 => format!("{{image: \"{image}\", prot: 80}}"),
                _ => format!(
                    "{{image: \"{image}\", port: 80, health: /, host: \"x.${{cluster.vars.domain}}\"}}"
                ),
            };
            format!("{}spec: {spec}\n", head("App", name))
        }
    }
}

fn paths() -> Vec<String> {
    let mut all: Vec<String> =
        ["sluice.yaml", "platform/east.yaml", "platform/west.yaml", "platform/careful.yaml"]
            .map(str::to_owned)
            .to_vec();
    for tenant in ["shop", "pay"] {
        all.push(format!("platform/{tenant}.yaml"));
        for file in ["settings.yaml", "a.txt", "object.yaml"] {
            all.push(format!("tenants/{tenant}/{file}"));
        }
        all.extend((0..APPS).map(|number| format!("tenants/{tenant}/a{number}.yaml")));
    }
    all
}

/// An edit: which file gets which version; 6 = it is taken away.
fn edits() -> impl Strategy<Value = Vec<Vec<(usize, u8)>>> {
    let one = (0..paths().len(), 0_u8..7);
    proptest::collection::vec(proptest::collection::vec(one, 1..4), 1..8)
}

fn fleet(versions: &BTreeMap<String, u8>) -> SourceTree {
    tree(versions.iter().map(|(path, version)| (path.clone(), text(path, *version).into_bytes())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn kept_or_fresh_a_compile_comes_to_the_same(edits in edits()) {
        let paths = paths();
        let mut versions: BTreeMap<String, u8> = paths.iter().map(|path| (path.clone(), 0)).collect();
        let (mut cache, mut files) = (Cache::default(), Files::default());
        for edit in edits {
            for (index, version) in edit {
                match version {
                    6 => versions.remove(&paths[index]),
                    version => versions.insert(paths[index].clone(), version),
                };
            }
            let input = fleet(&versions);
            let (kept, kept_faults) = read_with(&mut files, &input);
            let (fresh, fresh_faults) = read(&input);
            prop_assert_eq!(kept_faults, fresh_faults);
            let facts = Facts::assumed(&fresh);
            let environment = "dev".parse().unwrap();
            let with = compile_with(&mut cache, &kept, &kept, &environment, revision(), &facts);
            let without = compile(&fresh, &fresh, &environment, revision(), &facts);
            prop_assert_eq!(with, without);
        }
    }
}

/// How many apps a second compile compiles, after files got other versions.
fn recompiled(edits: &[(&str, u8)]) -> u64 {
    let mut versions: BTreeMap<String, u8> = paths().into_iter().map(|path| (path, 0)).collect();
    versions.insert("tenants/shop/a1.yaml".to_owned(), 1);
    versions.insert("tenants/shop/a2.yaml".to_owned(), 2);
    let mut cache = Cache::default();
    let mut run = |versions: &BTreeMap<String, u8>| {
        let (definitions, _) = read(&fleet(versions));
        let facts = Facts::assumed(&definitions);
        let before = cache.compiled();
        let environment = "dev".parse().unwrap();
        let (state, faults) =
            compile_with(&mut cache, &definitions, &definitions, &environment, revision(), &facts);
        assert!(!faults.iter().any(Diagnostic::is_error), "{}", listed(&faults));
        (cache.compiled() - before, state)
    };
    let (first, before) = run(&versions);
    assert_eq!(first, 2 * APPS as u64);
    for (path, version) in edits {
        versions.insert((*path).to_owned(), *version);
    }
    let (count, after) = run(&versions);
    // What was not compiled again is the very same value, not a copy.
    let same = |key: &AppKey| match (&before.apps[key], &after.apps[key]) {
        (Desired::App(before), Desired::App(after)) => Arc::ptr_eq(before, after),
        _ => false,
    };
    assert_eq!(before.apps.keys().filter(|key| !same(key)).count() as u64, count);
    count
}

#[test]
fn what_was_touched_is_compiled_and_nothing_else() {
    for (edits, count) in [
        (&[][..], 0),
        (&[("tenants/shop/a3.yaml", 3)][..], 1),
        // One app mounts the file, one has the object as its source.
        (&[("tenants/shop/a.txt", 3)][..], 1),
        (&[("tenants/shop/object.yaml", 3)][..], 1),
        (&[("platform/careful.yaml", 1)][..], 1),
        // Two apps of the tenant read the Config.
        (&[("tenants/shop/settings.yaml", 1)][..], 2),
        (&[("platform/shop.yaml", 2)][..], APPS as u64),
        (&[("platform/west.yaml", 3)][..], 2 * APPS as u64),
        (&[("sluice.yaml", 1)][..], 0),
        (&[("sluice.yaml", 4)][..], 2 * APPS as u64),
    ] {
        assert_eq!(recompiled(edits), count, "{edits:?}");
    }
}

#[test]
fn another_shape_of_kinds_on_a_cluster_is_noticed() {
    let versions: BTreeMap<String, u8> = paths().into_iter().map(|path| (path, 0)).collect();
    let (definitions, _) = read(&fleet(&versions));
    let mut facts = Facts::assumed(&definitions);
    let mut cache = Cache::default();
    let environment = "dev".parse().unwrap();
    let mut errors = |facts: &Facts| {
        let (_, faults) =
            compile_with(&mut cache, &definitions, &definitions, &environment, revision(), facts);
        faults.into_iter().filter(|fault| fault.code == crate::diagnostic::Code::S0610).count()
    };
    assert_eq!(errors(&facts), 0);
    let text = crate::model::schema::builtin().to_text().replace("  automountServiceAccountToken bool\n", "");
    let schema = crate::model::schema::Schema::parse(&text).unwrap();
    let known = crate::model::schema::KnownSchema::new(Arc::new(schema));
    facts.clusters.values_mut().for_each(|facts| facts.schema = Some(known.clone()));
    assert!(errors(&facts) > 0, "pods have a grace time");
    facts.clusters.values_mut().for_each(|facts| facts.schema = None);
    assert_eq!(errors(&facts), 0, "what is not published is not checked");
}
