use std::sync::Arc;

use serde_json::{Value, json};

use super::{Change, Compacted, Store};
use crate::playground::kinds;
use crate::playground::{ManualClock, Objects, ObjectsError};

fn store() -> Store {
    Store::new(Arc::new(ManualClock::new("2026-05-01T10:00:00Z".parse().unwrap())))
}

fn deployment(replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"}, "spec": {"replicas": replicas}})
}

fn pod(node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-", "namespace": "shop"},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": 30}, "status": {"phase": "Running"}})
}

#[test]
fn a_new_object_gets_its_identity() {
    let mut store = store();
    let held = store.create(deployment(1)).unwrap();
    assert_eq!(held["metadata"]["generation"], 1);
    assert_eq!(held["metadata"]["creationTimestamp"], "2026-05-01T10:00:00Z");
    assert_eq!(held["metadata"]["uid"].as_str().unwrap().len(), 36);
    assert_eq!(store.create(deployment(1)), Err(ObjectsError::AlreadyExists));
    let pod = store.create(pod("")).unwrap();
    let name = pod["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("web-") && name.len() == 9, "{name}");
}

#[test]
fn the_generation_counts_changes_of_the_spec_only() {
    let mut store = store();
    store.create(deployment(1)).unwrap();
    let mut object = deployment(1);
    object["status"] = json!({"replicas": 1});
    assert_eq!(store.update_status(object.clone()).unwrap()["metadata"]["generation"], 1);
    object["metadata"]["labels"] = json!({"a": "b"});
    object["status"] = json!({"replicas": 9});
    let held = store.update(object).unwrap();
    assert_eq!((&held["metadata"]["generation"], &held["status"]["replicas"]), (&json!(1), &json!(1)));
    assert_eq!(store.update(deployment(2)).unwrap()["metadata"]["generation"], 2);
}

#[test]
fn a_stale_write_is_refused_and_an_equal_one_changes_nothing() {
    let mut store = store();
    let first = store.create(deployment(1)).unwrap();
    let second = store.update(deployment(2)).unwrap();
    assert!(matches!(store.update((*first).clone()), Err(ObjectsError::Conflict(_))));
    let revision = store.revision();
    assert_eq!(store.update((*second).clone()).unwrap(), second);
    assert_eq!(store.revision(), revision);
}

#[test]
fn finalizers_hold_a_deleted_object_until_the_last_is_gone() {
    let mut store = store();
    let mut object = deployment(1);
    object["metadata"]["finalizers"] = json!(["example.com/keep"]);
    store.create(object).unwrap();
    store.delete("apps", "Deployment", Some("shop"), "web", None, None).unwrap();
    let mut held = (*store.get("apps", "Deployment", Some("shop"), "web").unwrap()).clone();
    assert_eq!(held["metadata"]["deletionTimestamp"], "2026-05-01T10:00:00Z");
    held["metadata"]["finalizers"] = json!([]);
    store.update(held).unwrap();
    assert!(store.get("apps", "Deployment", Some("shop"), "web").is_none());
}

#[test]
fn a_running_pod_has_its_grace_and_goes_at_once_with_none() {
    let mut store = store();
    let held = store.create(pod("node-1")).unwrap();
    let (name, uid) = (held["metadata"]["name"].as_str().unwrap(), held["metadata"]["uid"].as_str());
    assert!(matches!(
        store.delete("", "Pod", Some("shop"), name, Some("other"), None),
        Err(ObjectsError::Conflict(_))
    ));
    store.delete("", "Pod", Some("shop"), name, uid, None).unwrap();
    let marked = store.get("", "Pod", Some("shop"), name).unwrap();
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-05-01T10:00:30Z");
    store.delete("", "Pod", Some("shop"), name, uid, Some(0)).unwrap();
    assert!(store.get("", "Pod", Some("shop"), name).is_none());
    // One that never ran goes at once.
    let idle = store.create(pod("")).unwrap();
    let name = idle["metadata"]["name"].as_str().unwrap();
    store.delete("", "Pod", Some("shop"), name, None, None).unwrap();
    assert!(store.get("", "Pod", Some("shop"), name).is_none());
}

#[test]
fn a_namespace_waits_for_its_own_finalizer() {
    let mut store = store();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"},
        "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
    store.create(namespace).unwrap();
    store.delete("", "Namespace", None, "shop", None, None).unwrap();
    let mut held = (*store.get("", "Namespace", None, "shop").unwrap()).clone();
    assert_eq!(held["status"]["phase"], "Terminating");
    held["spec"] = json!({});
    store.update(held).unwrap();
    assert!(store.get("", "Namespace", None, "shop").is_none());
}

#[test]
fn the_event_log_tells_what_happened_until_it_is_compacted() {
    let clock = Arc::new(ManualClock::new("2026-05-01T10:00:00Z".parse().unwrap()));
    let mut store = Store::with_event_limit(clock, 3);
    let start = store.revision();
    store.create(deployment(1)).unwrap();
    store.update(deployment(2)).unwrap();
    store.delete("apps", "Deployment", Some("shop"), "web", None, None).unwrap();
    let changes: Vec<Change> = store.events_after(start).unwrap().map(|event| event.change).collect();
    assert_eq!(changes, [Change::Added, Change::Modified, Change::Deleted]);
    store.create(deployment(1)).unwrap();
    assert_eq!(store.events_after(start).err(), Some(Compacted));
    assert_eq!(store.events_after(start + 1).unwrap().count(), 3);
    assert_eq!(store.take_changed().len(), 1, "changed objects are named once");
}

#[test]
fn kinds_are_found_by_group_and_name() {
    assert_eq!(kinds::by_plural("apps", "deployments").map(|kind| kind.kind), Some("Deployment"));
    assert_eq!(kinds::by_kind("", "Deployment"), None);
}

#[test]
fn what_controllers_write_is_theirs() {
    let mut store = store();
    let created = store.create(deployment(1)).unwrap();
    assert_eq!(created["metadata"]["managedFields"][0]["manager"], "kube-controller-manager");
    let mut object = (*created).clone();
    object["metadata"]["managedFields"] = json!([{"manager": "sluice", "operation": "Apply", "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}}}]);
    object["spec"]["paused"] = json!(true);
    let held = store.update(object).unwrap();
    let mut resized = (*held).clone();
    resized["spec"]["replicas"] = json!(4);
    resized["metadata"].as_object_mut().unwrap().remove("managedFields");
    let held = store.update(resized).unwrap();
    let managers: Vec<(&str, &str)> = held["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["manager"].as_str().unwrap(), entry["subresource"].as_str().unwrap_or("")))
        .collect();
    assert!(managers.contains(&("kube-controller-manager", "scale")), "{managers:?}");
    assert!(held["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"].get("f:replicas").is_none());
}
