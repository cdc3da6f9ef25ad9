use serde_json::{Value, json};

use super::{DEPLOYMENTS, Server, config_map, deployment};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().filter_map(|item| item["metadata"]["name"].as_str()).collect()
}

fn server_with_maps() -> Server {
    let server = Server::new();
    for (name, tier) in [("a", "front"), ("b", "back"), ("c", "back")] {
        let mut map = config_map(name, json!({}));
        map["metadata"]["labels"] = json!({"tier": tier});
        assert_eq!(server.post(CONFIG_MAPS, &map).0, 201);
    }
    server
}

#[test]
fn lists_are_narrowed_by_labels_and_fields() {
    let server = server_with_maps();
    let cases: [(&str, &[&str]); 9] = [
        ("", &["a", "b", "c"]),
        ("labelSelector=tier%3Dback", &["b", "c"]),
        ("labelSelector=tier!=back", &["a"]),
        ("labelSelector=tier+in+(front,x)", &["a"]),
        ("labelSelector=tier+notin+(front)", &["b", "c"]),
        ("labelSelector=!tier", &[]),
        ("labelSelector=tier", &["a", "b", "c"]),
        ("fieldSelector=metadata.name=b", &["b"]),
        ("fieldSelector=metadata.name!=b,metadata.namespace=default", &["a", "c"]),
    ];
    for (query, expected) in cases {
        let (code, list) = server.get(&format!("{CONFIG_MAPS}?{query}"));
        assert_eq!((code, names(&list)), (200, expected.to_vec()), "{query}");
    }
    let (code, status) = server.get(&format!("{CONFIG_MAPS}?fieldSelector=data.x=1"));
    assert_eq!((code, &status["message"]), (400, &json!("field label not supported: data.x")));
}

#[test]
fn lists_come_in_pages() {
    let server = server_with_maps();
    let (_, first) = server.get(&format!("{CONFIG_MAPS}?limit=2"));
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 1);
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = server.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}"));
    assert_eq!(names(&second), ["c"]);
    assert!(second["metadata"].get("continue").is_none());
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(server.get(&format!("{CONFIG_MAPS}?continue=x")).0, 400);
}

#[test]
fn what_is_not_there_is_answered_with_a_status() {
    let server = Server::new();
    let cases = [
        (format!("{DEPLOYMENTS}/web"), "NotFound", "deployments.apps \"web\" not found"),
        ("/api/v1/namespaces/default/pods/web".into(), "NotFound", "pods \"web\" not found"),
        ("/apis/apps/v1/things".into(), "NotFound", "the server could not find the requested resource"),
        ("/apis/apps/v9/deployments".into(), "NotFound", "the server could not find the requested resource"),
    ];
    for (path, reason, message) in cases {
        let (code, status) = server.get(&path);
        assert_eq!(code, 404, "{path}");
        assert_eq!((&status["kind"], &status["reason"]), (&json!("Status"), &json!(reason)), "{path}");
        assert_eq!(status["message"], message, "{path}");
    }
}

#[test]
fn tables_and_metadata_are_other_forms_of_the_same() {
    let server = Server::new();
    server.post(DEPLOYMENTS, &deployment("web"));
    let ask = |accept: &str, path: &str| {
        let request =
            http::Request::builder().uri(path).header("accept", accept).body(bytes::Bytes::new()).unwrap();
        let response = server.0.handle(&request, Some(&super::admin()));
        let body = http_body_util::BodyExt::collect(response.into_body());
        let body = futures::executor::block_on(body).unwrap().to_bytes();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let table = ask("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", DEPLOYMENTS);
    assert_eq!(table["columnDefinitions"][1]["name"], "Ready");
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(cells[..2], [json!("web"), json!("0/2")]);
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list = ask(partial, DEPLOYMENTS);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert!(list["items"][0].get("spec").is_none());
    assert_eq!(list["items"][0]["metadata"]["managedFields"][0]["manager"], "test");
}

#[test]
fn discovery_names_every_kind_once_in_both_forms() {
    let server = Server::new();
    let (_, old) = server.get("/apis/apps/v1");
    let resources: Vec<&str> =
        old["resources"].as_array().unwrap().iter().filter_map(|held| held["name"].as_str()).collect();
    for wanted in ["deployments", "deployments/status", "deployments/scale", "daemonsets"] {
        assert_eq!(resources.iter().filter(|held| **held == wanted).count(), 1, "{wanted}");
    }
    let (_, version) = server.get("/version");
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("36")));
    let (_, document) = server.get("/openapi/v3/apis/apps/v1");
    let containers = &document["components"]["schemas"]["PodSpec"]["properties"]["containers"]["x-kubernetes-list-map-keys"];
    assert_eq!(containers, &json!(["name"]));
    assert_eq!(server.get("/openapi/v2").0, 404);
}
