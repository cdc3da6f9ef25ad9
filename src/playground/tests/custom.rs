//! Custom resources, from their definition to their end.

use serde_json::{Value, json};

use super::Server;
use crate::playground::controllers::{Controllers, PodBehaviour};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/shop.example/v1/namespaces/default/widgets";

fn definition() -> Value {
    let port = json!({"type": "object", "required": ["port"], "properties": {
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "protocol": {"type": "string", "default": "TCP", "enum": ["TCP", "UDP"]}}});
    let spec = json!({"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 0},
        "color": {"type": "string", "default": "red", "pattern": "^[a-z]+$"},
        "limit": {"x-kubernetes-int-or-string": true},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "ports": {"type": "array", "items": port, "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"]}}});
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec,
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}});
    let subresources = json!({"status": {}, "scale": {"specReplicasPath": ".spec.size",
        "statusReplicasPath": ".status.size", "labelSelectorPath": ".status.selector"}});
    let columns = json!([{"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}]);
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage,
        "schema": schema, "subresources": subresources, "additionalPrinterColumns": columns})
    };
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.shop.example"}, "spec": {"group": "shop.example", "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
        "versions": [version("v1", true), version("v1beta1", false)]}})
}

fn widget(spec: Value) -> Value {
    json!({"apiVersion": "shop.example/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": spec})
}

/// Lets the controllers do what the changes so far call for.
fn settle(server: &Server, controllers: &mut Controllers) {
    let mut store = server.0.store();
    let changed = store.take_changed();
    let now = store.now();
    controllers.run(&mut *store, &changed, now);
}

fn served() -> (Server, Controllers) {
    let (server, mut controllers) = (Server::new(), Controllers::new(PodBehaviour::default()));
    let (code, answer) = server.post(DEFINITIONS, &definition());
    assert_eq!(code, 201, "{answer}");
    assert_eq!(server.get(WIDGETS).0, 404, "not before it is established");
    settle(&server, &mut controllers);
    (server, controllers)
}

#[test]
fn a_definition_is_established_and_found() {
    let (server, _) = served();
    let (_, held) = server.get(&format!("{DEFINITIONS}/widgets.shop.example"));
    let conditions: Vec<&Value> =
        held["status"]["conditions"].as_array().unwrap().iter().map(|held| &held["type"]).collect();
    assert_eq!(conditions, ["NamesAccepted", "Established"]);
    assert_eq!(held["status"]["acceptedNames"]["listKind"], "WidgetList");
    let (_, group) = server.get("/apis/shop.example");
    assert_eq!(group["preferredVersion"]["version"], "v1");
    let (_, resources) = server.get("/apis/shop.example/v1beta1");
    let names: Vec<&Value> =
        resources["resources"].as_array().unwrap().iter().map(|held| &held["name"]).collect();
    assert_eq!(names, ["widgets", "widgets/status", "widgets/scale"]);
    let (_, document) = server.get("/openapi/v3/apis/shop.example/v1");
    let published = &document["components"]["schemas"]["shop.example.v1.Widget"]["properties"];
    assert_eq!(published["spec"]["properties"]["size"]["type"], "integer");
}

#[test]
fn objects_are_pruned_defaulted_and_checked() {
    let (server, _) = served();
    let spec = json!({"size": 2, "unknown": 1, "open": {"any": {"thing": 1}}, "limit": "50%", "ports": [{"port": 80}]});
    let (code, held) = server.post(WIDGETS, &widget(spec.clone()));
    assert_eq!(code, 201, "{held}");
    let expected = json!({"size": 2, "color": "red", "open": {"any": {"thing": 1}}, "limit": "50%",
        "ports": [{"port": 80, "protocol": "TCP"}]});
    assert_eq!((&held["spec"], &held["metadata"]["generation"]), (&expected, &json!(1)));
    let (code, status) = server.post(&format!("{WIDGETS}?fieldValidation=Strict"), &widget(spec));
    assert_eq!(code, 400);
    let message = "Widget in version \"v1\" cannot be handled as a Widget: strict decoding error: unknown field \"spec.unknown\"";
    assert_eq!(status["message"], message);
    let cases = [
        (json!({}), "spec.size: Required value"),
        (
            json!({"size": "2"}),
            "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: \"string\"",
        ),
        (
            json!({"size": -1}),
            "spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 0",
        ),
        (
            json!({"size": 1, "color": "R"}),
            "spec.color: Invalid value: \"R\": spec.color in body should match '^[a-z]+$'",
        ),
        (json!({"size": 1, "tags": ["a", "a"]}), "spec.tags[1]: Duplicate value: \"a\""),
        (
            json!({"size": 1, "ports": [{"port": 1, "protocol": "X"}]}),
            "spec.ports[0].protocol: Unsupported value: \"X\": supported values: \"TCP\", \"UDP\"",
        ),
    ];
    for (spec, fault) in cases {
        let mut object = widget(spec);
        object["metadata"]["name"] = json!("two");
        let (code, status) = server.post(WIDGETS, &object);
        let expected = format!("Widget.shop.example \"two\" is invalid: {fault}");
        assert_eq!((code, status["message"].as_str().unwrap_or_default()), (422, expected.as_str()));
    }
}

