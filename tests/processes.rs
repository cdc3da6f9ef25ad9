//! The built program as real processes: killed at any moment, told to stop, started again.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

mod controlplane;
mod suite;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use controlplane::{ADMIN, ControlPlane, ENGINE};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use sluice::engine::environment::Sync;
use sluice::ledger::LocalLedger;
use sluice::model::CommitId;
use sluice::playground::controllers::PodBehaviour;
use sluice::port::cluster::ClusterError;
use suite::course::{Change, Course, Way};
use suite::ending::{self, Ending};
use suite::neutral::neutral_write;
use suite::process::{Run, sluice};
use suite::{Site, SiteCluster, World, app};

/// A fleet whose engine is a process.
struct Stage {
    world: World,
    folder: tempfile::TempDir,
    run: Run,
}

impl Stage {
    fn start(site: Site, tenant: &str, folder: tempfile::TempDir) -> Self {
        let mut world = World::new(site, tenant);
        world.commit_platform();
        let run = Run::start(folder.path(), &world.repository());
        Self { world, folder, run }
    }

    /// On a playground in this process, which the engine reaches by the kubeconfig it is given.
    async fn on_the_playground() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pods = PodBehaviour {
            ready_after: Duration::from_millis(100),
            terminate_after: Duration::from_millis(50),
            ..PodBehaviour::default()
        };
        let site = Site::playground_in(&["east"], pods, &folder.path().join("state/playground")).await;
        Self::start(site, "shop", folder)
    }

    fn commit(&mut self, text: Option<&str>) -> CommitId {
        let path = format!("tenants/{}/web.yaml", self.world.tenant);
        self.world.commit("web", &[(&path, text)])
    }

    async fn until(&mut self, commit: &CommitId, sync: Sync) {
        self.run.until_app(&self.world.app(), commit, sync).await;
    }

    fn start_again(&mut self) {
        self.run = Run::start(self.folder.path(), &self.world.repository());
    }

    fn writes(&self) -> Vec<String> {
        (self.world.cluster("east").writes)()
    }

    /// How everything stands, once nothing has been written for two seconds: two polls of Git.
    async fn end(&self) -> Ending {
        let mut quiet = (self.writes().len(), Instant::now());
        while quiet.1.elapsed() < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = self.writes().len();
            if now != quiet.0 {
                quiet = (now, Instant::now());
            }
        }
        let mut end = ending::of_cluster(self.world.cluster("east"), &self.world.tenant).await;
        let ledger = LocalLedger::open_read_only(&self.folder.path().join("state/ledger")).unwrap();
        end.extend(ending::of_ledger(&ledger));
        ending::neutral(end, &self.world.tenant)
    }
}

/// What a course came to.
struct Came {
    end: Ending,
    writes: BTreeMap<String, usize>,
}

/// Runs a course, with kills at these times after each start.
async fn run(stage: &mut Stage, course: Course, kills: &[Duration]) -> Came {
    let first = stage.commit(Some(&course.before()));
    stage.until(&first, Sync::Synced).await;
    stage.end().await;
    let before = stage.writes().len();
    let commit = stage.commit(course.after().as_deref());
    for alive in kills {
        // The moment is chance on purpose, given by the seed.
        tokio::time::sleep(*alive).await;
        stage.run.kill();
        stage.start_again();
    }
    let sync = if course.change == Change::Bad { Sync::RolledBack } else { Sync::Synced };
    stage.until(&commit, sync).await;
    let end = stage.end().await;
    let mut writes = BTreeMap::new();
    for write in &stage.writes()[before..] {
        *writes.entry(neutral_write(write, &stage.world.tenant)).or_default() += 1;
    }
    Came { end, writes }
}

