//! Releases that fail: found, brought back, held.

use std::time::Duration;

use serde_json::Value;
use sluice::accepted::{FailureKind, Outcome};
use sluice::engine::command::Command;
use sluice::engine::environment::Sync;
use sluice::model::CommitId;

use super::super::{World, text};
use super::{BAD, BETTER, CRASH, GOOD, IMAGE, NEVER};

/// What every failing release of `web` must show: found and back in time, never fewer available
/// than wanted, the template byte for byte as before.
async fn fails(world: &mut World, spec: &str) -> (CommitId, sluice::accepted::Failure) {
    let before = world.deployment("east").await;
    let course = world.watch("east", "apps/v1", "Deployment").await;
    let bad = world.commit_app("web", spec);
    world.until_rolled_back(&bad).await;
    let after = world.deployment("east").await;
    let bytes =
        |object: &sluice::model::Manifest| serde_json::to_vec(object.at("/spec/template").unwrap()).unwrap();
    assert_eq!(bytes(&after), bytes(&before), "the stable pod template is byte for byte as it was");
    assert_eq!(course.least("web", "/status/availableReplicas"), 3, "N of N available throughout");
    assert_eq!(course.least("web", "/spec/replicas"), 3);
    let last = world.rollouts().pop().unwrap();
    let Some((ended, Outcome::RolledBack(failure))) = last.ended else { panic!("{last:?}") };
    let found = failure.found.duration_since(failure.since);
    assert!(found.as_secs() <= 60, "found {found:#} after the first sighting");
    let restored = ended.duration_since(failure.found);
    assert!(restored.as_secs() <= 15, "restored {restored:#} after it was found");
    (bad, failure)
}

fn web_under(release: &str, image: &str) -> String {
    format!(
        "  image: {image}\n  port: 8080\n  resources: {{cpu: 10m, memory: 16Mi}}\n  replicas: 3\n  grayRelease: \
         {release}\n"
    )
}

/// A crash loop is brought back and held, whatever passes, commits and restarts come; a good commit
/// then goes through.
pub async fn a_crash_loop_is_brought_back_and_held(mut world: World) -> World {
    let first = world.commit_app("web", &web_under("quick", GOOD));
    world.start();
    world.until_synced(&first).await;
    let (bad, failure) = fails(&mut world, &web_under("quick", CRASH)).await;
    assert_eq!(failure.kind, FailureKind::Fault);
    assert!(failure.reason.contains("CrashLoopBackOff") || failure.reason.contains("Error"), "{failure}");
    let rollouts = world.rollouts().len();
    let writes = world.cluster("east").count_writes();
    let mut newest = bad;
    for look in 0..10 {
        if look % 2 == 0 {
            newest = world.commit("a word", &[("README.md", Some(&format!("look {look}")))]);
        } else {
            world.command(Command::Sync {}).await;
        }
        world.until_rolled_back(&newest).await;
    }
    world.stop().await;
    world.start();
    world.until_rolled_back(&newest).await;
    let after = (world.cluster("east").writes)();
    assert_eq!(after.len(), writes, "ten looks and a restart write nothing: {:?}", &after[writes..]);
    assert_eq!(world.rollouts().len(), rollouts, "the held release is not tried again");
    let good = world.commit_app("web", &web_under("quick", BETTER));
    world.until_synced(&good).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
    world
}

/// A release whose pods run and never get ready goes back when its time without progress is over.
pub async fn a_release_that_never_gets_ready_is_brought_back(mut world: World) -> World {
    let first = world.commit_app("web", &web_under("quick", GOOD));
    world.start();
    world.until_synced(&first).await;
    let (_, failure) = fails(&mut world, &web_under("hasty", NEVER)).await;
    assert_eq!(failure.kind, FailureKind::NoProgress, "{failure}");
    let waited = failure.found.duration_since(failure.since).as_secs();
    assert!((6..=12).contains(&waited), "judged {waited} s after the last progress");
    assert!(failure.message.contains("of 3 pods ready"), "says what is missing: {failure}");
    let good = world.commit_app("web", &web_under("quick", BETTER));
    world.until_synced(&good).await;
    world
}

/// A first release that fails has nothing to go back to: scaled to zero and held, nothing deleted.
pub async fn a_failed_first_release_is_held(mut world: World) -> World {
    let bad = world.commit_web(BAD, "");
    world.start();
    world.until_rolled_back(&bad).await;
    let deployment = world.deployment("east").await;
    assert_eq!(deployment.at("/spec/replicas").and_then(Value::as_u64), Some(0));
    assert!(world.live("east", "v1", "Service", "web").await.is_some(), "the service stays");
    let cluster = world.cluster("east").clone();
    let tenant = world.tenant.clone();
    world
        .until_true("no pod is left", || {
            let (cluster, tenant) = (cluster.clone(), tenant.clone());
            async move { cluster.list("v1", "Pod", &tenant).await.is_empty() }
        })
        .await;
    world.stop().await;
    world.start();
    world.until_rolled_back(&bad).await;
    assert_eq!(world.rollouts().len(), 1, "it is not tried again");
    let deletes: Vec<String> =
        (world.cluster("east").writes)().into_iter().filter(|line| line.starts_with("delete")).collect();
    assert_eq!(deletes, Vec::<String>::new(), "nothing is deleted");
    let good = world.commit_web(GOOD, "");
    world.until_synced(&good).await;
    let now = world.deployment("east").await;
    assert_eq!(now.uid(), deployment.uid(), "the same object");
    assert_eq!(now.at("/status/readyReplicas").and_then(Value::as_u64), Some(3));
    world
}

/// A newer good commit while a release fails to get ready is what runs in the end.
pub async fn a_good_commit_overtakes_a_failing_release(mut world: World) -> World {
    let first = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&first).await;
    let course = world.watch("east", "apps/v1", "Deployment").await;
    world.commit_web(NEVER, "");
    world
        .until("the release moves", |status| {
            status.rollouts.values().any(|rollout| rollout.phase == "Forward")
        })
        .await;
    let good = world.commit_web(BETTER, "");
    world.until_app("web", &good, Sync::Synced).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
    assert_eq!(course.least("web", "/status/availableReplicas"), 3);
    let ages: Vec<Duration> = world
        .rollouts()
        .iter()
        .map(|told| told.ended.as_ref().map(|(at, _)| at.duration_since(told.started)).unwrap_or_default())
        .map(|age| age.try_into().unwrap())
        .collect();
    assert_eq!(ages.len(), 3, "one after the other: {ages:?}");
    world
}
