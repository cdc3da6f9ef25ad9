//! A worker against a cluster in memory: what it writes, and what it never does.

mod bad_days;
mod fake;
mod jobs;
mod quiet;

use std::collections::{BTreeMap, BTreeSet};

use fake::Fake;
use serde_json::{Value, json};

use super::*;
use crate::accepted::MoveState;
use crate::model::{
    Allocation, AppKey, Bundle, BundleDigest, Manifest, Numbered, ObjectKey, Place, Replicas, Settings, Size,
    Slot, Slots,
};

fn object(version: &str, kind: &str, name: &str, content: Value) -> Manifest {
    let mut value = content;
    value["apiVersion"] = json!(version);
    value["kind"] = json!(kind);
    value["metadata"] = json!({"name": name, "namespace": "shop"});
    Manifest::new(value).unwrap()
}

fn config(name: &str) -> Manifest {
    object("v1", "ConfigMap", name, json!({"immutable": true, "data": {"k": name}}))
}

fn service(name: &str) -> Manifest {
    object("v1", "Service", name, json!({"spec": {"selector": {"app": name}}}))
}

fn workload(kind: &str, name: &str, image: &str, config: &str) -> Manifest {
    object(
        "apps/v1",
        kind,
        name,
        json!({"spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {
                "containers": [{"name": "c", "image": image}],
                "volumes": [{"name": "v", "configMap": {"name": config}}],
            }},
        }}),
    )
}

fn deployment(key: &str) -> ObjectKey {
    ObjectKey::namespaced("apps", "Deployment", "shop", key)
}

fn core(kind: &str, name: &str) -> ObjectKey {
    ObjectKey::namespaced("", kind, "shop", name)
}

/// A bundle of a web Deployment with its configuration and services.
fn web(image: &str, services: &[&str]) -> Bundle {
    let name = format!("web-{image}");
    let main = workload("Deployment", "web", image, &name);
    let mut objects = vec![config(&name), main.clone()];
    objects.extend(services.iter().map(|name| service(name)));
    Bundle::new(BTreeMap::from([("web".parse().unwrap(), main.key())]), objects)
}

fn app() -> AppKey {
    "shop/web".parse().unwrap()
}

/// What is accepted of one app on one target, and a cluster for it.
struct World {
    cluster: Arc<Fake>,
    worker: Worker,
    share: ClusterShare,
    bundles: Bundles,
}

fn worker(cluster: &Arc<Fake>) -> Worker {
    let facts = crate::render::assumed_facts();
    Worker::new("east".parse().unwrap(), cluster.clone(), Arc::new(Keys::default()), facts)
}

