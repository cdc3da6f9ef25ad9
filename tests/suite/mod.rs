//! The engine suite: stories that run on the playground and on a real control plane alike.
//!
//! A [`Site`] is where the clusters are; a [`World`] is a fleet repository, a ledger and an engine
//! on it. Waiting is always for something to become true, within a limit; nothing sleeps to be right.
#![allow(
    dead_code,
    unused_imports,
    reason = "compiled into several test binaries, each of which uses a part"
)]
#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

pub mod books;
pub mod course;
pub mod ending;
pub mod ledger;
pub mod life;
pub mod neutral;
pub mod process;
pub mod shapes;
pub mod site;
pub mod stage;
pub mod stories;
pub mod watching;
pub mod weather;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice::artifact::Keys;
use sluice::clock::SystemClock;
use sluice::definition::Access;
use sluice::engine::command::{Command, CommandError};
use sluice::engine::environment::{AppStatus, EnvironmentStatus, Sync};
use sluice::engine::source::SourceStatus;
use sluice::engine::{Engine, EngineError, Handle, Parts};
use sluice::git::{
    Author, Poll, RepositoryUrl, Store, StoreOptions, TenantSources, UrlPolicy, Wake, commit_files,
    create_repository,
};
use sluice::model::{AppKey, ClusterName, CommitId, Manifest, Timestamp};
use sluice::port::cluster::{Cluster, ClusterError, Connect};
use sluice::port::ledger::Ledger;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use books::Books;
use life::{Life, LivingConnect, LivingLedger};

pub use site::{Site, SiteCluster};

/// How long anything may take to become true: twice what the slowest story takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(90);

/// Hands the engine the clients of a site, whatever the definition says.
struct SiteConnect(BTreeMap<String, SiteCluster>);

impl Connect for SiteConnect {
    fn connect(&self, name: &ClusterName, _: &Access) -> Result<Arc<dyn Cluster>, ClusterError> {
        let cluster = self.0.get(name.as_str()).ok_or_else(|| ClusterError::NotFound(name.to_string()))?;
        if cluster.away.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(ClusterError::Unreachable("nobody answers".to_owned()));
        }
        (cluster.connect)()
    }
}

/// A fleet repository, a ledger and an engine.
pub struct World {
    pub site: Site,
    pub tenant: String,
    folder: tempfile::TempDir,
    pub books: Books,
    /// The present life of the engine.
    pub life: Arc<Life>,
    pub keys: Arc<Keys>,
    /// Never to be seen in a status.
    pub canary: Option<String>,
    engine: Option<Running>,
    commits: i64,
}

