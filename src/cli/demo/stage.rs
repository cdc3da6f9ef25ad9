//! What the demo plays on: the fleet repository, playground clusters and the engine, in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::company::{self, Company};
use crate::api::{Api, Metered, Serving};
use crate::cli::failure::{Cause, Failure};
use crate::cli::playground::write_private;
use crate::clock::SystemClock;
use crate::cluster::KubeConnect;
use crate::engine::{Engine, EngineError, Handle, Parts};
use crate::git::{
    self, LocalWatch, Poll, RepositoryUrl, Store, StoreOptions, TenantSources, UrlPolicy, Wake,
};
use crate::ledger::LocalLedger;
use crate::playground::{Cluster, Objects, Options, Playground};
use crate::telemetry::Metrics;

/// How often the engine looks at Git without being woken. Pushes wake it; this makes it right.
const POLL: Duration = Duration::from_secs(10);

/// How often one looks whether the engine still runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the engine may take to stop: its requests have shorter deadlines.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Everything that runs, and where it is.
pub struct Stage {
    /// The fleet repository.
    pub company: Company,
    /// How many apps the company has.
    pub apps: usize,
    /// The clusters.
    pub playground: Playground,
    /// The engine, as interfaces see it.
    pub handle: Handle,
    /// What the engine records.
    pub ledger: Arc<LocalLedger>,
    stop: CancellationToken,
    engine: JoinHandle<Result<(), EngineError>>,
    api: Serving,
    _watch: LocalWatch,
    /// The folder of it all: removed when nothing uses it any more.
    pub folder: Folder,
}

/// The demo's folder, made by it and removed with it.
pub struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    /// Makes the folder. One that is there must be empty: it is removed at the end.
    ///
    /// # Errors
    /// It holds something, or can't be made.
    pub fn make(path: Option<&Path>, keep: bool) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => std::path::absolute(path)?,
            None => std::env::temp_dir().join(format!("sluice-demo-{}", std::process::id())),
        };
        let shown = path.display();
        let failed = |error: io::Error| Failure::world(format!("can't make {shown}")).because(error);
        fs::create_dir_all(&path).map_err(failed)?;
        if fs::read_dir(&path).map_err(failed)?.next().is_some() {
            return Err(Failure::usage(format!("{shown} is not empty"))
                .help("name an empty or a new folder: the demo removes it at the end"));
        }
        // Paths without links: the engine's repository and kubectl see the same ones.
        let path = path.canonicalize().map_err(failed)?;
        Ok(Self { path, keep })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bare fleet repository.
    pub fn repository(&self) -> PathBuf {
        self.path.join("fleet.git")
    }

    /// The folder of the engine's ledger, store and socket.
    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// The kubeconfigs of the engine's user, by cluster.
    fn access(&self) -> PathBuf {
        self.state().join("playground")
    }

    /// The kubeconfig for people, with a context for each cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // What can't be removed is left behind; the demo is over all the same.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl Stage {
    /// Makes the repository, starts the clusters and the engine.
    ///
    /// # Errors
    /// A folder can't be written or a port can't be listened on.
    pub async fn build(folder: Folder) -> Result<Self, Failure> {
        let company = Company::found(folder.repository()).map_err(world("make the fleet repository"))?;
        let definitions = company::definitions();
        let names = definitions.clusters.keys().map(|name| name.to_string());
        let playground =
            Playground::start(Options::new(names)).await.map_err(world("start the playground"))?;
        for cluster in playground.clusters() {
            equip(cluster)?;
        }
        write_access(&folder, &playground)?;
        let ledger =
            Arc::new(LocalLedger::open(&folder.state().join("ledger")).map_err(world("open the ledger"))?);
        let wake = Wake::default();
        let watch = git::watch_repository(&folder.repository(), &wake)
            .map_err(world("watch the fleet repository"))?;
        let metrics = Arc::new(Metrics::default());
        let clients = KubeConnect { playground: Some(folder.access()), kubeconfig: None };
        let parts = Parts {
            ledger: ledger.clone(),
            clock: Arc::new(SystemClock),
            connect: Arc::new(Metered::new(clients, metrics.clone())),
            keys: Arc::new(company::keys().map_err(world("read the example's key"))?),
            repository: Arc::new(open_store(&folder)?),
            trunk: company::DEV.to_owned(),
            only: None,
            sources: Arc::new(tenant_sources(&folder)),
            signers: None,
            poll: Poll::new(POLL, "demo"),
            wake,
        };
        let engine = Engine::new(parts);
        let handle = engine.handle();
        let stop = CancellationToken::new();
        let api = Api::new(handle.clone(), ledger.clone(), metrics)
            .serve(&folder.state().join("sluice.sock"), None, stop.clone())
            .await
            .map_err(world("serve the API"))?;
        let engine = tokio::spawn(engine.run(stop.clone()));
        Ok(Self {
            folder,
            company,
            apps: definitions.apps.len(),
            playground,
            handle,
            ledger,
            stop,
            engine,
            api,
            _watch: watch,
        })
    }

    /// Whether the engine has ended, which it never does by itself.
    pub fn has_failed(&self) -> bool {
        self.engine.is_finished()
    }

    /// Resolves when the engine has ended.
    pub async fn is_over(&self) {
        while !self.has_failed() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Stops the engine, then the clusters.
    ///
    /// # Errors
    /// The engine had failed, or does not stop.
    pub async fn strike(self) -> Result<(), Failure> {
        let Self { stop, engine, api, playground, _watch: watch, folder: _folder, .. } = self;
        stop.cancel();
        let both = async {
            let ended = engine.await;
            api.ended().await;
            ended
        };
        let ended = tokio::time::timeout(STOP_LIMIT, both).await;
        playground.shutdown().await;
        drop(watch);
        match ended {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(Failure::world("the engine has failed").because(error)),
            Ok(Err(error)) => Err(Failure::world("the engine has failed").because(error)),
            Err(_) => Err(Failure::world(format!("the engine did not stop in {} s", STOP_LIMIT.as_secs()))),
        }
    }
}