impl World {
    fn new() -> Self {
        let cluster = Arc::new(Fake::default());
        cluster.put_foreign(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
        Self { worker: worker(&cluster), cluster, share: ClusterShare::default(), bundles: Bundles::new() }
    }

    /// Commits a bundle.
    fn hold(&mut self, bundle: &Bundle) {
        self.hold_at(bundle, Size::Full);
    }

    fn hold_at(&mut self, bundle: &Bundle, size: Size) {
        self.bundles.insert(bundle.digest, Arc::new(bundle.clone()));
        let place = Place { bundle: bundle.digest, slot: Slot::Blue, size };
        let components = bundle.workloads.keys().map(|name| (name.clone(), Slots::Steady(place))).collect();
        let state = self.state();
        let number = state.allocation.number + 1;
        state.allocation =
            Allocation { number, stable: Some(bundle.digest), components, ..Allocation::default() };
        state.history.retain(|digest: &BundleDigest| *digest != bundle.digest);
        state.history.insert(0, bundle.digest);
        state.history.truncate(3);
    }

    fn here(&mut self) -> &mut AcceptedOn {
        self.share.targets.entry("east/shop".parse().unwrap()).or_default()
    }

    fn state(&mut self) -> &mut MoveState {
        &mut self.here().apps.entry(app()).or_default().state
    }

    fn settings(&mut self, replicas: Replicas) {
        let value = Settings {
            replicas: BTreeMap::from([("web".parse().unwrap(), replicas)]),
            ..Settings::default()
        };
        let number = self.state().settings.number + 1;
        self.state().settings = Numbered { number, value };
    }

    fn bury(&mut self, keys: &[ObjectKey]) {
        let owners = &mut self.here().tombstones;
        owners.entry(Owner::App(app())).or_default().extend(keys.iter().cloned());
    }

    /// One pass; the report of the app.
    async fn pass(&mut self) -> Report {
        let reports = self.worker.pass(&self.share, &self.bundles).await.unwrap();
        reports.into_iter().find(|report| report.owner == Owner::App(app())).expect("the app is reported")
    }

    /// Passes until nothing is written; the writes.
    async fn settle(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..10 {
            let _ = self.worker.pass(&self.share, &self.bundles).await;
            let writes = self.cluster.writes();
            if writes.is_empty() {
                return all;
            }
            all.extend(writes);
        }
        panic!("it never settles: {all:?}");
    }
}

fn started() -> World {
    let mut world = World::new();
    world.hold(&web("1", &["web"]));
    world.settings(Replicas::Fixed(2));
    world
}

#[tokio::test]
async fn a_second_pass_writes_nothing() {
    let mut world = started();
    let report = world.pass().await;
    assert!(report.evidence.applied, "{:?}", report.evidence);
    assert_eq!((report.evidence.allocation, report.evidence.settings), (1, 1));
    let expected = [
        "sluice Namespace sluice-system",
        "inventory",
        "sluice ConfigMap shop/web-1",
        "sluice Service shop/web",
        "sluice Deployment.apps shop/web",
        "sluice-scale Deployment.apps shop/web",
        "inventory",
    ];
    assert_eq!(world.cluster.writes(), expected, "the inventory is written ahead and after");
    assert_eq!(world.pass().await.writes, 0);
    world.worker = worker(&world.cluster);
    assert_eq!(world.settle().await, Vec::<String>::new(), "nor does another worker");
    assert_eq!(world.cluster.object(&deployment("web")).unwrap().at("/spec/replicas").unwrap(), 2);
}

#[tokio::test]
async fn drift_is_healed_a_deletion_too() {
    let mut world = started();
    world.settle().await;
    world.cluster.take_away(&core("Service", "web"));
    assert_eq!(world.settle().await, ["sluice Service shop/web", "inventory"]);
    world.cluster.edit(&deployment("web"), |value| {
        value["spec"]["template"]["spec"]["containers"][0]["image"] = json!("evil")
    });
    assert_eq!(world.settle().await, ["sluice Deployment.apps shop/web"]);
    world.cluster.edit(&deployment("web"), |value| value["spec"]["replicas"] = json!(9));
    assert_eq!(world.settle().await, ["sluice-scale Deployment.apps shop/web"]);
    world.cluster.take_away(&deployment("web"));
    assert_eq!(
        world.settle().await,
        ["sluice Deployment.apps shop/web", "sluice-scale Deployment.apps shop/web", "inventory"]
    );
}

#[tokio::test]
async fn watches_that_lag_cause_no_second_write() {
    let mut world = started();
    world.cluster.freeze_watches(true);
    world.settle().await;
    assert_eq!(world.pass().await.writes, 0);
    world.cluster.take_away(&core("Service", "web"));
    assert_eq!(
        world.settle().await,
        ["sluice Service shop/web", "inventory"],
        "gone before it was ever shown"
    );
    world.cluster.freeze_watches(false);
    assert_eq!(world.settle().await, Vec::<String>::new());
}

#[tokio::test]
async fn killed_after_any_write_another_worker_ends_the_same() {
    let story = |world: &mut World| {
        world.hold(&web("2", &["other"]));
        world.settings(Replicas::Fixed(3));
        world.bury(&[core("Service", "web")]);
    };
    let mut whole = started();
    let mut writes = whole.settle().await;
    let first = writes.len();
    story(&mut whole);
    writes.extend(whole.settle().await);
    for takes_effect in [false, true] {
        for kill in 0..writes.len() {
            let mut world = started();
            if kill >= first {
                world.settle().await;
                story(&mut world);
            }
            world.cluster.die_after(if kill >= first { kill - first } else { kill }, takes_effect);
            let _ = world.worker.pass(&world.share, &world.bundles).await;
            let _ = world.worker.pass(&world.share, &world.bundles).await;
            let before = world.cluster.writes().len();
            world.cluster.recover();
            world.worker = worker(&world.cluster);
            let mut rest = world.settle().await;
            if kill < first {
                story(&mut world);
                rest.extend(world.settle().await);
            }
            let name = format!("killed at write {kill}, {}, {takes_effect}", writes[kill]);
            assert_eq!(world.cluster.names(), whole.cluster.names(), "{name}");
            let replicas = world.cluster.object(&deployment("web")).unwrap().at("/spec/replicas").cloned();
            assert_eq!(replicas, Some(json!(3)), "{name}");
            let done = if kill >= first { first } else { 0 };
            let total = done + before + rest.len() + usize::from(takes_effect);
            assert!(total <= writes.len() + 1, "{name}: needless writes: {rest:?}");
            assert!(
                !rest.iter().any(|write| write.starts_with("delete") && !write.ends_with("shop/web")),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn only_what_is_buried_known_and_ours_is_deleted() {
    let mut world = started();
    world.settle().await;
    let foreign = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {},
        })
    };
    world.cluster.put_foreign(foreign("foreign"));
    world.hold(&web("1", &[]));
    assert_eq!(world.settle().await, Vec::<String>::new(), "what is not buried stays");
    world.bury(&[core("Service", "foreign")]);
    assert_eq!(world.settle().await, Vec::<String>::new(), "what the inventory does not know stays");
    world.cluster.take_away(&core("Service", "web"));
    world.cluster.put_foreign(foreign("web"));
    world.bury(&[core("Service", "web")]);
    assert_eq!(world.settle().await, ["inventory"], "what somebody else made stays, and is forgotten");
    assert!(world.cluster.object(&core("Service", "web")).is_some());
    world.hold(&web("1", &["mine"]));
    world.settle().await;
    world.hold(&web("1", &[]));
    world.bury(&[core("Service", "mine")]);
    assert_eq!(world.settle().await, ["delete Service shop/mine", "inventory"]);
}

#[tokio::test]
async fn an_app_that_has_left_goes_whole() {
    let mut world = started();
    world.settle().await;
    let keys = web("1", &["web"]).keys().into_iter().collect::<Vec<_>>();
    world.here().apps.clear();
    world.bury(&keys);
    let writes = world.settle().await;
    assert_eq!(
        writes[..3],
        ["delete Deployment.apps shop/web", "delete Service shop/web", "delete ConfigMap shop/web-1"]
    );
    assert_eq!(world.cluster.names(), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_deleted_holds_no_release_up() {
    let mut world = started();
    world.settle().await;
    world.hold(&web("1", &[]));
    world.bury(&[core("Service", "web")]);
    world.cluster.refuse("web");
    world.cluster.edit(&deployment("web"), |_| {});
    let report = world.pass().await;
    assert!(report.evidence.applied && !report.evidence.refused, "{:?}", report.evidence);
    assert!(report.evidence.trouble.unwrap().contains("is protected"));
}

#[tokio::test]
async fn conflicts_are_met_with_another_look() {
    let mut world = started();
    world.settle().await;
    world.hold(&web("2", &["web"]));
    world.cluster.conflicts(2);
    assert!(world.pass().await.evidence.applied);
    world.hold(&web("3", &["web"]));
    world.cluster.conflicts(20);
    let report = world.pass().await;
    assert!(!report.evidence.applied && !report.evidence.refused);
    world.cluster.conflicts(0);
    assert!(world.pass().await.evidence.applied);
}

#[tokio::test]
async fn a_refused_object_blocks_what_names_it_alone() {
    let mut world = World::new();
    let main = workload("Deployment", "web", "1", "denied");
    let other = workload("Deployment", "other", "1", "fine");
    let workloads =
        BTreeMap::from([("web".parse().unwrap(), main.key()), ("other".parse().unwrap(), other.key())]);
    world.hold(&Bundle::new(workloads, vec![config("denied"), config("fine"), main, other]));
    world.cluster.refuse("denied");
    let report = world.pass().await;
    assert!(report.evidence.refused && !report.evidence.applied);
    assert!(report.evidence.trouble.unwrap().contains("denied is denied"));
    assert_eq!(world.cluster.names(), ["ConfigMap/fine", "Deployment/other"]);
}

#[tokio::test]
async fn old_configuration_goes_when_nothing_refers_to_it() {
    let mut world = started();
    world.settle().await;
    let held = |world: &World| -> Vec<String> {
        world.cluster.names().into_iter().filter(|name| name.starts_with("ConfigMap")).collect()
    };
    for image in ["2", "3"] {
        world.hold(&web(image, &["web"]));
        world.settle().await;
    }
    assert_eq!(
        held(&world),
        ["ConfigMap/web-1", "ConfigMap/web-2", "ConfigMap/web-3"],
        "the last three stay"
    );
    // A pod of the first still runs.
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"volumes": [{"name": "v", "configMap": {"name": "web-1"}}]},
    });
    world.cluster.put_foreign(pod);
    world.hold(&web("4", &["web"]));
    world.settle().await;
    assert_eq!(held(&world).len(), 4);
    world.cluster.take_away(&core("Pod", "p"));
    world.settle().await;
    assert_eq!(held(&world), ["ConfigMap/web-2", "ConfigMap/web-3", "ConfigMap/web-4"]);
}

#[tokio::test]
async fn an_autoscaled_workload_is_sized_once() {
    let mut world = World::new();
    world.hold(&web("1", &[]));
    world.settings(Replicas::Autoscaled { min: 2, max: 9 });
    world.settle().await;
    let replicas = |world: &World| {
        world.cluster.object(&deployment("web")).unwrap().at("/spec/replicas").unwrap().as_u64()
    };
    assert_eq!(replicas(&world), Some(2));
    world.cluster.edit(&deployment("web"), |value| value["spec"]["replicas"] = json!(7));
    assert_eq!(world.settle().await, Vec::<String>::new(), "the autoscaler decides");
    world.hold_at(&web("1", &[]), Size::Zero);
    world.settle().await;
    assert_eq!(replicas(&world), Some(0));
    world.hold(&web("1", &[]));
    world.settle().await;
    assert_eq!(replicas(&world), Some(2), "from zero it begins again");
}

#[tokio::test]
async fn a_workload_without_replicas_stops_by_going() {
    let mut world = World::new();
    let set = workload("DaemonSet", "agent", "1", "none");
    let key = set.key();
    let bundle = Bundle::new(BTreeMap::from([("agent".parse().unwrap(), key.clone())]), vec![set]);
    world.hold(&bundle);
    world.settle().await;
    world.cluster.put_foreign(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent-1", "namespace": "shop", "ownerReferences": [
            {"controller": true, "kind": "DaemonSet", "name": "agent", "uid": "gone"},
        ]},
    }));
    world.hold_at(&bundle, Size::Zero);
    let stopped =
        |report: &Report| report.evidence.components.values().all(crate::rollout::ComponentReport::is_empty);
    assert!(!stopped(&world.pass().await));
    assert_eq!(world.cluster.object(&key), None);
    assert!(!stopped(&world.pass().await), "its pod still ends");
    world.cluster.take_away(&core("Pod", "agent-1"));
    let report = world.pass().await;
    assert!(stopped(&report) && report.evidence.is_ready(), "{:?}", report.evidence);
}

