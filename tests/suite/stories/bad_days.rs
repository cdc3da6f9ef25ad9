//! Bad days of a cluster: rights that go, namespaces that leave.

use serde_json::{Value, json};
use sluice::engine::environment::Sync;

use super::super::{World, text};
use super::{BETTER, GOOD, IMAGE};

/// Rights that are taken away stop everything and delete nothing; once they are back all goes on.
/// For a cluster of its own: the rights are those of the engine, everywhere.
pub async fn rights_that_go_and_come_back(mut world: World) -> World {
    const KIND: (&str, &str) = ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding");
    world.commit_web(GOOD, "");
    let gone = world.commit_app("gone", super::super::web(GOOD, "").split_once("spec:\n").unwrap().1);
    world.start();
    world.until_app("gone", &gone, Sync::Synced).await;
    world.until_synced(&gone).await;
    let admin = world.cluster("east").clone();
    let binding = admin.get(KIND.0, KIND.1, None, "sluice-engine").await.unwrap().into_value();
    admin.delete(KIND.0, KIND.1, None, "sluice-engine").await;
    let begun = world.cluster("east").count_writes();
    world.commit_web(BETTER, "");
    world.remove_app("gone");
    world
        .until("it is said what is missing", |status| {
            let web = status.apps.get(&world.app());
            web.is_some_and(|web| serde_json::to_string(web).unwrap().contains("cannot"))
        })
        .await;
    let writes: Vec<String> = (world.cluster("east").writes)().split_off(begun);
    let deleted = writes.iter().find(|line| line.starts_with("delete"));
    assert_eq!(deleted, None, "nothing is deleted");
    assert_eq!(text(&world.deployment("east").await, IMAGE), GOOD);
    let mut again = binding;
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
        again["metadata"].as_object_mut().unwrap().remove(field);
    }
    admin.apply("admin", again).await;
    world
        .until("all goes on", |status| {
            let web = status.apps.get(&world.app());
            status.rollouts.is_empty()
                && web.is_some_and(|web| matches!(web.sync, Sync::Synced | Sync::RolledBack))
        })
        .await;
    let newest = world.commit_web("registry.acme.example/shop/web:1.3.0", "");
    world.until_synced(&newest).await;
    world
        .until_true("what is removed goes", || async {
            world.live("east", "apps/v1", "Deployment", "gone").await.is_none()
        })
        .await;
    world
}

/// A namespace that is being deleted and hangs on a finalizer is waited for, with its own words;
/// nothing is made in it again and again. Once it is gone, all of it comes back.
pub async fn a_namespace_that_leaves_is_waited_for(mut world: World) -> World {
    let first = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&first).await;
    let cluster = world.cluster("east").clone();
    let tenant = world.tenant.clone();
    let stuck = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "stuck", "namespace": tenant, "finalizers": ["acme.example/stuck"]},
    });
    cluster.apply("admin", stuck).await;
    let before = cluster.get("v1", "Namespace", None, &tenant).await.unwrap();
    cluster.delete("v1", "Namespace", None, &tenant).await;
    world
        .until("it is said what holds it", |status| {
            let web = status.apps.get(&world.app());
            web.is_some_and(|web| {
                let words = serde_json::to_string(web).unwrap();
                words.contains("is being deleted") && words.contains("finalizers remaining")
            })
        })
        .await;
    let writes = cluster.count_writes();
    for _ in 0..3 {
        world.command(sluice::engine::command::Command::Sync {}).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let after = (cluster.writes)();
    assert_eq!(after.len(), writes, "nothing is made in it: {:?}", &after[writes..]);
    cluster
        .edit("v1", "ConfigMap", Some(&tenant), "stuck", json!({"metadata": {"finalizers": Value::Null}}))
        .await;
    world
        .until_true("the namespace is another", || async {
            let now = cluster.get("v1", "Namespace", None, &tenant).await;
            now.is_some_and(|now| now.uid() != before.uid())
        })
        .await;
    let ready = || async {
        let web = world.live("east", "apps/v1", "Deployment", "web").await;
        web.is_some_and(|web| web.at("/status/readyReplicas").and_then(Value::as_u64) == Some(3))
    };
    world.until_true("all of it is back", ready).await;
    world.until_synced(&first).await;
    world
}
