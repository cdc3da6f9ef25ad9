//! Settings and healing: what needs no rollout, and what people change by hand.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice::engine::command::Command;
use sluice::model::Manifest;

use super::super::{LIMIT, World, text};
use super::{BETTER, GOOD, IMAGE, component};

fn number(object: &Manifest, pointer: &str) -> u64 {
    object.at(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn web(image: &str, replicas: u32, more: &str) -> String {
    let replicas = format!("      replicas: {replicas}\n{more}");
    format!("  grayRelease: quick\n  components:\n{}", component("web", image, &replicas))
}

/// Waits until something is true of a live object.
async fn until(
    world: &World,
    what: &str,
    api: &str,
    kind: &str,
    name: &str,
    holds: impl Fn(&Manifest) -> bool,
) {
    let begun = Instant::now();
    loop {
        let live = world.live("east", api, kind, name).await;
        if live.as_ref().is_some_and(&holds) {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain until {what}: {live:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Replicas need no rollout; a scale by hand is healed.
pub async fn replicas_are_settings(mut world: World) -> World {
    let first = world.commit_app("web", &web(GOOD, 2, ""));
    world.start();
    world.until_synced(&first).await;
    let second = world.commit_app("web", &web(GOOD, 4, ""));
    world.until_synced(&second).await;
    let four = |object: &Manifest| {
        number(object, "/spec/replicas") == 4 && number(object, "/status/readyReplicas") == 4
    };
    until(&world, "four replicas run", "apps/v1", "Deployment", "web", four).await;
    let scale = json!({"spec": {"replicas": 1}});
    let generation = world.deployment("east").await.generation();
    world.cluster("east").edit("apps/v1", "Deployment", Some(&world.tenant), "web", scale).await;
    let healed = |object: &Manifest| four(object) && object.generation() > generation;
    until(&world, "the scale by hand is healed", "apps/v1", "Deployment", "web", healed).await;
    assert_eq!(world.rollouts().len(), 1, "none of it is a release");
    world
}

/// Fields that people change are put back, what they add where it changes what runs is taken away,
/// and what they add elsewhere is theirs.
pub async fn edits_by_hand_are_healed(mut world: World) -> World {
    let first = world.commit_app("web", &web(GOOD, 2, ""));
    world.start();
    world.until_synced(&first).await;
    let before = world.deployment("east").await;
    let edit = json!({
        "metadata": {
            "labels": {"app.kubernetes.io/managed-by": "hand"},
            "annotations": {"acme.example/on-call": "ann"},
        },
        "spec": {"template": {"spec": {"containers": [
            {"name": "main", "image": BETTER, "env": [{"name": "DEBUG", "value": "1"}]},
        ]}}},
    });
    world.cluster("east").edit("apps/v1", "Deployment", Some(&world.tenant), "web", edit).await;
    let as_before = |object: &Manifest| {
        object.at("/spec/template") == before.at("/spec/template")
            && object.at("/metadata/labels") == before.at("/metadata/labels")
    };
    until(&world, "the edit is healed", "apps/v1", "Deployment", "web", as_before).await;
    let port = json!({"spec": {"ports": [{"port": 8080, "name": "http", "targetPort": 9999}], "selector": {"x": "y"}}});
    let service = world.live("east", "v1", "Service", "web").await.unwrap();
    world.cluster("east").edit("v1", "Service", Some(&world.tenant), "web", port).await;
    let as_before = |object: &Manifest| {
        object.at("/spec/ports") == service.at("/spec/ports")
            && object.at("/spec/selector") == service.at("/spec/selector")
    };
    until(&world, "the service is healed", "v1", "Service", "web", as_before).await;
    let deployment = world.deployment("east").await;
    assert_eq!(deployment.annotation("acme.example/on-call"), Some("ann"), "a foreign annotation stays");
    assert_eq!(world.rollouts().len(), 1, "healing is no release");
    world
}

/// Content of a ConfigMap that is no release of its own is put back.
pub async fn data_edited_by_hand_is_healed(mut world: World) -> World {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\ndata: {greeting: hello}\n";
    let folder = format!("tenants/{}", world.tenant);
    let of_app = super::super::app("web", "  grayRelease: quick\n  source: {manifests: [words]}\n");
    let first = world.commit(
        "objects",
        &[
            (&format!("{folder}/web.yaml"), Some(of_app.as_str())),
            (&format!("{folder}/words/map.yaml"), Some(map)),
        ],
    );
    world.start();
    world.until_synced(&first).await;
    let edit = json!({"data": {"greeting": "oops", "more": "words"}});
    world.cluster("east").edit("v1", "ConfigMap", Some(&world.tenant), "words", edit).await;
    let healed = |object: &Manifest| object.at("/data") == Some(&json!({"greeting": "hello"}));
    until(&world, "the data is healed", "v1", "ConfigMap", "words", healed).await;
    world
}

/// What is deleted by hand comes back.
pub async fn deleted_objects_come_back(mut world: World) -> World {
    let first = world.commit_app("web", &web(GOOD, 2, ""));
    world.start();
    world.until_synced(&first).await;
    for (api, kind) in [("v1", "Service"), ("apps/v1", "Deployment")] {
        let uid = world.live("east", api, kind, "web").await.unwrap().uid().map(str::to_owned);
        world.cluster("east").delete(api, kind, Some(&world.tenant), "web").await;
        let back = |object: &Manifest| object.uid().map(str::to_owned) != uid;
        until(&world, &format!("the {kind} is back"), api, kind, "web", back).await;
    }
    let ready = |object: &Manifest| number(object, "/status/readyReplicas") == 2;
    until(&world, "its pods are ready", "apps/v1", "Deployment", "web", ready).await;
    assert_eq!(world.rollouts().len(), 1, "healing is no release");
    world
}

/// A stopped app is there and no pod of it ever starts; set running, it runs.
pub async fn a_stopped_app_starts_no_pod(mut world: World) -> World {
    let stopped = world.commit_app("web", &(web(GOOD, 2, "") + "  state: stopped\n"));
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.tenant.clone()}});
    world.cluster("east").apply("admin", namespace).await;
    let pods = world.watch("east", "v1", "Pod").await;
    let course = world.watch("east", "apps/v1", "Deployment").await;
    world.start();
    world.until_synced(&stopped).await;
    world.cluster("east").delete("apps/v1", "Deployment", Some(&world.tenant), "web").await;
    let there = |object: &Manifest| number(object, "/status/observedGeneration") > 0;
    until(&world, "it is made again", "apps/v1", "Deployment", "web", there).await;
    assert_eq!(course.course("web", "/spec/replicas"), [0], "at no moment is a pod wanted");
    assert_eq!(pods.states().len(), 0, "{:?}", pods.states());
    let running = world.commit_app("web", &web(GOOD, 2, ""));
    world.until_synced(&running).await;
    let ready = |object: &Manifest| number(object, "/status/readyReplicas") == 2;
    until(&world, "it runs", "apps/v1", "Deployment", "web", ready).await;
    world
}

/// Where there is an autoscaler, replicas are its own after the first size.
pub async fn an_autoscaler_keeps_its_replicas(mut world: World) -> World {
    let scaler = "      autoscale: {min: 2, max: 5}\n";
    let web =
        |image: &str| format!("  grayRelease: quick\n  components:\n{}", component("web", image, scaler));
    let first = world.commit_app("web", &web(GOOD));
    world.start();
    world.until_synced(&first).await;
    let course = world.watch("east", "apps/v1", "Deployment").await;
    assert_eq!(number(&world.deployment("east").await, "/spec/replicas"), 2, "the first size");
    assert!(world.live("east", "autoscaling/v2", "HorizontalPodAutoscaler", "web").await.is_some());
    let scale = json!({"spec": {"replicas": 4}});
    world.cluster("east").edit("apps/v1", "Deployment", Some(&world.tenant), "web", scale).await;
    let four = |object: &Manifest| number(object, "/status/readyReplicas") == 4;
    until(&world, "four replicas run", "apps/v1", "Deployment", "web", four).await;
    let better = world.commit_app("web", &web(BETTER));
    world.until_synced(&better).await;
    assert_eq!(course.course("web", "/spec/replicas"), [2, 4], "nobody scales it back");
    world
}

/// A field that is owned elsewhere is rendered once and then left to whoever owns it.
pub async fn a_field_owned_elsewhere_is_not_fought_over(mut world: World) -> World {
    const FIELD: &str = "/spec/progressDeadlineSeconds";
    let app = |image: &str| {
        web(image, 2, "")
            + "  ownedElsewhere:\n    - {target: {kind: Deployment}, fields: [/spec/progressDeadlineSeconds]}\n"
    };
    let first = world.commit_app("web", &app(GOOD));
    world.start();
    world.until_synced(&first).await;
    let rendered = number(&world.deployment("east").await, FIELD);
    assert!(rendered > 0, "made as rendered");
    let course = world.watch("east", "apps/v1", "Deployment").await;
    let edit = json!({"spec": {"progressDeadlineSeconds": 777}});
    world.cluster("east").edit("apps/v1", "Deployment", Some(&world.tenant), "web", edit).await;
    let better = world.commit_app("web", &app(BETTER));
    world.until_synced(&better).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
    let theirs = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": world.tenant.clone()},
        "spec": {"progressDeadlineSeconds": 888},
    });
    world.cluster("east").apply("other", theirs).await;
    let good = world.commit_app("web", &app(GOOD));
    world.until_synced(&good).await;
    world.command(Command::Sync {}).await;
    world.until_synced(&good).await;
    assert_eq!(course.course("web", FIELD), [rendered, 777, 888], "only its owners change it");
    world
}
