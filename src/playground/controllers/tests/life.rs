//! Pods, owners, namespaces: how things come and go.

use super::*;

fn pod(image: &str, extra: Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "one", "namespace": "shop" },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    });
    json_patch::merge(&mut object, &extra);
    object
}

fn one(cluster: &Cluster) -> Arc<Value> {
    cluster.get("", "Pod", "one")
}

#[test]
fn a_pod_shows_what_its_containers_do() {
    // image, seconds, phase, state, reason, ready
    let cases = [
        ("shop:1", 1, "Running", "running", "", true),
        ("shop:slow", 10, "Running", "running", "", false),
        ("shop:slow", 21, "Running", "running", "", true),
        ("shop:never", 600, "Running", "running", "", false),
        ("shop:bad", 1, "Pending", "waiting", "ErrImagePull", false),
        ("shop:bad", 5, "Pending", "waiting", "ImagePullBackOff", false),
        ("shop:crash", 5, "Running", "waiting", "CrashLoopBackOff", false),
        ("shop:oom", 5, "Running", "waiting", "CrashLoopBackOff", false),
        ("shop:flap", 3, "Running", "running", "", true),
        ("shop:flap", 8, "Running", "running", "", false),
    ];
    for (image, secs, phase, state, reason, ready) in cases {
        let mut cluster = Cluster::new();
        cluster.add(pod(image, json!({})));
        cluster.settle(secs);
        let one = one(&cluster);
        let container = &one["status"]["containerStatuses"][0];
        assert_eq!(text(&one, "/status/phase"), phase, "{image} after {secs}s");
        assert_eq!(text(&container["state"], &format!("/{state}/reason")), reason, "{image} after {secs}s");
        assert!(container["state"].get(state).is_some(), "{image} after {secs}s: {container}");
        assert_eq!(container["ready"], ready, "{image} after {secs}s");
        assert_eq!(words(&one, "Ready").0 == "True", ready, "{image} after {secs}s");
        assert!(text(&one, "/status/podIP").starts_with("10.") || phase == "Pending");
    }
}

#[test]
fn a_crash_loop_backs_off_longer_each_time() {
    let mut cluster = Cluster::new();
    cluster.add(pod("shop:crash", json!({})));
    let mut restarts = Vec::new();
    cluster.advance(Duration::from_secs(90), |cluster| {
        let number = count(&one(cluster), "/status/containerStatuses/0/restartCount");
        if restarts.last().is_none_or(|(last, _)| *last != number) {
            restarts.push((number, cluster.now));
        }
    });
    let gaps: Vec<i64> =
        restarts.windows(2).map(|pair| (pair[1].1.as_second() - pair[0].1.as_second()).max(0)).collect();
    assert_eq!(restarts.last().unwrap().0, 4, "{restarts:?}");
    assert!(
        (10..=12).contains(&gaps[1]) && (20..=22).contains(&gaps[2]) && (40..=42).contains(&gaps[3]),
        "{gaps:?}"
    );
    let one = one(&cluster);
    let container = &one["status"]["containerStatuses"][0];
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    let message = text(container, "/state/waiting/message");
    assert!(
        message.starts_with("back-off 1m20s restarting failed container=main pod=one_shop("),
        "{message}"
    );
}

#[test]
fn a_pod_that_nothing_fits_waits_and_goes_on() {
    let mut cluster = Cluster::new();
    cluster.add(pod("shop:1", json!({ "spec": { "nodeSelector": { "number": "9" } } })));
    cluster.settle(5);
    let scheduled = one(&cluster);
    assert_eq!(words(&scheduled, "PodScheduled"), ("False", "Unschedulable"));
    let message = text(condition(&scheduled, "PodScheduled").unwrap(), "/message");
    assert!(
        message.starts_with("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
        "{message}"
    );
    cluster.add(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-9", "labels": { "number": "9" } },
    }));
    cluster.settle(1);
    assert_eq!(words(&one(&cluster), "Ready").0, "True");
}

#[test]
fn a_missing_configuration_holds_a_container_until_it_comes() {
    let env = json!({ "spec": { "containers": [{
        "name": "main", "image": "shop:1", "envFrom": [{ "configMapRef": { "name": "web" } }],
    }] } });
    let mut cluster = Cluster::new();
    cluster.add(pod("shop:1", env));
    cluster.settle(5);
    let waiting = one(&cluster)["status"]["containerStatuses"][0]["state"]["waiting"].clone();
    assert_eq!(
        waiting,
        json!({ "reason": "CreateContainerConfigError", "message": "configmap \"web\" not found" })
    );
    cluster.add(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "web", "namespace": "shop" },
    }));
    cluster.settle(1);
    assert_eq!(words(&one(&cluster), "Ready").0, "True");
}

