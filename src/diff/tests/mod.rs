use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::facts::{Shape, Type};
use super::*;

mod drift;

fn manifest(value: Value) -> Manifest {
    Manifest::new(value).unwrap()
}

/// A Deployment with one container, changed by a merge patch.
fn deployment(changes: Value) -> Manifest {
    let mut value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "example.org/web:1",
                    "ports": [{"containerPort": 8080, "name": "http"}],
                    "resources": {"limits": {"cpu": "0.5"}},
                    "env": [{"name": "MODE", "value": "fast"}, {"name": "EMPTY", "value": ""},
                        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}]}
            }
        }
    });
    json_patch::merge(&mut value, &changes);
    manifest(value)
}

fn of_kind(api_version: &str, kind: &str, rest: Value) -> Manifest {
    let mut value = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "sample"}});
    json_patch::merge(&mut value, &rest);
    manifest(value)
}

/// Differences as `Kind pointer`.
fn brief(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(|found| format!("{:?} {}", found.kind, found.pointer)).collect()
}

#[test]
fn canonical_is_what_a_server_makes_of_it() {
    let form = canonical(&deployment(json!({
        "metadata": {"uid": "1", "resourceVersion": "9", "generation": 2, "annotations": {}},
        "status": {"replicas": 1},
        "spec": {"strategy": {}, "paused": false, "template": {"spec": {"hostNetwork": false, "securityContext": {}, "volumes": []}}}
    })));
    let at = |pointer: &str| form.at(pointer).cloned().unwrap_or(Value::Null);
    let container = "/spec/template/spec/containers/0";
    let cases = [
        ("/metadata/uid".to_owned(), Value::Null),
        ("/metadata/annotations".to_owned(), Value::Null),
        ("/metadata/labels".to_owned(), json!({"app": "web"})),
        ("/status".to_owned(), Value::Null),
        ("/spec/paused".to_owned(), Value::Null),
        ("/spec/replicas".to_owned(), Value::Null),
        ("/spec/strategy/rollingUpdate/maxSurge".to_owned(), json!("25%")),
        ("/spec/progressDeadlineSeconds".to_owned(), json!(600)),
        ("/spec/template/spec/hostNetwork".to_owned(), Value::Null),
        ("/spec/template/spec/volumes".to_owned(), Value::Null),
        ("/spec/template/spec/securityContext".to_owned(), Value::Null),
        ("/spec/template/spec/dnsPolicy".to_owned(), json!("ClusterFirst")),
        (format!("{container}/imagePullPolicy"), json!("IfNotPresent")),
        (format!("{container}/ports/0/protocol"), json!("TCP")),
        (format!("{container}/resources/limits/cpu"), json!("500m")),
        (format!("{container}/env/1"), json!({"name": "EMPTY"})),
        (format!("{container}/env/2/valueFrom/fieldRef/apiVersion"), json!("v1")),
    ];
    for (pointer, expected) in cases {
        assert_eq!(at(&pointer), expected, "{pointer}");
    }
}

#[test]
fn defaults_that_depend_on_other_fields() {
    let service = |spec: Value| of_kind("v1", "Service", json!({"spec": spec}));
    let policy = |spec: Value| of_kind("networking.k8s.io/v1", "NetworkPolicy", json!({"spec": spec}));
    let job = |spec: Value| of_kind("batch/v1", "Job", json!({"spec": spec}));
    let pod = |spec: Value| of_kind("v1", "Pod", json!({"spec": spec}));
    let image = |image: &str| pod(json!({"containers": [{"name": "web", "image": image}]}));
    let pull = "/spec/containers/0/imagePullPolicy";
    let cases = [
        (service(json!({"ports": [{"port": 80}]})), "/spec/ports/0/targetPort", json!(80)),
        (service(json!({"type": "ExternalName"})), "/spec/internalTrafficPolicy", Value::Null),
        (service(json!({"type": "NodePort"})), "/spec/externalTrafficPolicy", json!("Cluster")),
        (service(json!({})), "/spec/externalTrafficPolicy", Value::Null),
        (policy(json!({"podSelector": {}})), "/spec/policyTypes", json!(["Ingress"])),
        (policy(json!({"podSelector": {}})), "/spec/podSelector", json!({})),
        (policy(json!({"egress": [{}]})), "/spec/policyTypes", json!(["Ingress", "Egress"])),
        (job(json!({})), "/spec/completions", json!(1)),
        (job(json!({"parallelism": 3})), "/spec/completions", Value::Null),
        (pod(json!({"volumes": [{"name": "scratch"}]})), "/spec/volumes/0/emptyDir", json!({})),
        (image("web"), pull, json!("Always")),
        (image("registry:5000/web"), pull, json!("Always")),
        (image("registry:5000/web:latest"), pull, json!("Always")),
        (image("registry:5000/web:2"), pull, json!("IfNotPresent")),
        (image("web@sha256:00"), pull, json!("IfNotPresent")),
    ];
    for (object, pointer, expected) in cases {
        let found = canonical(&object).at(pointer).cloned().unwrap_or(Value::Null);
        assert_eq!(found, expected, "{pointer} of {}", object.as_value());
    }
}

