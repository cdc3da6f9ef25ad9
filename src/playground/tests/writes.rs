use serde_json::{Value, json};

use super::{DEPLOYMENTS, Server, config_map, deployment};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[test]
fn a_new_deployment_gets_its_defaults() {
    let server = Server::new();
    let (code, held) = server.post(DEPLOYMENTS, &deployment("web"));
    assert_eq!(code, 201);
    let spec = &held["spec"];
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    assert_eq!((&spec["progressDeadlineSeconds"], &spec["revisionHistoryLimit"]), (&json!(600), &json!(10)));
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["dnsPolicy"], "ClusterFirst");
    assert_eq!(
        pod["containers"][0],
        json!({"name": "web", "image": "web:1", "imagePullPolicy": "IfNotPresent",
        "resources": {}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"})
    );
    assert_eq!(held["status"], json!({}));
}

#[test]
fn values_are_kept_in_canonical_form() {
    let server = Server::new();
    let mut object = deployment("web");
    object["spec"]["template"]["spec"]["containers"][0] = json!({"name": "web", "image": "web", "args": [],
        "env": [{"name": "A", "value": ""}], "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}});
    object["spec"]["minReadySeconds"] = json!(0);
    object["metadata"]["labels"] = Value::Null;
    let (_, held) = server.post(DEPLOYMENTS, &object);
    let container = &held["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"], json!({"cpu": "500m", "memory": "1Gi"}));
    assert_eq!(container["env"], json!([{"name": "A"}]));
    assert_eq!(container["imagePullPolicy"], "Always");
    assert!(container.get("args").is_none() && held["spec"].get("minReadySeconds").is_none());
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}});
    let (_, held) = server.post("/api/v1/namespaces/default/secrets", &secret);
    assert_eq!((&held["data"], held.get("stringData")), (&json!({"k": "dg=="}), None));
}

#[test]
fn services_are_given_addresses_and_ports() {
    let server = Server::new();
    let path = "/api/v1/namespaces/default/services";
    let service = |name: &str, kind: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"type": kind, "selector": {"a": "b"}, "ports": [{"port": 80}]}})
    };
    let (_, first) = server.post(path, &service("a", "ClusterIP"));
    let (_, second) = server.post(path, &service("b", "NodePort"));
    assert_ne!(first["spec"]["clusterIP"], second["spec"]["clusterIP"]);
    assert_eq!(first["spec"]["ports"], json!([{"port": 80, "protocol": "TCP", "targetPort": 80}]));
    assert_eq!(second["spec"]["ports"][0]["nodePort"], 30_000);
    // A write that says nothing about the address keeps it; another one is refused.
    let (code, held) = server.put(&format!("{path}/a"), &service("a", "ClusterIP"));
    assert_eq!((code, &held["spec"]["clusterIP"]), (200, &first["spec"]["clusterIP"]));
    let mut moved = service("a", "ClusterIP");
    moved["spec"]["clusterIP"] = json!("10.96.9.9");
    let (code, status) = server.put(&format!("{path}/a"), &moved);
    assert_eq!(code, 422, "{status}");
}

#[test]
fn faulty_objects_are_refused_with_their_causes() {
    let server = Server::new();
    server.post(DEPLOYMENTS, &deployment("taken"));
    let change = |pointer: &str, value: Value| {
        let mut object = deployment("web");
        *object.pointer_mut(pointer).unwrap() = value;
        object
    };
    let container = "/spec/template/spec/containers/0";
    let cases = [
        (deployment("taken"), 409, "deployments.apps \"taken\" already exists"),
        (
            change("/metadata/name", json!("Web")),
            422,
            "Deployment.apps \"Web\" is invalid: metadata.name: Invalid value: \"Web\": a lowercase RFC 1123 subdomain",
        ),
        (
            change("/spec/selector", json!({"matchLabels": {"app": "other"}})),
            422,
            "Deployment.apps \"web\" is invalid: spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
        ),
        (
            change(container, json!({"name": "web"})),
            422,
            "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].image: Required value",
        ),
        (
            change(
                container,
                json!({"name": "web", "image": "a", "volumeMounts": [{"name": "x", "mountPath": "/x"}]}),
            ),
            422,
            "Deployment.apps \"web\" is invalid: spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"x\"",
        ),
        (
            change("/spec/replicas", json!("two")),
            400,
            "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            change("/spec/replicas", json!(-1)),
            422,
            "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}),
            422,
            "Deployment.apps \"web\" is invalid: [spec.selector: Required value",
        ),
    ];
    for (object, expected, message) in cases {
        let (code, status) = server.post(DEPLOYMENTS, &object);
        let found = status["message"].as_str().unwrap_or_default();
        assert!(code == expected && found.starts_with(message), "{code} {found}\nnot {expected} {message}");
    }
}

#[test]
fn the_pods_of_a_stateful_set_may_mount_its_claims() {
    let server = Server::new();
    let mut set = deployment("db");
    set["kind"] = json!("StatefulSet");
    set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]);
    set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
        json!([{"name": "data", "mountPath": "/data"}]);
    let (code, answer) = server.post("/apis/apps/v1/namespaces/default/statefulsets", &set);
    assert_eq!(code, 201, "{answer}");
}

#[test]
fn unknown_fields_are_warned_of_or_refused() {
    let server = Server::new();
    let mut object = config_map("a", json!({}));
    object["dta"] = json!({"x": "y"});
    let (code, status) = server.post(&format!("{CONFIG_MAPS}?fieldValidation=Strict"), &object);
    assert_eq!(code, 400);
    let message = "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dta\"";
    assert_eq!(status["message"], message);
    let (code, held) = server.post(&format!("{CONFIG_MAPS}?fieldValidation=Warn"), &object);
    assert_eq!((code, held.get("dta")), (201, None));
}