/// What a killed course did that an undisturbed one did not, but for one write each kill, whose
/// outcome nobody knew.
fn differences(killed: &Came, undisturbed: &Came, kills: usize) -> Vec<String> {
    let mut found = ending::differences(&killed.end, &undisturbed.end);
    let more: Vec<String> = killed
        .writes
        .iter()
        .map(|(write, count)| {
            (write, count.saturating_sub(undisturbed.writes.get(write).copied().unwrap_or(0)))
        })
        .filter(|(_, more)| *more > 0)
        .map(|(write, more)| format!("needless: {write} ({more} times)"))
        .collect();
    if more.len() > kills {
        found.extend(more);
    }
    found
}

/// Times between a start and the next kill: early and late ones, always the same of a seed.
fn moments(seed: u64, count: usize) -> Vec<Duration> {
    let number = |place: usize| {
        let digest = sluice::model::sha256(format!("{seed} {place}").as_bytes()).to_hex();
        u64::from_str_radix(&digest[..8], 16).unwrap()
    };
    // A debug build on a loaded machine takes most of a second to read its ledger and clusters.
    (0..count).map(|place| Duration::from_millis(number(place) % 2500)).collect()
}

/// How many seeds each course is killed by, and how many kills a seed has.
fn effort() -> (u64, usize) {
    if std::env::var_os("SLUICE_SOAK").is_some() { (20, 6) } else { (2, 4) }
}