#[test]
fn an_empty_list_in_a_custom_resource_has_a_meaning() {
    let widget =
        of_kind("example.com/v1", "Widget", json!({"spec": {"parts": [], "labels": {}, "off": null}}));
    assert_eq!(canonical(&widget).at("/spec"), Some(&json!({"parts": [], "labels": {}})));
}

#[test]
fn string_data_becomes_data() {
    let secret = of_kind(
        "v1",
        "Secret",
        json!({"data": {"a": "MQ==", "b": "Mg=="}, "stringData": {"b": "two", "c": 3}}),
    );
    let form = canonical(&secret);
    assert_eq!(form.at("/data"), Some(&json!({"a": "MQ==", "b": "dHdv"})));
    // A number is refused by the server, so it must not look as if it had been taken.
    assert_eq!(form.at("/stringData"), Some(&json!({"c": 3})));
}

/// Every default in the tables is JSON, and every merge key is one that elements can have.
#[test]
fn the_tables_hold_json() {
    fn visit(known: &'static Type, seen: &mut Vec<*const Type>) {
        let address: *const Type = known;
        if seen.contains(&address) {
            return;
        }
        seen.push(address);
        for (name, default) in known.defaults {
            assert!(serde_json::from_str::<Value>(default).is_ok(), "{name}: {default}");
        }
        for (_, shape) in known.fields {
            match shape {
                Shape::One(inner) | Shape::ListMap(_, inner) | Shape::Atomic(inner) => visit(inner, seen),
                _ => {}
            }
        }
    }
    let mut seen = Vec::new();
    for (api_version, kind) in KINDS {
        visit(facts::root(api_version, kind), &mut seen);
    }
    assert!(seen.len() > 60, "only {} types were visited", seen.len());
}

#[test]
fn secrets_show_keys_and_no_values() {
    let typed = "kubernetes.io/dockerconfigjson";
    let secret = |data: Value| {
        of_kind(
            "v1",
            "Secret",
            json!({"type": typed, "data": data, "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"same\":\"aHVudGVyMg==\"}}"}}}),
        )
    };
    let wanted = secret(json!({"same": "aHVudGVyMg==", "new": "bmV3", ".dockerconfigjson": "YWZ0ZXI="}));
    let live = secret(json!({"same": "aHVudGVyMg==", "old": "b2xk", ".dockerconfigjson": "YmVmb3Jl"}));
    let (masked_wanted, masked_live) = mask_secret(Some(&wanted), Some(&live));
    let data = |object: Option<Manifest>| object.unwrap().at("/data").cloned().unwrap();
    assert_eq!(data(masked_wanted), json!({"same": "***", "new": "***", ".dockerconfigjson": "*** (after)"}));
    assert_eq!(data(masked_live), json!({"same": "***", "old": "***", ".dockerconfigjson": "*** (before)"}));

    let found = compare_objects(&wanted, Some(&live), &[]);
    assert_eq!(brief(&found), ["Changed /data/.dockerconfigjson", "Missing /data/new"]);
    let invalid = secret(json!("aHVudGVyMg=="));
    let shown = [
        format!("{found:?}"),
        render_differences(&found, false),
        render_text(Some(&wanted), Some(&live), true),
        render_text(Some(&wanted), None, false),
        format!("{:?}", compare_objects(&wanted, None, &[])),
        format!("{:?}", compare_objects(&invalid, Some(&live), &[])),
        format!("{:?}", mask_secret(Some(&live), Some(&live))),
    ];
    for text in shown {
        for value in ["aHVudGVyMg", "bmV3", "b2xk", "YWZ0ZXI", "YmVmb3Jl"] {
            assert!(!text.contains(value), "{value} is shown in {text}");
        }
    }
}

#[test]
fn people_read_a_unified_diff_and_a_line_per_field() {
    let live =
        of_kind("v1", "ConfigMap", json!({"metadata": {"uid": "1"}, "data": {"level": "info", "same": "x"}}));
    let wanted = of_kind("v1", "ConfigMap", json!({"data": {"level": "debug", "same": "x"}}));
    let text = render_text(Some(&wanted), Some(&live), false);
    for line in
        ["--- live ConfigMap sample", "+++ wanted ConfigMap sample", "-  level: info", "+  level: debug"]
    {
        assert!(text.lines().any(|shown| shown == line), "no `{line}` in\n{text}");
    }
    assert!(!text.contains("uid"));
    assert_eq!(render_text(Some(&live), Some(&live), false), "");
    assert!(render_text(Some(&wanted), Some(&live), true).contains("\u{1b}[32m+  level: debug"));
    let found = compare_objects(&wanted, Some(&live), &[]);
    assert_eq!(render_differences(&found, false), "~ /data/level: \"info\" -> \"debug\"\n");
}

const KINDS: [(&str, &str); 26] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1beta1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "ResourceQuota"),
    ("v1", "LimitRange"),
    ("v1", "Endpoints"),
    ("v1", "ServiceAccount"),
    ("v1", "Namespace"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ("example.com/v1", "Widget"),
];

