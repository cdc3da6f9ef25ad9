//! Faults of a whole commit, on a small fleet with one app that is sound.

use std::time::{Duration, Instant};

use super::*;
use crate::model::AppKey;

const FLEET: &str = "apiVersion: sluice.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\nspec:\n  environments: \
                     [{name: dev, branch: main}]\n";
const CLUSTER: &str = "apiVersion: sluice.dev/v1alpha1\nkind: Cluster\nmetadata: {name: east}\nspec: {environment: \
                       dev, access: {playground: {}}}\n";
const TENANT: &str = "apiVersion: sluice.dev/v1alpha1\nkind: Tenant\nmetadata: {name: shop}\nspec: {namespaces: {default: {}}}\n";
const SOUND: &str = "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {name: sound}\nspec: {image: \
                     \"registry.acme.example/sound:1\", port: 8080, health: /}\n";

struct Outcome {
    state: DesiredState,
    faults: Vec<String>,
}

impl Outcome {
    fn refuses(&self, app: &str) -> bool {
        let key: AppKey = format!("shop/{app}").parse().unwrap();
        self.state.apps[&key] == Desired::Refused
    }

    /// A fault with this code whose text holds all of these words.
    fn says(&self, code: &str, words: &[&str]) {
        let found =
            self.faults.iter().any(|fault| fault.contains(code) && words.iter().all(|w| fault.contains(w)));
        assert!(found, "{code} {words:?} in {:#?}", self.faults);
    }
}

/// Compiles the small fleet with these files besides or instead.
fn compiled(more: &[(&str, &str)]) -> Outcome {
    let base = [
        ("sluice.yaml", FLEET),
        ("platform/cluster.yaml", CLUSTER),
        ("platform/tenant.yaml", TENANT),
        ("tenants/shop/sound.yaml", SOUND),
    ];
    let all = base.iter().chain(more).map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    let (definitions, mut faults) = read(&tree(all));
    let facts = Facts::assumed(&definitions);
    let (state, more) = compile(&definitions, &definitions, &"dev".parse().unwrap(), revision(), &facts);
    faults.extend(more);
    Outcome { state, faults: listed(&faults).lines().map(str::to_owned).collect() }
}

/// As [`compiled`]; the sound app stays sound.
fn outcome(more: &[(&str, &str)]) -> Outcome {
    let outcome = compiled(more);
    assert!(!outcome.refuses("sound"), "one bad thing stops only itself: {:#?}", outcome.faults);
    outcome
}

