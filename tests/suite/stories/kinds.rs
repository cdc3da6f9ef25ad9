//! Workloads of every kind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice::engine::environment::Sync;

use super::super::watching::Seen;
use super::super::{World, text};
use super::{BAD, BETTER, GOOD, IMAGE, component};

fn spec(release: &str, components: &str) -> String {
    format!("  grayRelease: {release}\n  components:\n{components}")
}

fn image_of(seen: &Seen) -> &str {
    seen.object.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default()
}

/// Which images ran at once, over the whole course.
fn images_at_once(states: &[Seen]) -> BTreeSet<BTreeSet<String>> {
    let mut there: BTreeMap<String, String> = BTreeMap::new();
    let mut together = BTreeSet::new();
    for seen in states {
        let uid = seen.object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        if seen.deleted {
            there.remove(&uid);
        } else {
            there.insert(uid, image_of(seen).to_owned());
        }
        together.insert(there.values().cloned().collect());
    }
    together
}

/// Recreate: the old pods are gone before a new one is there, forward and back.
pub async fn recreate_never_runs_two_releases(mut world: World) -> World {
    let web = |image: &str| spec("stop-first", &component("web", image, "      replicas: 2\n"));
    let first = world.commit_app("web", &web(GOOD));
    world.start();
    world.until_synced(&first).await;
    let pods = world.watch("east", "v1", "Pod").await;
    let better = world.commit_app("web", &web(BETTER));
    world.until_synced(&better).await;
    let bad = world.commit_app("web", &web(BAD));
    world.until_rolled_back(&bad).await;
    for together in images_at_once(&pods.states()) {
        assert!(together.len() <= 1, "two releases at once: {together:?}");
    }
    let deployment = world.deployment("east").await;
    assert_eq!(text(&deployment, IMAGE), BETTER);
    assert_eq!(deployment.at("/status/readyReplicas").and_then(Value::as_u64), Some(2));
    world
}

/// A StatefulSet moves from the highest ordinal down, each judged; a bad release touches the
/// highest alone, and its pod is replaced on the way back.
pub async fn a_stateful_set_moves_by_ordinal(mut world: World) -> World {
    let more = "      workload: StatefulSet\n      replicas: 3\n";
    let db = |image: &str| spec("quick", &component("db", image, more));
    let first = world.commit_app("web", &db(GOOD));
    world.start();
    world.until_synced(&first).await;
    let sets = world.watch("east", "apps/v1", "StatefulSet").await;
    let better = world.commit_app("web", &db(BETTER));
    world.until_synced(&better).await;
    let partitions: Vec<u64> = sets
        .course("db", "/spec/updateStrategy/rollingUpdate/partition")
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let descent: Vec<u64> = partitions.into_iter().skip_while(|partition| *partition == 0).collect();
    assert_eq!(descent, [2, 1, 0], "one ordinal after the other");
    let before = world.live("east", "apps/v1", "StatefulSet", "db").await.unwrap();
    let pods = world.watch("east", "v1", "Pod").await;
    let bad = world.commit_app("web", &db(BAD));
    world.until_rolled_back(&bad).await;
    let touched: BTreeSet<String> = pods
        .states()
        .iter()
        .filter(|seen| image_of(seen) == BAD)
        .map(|seen| seen.object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        touched,
        BTreeSet::from(["db-2".to_owned()]),
        "the bad release reached the highest ordinal alone"
    );
    let after = world.live("east", "apps/v1", "StatefulSet", "db").await.unwrap();
    assert_eq!(after.at("/spec/template"), before.at("/spec/template"));
    assert_eq!(after.at("/status/readyReplicas").and_then(Value::as_u64), Some(3));
    for pod in world.cluster("east").list("v1", "Pod", &world.tenant).await {
        assert_eq!(text(&pod, "/spec/containers/0/image"), BETTER, "{}", pod.name());
    }
    world
}

/// A DaemonSet moves by its own rolling update and comes back.
pub async fn a_daemon_set_is_brought_back(mut world: World) -> World {
    let agent = |image: &str| spec("quick", &component("agent", image, "      workload: DaemonSet\n"));
    let first = world.commit_app("web", &agent(GOOD));
    world.start();
    world.until_synced(&first).await;
    let better = world.commit_app("web", &agent(BETTER));
    world.until_synced(&better).await;
    let before = world.live("east", "apps/v1", "DaemonSet", "agent").await.unwrap();
    let bad = world.commit_app("web", &agent(BAD));
    world.until_rolled_back(&bad).await;
    let after = world.live("east", "apps/v1", "DaemonSet", "agent").await.unwrap();
    assert_eq!(after.at("/spec/template"), before.at("/spec/template"));
    let nodes = after.at("/status/desiredNumberScheduled").and_then(Value::as_u64).unwrap();
    assert!(nodes >= 1);
    assert_eq!(after.at("/status/numberReady").and_then(Value::as_u64), Some(nodes));
    world
}

