//! Drift by ownership: what others changed, what we no longer render, what others added.

use serde_json::{Value, json};

use super::super::*;
use super::{applied, brief, deployment, manifest, of_kind};

const CONTAINER: &str = "/spec/template/spec/containers/0";

/// Sets what stands at a pointer.
fn set(object: &mut Manifest, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = object.as_value_mut().pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list.push(value),
        parent => parent[name] = value,
    }
}

/// Adds an entry of another manager.
fn owned_by(live: &mut Manifest, manager: &str, operation: &str, time: &str, fields: Value) {
    let entries = live.as_value_mut().pointer_mut("/metadata/managedFields").unwrap();
    entries
        .as_array_mut()
        .unwrap()
        .push(json!({"manager": manager, "operation": operation, "time": time, "fieldsV1": fields}));
}

fn container_fields(fields: Value) -> Value {
    json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": fields}}}}})
}

fn drift(wanted: &Manifest, live: &Manifest) -> Vec<Difference> {
    differ(wanted, Some(live), &Options::default())
}

#[test]
fn an_absent_object_is_missing_as_a_whole() {
    let found = differ(&deployment(json!({})), None, &Options::default());
    assert_eq!(brief(&found), ["Missing "]);
}

#[test]
fn a_changed_field_names_its_last_writer() {
    let wanted = deployment(json!({}));
    let mut live = applied(&wanted, "sluice");
    set(&mut live, &format!("{CONTAINER}/image"), json!("example.org/web:2"));
    let image = || container_fields(json!({"f:image": {}}));
    owned_by(&mut live, "old-tool", "Update", "2026-03-01T12:01:00Z", image());
    owned_by(&mut live, "kubectl-set", "Update", "2026-03-01T12:05:00Z", image());
    owned_by(
        &mut live,
        "someone",
        "Update",
        "2026-03-01T12:09:00Z",
        json!({"f:metadata": {"f:labels": {"f:x": {}}}}),
    );
    let found = drift(&wanted, &live);
    assert_eq!(
        found,
        [Difference {
            pointer: format!("{CONTAINER}/image"),
            kind: DifferenceKind::Changed,
            wanted: Some(json!("example.org/web:1")),
            live: Some(json!("example.org/web:2")),
            manager: Some("kubectl-set".to_owned()),
            time: Some("2026-03-01T12:05:00Z".to_owned()),
        }]
    );
    assert_eq!(
        render_differences(&found, false),
        "~ /spec/template/spec/containers/0/image: \"example.org/web:2\" -> \"example.org/web:1\" \
         (by kubectl-set at 2026-03-01T12:05:00Z)\n"
    );
}

#[test]
fn a_deleted_field_has_no_known_cause() {
    let wanted = deployment(json!({}));
    let mut live = applied(&wanted, "sluice");
    let environment = live.as_value_mut().pointer_mut(&format!("{CONTAINER}/env")).unwrap();
    environment.as_array_mut().unwrap().remove(0);
    let found = drift(&wanted, &live);
    assert_eq!(brief(&found), [format!("Missing {CONTAINER}/env/0")]);
    assert_eq!(found[0].manager, None);
}

#[test]
fn list_elements_are_told_apart_by_their_merge_keys() {
    let wanted = deployment(json!({}));
    let mut live = applied(&wanted, "sluice");
    let environment = live.as_value_mut().pointer_mut(&format!("{CONTAINER}/env")).unwrap();
    environment.as_array_mut().unwrap().reverse();
    assert_eq!(drift(&wanted, &live), []);
    set(&mut live, &format!("{CONTAINER}/env/2/value"), json!("slow"));
    assert_eq!(brief(&drift(&wanted, &live)), [format!("Changed {CONTAINER}/env/2/value")]);
}

#[test]
fn what_is_no_longer_rendered_is_removed() {
    let before = deployment(json!({
        "metadata": {"labels": {"team": "shop"}, "annotations": {"note": "x"}},
        "spec": {"minReadySeconds": 5, "template": {"spec": {"affinity": {"nodeAffinity": {"a": 1}}}}}
    }));
    let live = applied(&before, "sluice");
    let mut now = deployment(json!({}));
    now.as_value_mut().pointer_mut(&format!("{CONTAINER}/env")).unwrap().as_array_mut().unwrap().remove(0);
    assert_eq!(
        brief(&drift(&now, &live)),
        [
            "Removed /metadata/annotations/note",
            "Removed /metadata/labels/team",
            "Removed /spec/minReadySeconds",
            "Removed /spec/template/spec/affinity",
            "Removed /spec/template/spec/containers/0/env/0",
        ]
    );
    // Of an object that someone else applied, nothing is ours to remove.
    assert_eq!(drift(&now, &applied(&before, "helm")), []);
}

