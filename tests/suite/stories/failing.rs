//! Releases that fail: found, brought back, held.

use std::time::Duration;

use serde_json::Value;
use sluice::accepted::{Failure, FailureKind, Outcome};
use sluice::engine::environment::Sync;
use sluice::model::{CommitId, Manifest};

use super::super::{World, text};
use super::{BAD, BETTER, CRASH, GOOD, IMAGE, NEVER, component};

/// A workload whose releases fail, and what must hold for it all the while.
#[derive(Debug, Clone, Copy)]
struct Subject {
    /// Its component.
    name: &'static str,
    kind: &'static str,
    /// The lines of its component after the image.
    more: &'static str,
    /// The strategy of its releases: with the usual limits, and with short ones.
    quick: &'static str,
    hasty: &'static str,
    /// How many of its pods may be away at once; none: all of them, since the old ones go first.
    away: Option<usize>,
    /// The number of its status that says how many pods are ready.
    ready: &'static str,
}

const ROLLING: Subject = Subject {
    name: "web",
    kind: "Deployment",
    more: "      replicas: 3\n",
    quick: "quick",
    hasty: "hasty",
    away: Some(0),
    ready: "/status/readyReplicas",
};

/// Ordinal by ordinal: never more than one of them away.
const ORDINAL: Subject = Subject {
    name: "db",
    kind: "StatefulSet",
    more: "      workload: StatefulSet\n      replicas: 3\n",
    away: Some(1),
    ..ROLLING
};

/// Node by node: a node has one pod or none, so one of them is away.
const DAEMON: Subject = Subject {
    name: "agent",
    kind: "DaemonSet",
    more: "      workload: DaemonSet\n",
    away: Some(1),
    ready: "/status/numberReady",
    ..ROLLING
};

/// The old pods go first: the gap is honest, and two releases never run at once.
const RECREATE: Subject = Subject { quick: "stop-first", hasty: "stop-hastily", away: None, ..ROLLING };

impl Subject {
    fn spec(&self, release: &str, image: &str) -> String {
        format!("  grayRelease: {release}\n  components:\n{}", component(self.name, image, self.more))
    }

    async fn live(&self, world: &World) -> Manifest {
        world.live("east", "apps/v1", self.kind, self.name).await.expect("the workload is there")
    }

    fn ready(&self, live: &Manifest) -> usize {
        let ready = live.at(self.ready).and_then(Value::as_u64).unwrap_or_default();
        usize::try_from(ready).unwrap()
    }

    /// Settles a good release, and says how many pods it has.
    async fn settle(&self, world: &mut World) -> usize {
        let first = world.commit_app("web", &self.spec(self.quick, GOOD));
        world.start();
        world.until_synced(&first).await;
        let count = self.ready(&self.live(world).await);
        assert!(count >= 2, "{count} pods show nothing");
        count
    }

    /// What every failing release must show: found and back in time, no more away than the strategy
    /// says, the template byte for byte as before, nothing left of it.
    async fn fails(&self, world: &mut World, spec: &str) -> (CommitId, Failure) {
        let before = self.live(world).await;
        let count = self.ready(&before);
        let pods = world.watch("east", "v1", "Pod").await;
        let bad = world.commit_app("web", spec);
        world.until_rolled_back(&bad).await;
        let after = self.live(world).await;
        let template = |object: &Manifest| serde_json::to_vec(object.at("/spec/template").unwrap()).unwrap();
        assert_eq!(template(&after), template(&before), "the stable pod template, byte for byte");
        assert_eq!(self.ready(&after), count, "all are back");
        let moments = pods.at_once(self.name);
        let least = moments.iter().map(|moment| moment.ready).min().unwrap();
        match self.away {
            Some(away) => assert!(least >= count - away, "{least} of {count} pods were ready"),
            None => {
                assert_eq!(least, 0, "the old pods go before the new ones come");
                let images = moments.iter().map(|moment| moment.images).max();
                assert_eq!(images, Some(1), "two releases never run at once");
            }
        }
        let last = world.rollouts().pop().unwrap();
        let Some((ended, Outcome::RolledBack(failure))) = last.ended else { panic!("{last:?}") };
        let found = failure.found.duration_since(failure.since);
        assert!(found.as_secs() <= 60, "found {found:#} after the first sighting");
        let restored = ended.duration_since(failure.found);
        assert!(restored.as_secs() <= 15, "restored {restored:#} after it was found");
        (bad, failure)
    }