/// A Job runs once for each template. One that has ended is never made again, though it is removed.
pub async fn a_job_runs_once(mut world: World) -> World {
    let migrate = |image: &str| {
        let container = format!(
            "    migrate:\n      workload: Job\n      containers:\n        main:\n          image: {image}\n          \
             resources: {{cpu: 10m, memory: 16Mi}}\n"
        );
        spec("quick", &container)
    };
    let first = world.commit_app("web", &migrate(GOOD));
    world.start();
    world.until_synced(&first).await;
    let jobs = world.cluster("east").list("batch/v1", "Job", &world.tenant).await;
    let names: Vec<&str> = jobs.iter().map(|job| job.name()).collect();
    assert_eq!(jobs.len(), 1, "{names:?}");
    let course = world.watch("east", "batch/v1", "Job").await;
    // As its time to live would.
    world.cluster("east").delete("batch/v1", "Job", Some(&world.tenant), names[0]).await;
    let same = world.commit("a word", &[("README.md", Some("nothing rendered"))]);
    world.until_synced(&same).await;
    world.stop().await;
    world.start();
    world.until_synced(&same).await;
    let better = world.commit_app("web", &migrate(BETTER));
    world.until_synced(&better).await;
    let made: BTreeSet<String> = course
        .states()
        .iter()
        .map(|seen| format!("{} {}", seen.object["metadata"]["name"], seen.object["metadata"]["uid"]))
        .collect();
    assert_eq!(made.len(), 2, "one for each template: {made:?}");
    world
}

/// A Job that ended and went while no engine was there is not made again: it may have done its work.
pub async fn a_job_that_ended_unseen_is_not_made_again(mut world: World) -> World {
    let container = format!(
        "    migrate:\n      workload: Job\n      containers:\n        main:\n          image: {GOOD}\n          \
         resources: {{cpu: 10m, memory: 16Mi}}\n"
    );
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.tenant.clone()},
    });
    world.cluster("east").apply("admin", namespace).await;
    let course = world.watch("east", "batch/v1", "Job").await;
    let first = world.commit_app("web", &spec("hasty", &container));
    world.start();
    world.until_true("the job is made", || async { !course.states().is_empty() }).await;
    world.stop().await;
    let has_ended = |job: &sluice::model::Manifest| {
        job.at("/status/conditions").and_then(Value::as_array).is_some_and(|conditions| {
            conditions.iter().any(|it| it["type"] == "Complete" && it["status"] == "True")
        })
    };
    let cluster = world.cluster("east").clone();
    world
        .until_true("it has ended", || async {
            cluster.list("batch/v1", "Job", &world.tenant).await.iter().all(has_ended)
        })
        .await;
    let name = cluster.list("batch/v1", "Job", &world.tenant).await[0].name().to_owned();
    cluster.delete("batch/v1", "Job", Some(&world.tenant), &name).await;
    world
        .until_true("it is gone", || async {
            cluster.list("batch/v1", "Job", &world.tenant).await.is_empty()
        })
        .await;
    world.start();
    world.until_rolled_back(&first).await;
    let failure = world.web_status().unwrap().failed.unwrap().failure;
    assert!(failure.to_string().contains("nobody saw how it ended"), "unknown is not good: {failure}");
    assert_eq!(course.course(&name, "/metadata/uid").len(), 1, "it ran once");
    world
}

/// A CronJob changes when the release is committed, never while it is tried.
pub async fn a_cron_job_changes_at_commit(mut world: World) -> World {
    const CRON: &str = "/spec/jobTemplate/spec/template/spec/containers/0/image";
    let app = |web: &str, report: &str| {
        let report = format!(
            "    report:\n      workload: CronJob\n      cron: \"0 3 * * *\"\n      containers:\n        main:\n          \
             image: {report}\n          resources: {{cpu: 10m, memory: 16Mi}}\n"
        );
        spec("quick", &(component("web", web, "      replicas: 2\n") + &report))
    };
    let first = world.commit_app("web", &app(GOOD, GOOD));
    world.start();
    world.until_synced(&first).await;
    let crons = world.watch("east", "batch/v1", "CronJob").await;
    let bad = world.commit_app("web", &app(BAD, BETTER));
    world.until_app("web", &bad, Sync::RolledBack).await;
    assert_eq!(crons.course("report", CRON), [GOOD], "unchanged by a release that failed");
    let good = world.commit_app("web", &app(BETTER, BETTER));
    world.until_synced(&good).await;
    let report = world.live("east", "batch/v1", "CronJob", "report").await.unwrap();
    assert_eq!(text(&report, CRON), BETTER);
    world
}
