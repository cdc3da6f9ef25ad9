//! An engine that is killed at any of its effects and started again comes to the same end.
//!
//! A release is watched once undisturbed. Then it is made again in new worlds, one for each of its
//! effects (a write to a cluster, an append to the ledger, an object kept in it), and the engine is
//! killed there: before the effect, or after it with nobody told. The next engine must end where the
//! undisturbed one did, without a write that one had not made, but for the one whose outcome nobody
//! knew.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

mod controlplane;
mod suite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use controlplane::{ADMIN, ControlPlane, ENGINE};
use futures::StreamExt as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use sluice::accepted::{Accepted, EnvironmentEvent};
use sluice::cluster::KubeCluster;
use sluice::engine::command::Command;
use sluice::inventory;
use sluice::model::{CommitId, Manifest};
use sluice::playground::controllers::PodBehaviour;
use sluice::port::cluster::Cluster;
use sluice::port::ledger::{Ledger, Sequence, StreamName};
use suite::life::{Effect, Life, LivingConnect, LivingLedger, Point};
use suite::neutral::{neutral_name, neutral_write, numbered, without_chance};
use suite::{Site, SiteCluster, World};

/// So many worlds live at once: most of a world's life is waiting for the clock.
const WORLDS: usize = 10;

/// A release that is made of a settled app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    /// Goes through.
    Good,
    /// Has an image that can't be pulled, and is brought back.
    Bad,
}

impl Release {
    fn tag(self) -> &'static str {
        match self {
            Release::Good => "2.0.0",
            Release::Bad => "2.0.0-bad",
        }
    }
}

/// An app of two components that read a configuration of their tenant.
fn app(tag: &str) -> String {
    let image = format!("registry.acme.example/shop/web:{tag}");
    format!(
        r"apiVersion: sluice.dev/v1alpha1
kind: App
metadata: {{name: web}}
spec:
  grayRelease: quick
  components:
    front:
      image: {image}
      port: 8080
      health: /healthz
      replicas: 2
      resources: {{cpu: 10m, memory: 16Mi}}
      env: {{GREETING: {{config: words}}}}
    back:
      image: {image}
      replicas: 1
      resources: {{cpu: 10m, memory: 16Mi}}
---
apiVersion: sluice.dev/v1alpha1
kind: Config
metadata: {{name: words}}
spec: {{values: {{GREETING: hello from {tag}}}}}
---
apiVersion: sluice.dev/v1alpha1
kind: GrayRelease
metadata: {{name: quick}}
spec: {{strategy: rolling, timeouts: {{fault: 1s, progress: 40s}}}}
"
    )
}

/// What a release came to.
#[derive(Debug)]
struct Trace {
    /// The effect that the engine was killed at, if it came to that.
    killed_at: Option<Effect>,
    /// How many effects the release had.
    effects: usize,
    /// The writes that the API servers granted.
    writes: BTreeMap<String, usize>,
    /// How everything stands.
    end: BTreeMap<String, Value>,
}

/// A world, and the present life of its engine.
struct Stage {
    world: World,
    life: Arc<Life>,
}

impl Stage {
    fn new(site: Site, tenant: &str) -> Self {
        let mut world = World::new(site, tenant);
        world.commit_platform();
        Self { world, life: Life::new() }
    }

    fn commit(&mut self, tag: &str) -> CommitId {
        let path = format!("tenants/{}/web.yaml", self.world.tenant);
        self.world.commit(tag, &[(&path, Some(&app(tag)))])
    }

    fn start(&mut self) {
        self.life = Life::new();
        let ledger = LivingLedger { life: self.life.clone(), inner: self.world.ledger.clone() };
        let connect = LivingConnect { life: self.life.clone(), inner: self.world.connect() };
        self.world.start_with(Arc::new(ledger), Arc::new(connect));
    }

    fn kill(&mut self) {
        self.world.kill();
        self.life.bury();
    }