fn app(name: &str, spec: &str) -> String {
    format!("apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

fn component(name: &str, more: &str) -> String {
    app(name, &format!("  image: registry.acme.example/x:1\n  port: 8080\n  health: /\n{more}"))
}

fn manifests(name: &str) -> String {
    app(name, "  source: {manifests: [objects.yaml]}\n")
}

#[test]
fn f19_a_cycle_of_dependencies_is_printed_and_refuses_its_members() {
    let outcome = outcome(&[
        ("tenants/shop/a.yaml", &component("a", "  dependsOn: [b]\n")),
        ("tenants/shop/b.yaml", &component("b", "  dependsOn: [c]\n")),
        ("tenants/shop/c.yaml", &component("c", "  dependsOn: [a]\n")),
    ]);
    outcome.says("S0504", &["shop/a", "shop/b", "shop/c"]);
    for name in ["a", "b", "c"] {
        assert!(outcome.refuses(name), "{name}");
    }
}

#[test]
fn f20_a_patch_of_copies_of_copies_is_stopped_by_its_budget() {
    let copies: String = (0..40)
        .map(|n| {
            format!(
                "        - {{op: copy, from: /spec/template, path: /spec/template/metadata/annotations/x{n}}}\n"
            )
        })
        .collect();
    let spec = format!(
        "  patches:\n    - target: {{kind: Deployment}}\n      ops:\n        - {{op: add, path: \
         /spec/template/metadata/annotations, value: {{}}}}\n{copies}"
    );
    let begun = Instant::now();
    let outcome = outcome(&[("tenants/shop/grows.yaml", &component("grows", &spec))]);
    outcome.says("S0605", &["more than 100000 values"]);
    assert!(outcome.refuses("grows"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn f32_one_object_of_two_apps_names_both_files_and_belongs_to_neither() {
    let object = "apiVersion: v1\nkind: Service\nmetadata: {name: same}\nspec: {ports: [{port: 80}]}\n";
    let outcome = outcome(&[
        ("tenants/shop/one/app.yaml", &manifests("one")),
        ("tenants/shop/one/objects.yaml", object),
        ("tenants/shop/two/app.yaml", &manifests("two")),
        ("tenants/shop/two/objects.yaml", object),
    ]);
    outcome.says("S05", &["tenants/shop/one/", "tenants/shop/two/", "same"]);
    assert!(outcome.refuses("one") && outcome.refuses("two"));
}

#[test]
fn f33_what_the_server_and_the_engine_set_can_not_be_forged() {
    let metadata = |text: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s, {text}}}\nspec: {{ports: [{{port: 80}}]}}\n"
        )
    };
    for (text, refused) in [
        ("uid: 1-2-3", false),
        ("resourceVersion: '7'", false),
        ("managedFields: [{manager: x, operation: Apply}]", false),
        ("ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]", true),
        ("labels: {sluice.dev/tenant: other}", true),
        ("annotations: {sluice.dev/owner: platform}", true),
    ] {
        let outcome = outcome(&[
            ("tenants/shop/forged/app.yaml", &manifests("forged")),
            ("tenants/shop/forged/objects.yaml", &metadata(text)),
        ]);
        assert_eq!(outcome.refuses("forged"), refused, "{text}: {:#?}", outcome.faults);
        if !refused {
            let Desired::App(forged) = &outcome.state.apps[&"shop/forged".parse::<AppKey>().unwrap()] else {
                panic!("{text}")
            };
            for object in forged.release.bundles.values().flat_map(|bundle| &bundle.objects) {
                for field in ["uid", "resourceVersion", "managedFields"] {
                    assert_eq!(object.at(&format!("/metadata/{field}")), None, "{text}");
                }
            }
        }
    }
}

#[test]
fn f34_what_an_api_server_would_refuse_for_its_size_is_refused_before() {
    let config = |bytes: usize| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata: {{a: {}}}\n",
            "x".repeat(bytes)
        )
    };
    let named =
        |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n");
    let labelled = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: l, labels: {{team: {}}}}}\ndata: {{a: b}}\n",
        "x".repeat(64)
    );
    for objects in [config((1 << 20) + 1), named(&"n".repeat(254)), labelled] {
        let outcome = outcome(&[
            ("tenants/shop/large/app.yaml", &manifests("large")),
            ("tenants/shop/large/objects.yaml", &objects),
        ]);
        assert!(outcome.refuses("large"), "{:.80}: {:#?}", objects, outcome.faults);
    }
}

#[test]
fn f35_a_kind_that_no_cluster_serves_is_named_with_the_cluster() {
    let tenant = "apiVersion: sluice.dev/v1alpha1\nkind: Tenant\nmetadata: {name: shop}\nspec: {namespaces: {default: \
                  {}}, kinds: {allow: [Widget.acme.example]}}\n";
    let outcome = outcome(&[
        ("platform/tenant.yaml", tenant),
        ("tenants/shop/widget/app.yaml", &manifests("widget")),
        (
            "tenants/shop/widget/objects.yaml",
            "apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: w}\nspec: {}\n",
        ),
    ]);
    outcome.says("S0", &["Widget", "east"]);
}