#[test]
fn an_apply_merges_lists_as_the_schema_says() {
    let (server, _) = served();
    let path = format!("{WIDGETS}/one?fieldManager=");
    let mine = widget(json!({"size": 1, "tags": ["a"], "ports": [{"port": 80}]}));
    assert_eq!(server.apply(&format!("{path}one"), &mine).0, 201);
    let other = widget(json!({"tags": ["b"], "ports": [{"port": 80, "protocol": "UDP"}]}));
    let (code, held) = server.apply(&format!("{path}two"), &other);
    assert_eq!((code, &held["spec"]["tags"]), (200, &json!(["a", "b"])));
    assert_eq!(held["spec"]["ports"].as_array().unwrap().len(), 2);
    let (code, _) = server.apply(&format!("{path}two"), &widget(json!({"size": 2})));
    assert_eq!(code, 409);
    let (_, held) = server.apply(&format!("{path}two"), &widget(json!({})));
    assert_eq!(
        (&held["spec"]["tags"], &held["metadata"]["managedFields"].as_array().unwrap().len()),
        (&json!(["a"]), &2),
        "an empty map is a field too"
    );
    let (code, status) = server.apply(&format!("{path}two"), &widget(json!({"none": 2})));
    assert_eq!(code, 500, "{status}");
    assert!(
        status["message"].as_str().unwrap().ends_with(".spec.none: field not declared in schema"),
        "{status}"
    );
}

#[test]
fn versions_and_subresources_show_one_object() {
    let (server, _) = served();
    server.post(WIDGETS, &widget(json!({"size": 2})));
    let beta = "/apis/shop.example/v1beta1/namespaces/default/widgets/one";
    let (_, held) = server.get(beta);
    assert_eq!((&held["apiVersion"], &held["spec"]["size"]), (&json!("shop.example/v1beta1"), &json!(2)));
    let status = json!({"status": {"size": 2, "selector": "a=b", "conditions": [{"type": "Ready", "status": "True"}]},
        "spec": {"size": 9}});
    let (code, held) =
        server.ask("PATCH", &format!("{WIDGETS}/one/status"), "application/merge-patch+json", &status);
    assert_eq!((code, &held["spec"]["size"], &held["metadata"]["generation"]), (200, &json!(2), &json!(1)));
    let (_, mut scale) = server.get(&format!("{beta}/scale"));
    assert_eq!(
        (&scale["status"], &scale["spec"]),
        (&json!({"replicas": 2, "selector": "a=b"}), &json!({"replicas": 2}))
    );
    scale["spec"]["replicas"] = json!(4);
    assert_eq!(server.put(&format!("{WIDGETS}/one/scale"), &scale).0, 200);
    let request = http::Request::builder()
        .uri(WIDGETS)
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let response = server.0.handle(&request.body(bytes::Bytes::new()).unwrap(), Some(&super::admin()));
    let body = futures::executor::block_on(http_body_util::BodyExt::collect(response.into_body())).unwrap();
    let table: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
    assert_eq!(table["rows"][0]["cells"], json!(["one", 4, "True"]));
}

#[test]
fn a_definition_takes_its_objects_along() {
    let (server, mut controllers) = served();
    let mut held = widget(json!({"size": 1}));
    held["metadata"]["finalizers"] = json!(["shop.example/hold"]);
    server.post(WIDGETS, &held);
    let path = format!("{DEFINITIONS}/widgets.shop.example");
    let (_, definition) = server.ask("DELETE", &path, "", &Value::Null);
    assert_eq!(definition["metadata"]["finalizers"], json!(["customresourcecleanup.apiextensions.k8s.io"]));
    let (code, _) = server.post(WIDGETS, &widget(json!({"size": 1})));
    assert_eq!(code, 405, "nothing new in what goes");
    settle(&server, &mut controllers);
    assert!(server.get(&format!("{WIDGETS}/one")).1["metadata"].get("deletionTimestamp").is_some());
    let patch = json!({"metadata": {"finalizers": null}});
    server.ask("PATCH", &format!("{WIDGETS}/one"), "application/merge-patch+json", &patch);
    settle(&server, &mut controllers);
    assert_eq!((server.get(&path).0, server.get(WIDGETS).0), (404, 404));
}

#[test]
fn faulty_definitions_are_refused() {
    let server = Server::new();
    let cases: [(&str, Value, &str); 4] = [
        ("/metadata/name", json!("other"), "metadata.name"),
        ("/spec/scope", json!("Everywhere"), "spec.scope"),
        ("/spec/versions/1/storage", json!(true), "spec.versions"),
        ("/spec/versions/0/schema", json!({}), "spec.versions[0].schema.openAPIV3Schema"),
    ];
    for (pointer, value, field) in cases {
        let mut object = definition();
        *object.pointer_mut(pointer).unwrap() = value;
        let (code, status) = server.post(DEFINITIONS, &object);
        assert_eq!((code, &status["details"]["causes"][0]["field"]), (422, &json!(field)), "{status}");
    }
}