#[tokio::test]
async fn nothing_of_a_suspended_app_is_written_nor_called_applied() {
    let mut world = started();
    world.settle().await;
    world.hold(&web("2", &["web"]));
    world.bury(&[core("Service", "gone")]);
    world.here().apps.get_mut(&app()).unwrap().suspended = true;
    let report = world.pass().await;
    assert_eq!(world.cluster.writes(), Vec::<String>::new());
    assert!(!report.evidence.applied && !report.evidence.refused);
    assert_eq!(report.evidence.allocation, 2);
}

#[tokio::test]
async fn what_an_older_generation_says_is_no_evidence() {
    let mut world = World::new();
    let set = workload("StatefulSet", "db", "1", "none");
    let key = set.key();
    world.hold(&Bundle::new(BTreeMap::from([("db".parse().unwrap(), key.clone())]), vec![set]));
    world.settle().await;
    let uid = world.cluster.object(&key).unwrap().uid().unwrap().to_owned();
    for ordinal in 0..2 {
        world.cluster.put_foreign(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("db-{ordinal}"), "namespace": "shop", "labels": {"controller-revision-hash": "one"},
                "ownerReferences": [{"controller": true, "kind": "StatefulSet", "name": "db", "uid": uid}],
            },
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }));
    }
    let status =
        |generation: u64| json!({"observedGeneration": generation, "updateRevision": "one", "replicas": 2});
    let mut check = async |generation: u64, observed: u64, expected: (u32, u32)| {
        world.cluster.edit(&key, |value| {
            value["status"] = status(observed);
            value["metadata"]["generation"] = json!(generation);
            value["spec"]["replicas"] = json!(2);
        });
        let report = world.pass().await;
        let db = report.evidence.components.values().next().unwrap();
        assert_eq!((db.updated, db.ready), expected, "generation {generation}, observed {observed}");
    };
    check(3, 3, (2, 2)).await;
    check(4, 3, (0, 0)).await;
    check(4, 4, (2, 2)).await;
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_waited_for() {
    let mut world = started();
    world.cluster.take_away(&ObjectKey::cluster_scoped("", "Namespace", "shop"));
    let report = world.pass().await;
    assert!(report.evidence.trouble.unwrap().contains("waits for the namespace"));
    let kinds: BTreeSet<_> = world.cluster.writes().into_iter().collect();
    assert_eq!(kinds, BTreeSet::from(["sluice Namespace sluice-system".to_owned()]));
}