#[test]
fn a_place_that_nobody_has_is_named_with_the_nearest() {
    for (when, message, help) in [
        ("environments: [dve]", "the fleet has no environment `dve`", "    did you mean `dev`?"),
        ("clusters: [eats]", "there is no cluster `eats`", "    did you mean `east`?"),
    ] {
        let app = component("a", &format!("  overrides: [{{when: {{{when}}}, merge: {{replicas: 2}}}}]\n"));
        let outcome = outcome(&[("tenants/shop/a.yaml", &app)]);
        outcome.says("tenants/shop/a.yaml:8:", &["S0404", message]);
        assert!(outcome.faults.iter().any(|line| line == help), "{:#?}", outcome.faults);
        assert!(outcome.refuses("a"), "{when}");
    }
    let tenant =
        TENANT.replace("{default: {}}", "{default: {overrides: [{when: {clusters: [esat]}, merge: {}}]}}");
    compiled(&[("platform/tenant.yaml", &tenant)]).says("platform/tenant.yaml:4:", &["S0404", "`esat`"]);
}

#[test]
fn a_gray_release_of_a_misspelt_environment_refuses_who_names_it_and_nobody_else() {
    let gray = "apiVersion: sluice.dev/v1alpha1\nkind: GrayRelease\nmetadata: {name: careful}\nspec: \
                {environments: [dev, prodution], strategy: recreate}\n";
    let config = "apiVersion: sluice.dev/v1alpha1\nkind: Config\nmetadata: {name: unused}\nspec: {environments: \
                  [deb], values: {a: b}}\n";
    let outcome = outcome(&[
        ("tenants/shop/gray.yaml", gray),
        ("tenants/shop/config.yaml", config),
        ("tenants/shop/a.yaml", &component("a", "  grayRelease: careful\n")),
    ]);
    outcome.says("tenants/shop/gray.yaml:4:28", &["S0404", "`prodution`"]);
    outcome.says("tenants/shop/config.yaml:4:23", &["S0404", "`deb`"]);
    assert!(outcome.refuses("a"));
}

#[test]
fn what_no_app_names_yet_is_checked_too() {
    let config = "apiVersion: sluice.dev/v1alpha1\nkind: Config\nmetadata: {name: unused}\nspec: {valus: {a: \
                  \"${cluster.name}\"}}\n";
    outcome(&[("tenants/shop/config.yaml", config)])
        .says("tenants/shop/config.yaml:4:8", &["S0301", "`valus`"]);
}

/// An app with faults of its own: a misspelt field, a file and a Config that are not there.
const FAULTY: &[(&str, &str)] = &[
    (
        "tenants/shop/shape.yaml",
        "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {name: shape}\nspec: {image: \"a.example/a:1\", \
         replcias: 2}\n",
    ),
    (
        "tenants/shop/references.yaml",
        "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {name: references}\nspec: {image: \"a.example/a:1\", \
         port: 80, env: {A: {config: none}, B: \"${cluster.vars.any}\"}, files: {/a: a.txt}}\n",
    ),
];

#[test]
fn all_faults_come_at_once_though_the_tenant_or_the_cluster_is_faulty() {
    let tenant = TENANT.replace("namespaces", "namespcaes");
    let cluster = CLUSTER.replace("access", "acess");
    let other = TENANT.replace("name: shop", "name: other");
    for (path, text, code) in [
        ("platform/tenant.yaml", tenant, "S0301"),
        ("platform/cluster.yaml", cluster, "S0301"),
        ("platform/tenant.yaml", other, "S0404"),
    ] {
        let mut files = FAULTY.to_vec();
        files.push((path, &text));
        let outcome = compiled(&files);
        outcome.says(code, &[]);
        outcome.says("tenants/shop/shape.yaml:4:32", &["S0301", "`replcias`"]);
        outcome.says("tenants/shop/references.yaml", &["S0404", "no Config `none`"]);
        outcome.says("tenants/shop/references.yaml", &["S0407", "a.txt"]);
        let about_sound = outcome.faults.iter().filter(|fault| fault.contains("sound.yaml"));
        assert!(about_sound.clone().all(|fault| fault.contains("there is no Tenant")), "{about_sound:?}");
        assert!(!outcome.faults.iter().any(|fault| fault.contains("S0401") || fault.contains("S0305")));
        assert!(outcome.state.hidden.platform || code == "S0404", "nothing is removed");
    }
}