struct Running {
    handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), EngineError>>,
    /// An engine's own threads, so that all of it can end at once; none once they have ended.
    runtime: Option<Runtime>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl World {
    /// A world whose tenant (and namespace) is `tenant`, with an empty fleet.
    pub fn new(site: Site, tenant: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            site,
            tenant: tenant.to_owned(),
            folder,
            books: Books::in_memory(),
            life: Life::new(),
            keys: Arc::new(Keys::default()),
            canary: None,
            engine: None,
            commits: 0,
        };
        create_repository(&world.repository(), "main").unwrap();
        world
    }

    pub fn repository(&self) -> std::path::PathBuf {
        self.folder.path().join("fleet.git")
    }

    /// Commits files and wakes the engine.
    pub fn commit(&mut self, message: &str, files: &[(&str, Option<&str>)]) -> CommitId {
        self.commit_at(&self.repository(), message, files)
    }

    fn commit_at(&mut self, repository: &Path, message: &str, files: &[(&str, Option<&str>)]) -> CommitId {
        self.commits += 1;
        let changes: BTreeMap<String, Option<Vec<u8>>> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.map(|text| text.as_bytes().to_vec())))
            .collect();
        let author = Author {
            name: "Developer".to_owned(),
            email: "developer@acme.example".to_owned(),
            time: Timestamp::from_second(1_790_000_000 + self.commits).unwrap(),
        };
        let id = commit_files(repository, "main", &changes, message, &author).unwrap();
        self.wake();
        id
    }

    /// Moves `main` as `git push --force` does.
    pub fn force(&self, commit: &CommitId) {
        let git = git2::Repository::open_bare(self.repository()).unwrap();
        let id = git2::Oid::from_str(commit.as_str()).unwrap();
        git.reference("refs/heads/main", id, true, "force").unwrap();
        self.wake();
    }

    /// Deletes `main`.
    pub fn delete_branch(&self) {
        let git = git2::Repository::open_bare(self.repository()).unwrap();
        git.find_reference("refs/heads/main").unwrap().delete().unwrap();
        self.wake();
    }

    fn wake(&self) {
        if let Some(engine) = &self.engine {
            engine.handle.wake();
        }
    }

    fn own_repository(&self) -> std::path::PathBuf {
        self.folder.path().join("own.git")
    }

    /// Gives the tenant a repository of its own, and the fleet another tenant beside it.
    pub fn commit_tenant_with_source(&mut self, other: &str) {
        create_repository(&self.own_repository(), "main").unwrap();
        let (tenant, url) = (self.tenant.clone(), self.own_repository().display().to_string());
        let fleet = format!("{FLEET}  sources: [{{tenant: {tenant}, url: '{url}'}}]\n");
        let tenant = format!(
            "apiVersion: sluice.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {other}}}\nspec:\n  namespaces: \
             {{default: {{}}}}\n"
        );
        self.commit("another", &[("sluice.yaml", Some(&fleet)), ("platform/other.yaml", Some(&tenant))]);
    }

    /// Commits to the tenant's own repository and wakes the engine.
    pub fn commit_to_source(&mut self, message: &str, files: &[(&str, Option<&str>)]) -> CommitId {
        self.commit_at(&self.own_repository(), message, files)
    }

    /// Makes the tenant's own repository unreachable.
    pub fn take_source_away(&self) {
        std::fs::rename(self.own_repository(), self.folder.path().join("away.git")).unwrap();
    }

    /// Makes it reachable again.
    pub fn bring_source_back(&self) {
        std::fs::rename(self.folder.path().join("away.git"), self.own_repository()).unwrap();
    }

    /// Waits until something is true of the source.
    pub async fn until_source(&self, what: &str, holds: impl Fn(&SourceStatus) -> bool) {
        let engine = self.engine.as_ref().expect("an engine runs");
        let mut changes = engine.handle.changes();
        let held = async {
            while !holds(&engine.handle.source()) {
                changes.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(LIMIT, held).await;
        assert!(waited.is_ok(), "waited in vain until {what}: {:#?}", engine.handle.source());
    }

    /// Commits the platform: one environment, the site's clusters, one tenant.
    pub fn commit_platform(&mut self) {
        let clusters: Vec<String> = self
            .site
            .clusters
            .keys()
            .map(|name| {
                format!(
                    "apiVersion: sluice.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: {name}, labels: {{name: {name}}}}}\nspec: {{environment: \
                     dev, access: {}, traffic: {{provider: nginx}}}}\n",
                    self.site.access
                )
            })
            .collect();
        let tenant = format!(
            "apiVersion: sluice.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: {}}}\nspec:\n  namespaces: {{default: \
             {{}}}}\n  kinds: {{allow: [{}]}}\n",
            self.tenant,
            self.kinds()
        );
        self.commit(
            "the platform",
            &[
                ("sluice.yaml", Some(FLEET)),
                ("platform/clusters.yaml", Some(&clusters.join("---\n"))),
                ("platform/tenant.yaml", Some(&tenant)),
                ("platform/releases.yaml", Some(RELEASES)),
                // A folder that is emptied altogether is taken for one that was renamed.
                (&format!("tenants/{}/README.md", self.tenant), Some("the tenant's\n")),
            ],
        );
    }

    /// A kind of this tenant alone, for what is not served everywhere.
    pub fn kinds(&self) -> String {
        format!("Widget.{}.example", self.tenant)
    }

    /// Commits an app, given its spec.
    pub fn commit_app(&mut self, name: &str, spec: &str) -> CommitId {
        let path = format!("tenants/{}/{name}.yaml", self.tenant);
        self.commit(&format!("app {name}"), &[(&path, Some(&app(name, spec)))])
    }

    /// Removes the file of an app.
    pub fn remove_app(&mut self, name: &str) -> CommitId {
        let path = format!("tenants/{}/{name}.yaml", self.tenant);
        self.commit(&format!("no app {name}"), &[(&path, None)])
    }

    /// Commits the app `web` with an image and further lines of its spec.
    pub fn commit_web(&mut self, image: &str, more: &str) -> CommitId {
        let text = web(image, more);
        let path = format!("tenants/{}/web.yaml", self.tenant);
        self.commit(&format!("web: {image}"), &[(&path, Some(&text))])
    }

    pub fn app(&self) -> AppKey {
        self.app_called("web")
    }

    pub fn app_called(&self, name: &str) -> AppKey {
        format!("{}/{name}", self.tenant).parse().unwrap()
    }

    /// Keeps the ledger in files from now on. Nothing may have been written yet.
    pub fn keep_files(&mut self) {
        self.books = Books::in_files(self.folder.path().join("ledger"));
    }

    /// Starts an engine on the ledger as it is, on threads of its own: another life.
    pub fn start(&mut self) {
        assert!(self.engine.is_none(), "an engine runs already");
        self.life = Life::new();
        let life = self.life.clone();
        let clusters = Arc::new(SiteConnect(self.site.clusters.clone()));
        let connect = Arc::new(LivingConnect { life: life.clone(), inner: clusters });
        let ledger = Arc::new(LivingLedger { life, inner: self.books.ledger() });
        let policy = UrlPolicy { local_paths: true, ..UrlPolicy::default() };
        let url = RepositoryUrl::parse(self.repository().to_str().unwrap(), policy).unwrap();
        let store = Store::open(&self.folder.path().join("store.git"), url, StoreOptions::default()).unwrap();
        let engine = Engine::new(Parts {
            only: None,
            ledger,
            clock: Arc::new(SystemClock),
            connect,
            keys: self.keys.clone(),
            repository: Arc::new(store),
            trunk: "main".to_owned(),
            sources: Arc::new(TenantSources {
                stores: self.folder.path().join("sources"),
                credentials: None,
                known_hosts: None,
                options: StoreOptions::default(),
                policy,
            }),
            signers: None,
            poll: Poll::new(Duration::from_secs(2), "suite"),
            wake: Wake::default(),
        });
        let stop = CancellationToken::new();
        let handle = engine.handle();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let task = runtime.spawn(engine.run(stop.clone()));
        self.engine = Some(Running { handle, stop, task, runtime: Some(runtime) });
    }

    /// Stops the engine as a signal would.
    pub async fn stop(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            engine.stop.cancel();
            (&mut engine.task).await.unwrap().unwrap();
        }
    }

    /// Ends the engine wherever it is, as `kill -9` would: all that it does is dropped at once, and
    /// nothing is told to stop.
    pub fn kill(&mut self) {
        self.engine.take();
        self.life.bury();
    }

    /// Has the source and every worker look again, and waits until they have: a count of looks and
    /// one of passes have risen.
    pub async fn look(&self) {
        let engine = self.engine.as_ref().expect("an engine runs");
        let (looks, mut passes) = (engine.handle.source().fleet.looks, self.life.passes());
        let done = *passes.borrow_and_update();
        self.command(Command::Sync {}).await;
        self.until("the source is looked at", |_| engine.handle.source().fleet.looks > looks).await;
        let passed = passes.wait_for(|passes| *passes > done);
        tokio::time::timeout(LIMIT, passed).await.expect("a worker passes").unwrap();
    }

    /// How often the source was looked at, and how many passes the workers have finished, in this
    /// life.
    pub fn looks(&self) -> (u64, usize) {
        let engine = self.engine.as_ref().expect("an engine runs");
        (engine.handle.source().fleet.looks, *self.life.passes().borrow())
    }

    /// How the environment stands.
    pub fn status(&self) -> Option<Arc<EnvironmentStatus>> {
        let engine = self.engine.as_ref()?;
        engine.handle.environments().into_values().next()
    }

    pub fn web_status(&self) -> Option<AppStatus> {
        self.status()?.apps.get(&self.app()).cloned()
    }

    pub async fn command(&self, command: Command) -> String {
        let engine = self.engine.as_ref().expect("an engine runs");
        engine.handle.command(&command, "ann").await.unwrap().message
    }

    /// A command that may come too late, since what it is about may be done meanwhile.
    pub async fn try_command(&self, command: Command) -> Result<String, CommandError> {
        let engine = self.engine.as_ref().expect("an engine runs");
        Ok(engine.handle.command(&command, "ann").await?.message)
    }

    /// Waits until something is true of the status.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&EnvironmentStatus) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.status() {
                if let Some(canary) = &self.canary {
                    let text = serde_json::to_string(&status.apps).unwrap()
                        + &format!("{:?} {:?}", status.pending, status.diagnostics);
                    assert!(!text.contains(canary.as_str()), "a secret is in the status");
                }
                if holds(&status) {
                    return begun.elapsed();
                }
            }
            if let Some(engine) = &self.engine
                && engine.task.is_finished()
            {
                panic!("the engine has ended while waiting until {what}");
            }
            assert!(begun.elapsed() < LIMIT, "waited in vain until {what}: {:#?}", self.status());
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Waits until the app `web` is synced with a commit.
    pub async fn until_synced(&self, commit: &CommitId) -> Duration {
        self.until_app("web", commit, Sync::Synced).await
    }

    /// Waits until the release of a commit was brought back.
    pub async fn until_rolled_back(&self, commit: &CommitId) -> Duration {
        self.until_app("web", commit, Sync::RolledBack).await
    }

    /// Waits until an app stands so with a commit, and nothing of it moves.
    pub async fn until_app(&self, name: &str, commit: &CommitId, sync: Sync) -> Duration {
        let key = self.app_called(name);
        self.until(&format!("{key} is {sync:?} with {commit}"), |status| {
            status.revision.as_ref().is_some_and(|revision| revision.branch == *commit)
                && status.rollouts.values().all(|rollout| rollout.app != key)
                && status.apps.get(&key).is_some_and(|app| app.sync == sync)
        })
        .await
    }

    /// Waits until something is true of a cluster.
    pub async fn until_true<F>(&self, what: &str, mut holds: impl FnMut() -> F)
    where
        F: Future<Output = bool>,
    {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < LIMIT, "waited in vain until {what}: {:#?}", self.status());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn app_status(&self, name: &str) -> Option<AppStatus> {
        self.status()?.apps.get(&self.app_called(name)).cloned()
    }

    pub fn cluster(&self, name: &str) -> &SiteCluster {
        &self.site.clusters[name]
    }

    /// A live object of the tenant's namespace.
    pub async fn live(&self, cluster: &str, api: &str, kind: &str, name: &str) -> Option<Manifest> {
        self.cluster(cluster).get(api, kind, Some(&self.tenant), name).await
    }

    pub async fn deployment(&self, cluster: &str) -> Manifest {
        self.live(cluster, "apps/v1", "Deployment", "web").await.expect("the deployment is there")
    }
}