#[test]
fn what_is_fixed_stays() {
    let server = Server::new();
    server.post(DEPLOYMENTS, &deployment("web"));
    let mut object = deployment("web");
    object["spec"]["selector"] = json!({"matchLabels": {"app": "x"}});
    object["spec"]["template"]["metadata"]["labels"] = json!({"app": "x"});
    let (code, status) = server.put(&format!("{DEPLOYMENTS}/web"), &object);
    assert_eq!((code, &status["details"]["causes"][0]["field"]), (422, &json!("spec.selector")));
    let mut map = config_map("fixed", json!({"a": "1"}));
    map["immutable"] = json!(true);
    server.post(CONFIG_MAPS, &map);
    map["data"] = json!({"a": "2"});
    let (code, status) = server.put(&format!("{CONFIG_MAPS}/fixed"), &map);
    assert_eq!(code, 422);
    assert_eq!(
        status["message"],
        "ConfigMap \"fixed\" is invalid: data: Forbidden: field is immutable when `immutable` is set"
    );
}

#[test]
fn writes_carry_preconditions() {
    let server = Server::new();
    let path = format!("{CONFIG_MAPS}/a");
    let (_, first) = server.post(CONFIG_MAPS, &config_map("a", json!({"k": "1"})));
    let mut second = first.clone();
    second["data"]["k"] = json!("2");
    assert_eq!(server.put(&path, &second).0, 200);
    let (code, status) = server.put(&path, &second);
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    let mut other = config_map("a", json!({"k": "3"}));
    other["metadata"]["uid"] = json!("11111111-1111-1111-1111-111111111111");
    assert_eq!(server.put(&path, &other).0, 409);
    let options = json!({"preconditions": {"uid": "x"}});
    let (code, status) = server.ask("DELETE", &path, "application/json", &options);
    assert_eq!(code, 409, "{status}");
    let options = json!({"preconditions": {"uid": first["metadata"]["uid"]}});
    let (code, status) = server.ask("DELETE", &path, "application/json", &options);
    assert_eq!((code, &status["status"]), (200, &json!("Success")));
    assert_eq!(server.get(&path).0, 404);
}

#[test]
fn a_dry_run_stores_nothing() {
    let server = Server::new();
    let revision = server.0.store().revision();
    let (code, held) = server.post(&format!("{DEPLOYMENTS}?dryRun=All"), &deployment("web"));
    assert_eq!((code, &held["spec"]["progressDeadlineSeconds"]), (201, &json!(600)));
    let (code, _) = server.apply(&format!("{DEPLOYMENTS}/web?fieldManager=m&dryRun=All"), &deployment("web"));
    assert_eq!((code, server.0.store().revision()), (201, revision));
    let audit = server.0.audit.events();
    assert!(audit.iter().all(|event| event.dry_run && !event.changed && !event.is_write()));
}

#[test]
fn namespaces_take_nothing_before_and_after_their_life() {
    let server = Server::new();
    let path = "/api/v1/namespaces/shop/configmaps";
    let (code, status) = server.post(path, &config_map("a", json!({})));
    assert_eq!((code, &status["message"]), (404, &json!("namespaces \"shop\" not found")));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    server.post("/api/v1/namespaces", &namespace);
    assert_eq!(server.post(path, &config_map("a", json!({}))).0, 201);
    server.ask("DELETE", "/api/v1/namespaces/shop", "", &Value::Null);
    let (code, status) = server.post(path, &config_map("b", json!({})));
    assert_eq!((code, &status["details"]["causes"][0]["reason"]), (403, &json!("NamespaceTerminating")));
    assert_eq!(
        status["message"],
        "configmaps \"b\" is forbidden: unable to create new content in namespace shop because it is being terminated"
    );
}

#[test]
fn scale_changes_the_size_and_takes_the_field() {
    let server = Server::new();
    server.apply(&format!("{DEPLOYMENTS}/web?fieldManager=sluice"), &deployment("web"));
    let path = format!("{DEPLOYMENTS}/web/scale");
    let (_, mut scale) = server.get(&path);
    assert_eq!((&scale["kind"], &scale["status"]["selector"]), (&json!("Scale"), &json!("app=web")));
    scale["spec"]["replicas"] = json!(5);
    let (code, scale) = server.put(&path, &scale);
    assert_eq!((code, &scale["spec"]["replicas"]), (200, &json!(5)));
    let (_, held) = server.get(&format!("{DEPLOYMENTS}/web"));
    assert_eq!(held["metadata"]["generation"], 2);
    let managers = held["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(managers.len(), 2);
    assert!(managers[0]["fieldsV1"]["f:spec"].get("f:replicas").is_none());
    assert_eq!(
        (&managers[1]["subresource"], &managers[1]["fieldsV1"]),
        (&json!("scale"), &json!({"f:spec": {"f:replicas": {}}}))
    );
    let patch = json!({"spec": {"replicas": 3}});
    let (code, scale) = server.ask("PATCH", &path, "application/merge-patch+json", &patch);
    assert_eq!((code, &scale["spec"]["replicas"]), (200, &json!(3)));
}

#[test]
fn collections_are_deleted_by_selector() {
    let server = Server::new();
    for name in ["a", "b"] {
        let mut map = config_map(name, json!({}));
        map["metadata"]["labels"] = json!({"name": name});
        server.post(CONFIG_MAPS, &map);
    }
    let (code, list) = server.ask("DELETE", &format!("{CONFIG_MAPS}?labelSelector=name=a"), "", &Value::Null);
    assert_eq!((code, list["items"].as_array().unwrap().len()), (200, 1));
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/a")).0, 404);
    assert_eq!(server.get(&format!("{CONFIG_MAPS}/b")).0, 200);
}
