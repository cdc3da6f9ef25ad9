//! What a worker does when others write, delete or forbid.

use super::*;

fn namespace() -> ObjectKey {
    ObjectKey::cluster_scoped("", "Namespace", "shop")
}

/// The platform's objects of the target.
fn furnish(world: &mut World) {
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let quota = object("v1", "ResourceQuota", "quota", json!({"spec": {"hard": {"pods": "9"}}}));
    world.here().platform = Numbered { number: 1, value: vec![Manifest::new(space).unwrap(), quota] };
}

#[tokio::test]
async fn a_workload_without_replicas_never_has_one() {
    type Stop = fn(&mut World);
    let cases: [(&str, Stop); 2] = [
        ("stopped by its settings", |world| {
            world.hold(&web("1", &[]));
            world.settings(Replicas::Fixed(0));
        }),
        ("at size zero", |world| {
            world.settings(Replicas::Fixed(2));
            world.hold_at(&web("1", &[]), Size::Zero);
        }),
    ];
    for (what, stop) in cases {
        let mut whole = World::new();
        stop(&mut whole);
        let writes = whole.settle().await;
        let shown: Vec<&String> = writes.iter().filter(|write| write.contains("Deployment")).collect();
        assert_eq!(
            shown,
            ["sluice", "sluice-scale", "sluice"]
                .map(|by| format!("{by} Deployment.apps shop/web"))
                .iter()
                .collect::<Vec<_>>(),
            "{what}: the number has two owners before one lets it go"
        );
        for (kill, takes_effect) in (0..writes.len()).flat_map(|kill| [(kill, false), (kill, true)]) {
            let mut world = World::new();
            stop(&mut world);
            world.cluster.die_after(kill, takes_effect);
            let _ = world.worker.pass(&world.share, &world.bundles).await;
            world.cluster.recover();
            world.worker = worker(&world.cluster);
            world.settle().await;
            world.cluster.take_away(&deployment("web"));
            world.settle().await;
            let name = format!("{what}, killed at write {kill}, {takes_effect}");
            assert_eq!(world.cluster.most_replicas(&deployment("web")), 0, "{name}");
            world.settings(Replicas::Fixed(2));
            world.hold(&web("1", &[]));
            world.settle().await;
            let replicas = world.cluster.object(&deployment("web")).unwrap().at("/spec/replicas").cloned();
            assert_eq!(replicas, Some(json!(2)), "{name}");
        }
    }
}

#[tokio::test]
async fn what_is_deleted_was_applied_by_us() {
    type Meanwhile = fn(&World, &ObjectKey);
    let cases: [(&str, Meanwhile, bool); 4] = [
        ("as we left it", |_, _| {}, true),
        (
            "nobody knows any more who owns its fields",
            |world, key| world.cluster.edit(key, |value| value["metadata"]["managedFields"] = json!([])),
            true,
        ),
        (
            "made again by us, with no time to note it",
            |world, key| world.cluster.edit(key, |value| value["metadata"]["uid"] = json!("another")),
            true,
        ),
        (
            "made again by somebody else",
            |world, key| {
                world.cluster.take_away(key);
                world.cluster.put_foreign(service("web").into_value());
            },
            false,
        ),
    ];
    for (what, meanwhile, goes) in cases {
        let mut world = started();
        world.settle().await;
        let key = core("Service", "web");
        meanwhile(&world, &key);
        world.hold(&web("1", &[]));
        world.bury(std::slice::from_ref(&key));
        world.settle().await;
        assert_eq!(world.cluster.object(&key).is_none(), goes, "{what}");
    }
}

