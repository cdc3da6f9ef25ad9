//! Deployments over their whole course, checked after every step.

use super::*;

fn deployment(replicas: i64, image: &str, extra: Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": {
            "replicas": replicas, "selector": { "matchLabels": { "app": "web" } },
            "template": template("web", image),
        },
    });
    json_patch::merge(&mut object["spec"], &extra);
    object
}

fn set_image(cluster: &mut Cluster, image: &str) {
    cluster.edit("apps", "Deployment", "web", |web| {
        web["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    });
}

fn web(cluster: &Cluster) -> Arc<Value> {
    cluster.get("apps", "Deployment", "web")
}

fn sizes(cluster: &Cluster) -> BTreeMap<String, i64> {
    let sets = cluster.list("apps", "ReplicaSet");
    let size = |set: &Arc<Value>| {
        let revision = annotation(set, "deployment.kubernetes.io/revision").unwrap().to_owned();
        (revision, count(set, "/spec/replicas"))
    };
    sets.iter().map(size).collect()
}

/// Live pods within surge, ready ones within unavailability, at every step.
fn check_bounds(cluster: &Cluster, least: usize, most: i64) {
    assert!(cluster.ready_pods() >= least, "{} ready at {}", cluster.ready_pods(), cluster.now);
    let asked: i64 = sizes(cluster).values().sum();
    assert!(asked <= most, "{asked} asked for at {}", cluster.now);
}

#[test]
fn a_new_deployment_gets_available() {
    let mut cluster = Cluster::new();
    cluster.add(deployment(3, "shop:1", json!({})));
    assert_eq!(words(&web(&cluster), "Available"), ("False", "MinimumReplicasUnavailable"));
    assert_eq!(words(&web(&cluster), "Progressing").0, "True");
    cluster.settle(2);
    let web = web(&cluster);
    assert_eq!(cluster.ready_pods(), 3);
    for field in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        assert_eq!(web["status"][field], 3, "{field}");
    }
    assert_eq!(web["status"]["observedGeneration"], web["metadata"]["generation"]);
    assert_eq!(words(&web, "Available"), ("True", "MinimumReplicasAvailable"));
    assert_eq!(words(&web, "Progressing"), ("True", "NewReplicaSetAvailable"));
    assert_eq!(annotation(&web, "deployment.kubernetes.io/revision"), Some("1"));
    let nodes: std::collections::BTreeSet<_> =
        cluster.pods().iter().map(|pod| text(pod, "/spec/nodeName").to_owned()).collect();
    assert_eq!(nodes.len(), 3, "pods spread");
}

#[test]
fn a_rolling_update_stays_within_its_bounds() {
    // replicas, maxSurge, maxUnavailable, least ready, most asked for
    let cases = [
        (4, json!(1), json!(0), 4, 5),
        (4, json!(0), json!(1), 3, 4),
        (10, json!("25%"), json!("25%"), 8, 13),
        (3, json!("25%"), json!("25%"), 3, 4),
        (1, json!(0), json!(0), 0, 1),
        (5, json!("100%"), json!(0), 5, 10),
    ];
    for (replicas, surge, unavailable, least, most) in cases {
        let mut cluster = Cluster::new();
        let strategy = json!({ "strategy": { "type": "RollingUpdate", "rollingUpdate": {
            "maxSurge": surge, "maxUnavailable": unavailable,
        } } });
        cluster.add(deployment(replicas, "shop:1", strategy));
        cluster.settle(5);
        set_image(&mut cluster, "shop:2");
        cluster.advance(Duration::from_secs(60), |cluster| check_bounds(cluster, least, most));
        assert_eq!(sizes(&cluster), BTreeMap::from([("1".to_owned(), 0), ("2".to_owned(), replicas)]));
        let web = web(&cluster);
        assert_eq!(words(&web, "Progressing"), ("True", "NewReplicaSetAvailable"));
        assert_eq!(count(&web, "/status/updatedReplicas"), replicas);
        assert_eq!(count(&web, "/status/unavailableReplicas"), 0);
    }
}

#[test]
fn minimal_ready_time_paces_the_update() {
    let mut cluster = Cluster::new();
    let extra = json!({ "minReadySeconds": 10, "strategy": { "rollingUpdate": {
        "maxSurge": 2, "maxUnavailable": 0,
    } } });
    cluster.add(deployment(8, "shop:1", extra));
    cluster.settle(20);
    set_image(&mut cluster, "shop:2");
    let mut steps = Vec::new();
    cluster.advance(Duration::from_secs(80), |cluster| {
        let new = sizes(cluster).get("2").copied().unwrap_or(0);
        if steps.last() != Some(&new) {
            steps.push(new);
        }
        assert!(count(&web(cluster), "/status/availableReplicas") >= 8);
    });
    assert_eq!(steps.last(), Some(&8));
    assert!(steps.contains(&2) && steps.contains(&4) && steps.contains(&6), "{steps:?}");
}

#[test]
fn a_bad_image_gets_stuck_and_going_back_restores() {
    for (image, reason) in [("shop:2-bad", "ImagePullBackOff"), ("shop:2-crash", "CrashLoopBackOff")] {
        let mut cluster = Cluster::new();
        let extra = json!({ "progressDeadlineSeconds": 30, "strategy": { "rollingUpdate": {
            "maxSurge": 1, "maxUnavailable": 0,
        } } });
        cluster.add(deployment(3, "shop:1", extra));
        cluster.settle(5);
        let first = web(&cluster)["spec"]["template"].clone();
        set_image(&mut cluster, image);
        cluster.advance(Duration::from_secs(29), |cluster| check_bounds(cluster, 3, 4));
        assert_ne!(words(&web(&cluster), "Progressing").1, "ProgressDeadlineExceeded", "too early");
        cluster.advance(Duration::from_secs(10), |cluster| check_bounds(cluster, 3, 4));
        assert_eq!(words(&web(&cluster), "Progressing"), ("False", "ProgressDeadlineExceeded"));
        assert_eq!(words(&web(&cluster), "Available").0, "True");
        let waiting = cluster.waiting();
        assert_eq!(waiting.values().map(String::as_str).collect::<Vec<_>>(), [reason]);
        cluster.edit("apps", "Deployment", "web", |web| web["spec"]["template"] = first.clone());
        cluster.advance(Duration::from_secs(10), |cluster| check_bounds(cluster, 3, 4));
        assert_eq!(sizes(&cluster), BTreeMap::from([("2".to_owned(), 0), ("3".to_owned(), 3)]));
        assert_eq!(words(&web(&cluster), "Progressing"), ("True", "NewReplicaSetAvailable"));
        assert_eq!(cluster.pods().len(), 3);
    }
}

#[test]
fn recreate_never_runs_two_templates_at_once() {
    let mut cluster = Cluster::new();
    cluster.add(deployment(3, "shop:1", json!({ "strategy": { "type": "Recreate" } })));
    cluster.settle(5);
    set_image(&mut cluster, "shop:2");
    cluster.advance(Duration::from_secs(10), |cluster| {
        let images: std::collections::BTreeSet<_> =
            cluster.pods().iter().map(|pod| text(pod, "/spec/containers/0/image").to_owned()).collect();
        assert!(images.len() <= 1, "{images:?}");
    });
    assert_eq!(cluster.ready_pods(), 3);
    assert_eq!(sizes(&cluster), BTreeMap::from([("1".to_owned(), 0), ("2".to_owned(), 3)]));
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let mut cluster = Cluster::new();
    cluster.add(deployment(2, "shop:1", json!({})));
    cluster.settle(5);
    cluster.edit("apps", "Deployment", "web", |web| {
        web["spec"]["paused"] = json!(true);
        web["spec"]["template"]["spec"]["containers"][0]["image"] = json!("shop:2");
        web["spec"]["replicas"] = json!(4);
    });
    cluster.settle(5);
    assert_eq!(sizes(&cluster), BTreeMap::from([("1".to_owned(), 4)]));
    assert_eq!(words(&web(&cluster), "Progressing"), ("Unknown", "DeploymentPaused"));
    cluster.edit("apps", "Deployment", "web", |web| web["spec"]["paused"] = json!(false));
    cluster.settle(10);
    assert_eq!(sizes(&cluster), BTreeMap::from([("1".to_owned(), 0), ("2".to_owned(), 4)]));
}

#[test]
fn scaling_in_the_midst_of_an_update_keeps_proportions() {
    let mut cluster = Cluster::new();
    let extra = json!({ "strategy": { "rollingUpdate": { "maxSurge": 3, "maxUnavailable": 2 } } });
    cluster.add(deployment(10, "shop:1", extra));
    cluster.settle(5);
    set_image(&mut cluster, "shop:2-bad");
    cluster.settle(5);
    assert_eq!(sizes(&cluster), BTreeMap::from([("1".to_owned(), 8), ("2".to_owned(), 5)]));
    cluster.edit("apps", "Deployment", "web", |web| web["spec"]["replicas"] = json!(15));
    cluster.settle(5);
    // The example of the Deployment documentation: 8 and 5 become 11 and 7.
    assert_eq!(sizes(&cluster), BTreeMap::from([("1".to_owned(), 11), ("2".to_owned(), 7)]));
}

#[test]
fn old_replica_sets_are_forgotten_beyond_the_limit() {
    let mut cluster = Cluster::new();
    cluster.add(deployment(1, "shop:1", json!({ "revisionHistoryLimit": 2 })));
    for version in 2..=6 {
        cluster.settle(5);
        set_image(&mut cluster, &format!("shop:{version}"));
    }
    cluster.settle(10);
    assert_eq!(sizes(&cluster).into_keys().collect::<Vec<_>>(), ["4", "5", "6"]);
}

#[test]
fn deleting_a_deployment_takes_everything_with_it() {
    let mut cluster = Cluster::new();
    cluster.add(deployment(3, "shop:1", json!({})));
    cluster.settle(5);
    cluster.delete("apps", "Deployment", "web");
    cluster.settle(5);
    assert_eq!(cluster.list("apps", "ReplicaSet").len() + cluster.pods().len(), 0);
}
