//! Through `kube::Client`, under tokio's paused time, with the controllers running.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;

use super::{config_map, deployment};
use crate::playground::{Options, Playground, Store, SystemClock, TokioClock, bootstrap};

async fn start() -> Playground {
    let mut options = Options::new(["one", "two"]);
    options.port = None;
    options.clock = Arc::new(TokioClock::starting_at(super::NOW.parse().unwrap()));
    Playground::start(options).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_applied_deployment_gets_its_pods() {
    let playground = start().await;
    let client = playground.cluster("one").unwrap().client("admin");
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "default");
    let applied = Patch::Apply(deployment("web"));
    deployments.patch("web", &PatchParams::apply("sluice").force(), &applied).await.unwrap();
    let mut events =
        deployments.watch(&WatchParams::default().fields("metadata.name=web"), "0").await.unwrap().boxed();
    loop {
        let event = events.try_next().await.unwrap().expect("the watch goes on");
        let (WatchEvent::Added(held) | WatchEvent::Modified(held)) = event else { continue };
        if held.status.and_then(|status| status.available_replicas) == Some(2) {
            break;
        }
    }
    let pods: Api<Pod> = Api::namespaced(client, "default");
    assert_eq!(pods.list(&ListParams::default().labels("app=web")).await.unwrap().items.len(), 2);
    let other: Api<Pod> = Api::all(playground.cluster("two").unwrap().client("admin"));
    assert!(other.list(&ListParams::default()).await.unwrap().items.is_empty(), "clusters share nothing");
    playground.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_namespace_takes_its_objects_along() {
    let playground = start().await;
    let client = playground.cluster("one").unwrap().client("admin");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let shop = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
    namespaces.create(&Default::default(), &shop).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client, "shop");
    let params = PatchParams::apply("sluice");
    deployments.patch("web", &params, &Patch::Apply(deployment("web"))).await.unwrap();
    namespaces.delete("shop", &DeleteParams::default()).await.unwrap();
    let gone = async {
        while namespaces.get_opt("shop").await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), gone).await.expect("the namespace goes");
    assert!(deployments.list(&ListParams::default()).await.unwrap().items.is_empty());
    playground.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_initial_events_changes_and_bookmarks() {
    let playground = start().await;
    let client = playground.cluster("one").unwrap().client("admin");
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let first = serde_json::from_value(config_map("a", json!({"k": "1"}))).unwrap();
    maps.create(&Default::default(), &first).await.unwrap();
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut seen = watcher(maps.clone(), config).applied_objects().boxed();
        let held = seen.try_next().await.unwrap().expect("the first object");
        let number: u32 = held.data.unwrap()["k"].parse().unwrap();
        let patch = json!({"data": {"k": (number + 1).to_string()}});
        maps.patch("a", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        let held = seen.try_next().await.unwrap().expect("the change");
        assert_eq!(held.data.unwrap()["k"], (number + 1).to_string());
    }
    // An idle watch tells how far it is.
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut events = maps.watch(&WatchParams::default(), &version).await.unwrap().boxed();
    let event = events.try_next().await.unwrap().expect("a bookmark");
    assert!(matches!(event, WatchEvent::Bookmark(_)), "{event:?}");
    playground.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_before_the_log_is_expired() {
    let server = super::Server::new();
    *server.0.store() = Store::with_event_limit(Arc::new(SystemClock), 2);
    bootstrap::fill(&mut server.0.store());
    let path = "/api/v1/namespaces/default/configmaps?watch=true&resourceVersion=2&timeoutSeconds=5";
    let request = http::Request::builder().uri(path).body(bytes::Bytes::new()).unwrap();
    let response = server.0.handle(&request, Some(&super::admin()));
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(event["object"]["reason"], "Expired");
}