/// The company's tenants have no repositories of their own yet; who tries it names a path.
fn tenant_sources(folder: &Folder) -> TenantSources {
    TenantSources {
        stores: folder.state().join("sources"),
        credentials: None,
        known_hosts: None,
        options: StoreOptions::default(),
        policy: UrlPolicy { local_paths: true, ..UrlPolicy::default() },
    }
}

fn open_store(folder: &Folder) -> Result<Store, Failure> {
    let policy = UrlPolicy { local_paths: true, ..UrlPolicy::default() };
    let url = RepositoryUrl::parse(&folder.repository().to_string_lossy(), policy)
        .map_err(world("read the path of the fleet repository"))?;
    Store::open(&folder.state().join("repository.git"), url, StoreOptions::default())
        .map_err(world("open the engine's store"))
}

/// What the company's clusters have before Sluice comes: the gateway and the storage class that
/// its definitions name.
fn equip(cluster: &Cluster) -> Result<(), Failure> {
    let gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "public", "namespace": "gateway-system"},
        "spec": {"gatewayClassName": "sluice-playground", "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}]}});
    let objects = [
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"},
            "provisioner": "playground.sluice.dev/none"}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gateway-system"}}),
        gateway,
    ];
    cluster
        .with_objects(|store: &mut dyn Objects| {
            objects.into_iter().try_for_each(|object| store.create(object).map(drop))
        })
        .map_err(world("equip a cluster"))
}

/// Writes the engine's kubeconfigs, one a cluster, and one for people with all clusters.
fn write_access(folder: &Folder, playground: &Playground) -> Result<(), Failure> {
    let unreadable = || world("read a kubeconfig");
    let mut lists: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for cluster in playground.clusters() {
        let file = folder.access().join(format!("{}.kubeconfig", cluster.name()));
        write_private(&file, &cluster.engine_kubeconfig())?;
        let mut own: Value = serde_json::from_str(&cluster.admin_kubeconfig()).map_err(unreadable())?;
        // One user a cluster: each has a token of its own.
        let user = format!("{}-admin", cluster.name());
        own["users"][0]["name"] = json!(user);
        own["contexts"][0]["context"]["user"] = json!(user);
        for list in ["clusters", "contexts", "users"] {
            lists.entry(list).or_default().push(own[list][0].take());
        }
    }
    let first = playground.clusters().next().map(Cluster::name).unwrap_or_default();
    let mut all = json!({"apiVersion": "v1", "kind": "Config", "current-context": first});
    for (list, entries) in lists {
        all[list] = json!(entries);
    }
    write_private(&folder.kubeconfig(), &format!("{all:#}\n"))
}

/// A failure to do something, from its cause.
pub fn world<E: Into<Cause>>(attempted: &'static str) -> impl Fn(E) -> Failure {
    move |cause| Failure::world(format!("can't {attempted}")).because(cause)
}