#[tokio::test]
async fn rights_that_are_taken_away_stop_writes_and_deletions_until_they_are_back() {
    let mut world = started();
    world.settle().await;
    world.hold(&web("2", &["other"]));
    world.bury(&[core("Service", "web")]);
    world.cluster.take_rights(true);
    for _ in 0..3 {
        let report = world.pass().await;
        let evidence = &report.evidence;
        assert!(!evidence.applied && !evidence.refused && report.again, "{evidence:?}");
        assert!(evidence.trouble.as_ref().unwrap().contains("cannot"), "{evidence:?}");
        let deleted = world.cluster.writes().into_iter().find(|write| write.starts_with("delete"));
        assert_eq!(deleted, None);
    }
    assert!(world.cluster.object(&core("Service", "web")).is_some());
    world.cluster.take_rights(false);
    world.settle().await;
    let report = world.pass().await;
    assert!(report.evidence.applied && report.evidence.trouble.is_none(), "{:?}", report.evidence);
    assert_eq!(world.cluster.object(&core("Service", "web")), None);
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted_is_waited_for() {
    let mut world = started();
    furnish(&mut world);
    world.settle().await;
    let finalizers = "some content has finalizers remaining: acme.example/stuck";
    world.cluster.edit(&namespace(), |value| {
        value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        value["status"] = json!({"conditions": [
            {"type": "NamespaceContentRemaining", "status": "True", "message": "some content"},
            {"type": "NamespaceFinalizersRemaining", "status": "True", "message": finalizers},
        ]});
    });
    for key in [core("ResourceQuota", "quota"), core("Service", "web"), deployment("web")] {
        world.cluster.take_away(&key);
    }
    for _ in 0..3 {
        let reports = world.worker.pass(&world.share, &world.bundles).await.unwrap();
        for report in reports {
            let evidence = report.evidence;
            let trouble = evidence.trouble.unwrap_or_default();
            assert!(!evidence.applied && !evidence.refused, "{}: {trouble}", report.owner);
            assert!(
                trouble.contains(finalizers) || trouble.contains("waits for"),
                "{}: {trouble}",
                report.owner
            );
        }
    }
    assert_eq!(world.cluster.writes(), Vec::<String>::new(), "nothing is made again meanwhile");
    world.cluster.take_away(&namespace());
    world.settle().await;
    assert!(world.pass().await.evidence.applied);
    for key in [namespace(), core("ResourceQuota", "quota"), core("Service", "web"), deployment("web")] {
        assert!(world.cluster.object(&key).is_some(), "{key}");
    }
}

#[tokio::test]
async fn an_object_that_others_made_again_is_looked_at_anew() {
    let mut world = started();
    world.settle().await;
    world.cluster.freeze_watches(true);
    let before = world.cluster.object(&core("Service", "web")).unwrap();
    world.cluster.take_away(&core("Service", "web"));
    world.cluster.put_foreign(service("web").into_value());
    let mut changed = service("web").into_value();
    changed["spec"]["selector"] = json!({"app": "other"});
    let main = workload("Deployment", "web", "1", "web-1");
    let workloads = BTreeMap::from([("web".parse().unwrap(), main.key())]);
    world.hold(&Bundle::new(workloads, vec![config("web-1"), main, Manifest::new(changed).unwrap()]));
    let report = world.pass().await;
    assert!(report.evidence.applied, "{:?}", report.evidence);
    assert_eq!(world.settle().await.last().unwrap(), "inventory", "under its new uid");
    assert_eq!(world.pass().await.writes, 0, "though the watch shows the old one still");
    let after = world.cluster.object(&core("Service", "web")).unwrap();
    assert_ne!(after.uid(), before.uid());
    assert_eq!(after.at("/spec/selector").unwrap(), &json!({"app": "other"}));
    world.cluster.freeze_watches(false);
    assert_eq!(world.settle().await, Vec::<String>::new());
    world.hold(&web("1", &[]));
    world.bury(&[core("Service", "web")]);
    assert_eq!(world.settle().await, ["delete Service shop/web", "inventory"], "it is ours by now");
}

#[tokio::test]
async fn old_pods_serve_while_a_release_moves() {
    let mut world = started();
    world.settle().await;
    let uid = world.cluster.object(&deployment("web")).unwrap().uid().unwrap().to_owned();
    let owned = |kind: &str, name: &str, uid: &str, of: (&str, &str)| {
        json!({
            "apiVersion": if kind == "Pod" { "v1" } else { "apps/v1" }, "kind": kind,
            "metadata": {
                "name": name, "namespace": "shop",
                "annotations": {"deployment.kubernetes.io/revision": uid},
                "ownerReferences": [{"controller": true, "kind": of.0, "name": "x", "uid": of.1}],
            },
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })
    };
    for revision in ["1", "2"] {
        world.cluster.put_foreign(owned("ReplicaSet", revision, revision, ("Deployment", &uid)));
    }
    let old = world.cluster.object(&ObjectKey::namespaced("apps", "ReplicaSet", "shop", "1")).unwrap();
    for name in ["a", "b"] {
        world.cluster.put_foreign(owned("Pod", name, "", ("ReplicaSet", old.uid().unwrap())));
    }
    world.cluster.edit(&deployment("web"), |value| {
        value["status"] = json!({"observedGeneration": value["metadata"]["generation"], "replicas": 2});
    });
    let report = world.pass().await;
    let web = report.evidence.components.values().next().unwrap();
    assert_eq!((web.wanted, web.updated, web.ready, web.old, web.serving), (2, 0, 0, 2, 2));
}
