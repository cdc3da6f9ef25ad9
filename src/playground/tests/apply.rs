use serde_json::{Value, json};

use super::{DEPLOYMENTS, Server, deployment};

fn path(query: &str) -> String {
    format!("{DEPLOYMENTS}/web?{query}")
}

#[test]
fn an_apply_creates_then_changes_then_leaves_alone() {
    let server = Server::new();
    let (code, first) = server.apply(&path("fieldManager=sluice&force=true"), &deployment("web"));
    assert_eq!((code, &first["metadata"]["generation"]), (201, &json!(1)));
    let (code, same) = server.apply(&path("fieldManager=sluice&force=true"), &deployment("web"));
    assert_eq!((code, &same), (200, &first), "an equal apply changes nothing, not even the resourceVersion");
    let seen: Vec<bool> = server.0.audit.events().iter().map(|event| event.changed).collect();
    assert_eq!(seen, [true, false], "the audit tells needless writes");
    let mut changed = deployment("web");
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
    let (code, second) = server.apply(&path("fieldManager=sluice&force=true"), &changed);
    assert_eq!((code, &second["metadata"]["generation"]), (200, &json!(2)));
    assert_ne!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
}

#[test]
fn conflicts_are_answered_in_the_api_servers_words() {
    let server = Server::new();
    server.apply(&path("fieldManager=sluice"), &deployment("web"));
    let patch = json!([{"op": "replace", "path": "/spec/replicas", "value": 7}]);
    let (code, _) =
        server.ask("PATCH", &path("fieldManager=kubectl-edit"), "application/json-patch+json", &patch);
    assert_eq!(code, 200);
    let (code, status) = server.apply(&path("fieldManager=sluice"), &deployment("web"));
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    assert_eq!(
        status["message"],
        "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using apps/v1: .spec.replicas"
    );
    assert_eq!(
        status["details"]["causes"],
        json!([{"reason": "FieldManagerConflict",
        "message": "conflict with \"kubectl-edit\" using apps/v1", "field": ".spec.replicas"}])
    );
    let (code, held) = server.apply(&path("fieldManager=sluice&force=true"), &deployment("web"));
    assert_eq!((code, &held["spec"]["replicas"]), (200, &json!(2)));
}

#[test]
fn giving_up_replicas_without_a_second_owner_resets_them() {
    let server = Server::new();
    let mut object = deployment("web");
    object["spec"]["replicas"] = json!(5);
    server.apply(&path("fieldManager=sluice"), &object);
    object["spec"].as_object_mut().unwrap().remove("replicas");
    let scale = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 5}});
    let (code, _) = server.apply(&path("fieldManager=sluice-scale"), &scale);
    assert_eq!(code, 200, "two appliers may own one value together");
    let (_, held) = server.apply(&path("fieldManager=sluice"), &object);
    assert_eq!(held["spec"]["replicas"], 5);
    let nothing = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
    let (_, held) = server.apply(&path("fieldManager=sluice-scale"), &nothing);
    assert_eq!(held["spec"]["replicas"], 1, "the last owner gone, the default is back");
}

#[test]
fn preconditions_fence_an_apply() {
    let server = Server::new();
    let (_, held) = server.apply(&path("fieldManager=m"), &deployment("web"));
    let with = |field: &str, value: Value| {
        let mut object = deployment("web");
        object["metadata"][field] = value;
        object["metadata"]["labels"] = json!({"changed": "yes"});
        object
    };
    let stale = with("resourceVersion", json!("1"));
    assert_eq!(server.apply(&path("fieldManager=m&force=true"), &stale).0, 409);
    assert_eq!(server.apply(&path("fieldManager=m&force=true"), &with("uid", json!("x"))).0, 409);
    let fresh = with("resourceVersion", held["metadata"]["resourceVersion"].clone());
    assert_eq!(server.apply(&path("fieldManager=m&force=true"), &fresh).0, 200);
    // Gone: a uid is refused, a resourceVersion alone is not.
    server.ask("DELETE", &path(""), "", &Value::Null);
    let (code, status) = server.apply(&path("fieldManager=m"), &with("uid", json!("x")));
    assert!(code == 409 && status["message"].as_str().unwrap().contains("uid mismatch"), "{status}");
    assert_eq!(server.apply(&path("fieldManager=m"), &fresh).0, 201);
}

#[test]
fn bad_configurations_are_no_retry() {
    let server = Server::new();
    let mut unknown = deployment("web");
    unknown["spec"]["replica"] = json!(1);
    let (code, status) = server.apply(&path("fieldManager=m"), &unknown);
    assert_eq!(code, 500);
    assert_eq!(
        status["message"],
        "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema"
    );
    let (code, _) = server.apply(&path(""), &deployment("web"));
    assert_eq!(code, 422, "a field manager is required");
    let (code, _) = server.apply(&path("fieldManager=m"), &json!({"metadata": {"name": "web"}}));
    assert_eq!(code, 400);
}

#[test]
fn status_and_spec_are_written_apart() {
    let server = Server::new();
    server.apply(&path("fieldManager=sluice"), &deployment("web"));
    let status = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 9}, "status": {"readyReplicas": 2}});
    let (code, held) = server.apply(&format!("{DEPLOYMENTS}/web/status?fieldManager=c"), &status);
    assert_eq!(code, 200, "{held}");
    assert_eq!((&held["spec"]["replicas"], &held["status"]["readyReplicas"]), (&json!(2), &json!(2)));
    let mut object = deployment("web");
    object["status"] = json!({"readyReplicas": 0});
    let (_, held) = server.apply(&path("fieldManager=sluice"), &object);
    assert_eq!(held["status"]["readyReplicas"], 2);
}

#[test]
fn ownership_moves_by_writing_managed_fields() {
    let server = Server::new();
    server.post(&format!("{DEPLOYMENTS}?fieldManager=kubectl-create"), &deployment("web"));
    let (_, held) = server.get(&path(""));
    let mut entry = held["metadata"]["managedFields"][0].clone();
    entry["manager"] = json!("sluice");
    entry["operation"] = json!("Apply");
    let patch = json!([{"op": "replace", "path": "/metadata/managedFields", "value": [entry]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": held["metadata"]["resourceVersion"]}]);
    let (code, held) =
        server.ask("PATCH", &path("fieldManager=mover"), "application/json-patch+json", &patch);
    assert_eq!(code, 200, "{held}");
    let managers = held["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!((managers.len(), &managers[0]["manager"]), (1, &json!("sluice")));
}
