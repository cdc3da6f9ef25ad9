//! Rules of rendering, one at a time; whole fleets are golden files.

mod manifests;
mod tenant;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::definition::App;
use crate::model::{Manifest, Replicas};

/// The parts of a site that tests change.
struct Here {
    offers: Value,
    rules: Value,
    strategy: Strategy,
    allowed: Vec<String>,
    material: Material,
}

impl Default for Here {
    fn default() -> Self {
        Self {
            offers: json!({
                "environment": "dev", "access": {"playground": {}},
                "traffic": {"provider": "gatewayApi", "gateway": "edge/public"},
            }),
            rules: json!({}),
            strategy: Strategy::Rolling,
            allowed: Vec::new(),
            material: Material::default(),
        }
    }
}

impl Here {
    fn render(&self, app: Value) -> Rendered {
        let app: App = serde_json::from_value(app).unwrap();
        let offers: Cluster = serde_json::from_value(self.offers.clone()).unwrap();
        let rules: Namespace = serde_json::from_value(self.rules.clone()).unwrap();
        let (tenant, name) = ("acme".parse().unwrap(), "shop".parse().unwrap());
        let (cluster, namespace) = ("east".parse().unwrap(), "acme".parse().unwrap());
        let (facts, none) = (assumed_facts(), BTreeMap::new());
        let site = Site {
            tenant: &tenant,
            app: &name,
            cluster: &cluster,
            offers: &offers,
            facts: &facts,
            namespace: &namespace,
            rules: &rules,
            strategy: self.strategy,
            path: "tenants/acme/shop.yaml",
            labels: &none,
            annotations: &none,
            allowed_kinds: &self.allowed,
        };
        render_app(&site, &app, &self.material)
    }

    fn source(documents: Vec<Value>) -> Self {
        let documents = documents.iter().map(|value| Arc::new(Node::from_json(value, 1, 1))).collect();
        let source = vec![SourceFile { path: "tenants/acme/k8s.yaml".to_owned(), documents }];
        Self { material: Material { source, ..Material::default() }, ..Self::default() }
    }
}

fn from_manifests() -> Value {
    json!({"source": {"manifests": ["k8s.yaml"]}})
}

fn web(extra: Value) -> Value {
    let mut component = json!({"containers": {"main": {
        "image": "r.example/web:1", "ports": {"http": {"port": 8080}},
    }}});
    json_patch::merge(&mut component, &extra);
    json!({"components": {"web": component}})
}

fn one<'a>(rendered: &'a Rendered, kind: &str) -> &'a Manifest {
    let mut found =
        rendered.bundle.objects.iter().chain(&rendered.settings.objects).filter(|o| o.kind() == kind);
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "several {kind}");
    first
}

fn codes(rendered: &Rendered) -> Vec<&'static str> {
    rendered.faults.iter().map(|fault| fault.code.as_str()).collect()
}

/// What stands at pointers of the one object of a kind.
fn check(here: &Here, app: Value, kind: &str, expected: &[(&str, Value)]) {
    let rendered = here.render(app);
    assert_eq!(codes(&rendered), Vec::<&str>::new(), "{:?}", rendered.faults);
    let object = one(&rendered, kind);
    for (pointer, value) in expected {
        assert_eq!(object.at(pointer).unwrap_or(&Value::Null), value, "{pointer} of {}", object.as_value());
    }
}

#[test]
fn selectors_hold_app_component_and_slot_and_nothing_else() {
    let selector = json!({
        "sluice.dev/app": "shop", "app.kubernetes.io/component": "web", "sluice.dev/slot": "blue",
    });
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        check(
            &Here::default(),
            web(json!({"workload": kind})),
            kind,
            &[
                ("/spec/selector/matchLabels", selector.clone()),
                ("/spec/template/metadata/labels/sluice.dev~1slot", json!("blue")),
                ("/spec/replicas", Value::Null),
            ],
        );
    }
    check(
        &Here::default(),
        web(json!({})),
        "Service",
        &[
            ("/spec/selector", selector),
            ("/metadata/name", json!("web")),
            ("/spec/ports/0/targetPort", json!("http")),
        ],
    );
}