/// The definition of the app `web`.
pub fn web(image: &str, more: &str) -> String {
    format!(
        "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {{name: web}}\nspec:\n  image: {image}\n  port: \
         8080\n  health: /healthz\n  resources: {{cpu: 10m, memory: 16Mi}}\n  replicas: 3\n  grayRelease: \
         quick\n{more}"
    )
}

/// The definition of an app, given its spec.
pub fn app(name: &str, spec: &str) -> String {
    format!("apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

/// One environment.
const FLEET: &str = "\
apiVersion: sluice.dev/v1alpha1
kind: Fleet
metadata: {name: acme}
spec:
  environments:
    - {name: dev, branch: main}
";

/// How stories release.
const RELEASES: &str = "\
apiVersion: sluice.dev/v1alpha1
kind: GrayRelease
metadata: {name: quick}
spec: {strategy: rolling, timeouts: {fault: 3s, progress: 20s, admit: 20s}}
---
apiVersion: sluice.dev/v1alpha1
kind: GrayRelease
metadata: {name: hasty}
spec: {strategy: rolling, timeouts: {fault: 3s, progress: 6s, admit: 5s}}
---
apiVersion: sluice.dev/v1alpha1
kind: GrayRelease
metadata: {name: patient}
spec: {strategy: rolling, timeouts: {fault: 3s, progress: 5m, admit: 5m}}
---
apiVersion: sluice.dev/v1alpha1
kind: GrayRelease
metadata: {name: soaked}
spec: {strategy: rolling, soak: 3s, timeouts: {fault: 3s, progress: 20s}}
---
apiVersion: sluice.dev/v1alpha1
kind: GrayRelease
metadata: {name: stop-first}
spec: {strategy: recreate, timeouts: {fault: 3s, progress: 20s}}
---
apiVersion: sluice.dev/v1alpha1
kind: GrayRelease
metadata: {name: stop-hastily}
spec: {strategy: recreate, timeouts: {fault: 3s, progress: 6s}}
";

/// Runs a story with its own world; the engine is stopped at the end.
pub async fn tell<F>(site: Site, tenant: &str, story: impl FnOnce(World) -> F)
where
    F: Future<Output = World>,
{
    let mut world = World::new(site, tenant);
    world.commit_platform();
    let mut world = story(world).await;
    world.stop().await;
}

/// The value at a pointer, as text.
pub fn text<'a>(object: &'a Manifest, pointer: &str) -> &'a str {
    object.at(pointer).and_then(Value::as_str).unwrap_or_default()
}
