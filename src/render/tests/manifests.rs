//! What is admitted of manifests that somebody else wrote.

use serde_json::{Value, json};

use super::{Here, codes, from_manifests, one};
use crate::model::Replicas;

fn config_map(metadata: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
}

#[test]
fn manifests_stay_in_their_namespace_and_forge_nothing() {
    for (object, code) in [
        (config_map(json!({"name": "a"})), None),
        (config_map(json!({"name": "a", "namespace": "acme"})), None),
        (config_map(json!({"name": "a", "namespace": "kube-system"})), Some("S0604")),
        (config_map(json!({"name": "a", "uid": "1", "managedFields": []})), Some("S0602")),
        (config_map(json!({"name": "a", "ownerReferences": [{"uid": "1"}]})), Some("S0602")),
        (config_map(json!({"name": "a", "labels": {"sluice.dev/app": "b"}})), Some("S0602")),
        (config_map(json!({"name": "a", "annotations": {"sluice.dev/path": "b"}})), Some("S0602")),
        (config_map(json!({})), Some("S0601")),
        (json!("text"), Some("S0601")),
        (json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}), Some("S0603")),
        (
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}}),
            Some("S0603"),
        ),
        (json!({"apiVersion": "x.example/v1", "kind": "Thing", "metadata": {"name": "a"}}), Some("S0603")),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"p": "x"}}),
            Some("S0701"),
        ),
    ] {
        let rendered = Here::source(vec![object.clone()]).render(from_manifests());
        assert_eq!(codes(&rendered), code.into_iter().collect::<Vec<_>>(), "{object}");
    }
}

#[test]
fn workloads_of_manifests_keep_templates_and_give_their_replicas_away() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "nginx", "creationTimestamp": null},
        "spec": {
            "replicas": 4, "selector": {"matchLabels": {"app": "nginx"}},
            "template": {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [{
                "name": "c", "image": "nginx:1", "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": 0.5}},
            }]}},
        },
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [deployment]});
    let rendered = Here::source(vec![list]).render(from_manifests());
    assert_eq!(codes(&rendered), Vec::<&str>::new());
    let object = one(&rendered, "Deployment");
    assert_eq!(object.at("/spec/selector"), Some(&json!({"matchLabels": {"app": "nginx"}})));
    assert_eq!(object.at("/spec/template/metadata/labels"), Some(&json!({"app": "nginx"})));
    assert_eq!(object.at("/spec/replicas"), None);
    assert_eq!(object.label("sluice.dev/app"), Some("shop"));
    let container = object.at("/spec/template/spec/containers/0").unwrap();
    assert_eq!(container["ports"][0]["protocol"], "TCP");
    assert_eq!(container["resources"]["limits"]["cpu"], "500m");
    assert_eq!(rendered.settings.replicas.values().collect::<Vec<_>>(), [&Replicas::Fixed(4)]);
}

#[test]
fn a_kind_that_the_cluster_lacks_is_named() {
    let thing = json!({"apiVersion": "x.example/v1", "kind": "Thing", "metadata": {"name": "a"}});
    let here = Here { allowed: vec!["Thing.x.example".into()], ..Here::source(vec![thing]) };
    let rendered = here.render(from_manifests());
    assert_eq!(codes(&rendered), Vec::<&str>::new());
    assert_eq!(rendered.missing.into_iter().collect::<Vec<_>>(), ["Thing.x.example"]);
}