#[test]
fn a_deployment_moves_by_its_strategy() {
    check(
        &Here::default(),
        web(json!({"minReady": "30s"})),
        "Deployment",
        &[
            ("/spec/strategy/rollingUpdate", json!({"maxUnavailable": 0, "maxSurge": "25%"})),
            ("/spec/minReadySeconds", json!(30)),
            ("/spec/progressDeadlineSeconds", json!(630)),
        ],
    );
    let here = Here { strategy: Strategy::Recreate, ..Here::default() };
    check(&here, web(json!({})), "Deployment", &[("/spec/strategy", json!({"type": "Recreate"}))]);
}

#[test]
fn pods_satisfy_their_namespace_unasked() {
    let container = "/spec/template/spec/containers/0/securityContext";
    for (level, pod, expected) in [
        ("privileged", Value::Null, Value::Null),
        (
            "baseline",
            json!({"seccompProfile": {"type": "RuntimeDefault"}}),
            json!({
                "allowPrivilegeEscalation": false,
            }),
        ),
        (
            "restricted",
            json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
            json!({
                "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            }),
        ),
    ] {
        let here = Here { rules: json!({"podSecurity": level}), ..Here::default() };
        check(
            &here,
            web(json!({})),
            "Deployment",
            &[
                ("/spec/template/spec/securityContext", pod),
                (container, expected),
                ("/spec/template/spec/automountServiceAccountToken", json!(false)),
            ],
        );
    }
}

#[test]
fn configuration_is_named_by_its_content() {
    let app = || {
        web(json!({"containers": {"main": {
            "env": {"LEVEL": {"config": "web"}},
            "files": {"/etc/web/a.yaml": "a.yaml"},
            "mounts": {"/etc/conf": {"config": "web"}},
        }}}))
    };
    let with = |level: &str| {
        let mut here = Here::default();
        here.material.configs.insert("web".into(), [("LEVEL".into(), level.as_bytes().into())].into());
        here.material.files.insert("a.yaml".into(), b"a: 1".as_slice().into());
        here.render(app())
    };
    let (first, again, second) = (with("info"), with("info"), with("debug"));
    assert_eq!(first.bundle, again.bundle);
    assert_ne!(first.bundle.digest, second.bundle.digest, "a change of configuration is a release");
    let maps: Vec<&str> =
        first.bundle.objects.iter().filter(|o| o.kind() == "ConfigMap").map(Manifest::name).collect();
    assert_eq!(maps.len(), 2);
    let reference = "/spec/template/spec/containers/0/env/0/valueFrom/configMapKeyRef/name";
    let used = one(&first, "Deployment").at(reference).unwrap().as_str().unwrap();
    assert!(maps.contains(&used) && used.starts_with("shop-web-"), "{used} of {maps:?}");
    let mounts = one(&first, "Deployment").at("/spec/template/spec/containers/0/volumeMounts").unwrap();
    assert_eq!(mounts[1]["subPath"], "a.yaml");
    assert!(
        first
            .bundle
            .objects
            .iter()
            .filter(|o| o.kind() == "ConfigMap")
            .all(|o| o.at("/immutable") == Some(&json!(true)))
    );
}

#[test]
fn secrets_stay_sealed_and_pull_secrets_reach_every_pod() {
    let mut here = Here::default();
    let sealed = |secret_type| SealedSecret {
        secret_type,
        values: [("PASSWORD".to_owned(), "ENC[AES256_GCM,data:x]".to_owned())].into(),
        document: "kind: Secret".to_owned(),
    };
    here.material.secrets.insert("db".into(), sealed(SecretType::Opaque));
    here.material.secrets.insert("pull".into(), sealed(SecretType::DockerConfigJson));
    here.material.secrets.insert("unused".into(), sealed(SecretType::Opaque));
    let rendered = here.render(web(json!({"containers": {"main": {"env": {"PASSWORD": {"secret": "db"}}}}})));
    let secrets: Vec<&Manifest> = rendered.bundle.objects.iter().filter(|o| o.kind() == "Secret").collect();
    assert_eq!(secrets.len(), 2, "only what is used");
    for secret in &secrets {
        let value = secret.at("/data/PASSWORD").unwrap().as_str().unwrap();
        assert!(value.starts_with("sealed:sha256:"), "{value}");
        assert_eq!(secret.at("/sealed/document"), Some(&json!("kind: Secret")));
    }
    let pull = one(&rendered, "Deployment").at("/spec/template/spec/imagePullSecrets/0/name").unwrap();
    assert!(pull.as_str().unwrap().starts_with("shop-pull-"));
}

#[test]
fn the_tls_secret_of_a_route_is_the_tenants_where_it_has_one() {
    let mut here = Here {
        offers: json!({"environment": "dev", "access": {"playground": {}}, "traffic": {"provider": "nginx"}}),
        ..Here::default()
    };
    let app = || web(json!({"routes": [{"host": "a.example", "tls": "front"}]}));
    check(&here, app(), "Ingress", &[("/spec/tls/0/secretName", json!("front"))]);
    let values = ["tls.crt", "tls.key"].map(|key| (key.to_owned(), "ENC[x]".to_owned())).into();
    let sealed = SealedSecret { secret_type: SecretType::Tls, values, document: String::new() };
    here.material.secrets.insert("front".into(), sealed);
    let rendered = here.render(app());
    let name = one(&rendered, "Secret").name();
    assert_eq!(one(&rendered, "Ingress").at("/spec/tls/0/secretName"), Some(&json!(name)));
}

#[test]
fn replicas_budgets_and_autoscalers_are_settings() {
    for (component, state, replicas, settings) in [
        (json!({}), "running", Replicas::Fixed(1), vec![]),
        (json!({"replicas": 3}), "running", Replicas::Fixed(3), vec!["PodDisruptionBudget"]),
        (json!({"replicas": 3}), "stopped", Replicas::Fixed(0), vec![]),
        (
            json!({"autoscale": {"min": 2, "max": 5}}),
            "running",
            Replicas::Autoscaled { min: 2, max: 5 },
            vec!["HorizontalPodAutoscaler", "PodDisruptionBudget"],
        ),
        (json!({"replicas": 3, "disruption": {"none": true}}), "running", Replicas::Fixed(3), vec![]),
    ] {
        let mut app = web(component);
        app["state"] = json!(state);
        let rendered = Here::default().render(app);
        assert_eq!(rendered.settings.replicas.values().copied().collect::<Vec<_>>(), [replicas]);
        let kinds: Vec<&str> = rendered.settings.objects.iter().map(Manifest::kind).collect();
        assert_eq!(kinds, settings);
    }
}

#[test]
fn settings_do_not_change_the_bundle() {
    let digest = |extra: Value| Here::default().render(web(extra)).bundle.digest;
    let plain = digest(json!({}));
    assert_eq!(plain, digest(json!({"replicas": 9})));
    assert_eq!(plain, digest(json!({"autoscale": {"min": 2, "max": 5}})));
    assert_eq!(plain, digest(json!({"disruption": {"maxUnavailable": 2}, "replicas": 4})));
    assert_ne!(plain, digest(json!({"containers": {"main": {"image": "r.example/web:2"}}})));
}

#[test]
fn a_job_is_named_by_its_template() {
    let name = |image: &str| {
        let rendered =
            Here::default().render(web(json!({"workload": "Job", "containers": {"main": {"image": image}}})));
        let name = one(&rendered, "Job").name().to_owned();
        assert!(rendered.bundle.workloads.values().any(|key| key.name == name));
        name
    };
    assert!(name("a:1").starts_with("web-"));
    assert_eq!(name("a:1"), name("a:1"));
    assert_ne!(name("a:1"), name("a:2"));
}

#[test]
fn routes_follow_the_clusters_provider() {
    let app = || web(json!({"routes": [{"host": "shop.example"}, {"host": "shop.example", "path": "/api"}]}));
    check(
        &Here::default(),
        app(),
        "HTTPRoute",
        &[
            ("/metadata/name", json!("web.shop.example")),
            ("/spec/parentRefs/0/namespace", json!("edge")),
            ("/spec/rules/1/matches/0/path/value", json!("/api")),
            ("/spec/rules/0/backendRefs/0/weight", json!(10_000)),
        ],
    );
    let with = |traffic: Value| Here {
        offers: json!({"environment": "dev", "access": {"playground": {}}, "traffic": traffic}),
        ..Here::default()
    };
    check(
        &with(json!({"provider": "nginx", "ingressClass": "public"})),
        app(),
        "Ingress",
        &[
            ("/spec/ingressClassName", json!("public")),
            ("/spec/rules/0/http/paths/1/backend/service/port/name", json!("http")),
        ],
    );
    assert_eq!(codes(&with(json!({"provider": "replicas"})).render(app())), ["S0608"]);
}

#[test]
fn claims_of_a_set_are_templates_and_of_others_objects() {
    let app = |kind: &str| {
        web(json!({
            "workload": kind,
            "volumes": {"data": {"claim": {"size": "1024Mi"}}},
            "containers": {"main": {"mounts": {"/data": {"volume": "data"}}}},
        }))
    };
    check(
        &Here::default(),
        app("StatefulSet"),
        "StatefulSet",
        &[
            ("/spec/volumeClaimTemplates/0/spec/resources/requests/storage", json!("1Gi")),
            ("/spec/template/spec/volumes", Value::Null),
            ("/spec/serviceName", json!("web")),
        ],
    );
    check(
        &Here::default(),
        app("Deployment"),
        "PersistentVolumeClaim",
        &[("/metadata/name", json!("web-data"))],
    );
}

#[test]
fn variables_that_refer_to_others_come_last() {
    let env = json!({"A": "$(B)/x", "B": "b", "C": ""});
    let app = web(json!({"containers": {"main": {"env": env}}}));
    check(
        &Here::default(),
        app,
        "Deployment",
        &[(
            "/spec/template/spec/containers/0/env",
            json!([{"name": "B", "value": "b"}, {"name": "C"}, {"name": "A", "value": "$(B)/x"}]),
        )],
    );
}

#[test]
fn patches_are_the_last_word_and_leave_identity_alone() {
    let patched = |kind: &str, op: Value| {
        let mut app = web(json!({}));
        app["patches"] = json!([{"target": {"kind": kind}, "ops": [op]}]);
        Here::default().render(app)
    };
    let add = json!({"op": "add", "path": "/spec/template/spec/priorityClassName", "value": "high"});
    let rendered = patched("Deployment", add.clone());
    assert_eq!(
        one(&rendered, "Deployment").at("/spec/template/spec/priorityClassName"),
        Some(&json!("high"))
    );
    for (kind, op, code) in [
        ("Ingress", add.clone(), "S0605"),
        ("Deployment", json!({"op": "remove", "path": "/spec/nothing"}), "S0605"),
        ("Deployment", json!({"op": "replace", "path": "/metadata/name", "value": "x"}), "S0606"),
        ("Deployment", json!({"op": "add", "path": "/spec/replicas", "value": 3}), "S0606"),
        (
            "Deployment",
            json!({"op": "remove", "path": "/spec/selector/matchLabels/sluice.dev~1slot"}),
            "S0606",
        ),
    ] {
        assert_eq!(codes(&patched(kind, op.clone())), [code], "{kind} {op}");
    }
}

#[test]
fn keys_that_stand_twice_in_a_list_are_faults() {
    let mut pod = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {
        "template": {"spec": {"containers": [{"name": "c", "env": [{"name": "X"}, {"name": "X"}]}]}},
    }});
    assert_eq!(canonicalize(&mut pod), ["`X` stands twice in `env`"]);
}