    /// A crash loop is found, brought back and held; a good commit then goes through.
    async fn crash_loops(&self, mut world: World) -> World {
        self.settle(&mut world).await;
        let (bad, failure) = self.fails(&mut world, &self.spec(self.quick, CRASH)).await;
        assert_eq!(failure.kind, FailureKind::Fault);
        assert_eq!(failure.reason, "CrashLoopBackOff");
        assert!(failure.message.contains("exit code 1 (Error)"), "in the words of the container: {failure}");
        assert!(failure.message.contains("restart"), "{failure}");
        stays_held(&mut world, bad).await;
        self.goes_through(world).await
    }

    /// Pods that run and never get ready: back when the time without progress is over.
    async fn never_gets_ready(&self, mut world: World) -> World {
        let count = self.settle(&mut world).await;
        let (bad, failure) = self.fails(&mut world, &self.spec(self.hasty, NEVER)).await;
        assert_eq!(failure.kind, FailureKind::NoProgress, "{failure}");
        let waited = failure.found.duration_since(failure.since).as_secs();
        assert!((6..=12).contains(&waited), "judged {waited} s after the last progress");
        let missing = format!("of {count} pods ready");
        assert!(failure.message.contains(&missing), "says what is missing: {failure}");
        stays_held(&mut world, bad).await;
        self.goes_through(world).await
    }

    async fn goes_through(&self, mut world: World) -> World {
        let good = world.commit_app("web", &self.spec(self.quick, BETTER));
        world.until_synced(&good).await;
        assert_eq!(text(&self.live(&world).await, IMAGE), BETTER);
        world
    }
}

/// A held release is not tried again, whatever commits, looks and restarts come: nothing is written
/// and no rollout begins over ten looks that were really made, and a restart.
pub(super) async fn stays_held(world: &mut World, bad: CommitId) {
    const LOOKS: u64 = 10;
    let rollouts = world.rollouts().len();
    let writes = world.cluster("east").count_writes();
    let before = world.looks();
    let mut newest = bad;
    for look in 0..LOOKS {
        if look % 2 == 0 {
            newest = world.commit("a word", &[("README.md", Some(&format!("look {look}")))]);
        }
        world.look().await;
        world.until_rolled_back(&newest).await;
    }
    let after = world.looks();
    assert!(after.0 >= before.0 + LOOKS, "{} looks at Git", after.0 - before.0);
    assert!(after.1 >= before.1 + 10, "{} passes", after.1 - before.1);
    world.stop().await;
    world.start();
    world.until_rolled_back(&newest).await;
    world.look().await;
    world.until_rolled_back(&newest).await;
    let all = (world.cluster("east").writes)();
    assert_eq!(all.len(), writes, "ten looks and a restart write nothing: {:?}", &all[writes..]);
    assert_eq!(world.rollouts().len(), rollouts, "the held release is not tried again");
}

pub async fn a_crash_loop_is_brought_back_and_held(world: World) -> World {
    ROLLING.crash_loops(world).await
}

pub async fn a_stateful_set_that_crashes_is_brought_back_and_held(world: World) -> World {
    ORDINAL.crash_loops(world).await
}

pub async fn a_daemon_set_that_crashes_is_brought_back_and_held(world: World) -> World {
    DAEMON.crash_loops(world).await
}

pub async fn a_recreate_that_crashes_is_brought_back_and_held(world: World) -> World {
    RECREATE.crash_loops(world).await
}

pub async fn a_release_that_never_gets_ready_is_brought_back(world: World) -> World {
    ROLLING.never_gets_ready(world).await
}

pub async fn a_stateful_set_that_never_gets_ready_is_brought_back(world: World) -> World {
    ORDINAL.never_gets_ready(world).await
}

pub async fn a_daemon_set_that_never_gets_ready_is_brought_back(world: World) -> World {
    DAEMON.never_gets_ready(world).await
}

pub async fn a_recreate_that_never_gets_ready_is_brought_back(world: World) -> World {
    RECREATE.never_gets_ready(world).await
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
    stays_held(&mut world, bad).await;
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
            let moves = status.apps.values().flat_map(|app| app.moves.values());
            for web in moves.flat_map(|it| it.components.values()).filter(|web| web.old > 0) {
                assert!(web.serving >= 3, "what serves is counted, old or new: {web:?}");
            }
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