    async fn until_over(&self, release: Release, commit: &CommitId) {
        match release {
            Release::Good => self.world.until_synced(commit).await,
            Release::Bad => self.world.until_rolled_back(commit).await,
        };
        self.settle().await;
    }

    /// Waits until two passes in a row, each begun when the one before had ended, wrote nothing and
    /// left only ready pods.
    async fn settle(&self) {
        let mut quiet = 0;
        for _ in 0..400 {
            let before = self.writes().len();
            let mut passes = self.life.passes();
            let done = *passes.borrow_and_update();
            self.world.command(Command::Sync {}).await;
            passes.wait_for(|passes| *passes > done).await.unwrap();
            let still = self.writes().len() == before && self.only_ready_pods().await;
            quiet = if still { quiet + 1 } else { 0 };
            if quiet == 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the engine does not come to rest: {:#?}", self.writes());
    }

    async fn only_ready_pods(&self) -> bool {
        let pods = self.world.cluster("east").list("v1", "Pod", &self.world.tenant).await;
        let is_ready = |pod: &Manifest| {
            let conditions = pod.at("/status/conditions").and_then(Value::as_array);
            conditions
                .is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
        };
        pods.len() == 3 && pods.iter().all(is_ready)
    }

    fn writes(&self) -> Vec<String> {
        (self.world.cluster("east").writes)()
    }

    /// How everything stands, without what differs between any two worlds.
    async fn end(&self) -> BTreeMap<String, Value> {
        let mut end = BTreeMap::new();
        for (api, kind) in KINDS {
            for object in self.world.cluster("east").list(api, kind, &self.world.tenant).await {
                end.insert(neutral_name(kind, &object), without_chance(object));
            }
        }
        for shard in self.world.cluster("east").list("v1", "ConfigMap", "sluice-system").await {
            if shard.name().contains(self.world.tenant.as_str())
                && let Ok(inventory) = inventory::decode(&shard)
            {
                let keys: Vec<String> = inventory.keys().iter().map(ToString::to_string).collect();
                end.insert("inventory".to_owned() + &keys.len().to_string(), serde_json::json!(keys));
            }
        }
        self.recorded(&mut end);
        end
    }

    /// What was accepted, and each rollout's end.
    fn recorded(&self, end: &mut BTreeMap<String, Value>) {
        let stream = StreamName::new("environment/dev").unwrap();
        let mut accepted = Accepted::default();
        let mut rollouts = Vec::new();
        for record in self.world.ledger.read(&stream, Sequence::EMPTY).unwrap() {
            let event: EnvironmentEvent = serde_json::from_value(record.body).unwrap();
            match &event {
                EnvironmentEvent::RolloutStarted(start) => rollouts.push(format!("{} starts", start.id)),
                EnvironmentEvent::RolloutEnded(ended) => {
                    let outcome = ended.outcome.to_string();
                    rollouts.push(format!("{} {}", ended.id, outcome.split(':').next().unwrap()));
                }
                _ => {}
            }
            accepted.fold(&event, record.at);
        }
        assert!(accepted.open.is_empty(), "a rollout is still open: {:?}", accepted.open.keys());
        end.insert("rollouts".to_owned(), serde_json::json!(rollouts));
        for (key, state) in &accepted.moves {
            let state = serde_json::to_string(state).unwrap();
            end.insert(format!("accepted {key}"), Value::String(numbered(&state)));
        }
    }
}

/// What a tenant's namespace may hold, but for pods, whose names are chance.
const KINDS: [(&str, &str); 10] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
];

/// Makes a release of a settled app, and kills the engine at a point of it if one is given.
async fn make(site: Site, tenant: &str, release: Release, point: Option<Point>) -> Trace {
    let mut stage = Stage::new(site, tenant);
    let first = stage.commit("1.0.0");
    stage.start();
    stage.until_over(Release::Good, &first).await;
    let before = stage.writes().len();
    match point {
        Some(point) => stage.life.arm(point),
        None => stage.life.count_anew(),
    }
    let commit = stage.commit(release.tag());
    let killed_at = {
        let life = stage.life.clone();
        tokio::select! {
            biased;
            effect = life.ended() => Some(effect),
            () = stage.until_over(release, &commit) => None,
        }
    };
    let effects = stage.life.effects();
    if killed_at.is_some() {
        stage.kill();
        stage.start();
        stage.until_over(release, &commit).await;
    }
    let mut writes = BTreeMap::new();
    for write in &stage.writes()[before..] {
        *writes.entry(neutral_write(write, tenant)).or_default() += 1;
    }
    let trace = Trace { killed_at, effects, writes, end: stage.end().await };
    stage.world.stop().await;
    trace
}

/// What of a killed release is not as it was in the undisturbed one.
fn differences(killed: &Trace, undisturbed: &Trace, tenant: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut excused = killed.killed_at.as_ref().filter(|effect| effect.write);
    for (write, count) in &killed.writes {
        let mut more = count.saturating_sub(undisturbed.writes.get(write).copied().unwrap_or_default());
        if more > 0 && excused.is_some_and(|effect| neutral_write(&effect.what, tenant) == *write) {
            excused = None;
            more -= 1;
        }
        if more > 0 {
            found.push(format!("needless: {write} ({more} times)"));
        }
    }
    let missing = undisturbed
        .writes
        .iter()
        .filter(|(write, count)| killed.writes.get(*write).copied().unwrap_or_default() < **count);
    found.extend(missing.map(|(write, _)| format!("missing: {write}")));
    let names: std::collections::BTreeSet<_> = killed.end.keys().chain(undisturbed.end.keys()).collect();
    for name in names {
        if killed.end.get(name) != undisturbed.end.get(name) {
            found.push(format!(
                "{name} ends as {} and not as {}",
                killed.end.get(name).unwrap_or(&Value::Null),
                undisturbed.end.get(name).unwrap_or(&Value::Null)
            ));
        }
    }
    found
}

/// The points of a release with so many effects, before and after each, every `step`-th effect.
fn points(effects: usize, step: usize) -> Vec<Point> {
    let effects = (1..=effects).step_by(step);
    effects.flat_map(|effect| [false, true].map(|after| Point { effect, after })).collect()
}

/// Kills the engine at the points, in a world of its own each, and says what it found.
async fn check<F>(release: Release, step: usize, worlds: usize, site: impl Fn(String) -> F)
where
    F: Future<Output = (Site, String)>,
{
    let (place, tenant) = site("undisturbed".to_owned()).await;
    let undisturbed = make(place, &tenant, release, None).await;
    let undisturbed = Trace { end: neutral(undisturbed.end, &tenant), ..undisturbed };
    let points = points(undisturbed.effects, step);
    let runs = points.iter().map(|point| {
        let name = format!("{}{}", if point.after { "after" } else { "before" }, point.effect);
        let site = &site;
        async move {
            let (place, tenant) = site(name).await;
            let trace = make(place, &tenant, release, Some(*point)).await;
            (*point, Trace { end: neutral(trace.end, &tenant), ..trace }, tenant)
        }
    });
    let mut struck = 0;
    let mut found = Vec::new();
    let mut runs = futures::stream::iter(runs).buffer_unordered(worlds);
    while let Some((point, trace, tenant)) = runs.next().await {
        struck += usize::from(trace.killed_at.is_some());
        let at = trace.killed_at.as_ref().map_or("not reached", |effect| effect.what.as_str());
        for difference in differences(&trace, &undisturbed, &tenant) {
            found.push(format!("{point:?} ({at}): {difference}"));
        }
    }
    found.sort();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    // Evidence comes in more or fewer records by chance, so the last points may not be reached.
    assert!(3 * struck >= 2 * points.len(), "killed at {struck} of {} points only", points.len());
}

/// The end, by names that are the same for every tenant.
fn neutral(end: BTreeMap<String, Value>, tenant: &str) -> BTreeMap<String, Value> {
    let text = serde_json::to_string(&end).unwrap().replace(tenant, "TENANT");
    serde_json::from_str(&text).unwrap()
}

async fn on_the_playground(_: String) -> (Site, String) {
    let pods = PodBehaviour {
        ready_after: Duration::from_millis(50),
        terminate_after: Duration::from_millis(50),
        ..PodBehaviour::default()
    };
    (Site::playground_with(&["east"], pods).await, "shop".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_release_survives_a_kill_at_every_effect() {
    check(Release::Good, 1, WORLDS, on_the_playground).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_release_is_brought_back_over_a_kill_at_every_effect() {
    check(Release::Bad, 1, WORLDS, on_the_playground).await;
}

/// Told to stop in the middle of a write, the engine ends once that was answered, and the next one
/// goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_writes_under_way_finish() {
    let (site, tenant) = on_the_playground(String::new()).await;
    let mut stage = Stage::new(site, &tenant);
    let first = stage.commit("1.0.0");
    stage.start();
    stage.until_over(Release::Good, &first).await;
    stage.life.slow_down(Duration::from_millis(300));
    let begun = stage.life.writes().0;
    let commit = stage.commit("2.0.0");
    stage.world.until("a write is under way", |_| stage.life.writes().0 > begun).await;
    stage.world.stop().await;
    let (begun, answered) = stage.life.writes();
    assert_eq!(begun, answered, "a write was cut off");
    stage.start();
    stage.until_over(Release::Good, &commit).await;
}

/// A write that is never answered does not keep the engine from ending within 5 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_stuck_write_no_longer_than_5_s() {
    let (site, tenant) = on_the_playground(String::new()).await;
    let mut stage = Stage::new(site, &tenant);
    let first = stage.commit("1.0.0");
    stage.start();
    stage.until_over(Release::Good, &first).await;
    stage.life.slow_down(Duration::from_secs(3600));
    let begun = stage.life.writes().0;
    let commit = stage.commit("2.0.0");
    stage.world.until("a write is under way", |_| stage.life.writes().0 > begun).await;
    let told = Instant::now();
    stage.world.stop().await;
    assert!(told.elapsed() < Duration::from_secs(5), "it took {:?}", told.elapsed());
    stage.start();
    stage.until_over(Release::Good, &commit).await;
}

async fn config(plane: &ControlPlane, user: &str) -> Config {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(user)).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

/// The shared control plane as the cluster `east`, for a tenant of this name.
async fn on_a_control_plane(plane: &'static ControlPlane, tenant: String) -> (Site, String) {
    let engine = config(plane, ENGINE).await;
    let of = tenant.clone();
    let cluster = SiteCluster {
        away: Arc::default(),
        admin: Client::try_from(config(plane, ADMIN).await).unwrap(),
        // A client of its own each time, since its connections end with the engine.
        connect: Arc::new(move || {
            let client = Client::try_from(engine.clone()).unwrap();
            Ok(Arc::new(KubeCluster::new(client)) as Arc<dyn Cluster>)
        }),
        writes: Arc::new(move || {
            plane
                .writes_by(ENGINE)
                .into_iter()
                .filter(|event| event.namespace == of || event.name.contains(of.as_str()))
                .map(|event| format!("{} {} {}/{}", event.verb, event.resource, event.namespace, event.name))
                .collect()
        }),
    };
    (Site::of(BTreeMap::from([("east".to_owned(), cluster)])), tenant)
}

/// A sample of the points, in both directions.
#[tokio::test(flavor = "multi_thread")]
async fn releases_survive_kills_on_a_control_plane() {
    let plane = tokio::task::spawn_blocking(controlplane::shared).await.unwrap();
    let Some(plane) = plane else { return };
    for (release, prefix) in [(Release::Good, "good"), (Release::Bad, "bad")] {
        check(release, 5, 4, |name| on_a_control_plane(plane, format!("kill-{prefix}-{name}-x"))).await;
    }
}