async fn survives_kills(course: Course) {
    let mut stage = Stage::on_the_playground().await;
    let undisturbed = run(&mut stage, course, &[]).await;
    drop(stage);
    let (seeds, kills) = effort();
    for seed in 0..seeds {
        let mut stage = Stage::on_the_playground().await;
        let came = run(&mut stage, course, &moments(seed, kills)).await;
        let found = differences(&came, &undisturbed, kills);
        assert!(found.is_empty(), "seed {seed}:\n{}\n{}", found.join("\n"), stage.run.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_release_survives_kill_9_at_random_moments() {
    survives_kills(Course::new(Way::Rolling, Change::Good)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_release_is_brought_back_over_kill_9_at_random_moments() {
    survives_kills(Course::new(Way::Rolling, Change::Bad)).await;
}

async fn client(plane: &ControlPlane, user: &str) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(user)).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// A real control plane, which the engine reaches by the kubeconfig that its definition names.
async fn on_a_control_plane(plane: &'static ControlPlane, tenant: &str) -> Stage {
    let of = tenant.to_owned();
    let cluster = SiteCluster {
        away: Arc::default(),
        admin: client(plane, ADMIN).await,
        connect: Arc::new(|| Err(ClusterError::Unreachable("the engine is a process".to_owned()))),
        writes: Arc::new(move || plane.writes_about(&of, ENGINE)),
    };
    let mut site = Site::of(BTreeMap::from([("east".to_owned(), cluster)]));
    site.access = format!("{{kubeconfig: {{file: {}}}}}", plane.kubeconfig(ENGINE).display());
    Stage::start(site, tenant, tempfile::tempdir().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_survive_kill_9_on_a_control_plane() {
    let plane = tokio::task::spawn_blocking(controlplane::shared).await.unwrap();
    let Some(plane) = plane else { return };
    for (change, seed) in [(Change::Good, 100), (Change::Bad, 200)] {
        let course = Course::new(Way::Rolling, change);
        let name = format!("process-{change:?}").to_lowercase();
        let mut stage = on_a_control_plane(plane, &format!("{name}-quiet")).await;
        let undisturbed = run(&mut stage, course, &[]).await;
        drop(stage);
        let mut stage = on_a_control_plane(plane, &format!("{name}-killed")).await;
        let came = run(&mut stage, course, &moments(seed, 3)).await;
        let found = differences(&came, &undisturbed, 3);
        assert!(found.is_empty(), "{change:?}, seed {seed}:\n{}\n{}", found.join("\n"), stage.run.log());
    }
}

/// Told to stop in the middle of applying many objects, the process ends with 0 within 5 s, and the
/// next one makes what was not made yet and nothing twice.
async fn stops_in_mid_apply(signal: &str) {
    let mut stage = Stage::on_the_playground().await;
    let components: String = (0..25)
        .map(|number| {
            format!(
                "    part-{number}:\n      image: registry.acme.example/shop/web:1.0.0\n      port: 8080\n      \
                 replicas: 1\n      resources: {{cpu: 10m, memory: 16Mi}}\n"
            )
        })
        .collect();
    let spec = format!("  components:\n{components}");
    let none = stage.world.commit("a word", &[("README.md", Some("nothing yet"))]);
    stage
        .run
        .until("the engine runs", |status| {
            status.revision.as_ref().is_some_and(|it| it.branch == none) && status.is_steady()
        })
        .await;
    let commit = stage.commit(Some(&app("web", &spec)));
    let services = |stage: &Stage| stage.writes().iter().filter(|write| write.contains(" services ")).count();
    let begun = Instant::now();
    while services(&stage) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is applied\n{}", stage.run.log());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stage.run.signal(signal);
    let (status, took) = stage.run.ended().await;
    assert_eq!(status.code(), Some(0), "{}", stage.run.log());
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    stage.start_again();
    stage.until(&commit, Sync::Synced).await;
    stage.end().await;
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for write in stage.writes() {
        *made.entry(write).or_default() += 1;
    }
    for kind in ["services", "deployments"] {
        let of_kind = made.iter().filter(|(write, _)| write.contains(&format!(" {kind} ")));
        let counts: Vec<usize> = of_kind.map(|(_, count)| *count).collect();
        assert_eq!(counts.len(), 25, "all {kind} are there");
        // A Deployment is made, and then told its replicas.
        let each = if kind == "services" { 1 } else { 2 };
        assert!(counts.iter().all(|count| *count <= each), "made twice: {made:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_mid_apply_loses_nothing() {
    stops_in_mid_apply("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_in_mid_apply_loses_nothing() {
    stops_in_mid_apply("INT").await;
}

/// `sluice playground` and `sluice run` beside each other in one state folder, and `sluice apply`
/// refused meanwhile; each ends with 0 when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn playground_and_engine_run_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut playground = sluice(folder.path())
        .args(["playground", "--clusters", "east", "--state-folder", "state"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Read to its end: a program that can't say what it has to say ends.
    let mut said = BufReader::new(playground.stdout.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().starts_with("east http"));
    let mut world = World::new(Site::of(BTreeMap::from([("east".to_owned(), nobody())])), "shop");
    world.commit_platform();
    let mut run = Run::start(folder.path(), &world.repository());
    let commit = world.commit_web("registry.acme.example/shop/web:1.0.0", "");
    run.until_app(&world.app(), &commit, Sync::Synced).await;
    let apply = sluice(folder.path())
        .args(["apply", "--state-folder", "state", "--repository"])
        .arg(world.repository())
        .output()
        .unwrap();
    assert_eq!(apply.status.code(), Some(1), "{apply:?}");
    assert!(String::from_utf8_lossy(&apply.stderr).contains("an engine runs here already"), "{apply:?}");
    run.signal("TERM");
    assert_eq!(run.ended().await.0.code(), Some(0));
    let id = playground.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    assert_eq!(playground.wait().unwrap().code(), Some(0));
    assert!(said.next().unwrap().unwrap().contains("kubectl --kubeconfig"), "how to reach it");
    let mut left: Vec<PathBuf> = files(&folder.path().join("state/playground"));
    // By which the next one knows that it is alone.
    left.retain(|file| !file.ends_with("LOCK"));
    assert_eq!(left, Vec::<PathBuf>::new(), "kubeconfigs of clusters that are gone");
}

/// A cluster that only another process knows.
fn nobody() -> SiteCluster {
    let config = Config::new("http://127.0.0.1:1/".parse().unwrap());
    SiteCluster {
        away: Arc::default(),
        admin: Client::try_from(config).unwrap(),
        connect: Arc::new(|| Err(ClusterError::Unreachable("the engine is a process".to_owned()))),
        writes: Arc::new(Vec::new),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