/// The field names of the type, so that random values reach into the tables.
fn field_value(shape: Shape, depth: u32) -> BoxedStrategy<Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        Just(json!(false)),
        (0..3_i64).prop_map(Value::from),
        prop_oneof![Just(""), Just("TCP"), Just("1Gi"), Just("0.5"), Just("a")].prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ];
    if depth == 0 {
        return scalar.boxed();
    }
    match shape {
        Shape::One(known) => typed(known, depth),
        Shape::ListMap(keys, known) => {
            let element = (typed(known, depth - 1), prop_oneof![Just("x"), Just("y"), Just("z")]).prop_map(
                move |(mut element, name)| {
                    for key in keys {
                        element[key] = json!(name);
                    }
                    element
                },
            );
            prop::collection::vec(element, 0..3).prop_map(Value::from).boxed()
        }
        Shape::Atomic(known) => {
            prop::collection::vec(typed(known, depth - 1), 0..3).prop_map(Value::from).boxed()
        }
        Shape::Set => prop::collection::vec("[a-b]", 0..3).prop_map(Value::from).boxed(),
        Shape::Entries | Shape::Quantities | Shape::Exact => {
            prop::collection::btree_map("[a-c]", "[0-9]{1,2}(m|Mi)?", 0..3)
                .prop_map(|map| {
                    Value::Object(map.into_iter().map(|(key, text)| (key, Value::from(text))).collect())
                })
                .boxed()
        }
        Shape::Any | Shape::Quantity => scalar.boxed(),
    }
}

fn typed(known: &'static Type, depth: u32) -> BoxedStrategy<Value> {
    if depth == 0 {
        return Just(json!({})).boxed();
    }
    let names: Vec<(&'static str, Shape)> = known
        .fields
        .iter()
        .copied()
        .chain(
            known
                .omitted
                .iter()
                .chain(known.defaults.iter().map(|(name, _)| name))
                .map(|name| (*name, Shape::Any)),
        )
        .collect();
    let members: Vec<_> = names
        .into_iter()
        .map(|(name, shape)| {
            prop::option::weighted(likelihood(shape), field_value(shape, depth - 1))
                .prop_map(move |value| (name, value))
        })
        .collect();
    members
        .prop_map(|members| {
            let map: Map<String, Value> =
                members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            Value::Object(map)
        })
        .boxed()
}

/// What has parts of its own is mostly there, so that the depths of the tables are reached.
fn likelihood(shape: Shape) -> f64 {
    match shape {
        Shape::One(_) | Shape::ListMap(..) | Shape::Atomic(_) => 0.85,
        _ => 0.4,
    }
}

/// Deep enough to reach the entries of a container's lists.
const DEPTH: u32 = 9;

fn any_object() -> impl Strategy<Value = Manifest> {
    prop::sample::select(KINDS.to_vec()).prop_flat_map(|(api_version, kind)| {
        typed(facts::root(api_version, kind), DEPTH).prop_map(move |mut value| {
            value["apiVersion"] = json!(api_version);
            value["kind"] = json!(kind);
            if !value["metadata"].is_object() {
                value["metadata"] = json!({});
            }
            value["metadata"]["name"] = json!("sample");
            manifest(value)
        })
    })
}

/// A field set as a server writes it.
fn fields_v1(set: &FieldSet) -> Value {
    let mut map = Map::new();
    if set.is_member {
        map.insert(".".to_owned(), json!({}));
    }
    for (element, inner) in &set.children {
        let name = match element {
            PathElement::Field(name) => format!("f:{name}"),
            PathElement::Key(key) => format!("k:{key}"),
            PathElement::Value(value) => format!("v:{value}"),
            PathElement::Index(index) => format!("i:{index}"),
        };
        map.insert(name, fields_v1(inner));
    }
    Value::Object(map)
}

/// What a server holds after `wanted` was applied by `manager`.
fn applied(wanted: &Manifest, manager: &str) -> Manifest {
    let mut live = canonical(wanted);
    let set = FieldSet::of(root_shape(wanted.api_version(), wanted.kind()), live.as_value());
    let metadata = &mut live.as_value_mut()["metadata"];
    metadata["uid"] = json!("0b5e");
    metadata["managedFields"] = json!([{"manager": manager, "operation": "Apply", "time": "2026-03-01T12:00:00Z", "fieldsV1": fields_v1(&set)}]);
    live
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canonical_is_idempotent(object in any_object()) {
        let once = canonical(&object);
        prop_assert_eq!(&canonical(&once), &once);
    }

    #[test]
    fn an_object_never_differs_from_itself(object in any_object()) {
        prop_assert_eq!(differ(&object, Some(&object), &Options::default()), vec![]);
        prop_assert_eq!(compare_objects(&object, Some(&object), &[]), vec![]);
        prop_assert_eq!(render_text(Some(&object), Some(&object), false), "");
    }

    #[test]
    fn what_was_applied_does_not_drift(object in any_object()) {
        let live = applied(&object, FIELD_MANAGER);
        prop_assert_eq!(differ(&object, Some(&live), &Options::default()), vec![]);
    }
}
