mod lists;

use serde_json::{Value, json};

use super::field_set::FieldSet;
use super::managed::{ApplyError, Reset, Served, Writer, apply, conflict_message, decode, record_update};
use super::strategic;
use crate::playground::schema::{Type, schema};

const NOW: &str = "2026-05-01T10:00:00Z";

fn deployment() -> Served<'static> {
    let kind = Type::Named("Deployment".into());
    Served { types: vec![("apps/v1".to_owned(), schema(), kind)], reset: Reset::Nothing }
}

fn writer(manager: &str) -> Writer<'_> {
    Writer { manager, api_version: "apps/v1", subresource: "", now: NOW }
}

fn with_spec(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
}

fn with_containers(containers: Value) -> Value {
    with_spec(json!({"template": {"spec": {"containers": containers}}}))
}

/// Applies one configuration after the other, each by its manager, and checks the last spec.
#[track_caller]
fn check(steps: &[(&str, Value)], expected: Value) {
    let mut live = Value::Null;
    for (manager, config) in steps {
        live = apply(&deployment(), &live, config, &writer(manager), true).unwrap();
    }
    assert_eq!(live["spec"], expected["spec"]);
}

#[test]
fn what_a_manager_no_longer_applies_goes() {
    check(
        &[
            ("a", with_spec(json!({"replicas": 3, "paused": true}))),
            ("a", with_spec(json!({"paused": true}))),
        ],
        with_spec(json!({"paused": true})),
    );
}

#[test]
fn what_another_manager_applies_too_stays() {
    check(
        &[
            ("a", with_spec(json!({"replicas": 3, "paused": true}))),
            ("b", with_spec(json!({"replicas": 3}))),
            ("a", with_spec(json!({"paused": true}))),
        ],
        with_spec(json!({"paused": true, "replicas": 3})),
    );
}

