//! Stateful and daemon sets over their whole course.

use super::*;

fn stateful(replicas: i64, image: &str, extra: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": { "name": "db", "namespace": "shop" },
        "spec": {
            "replicas": replicas, "serviceName": "db", "selector": { "matchLabels": { "app": "db" } },
            "template": template("db", image),
            "volumeClaimTemplates": [{
                "metadata": { "name": "data" },
                "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
            }],
        },
    });
    json_patch::merge(&mut object["spec"], &extra);
    object
}

fn set_image(cluster: &mut Cluster, kind: &str, named: &str, image: &str) {
    cluster.edit("apps", kind, named, |set| {
        set["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    });
}

/// Image and readiness by pod name.
fn images(cluster: &Cluster) -> BTreeMap<String, (String, bool)> {
    let pods = cluster.pods();
    let entry = |pod: &Arc<Value>| {
        let image = text(pod, "/spec/containers/0/image").to_owned();
        (name(pod).to_owned(), (image, super::super::replica_set::is_ready(pod)))
    };
    pods.iter().map(entry).collect()
}

fn expected(entries: &[(&str, &str, bool)]) -> BTreeMap<String, (String, bool)> {
    entries.iter().map(|(pod, image, ready)| ((*pod).to_owned(), ((*image).to_owned(), *ready))).collect()
}

#[test]
fn pods_of_a_stateful_set_come_and_go_in_order() {
    let mut cluster = Cluster::new();
    cluster.add(stateful(3, "db:1", json!({})));
    cluster.advance(Duration::from_secs(5), |cluster| {
        let pods = images(cluster);
        let ready: Vec<bool> = pods.values().map(|(_, ready)| *ready).collect();
        // All but the last are ready: each waits for the one before.
        assert!(ready.iter().rev().skip(1).all(|ready| *ready), "{pods:?}");
    });
    assert_eq!(images(&cluster).into_keys().collect::<Vec<_>>(), ["db-0", "db-1", "db-2"]);
    let claims = cluster.list("", "PersistentVolumeClaim");
    assert_eq!(
        claims.iter().map(|claim| name(claim)).collect::<Vec<_>>(),
        ["data-db-0", "data-db-1", "data-db-2"]
    );
    assert!(claims.iter().all(|claim| text(claim, "/status/phase") == "Bound"));
    cluster.edit("apps", "StatefulSet", "db", |set| set["spec"]["replicas"] = json!(1));
    cluster.advance(Duration::from_secs(5), |cluster| {
        assert!(cluster.pods().iter().filter(|pod| super::super::object::deleting(pod)).count() <= 1);
    });
    assert_eq!(images(&cluster).into_keys().collect::<Vec<_>>(), ["db-0"]);
    assert_eq!(cluster.list("", "PersistentVolumeClaim").len(), 3, "claims outlive their pods");
}

#[test]
fn a_partition_holds_lower_pods_back() {
    let mut cluster = Cluster::new();
    cluster.add(stateful(3, "db:1", json!({ "updateStrategy": { "rollingUpdate": { "partition": 2 } } })));
    cluster.settle(5);
    let first = cluster.get("apps", "StatefulSet", "db")["status"]["currentRevision"].clone();
    set_image(&mut cluster, "StatefulSet", "db", "db:2");
    cluster.settle(10);
    let held = [("db-0", "db:1", true), ("db-1", "db:1", true), ("db-2", "db:2", true)];
    assert_eq!(images(&cluster), expected(&held));
    cluster.delete("", "Pod", "db-0");
    cluster.settle(5);
    assert_eq!(images(&cluster), expected(&held), "a held pod comes back as it was");
    let set = cluster.get("apps", "StatefulSet", "db");
    assert_eq!(set["status"]["updatedReplicas"], 1);
    assert_eq!(set["status"]["currentRevision"], first);
    assert_ne!(set["status"]["updateRevision"], first);
    cluster.edit("apps", "StatefulSet", "db", |set| {
        set["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = json!(0);
    });
    cluster.advance(Duration::from_secs(10), |cluster| assert!(cluster.ready_pods() >= 2));
    let set = cluster.get("apps", "StatefulSet", "db");
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    assert_eq!(set["status"]["updatedReplicas"], 3);
}

#[test]
fn a_bad_pod_stays_until_it_is_deleted() {
    let mut cluster = Cluster::new();
    cluster.add(stateful(3, "db:1", json!({})));
    cluster.settle(5);
    set_image(&mut cluster, "StatefulSet", "db", "db:2-bad");
    cluster.advance(Duration::from_secs(30), |cluster| assert!(cluster.ready_pods() >= 2));
    set_image(&mut cluster, "StatefulSet", "db", "db:1");
    cluster.settle(60);
    let stuck = [("db-0", "db:1", true), ("db-1", "db:1", true), ("db-2", "db:2-bad", false)];
    assert_eq!(images(&cluster), expected(&stuck));
    cluster.delete("", "Pod", "db-2");
    cluster.settle(5);
    let whole = [("db-0", "db:1", true), ("db-1", "db:1", true), ("db-2", "db:1", true)];
    assert_eq!(images(&cluster), expected(&whole));
    let set = cluster.get("apps", "StatefulSet", "db");
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
}

#[test]
fn on_delete_and_parallel_are_honoured() {
    let mut cluster = Cluster::new();
    let extra = json!({ "podManagementPolicy": "Parallel", "updateStrategy": { "type": "OnDelete" } });
    cluster.add(stateful(3, "db:1", extra));
    assert_eq!(cluster.pods().len(), 3, "all at once");
    cluster.settle(5);
    set_image(&mut cluster, "StatefulSet", "db", "db:2");
    cluster.settle(5);
    assert!(images(&cluster).values().all(|(image, _)| image == "db:1"));
    cluster.delete("", "Pod", "db-1");
    cluster.settle(5);
    let mixed = [("db-0", "db:1", true), ("db-1", "db:2", true), ("db-2", "db:1", true)];
    assert_eq!(images(&cluster), expected(&mixed));
}

fn daemon(extra: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": { "name": "agent", "namespace": "shop" },
        "spec": { "selector": { "matchLabels": { "app": "agent" } }, "template": template("agent", "agent:1") },
    });
    json_patch::merge(&mut object["spec"], &extra);
    object
}

#[test]
fn a_daemon_set_runs_on_every_node_and_rolls_one_by_one() {
    let mut cluster = Cluster::new();
    cluster.add(daemon(json!({})));
    cluster.settle(5);
    let nodes = |cluster: &Cluster| -> Vec<String> {
        let mut nodes: Vec<_> =
            cluster.pods().iter().map(|pod| text(pod, "/spec/nodeName").to_owned()).collect();
        nodes.sort();
        nodes
    };
    assert_eq!(nodes(&cluster), ["node-1", "node-2", "node-3"]);
    cluster.add(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-4" } }));
    cluster.settle(5);
    assert_eq!(nodes(&cluster), ["node-1", "node-2", "node-3", "node-4"]);
    set_image(&mut cluster, "DaemonSet", "agent", "agent:2");
    cluster.advance(Duration::from_secs(20), |cluster| assert!(cluster.ready_pods() >= 3));
    let set = cluster.get("apps", "DaemonSet", "agent");
    for field in ["desiredNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable"] {
        assert_eq!(set["status"][field], 4, "{field}");
    }
    assert!(images(&cluster).values().all(|(image, ready)| image == "agent:2" && *ready));
}

#[test]
fn a_daemon_set_stops_at_a_bad_pod_and_goes_back() {
    let mut cluster = Cluster::new();
    cluster.add(daemon(json!({})));
    cluster.settle(5);
    set_image(&mut cluster, "DaemonSet", "agent", "agent:bad");
    cluster.advance(Duration::from_secs(60), |cluster| assert!(cluster.ready_pods() >= 2));
    assert_eq!(cluster.waiting().len(), 1);
    set_image(&mut cluster, "DaemonSet", "agent", "agent:1");
    cluster.advance(Duration::from_secs(20), |cluster| assert!(cluster.ready_pods() >= 2));
    assert!(images(&cluster).values().all(|(image, ready)| image == "agent:1" && *ready));
}

#[test]
fn a_daemon_set_keeps_to_its_nodes() {
    let mut cluster = Cluster::new();
    cluster.add(daemon(json!({ "template": { "spec": { "nodeSelector": { "number": "2" } } } })));
    cluster.settle(5);
    assert_eq!(cluster.pods().len(), 1);
    assert_eq!(text(&cluster.pods()[0], "/spec/nodeName"), "node-2");
}