#[test]
fn additions_are_foreign_where_they_change_what_runs() {
    let wanted = deployment(json!({}));
    let mut live = applied(&wanted, "sluice");
    set(&mut live, "/spec/template/spec/hostNetwork", json!(true));
    set(&mut live, "/spec/paused", json!(true));
    set(&mut live, &format!("{CONTAINER}/env/-"), json!({"name": "DEBUG", "value": "1"}));
    set(&mut live, "/spec/template/metadata/annotations", json!({"restarted": "now"}));
    let fields = json!({
        "f:spec": {"f:paused": {}, "f:template": {
            "f:metadata": {"f:annotations": {".": {}, "f:restarted": {}}},
            "f:spec": {"f:hostNetwork": {},
                "f:containers": {"k:{\"name\":\"web\"}": {"f:env": {"k:{\"name\":\"DEBUG\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}
    });
    let mut written = live.clone();
    owned_by(&mut written, "kubectl-edit", "Update", "2026-03-01T13:00:00Z", fields.clone());
    let found = drift(&wanted, &written);
    assert_eq!(
        brief(&found),
        [
            "Foreign /spec/template/metadata/annotations/restarted",
            "Foreign /spec/template/spec/containers/0/env/3",
            "Foreign /spec/template/spec/hostNetwork",
        ]
    );
    assert!(found.iter().all(|difference| difference.manager.as_deref() == Some("kubectl-edit")));

    let options = Options {
        ignore: vec!["/spec/template/spec/*/0/env".to_owned(), "/spec/template/metadata".to_owned()],
        ..Options::default()
    };
    assert_eq!(
        brief(&differ(&wanted, Some(&written), &options)),
        ["Foreign /spec/template/spec/hostNetwork"]
    );

    // Whoever applies declares that the field is theirs; that is no accident.
    owned_by(&mut live, "mesh-injector", "Apply", "2026-03-01T13:00:00Z", fields);
    assert_eq!(drift(&wanted, &live), []);
}

#[test]
fn added_keys_rules_and_ports_are_foreign() {
    let cases = [
        (
            of_kind("v1", "ConfigMap", json!({"data": {"a": "1"}})),
            ("/data/b", json!("2")),
            json!({"f:data": {"f:b": {}}}),
            "Foreign /data/b",
        ),
        (
            of_kind("v1", "Secret", json!({"stringData": {"a": "1"}})),
            ("/data/b", json!("Mg==")),
            json!({"f:data": {"f:b": {}}}),
            "Foreign /data/b",
        ),
        (
            of_kind("rbac.authorization.k8s.io/v1", "Role", json!({"rules": [{"verbs": ["get"]}]})),
            ("/rules/-", json!({"verbs": ["*"]})),
            json!({"f:rules": {}}),
            "Changed /rules",
        ),
        (
            of_kind("v1", "Service", json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})),
            ("/spec/ports/-", json!({"port": 81, "protocol": "TCP"})),
            json!({"f:spec": {"f:ports": {"k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}}}),
            "Foreign /spec/ports/1",
        ),
        (
            of_kind("v1", "Service", json!({"spec": {"selector": {"app": "web"}}})),
            ("/spec/selector/slot", json!("green")),
            json!({"f:spec": {"f:selector": {}}}),
            "Changed /spec/selector",
        ),
    ];
    for (wanted, (pointer, value), fields, expected) in cases {
        let mut live = applied(&wanted, "sluice");
        set(&mut live, pointer, value);
        owned_by(&mut live, "kubectl-patch", "Update", "2026-03-01T13:00:00Z", fields);
        let found = drift(&wanted, &live);
        assert_eq!(brief(&found), [expected]);
        assert_eq!(found[0].manager.as_deref(), Some("kubectl-patch"), "{expected}");
    }
}

#[test]
fn what_controllers_write_elsewhere_is_no_drift() {
    let wanted = deployment(json!({}));
    let mut live = applied(&wanted, "sluice");
    live.as_value_mut()["status"] = json!({"replicas": 3});
    set(&mut live, "/metadata/annotations", json!({"deployment.kubernetes.io/revision": "4"}));
    set(&mut live, "/spec/replicas", json!(3));
    let annotations = json!({"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}});
    owned_by(&mut live, "kube-controller-manager", "Update", "2026-03-01T13:00:00Z", annotations);
    owned_by(
        &mut live,
        "sluice-scale",
        "Apply",
        "2026-03-01T13:00:00Z",
        json!({"f:spec": {"f:replicas": {}}}),
    );
    assert_eq!(drift(&wanted, &live), []);
}

#[test]
fn atomic_lists_are_compared_by_position_with_their_defaults() {
    let rule = json!({"backendRefs": [{"name": "web-green", "port": 80, "weight": 100}]});
    let route = of_kind("gateway.networking.k8s.io/v1", "HTTPRoute", json!({"spec": {"rules": [rule]}}));
    let mut live = applied(&route, "sluice");
    assert_eq!(live.at("/spec/rules/0/matches/0/path/type"), Some(&json!("PathPrefix")));
    assert_eq!(drift(&route, &live), []);
    set(&mut live, "/spec/rules/0/backendRefs/0/weight", json!(50));
    owned_by(&mut live, "kubectl-edit", "Update", "2026-03-01T13:00:00Z", json!({"f:spec": {"f:rules": {}}}));
    let found = drift(&route, &live);
    assert_eq!(brief(&found), ["Changed /spec/rules/0/backendRefs/0/weight"]);
    assert_eq!(found[0].manager.as_deref(), Some("kubectl-edit"));
}

#[test]
fn quantities_are_equal_by_value() {
    let claim = |amount: Value| {
        of_kind(
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"resources": {"requests": {"storage": amount}}}}),
        )
    };
    let compare = |a: Value, b: Value| compare_objects(&claim(a), Some(&claim(b)), &[]).len();
    assert_eq!(compare(json!("1Gi"), json!("1073741824")), 0);
    assert_eq!(compare(json!(1), json!("1000m")), 0);
    assert_eq!(compare(json!("1Gi"), json!("1G")), 1);
    assert_eq!(compare(json!("much"), json!("more")), 1);
}

#[test]
fn without_ownership_the_last_applied_annotation_tells_what_was_ours() {
    let with = |annotations: Value, labels: Value| {
        deployment(json!({"metadata": {"annotations": annotations, "labels": labels}}))
    };
    let before = with(json!({"note": "x"}), json!({"team": "shop"}));
    let last_applied =
        json!({"kubectl.kubernetes.io/last-applied-configuration": before.as_value().to_string()});
    let mut live = before.clone();
    json_patch::merge(live.as_value_mut(), &json!({"metadata": {"annotations": last_applied}}));
    let mut desired = deployment(json!({}));
    desired.as_value_mut()["metadata"].as_object_mut().unwrap().remove("namespace");
    assert_eq!(
        brief(&compare_objects(&desired, Some(&live), &[])),
        ["Removed /metadata/annotations/note", "Removed /metadata/labels/team"]
    );
    let ignore = ["/metadata/annotations/note".to_owned(), "/metadata/labels".to_owned()];
    assert_eq!(compare_objects(&desired, Some(&live), &ignore), []);
    assert_eq!(compare_objects(&desired, Some(&before), &[]), []);
}

#[test]
fn managed_fields_are_read_in_all_their_forms() {
    let live = manifest(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "managedFields": [
            {"manager": "kubelet", "operation": "Update", "subresource": "status", "time": "2026-03-01T12:00:00Z",
             "fieldsV1": {"f:metadata": {"f:finalizers": {".": {}, "v:\"keep\"": {}}}, "f:list": {"i:2": {}, "x:?": {}},
                "f:ports": {"k:{\"protocol\": \"TCP\", \"port\": 80}": {".": {}}}}},
            {"manager": "odd"}
        ]}}),
    );
    let owners = owners(&live);
    assert_eq!(owners.len(), 2);
    assert!(!owners[0].is_apply);
    assert_eq!((owners[0].subresource.as_str(), owners[1].time.as_deref()), ("status", None));
    let field = |name: &str| PathElement::Field(name.to_owned());
    let covers = |path: &[PathElement]| owners[0].fields.covering(path).is_some();
    assert!(covers(&[field("metadata"), field("finalizers"), PathElement::Value("\"keep\"".to_owned())]));
    assert!(covers(&[field("list"), PathElement::Index(2), field("below")]));
    assert!(covers(&[field("ports"), PathElement::Key("{\"port\":80,\"protocol\":\"TCP\"}".to_owned())]));
    assert!(!covers(&[field("spec")]));
    assert!(!owners[1].fields.is_member && owners[1].fields.covering(&[field("spec")]).is_none());
}