#[test]
fn lists_that_are_maps_merge_by_their_keys() {
    check(
        &[
            (
                "a",
                with_containers(
                    json!([{"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}]}]),
                ),
            ),
            ("b", with_containers(json!([{"name": "side", "image": "side:1"}]))),
            (
                "b",
                with_containers(json!([{"name": "side", "image": "side:1"},
                {"name": "web", "env": [{"name": "B", "value": "2"}]}])),
            ),
            ("a", with_containers(json!([{"name": "web", "image": "web:2"}]))),
        ],
        with_containers(json!([{"name": "side", "image": "side:1"},
            {"name": "web", "image": "web:2", "env": [{"name": "B", "value": "2"}]}])),
    );
}

#[test]
fn an_item_goes_with_its_last_owner_and_keys_have_defaults() {
    check(
        &[
            (
                "a",
                with_containers(
                    json!([{"name": "web", "ports": [{"containerPort": 80}, {"containerPort": 53,
                "protocol": "UDP"}]}]),
                ),
            ),
            (
                "a",
                with_containers(json!([{"name": "web", "ports": [{"containerPort": 80, "protocol": "TCP",
                "name": "http"}]}])),
            ),
        ],
        with_containers(
            json!([{"name": "web", "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}]}]),
        ),
    );
}

#[test]
fn atomic_values_are_replaced_whole() {
    check(
        &[
            (
                "a",
                with_spec(json!({"selector": {"matchLabels": {"x": "1"}},
                "template": {"spec": {"nodeSelector": {"a": "1"}, "tolerations": [{"key": "a"}]}}})),
            ),
            (
                "b",
                with_spec(json!({"selector": {"matchLabels": {"y": "2"}},
                "template": {"spec": {"nodeSelector": {"b": "2"}, "tolerations": [{"key": "b"}]}}})),
            ),
        ],
        with_spec(json!({"selector": {"matchLabels": {"y": "2"}},
            "template": {"spec": {"nodeSelector": {"b": "2"}, "tolerations": [{"key": "b"}]}}})),
    );
}

#[test]
fn a_conflict_names_field_and_manager() {
    let live =
        apply(&deployment(), &Value::Null, &with_spec(json!({"replicas": 3})), &writer("a"), false).unwrap();
    let mut scaled = live.clone();
    scaled["spec"]["replicas"] = json!(5);
    let scaler = Writer { subresource: "scale", ..writer("kubectl") };
    record_update(&deployment(), &live, &mut scaled, &scaler);
    let owners: Vec<String> = decode(&scaled).into_iter().map(|entry| entry.manager).collect();
    assert_eq!(owners, ["kubectl"], "an update takes what it changes");
    let again = apply(&deployment(), &scaled, &with_spec(json!({"replicas": 3})), &writer("a"), false);
    let Err(ApplyError::Conflicts(conflicts)) = again else { panic!("{again:?}") };
    assert_eq!(
        conflict_message(&conflicts),
        "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas"
    );
    let forced =
        apply(&deployment(), &scaled, &with_spec(json!({"replicas": 3})), &writer("a"), true).unwrap();
    assert_eq!(decode(&forced).len(), 1);
}

#[test]
fn several_conflicts_are_grouped_by_manager() {
    let config = with_spec(json!({"replicas": 3, "paused": true}));
    let live = apply(&deployment(), &Value::Null, &config, &writer("a"), false).unwrap();
    let config = with_spec(json!({"replicas": 4, "paused": false}));
    let Err(ApplyError::Conflicts(conflicts)) = apply(&deployment(), &live, &config, &writer("b"), false)
    else {
        panic!("no conflict")
    };
    assert_eq!(
        conflict_message(&conflicts),
        "Apply failed with 2 conflicts: conflicts with \"a\":\n- .spec.paused\n- .spec.replicas"
    );
}

#[test]
fn a_configuration_must_fit_the_schema() {
    let cases = [
        (with_spec(json!({"replica": 1})), ".spec.replica: field not declared in schema"),
        (with_spec(json!({"paused": 1})), ".spec.paused: expected boolean, got 1"),
        (
            with_containers(json!([{"name": "web", "env": [{"name": "A"}, {"name": "A"}]}])),
            ".spec.template.spec.containers[name=\"web\"].env: duplicate entries for key [name=\"A\"]",
        ),
        (
            with_containers(json!([{"image": "web"}])),
            ".spec.template.spec.containers: element 0: associative list with keys has an element that omits key field \"name\" (and doesn't have default value)",
        ),
    ];
    for (config, message) in cases {
        match apply(&deployment(), &Value::Null, &config, &writer("a"), false) {
            Err(ApplyError::Type(error)) => assert_eq!(error.0, message),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn field_sets_are_written_as_the_api_server_writes_them() {
    let config =
        with_containers(json!([{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}]));
    let live = apply(&deployment(), &Value::Null, &config, &writer("a"), false).unwrap();
    let fields = &live["metadata"]["managedFields"][0]["fieldsV1"];
    let expected = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
        ".": {}, "f:name": {}, "f:image": {},
        "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}}}}}});
    assert_eq!(fields, &expected);
    assert_eq!(FieldSet::decode(fields).encode(), expected);
}

#[test]
fn an_equal_apply_changes_nothing_and_the_first_finds_unknown_owners() {
    let config = with_spec(json!({"replicas": 3}));
    let live = apply(&deployment(), &Value::Null, &config, &writer("a"), false).unwrap();
    let later = Writer { now: "2026-05-01T11:00:00Z", ..writer("a") };
    assert_eq!(apply(&deployment(), &live, &config, &later, false).unwrap(), live);
    let bare = with_spec(json!({"replicas": 1}));
    let Err(ApplyError::Conflicts(conflicts)) = apply(&deployment(), &bare, &config, &writer("a"), false)
    else {
        panic!("no conflict")
    };
    assert_eq!(conflicts[0].manager, "\"before-first-apply\" using apps/v1");
}

#[test]
fn strategic_patches_merge_lists_by_key() {
    let original =
        with_containers(json!([{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:1"}]));
    let cases = [
        (
            json!([{"name": "web", "image": "web:2"}]),
            json!([{"name": "web", "image": "web:2"},
            {"name": "side", "image": "side:1"}]),
        ),
        (json!([{"name": "side", "$patch": "delete"}]), json!([{"name": "web", "image": "web:1"}])),
        (json!([{"$patch": "replace"}, {"name": "new"}]), json!([{"name": "new"}])),
        (
            json!([{"name": "web", "image": null}]),
            json!([{"name": "web"}, {"name": "side", "image": "side:1"}]),
        ),
    ];
    for (containers, expected) in cases {
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let patched = strategic::patch(&Type::Named("Deployment".into()), &original, &patch).unwrap();
        assert_eq!(patched["spec"]["template"]["spec"]["containers"], expected);
    }
    let ordered = json!({"spec": {"template": {"spec": {
        "$setElementOrder/containers": [{"name": "side"}, {"name": "web"}]}}}});
    let patched = strategic::patch(&Type::Named("Deployment".into()), &original, &ordered).unwrap();
    assert_eq!(patched["spec"]["template"]["spec"]["containers"][0]["name"], "side");
}

#[test]
fn a_null_leaves_to_others_what_they_put_into_a_map() {
    check(
        &[
            ("a", with_spec(json!({"template": {"spec": {"securityContext": {"runAsUser": 1}}}}))),
            ("b", with_spec(json!({"template": {"spec": {"securityContext": null}}}))),
            ("a", with_spec(json!({"template": {"spec": {"securityContext": {"runAsUser": 1}}}}))),
        ],
        with_spec(json!({"template": {"spec": {"securityContext": {"runAsUser": 1}}}})),
    );
}