#[test]
fn a_deleted_pod_goes_after_its_time() {
    let mut cluster = Cluster::new();
    cluster.add(pod("shop:1", json!({})));
    cluster.settle(2);
    cluster.delete("", "Pod", "one");
    cluster.run();
    assert!(cluster.find("", "Pod", "one").is_some(), "it has a moment to end");
    cluster.settle(1);
    assert!(cluster.find("", "Pod", "one").is_none());
}

#[test]
fn dependents_go_with_their_last_owner() {
    let mut cluster = Cluster::new();
    let config = |named: &str, owners: Value| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": named, "namespace": "shop", "ownerReferences": owners },
        })
    };
    let refer = |owner: &Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": name(owner), "uid": owner["metadata"]["uid"] });
    let first = cluster.add(config("first", json!([])));
    let second = cluster.add(config("second", json!([])));
    cluster.add(config("both", json!([refer(&first), refer(&second)])));
    cluster.add(config("only", json!([refer(&first)])));
    cluster.add(config("below", json!([refer(&cluster.get("", "ConfigMap", "only"))])));
    cluster.delete("", "ConfigMap", "first");
    cluster.settle(1);
    let left: Vec<_> = cluster.list("", "ConfigMap").iter().map(|config| name(config).to_owned()).collect();
    assert_eq!(left, ["both", "second"]);
    let owners = cluster.get("", "ConfigMap", "both")["metadata"]["ownerReferences"].clone();
    assert_eq!(owners, json!([refer(&second)]));
}

#[test]
fn foreground_deletion_waits_for_dependents_and_orphaning_frees_them() {
    for (finalizer, orphaned) in [("foregroundDeletion", false), ("orphan", true)] {
        let mut cluster = Cluster::new();
        cluster.add(json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": { "name": "web", "namespace": "shop" },
            "spec": {
                "replicas": 2, "selector": { "matchLabels": { "app": "web" } },
                "template": template("web", "shop:1"),
            },
        }));
        cluster.settle(2);
        cluster.edit("apps", "ReplicaSet", "web", |set| set["metadata"]["finalizers"] = json!([finalizer]));
        cluster.delete("apps", "ReplicaSet", "web");
        cluster.advance(Duration::from_secs(2), |cluster| {
            let gone = cluster.find("apps", "ReplicaSet", "web").is_none();
            assert!(!gone || orphaned || cluster.pods().is_empty(), "the owner goes last");
        });
        assert!(cluster.find("apps", "ReplicaSet", "web").is_none(), "{finalizer}");
        assert_eq!(cluster.pods().len(), if orphaned { 2 } else { 0 }, "{finalizer}");
    }
}

#[test]
fn a_deleted_namespace_takes_its_contents_with_it() {
    let mut cluster = Cluster::new();
    assert!(cluster.find("", "ServiceAccount", "default").is_some());
    cluster.add(pod("shop:1", json!({})));
    cluster.add(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "held", "namespace": "shop", "finalizers": ["example.com/hold"] },
    }));
    cluster.settle(2);
    cluster.store.delete("", "Namespace", None, "shop", None, None).unwrap();
    cluster.settle(5);
    let shop = cluster.store.get("", "Namespace", None, "shop").expect("held by a finalizer");
    assert_eq!(text(&shop, "/status/phase"), "Terminating");
    assert_eq!(words(&shop, "NamespaceFinalizersRemaining").0, "True");
    assert!(cluster.pods().is_empty());
    cluster.edit("", "ConfigMap", "held", |held| held["metadata"]["finalizers"] = json!([]));
    cluster.settle(1);
    assert!(cluster.store.get("", "Namespace", None, "shop").is_none());
}

#[test]
fn a_claim_binds_unless_its_class_is_unknown() {
    for (class, phase) in [(None, "Bound"), (Some("nowhere"), "Pending")] {
        let mut cluster = Cluster::new();
        cluster.add(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": "data", "namespace": "shop" },
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } },
            },
        }));
        assert_eq!(text(&cluster.get("", "PersistentVolumeClaim", "data"), "/status/phase"), phase);
    }
}

#[test]
fn a_claim_in_deletion_goes_with_the_last_pod_that_uses_it() {
    let mut cluster = Cluster::new();
    cluster.add(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data", "namespace": "shop", "finalizers": ["kubernetes.io/pvc-protection"],
        },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    }));
    let volume = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } });
    cluster.add(pod("shop:1", json!({ "spec": { "volumes": [volume] } })));
    cluster.settle(2);
    cluster.delete("", "PersistentVolumeClaim", "data");
    cluster.settle(60);
    assert!(cluster.find("", "PersistentVolumeClaim", "data").is_some(), "a pod uses it");
    cluster.delete("", "Pod", "one");
    cluster.settle(60);
    assert!(cluster.find("", "Pod", "one").is_none());
    assert!(cluster.find("", "PersistentVolumeClaim", "data").is_none(), "nobody uses it any more");
}
