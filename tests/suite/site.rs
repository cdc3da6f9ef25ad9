//! Where the clusters are: a playground in this process, or a real control plane.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, PropagationPolicy,
};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use sluice::cluster::KubeCluster;
use sluice::model::Manifest;
use sluice::playground::controllers::PodBehaviour;
use sluice::playground::{ENGINE_USER, Options, Playground};
use sluice::port::cluster::{Cluster, ClusterError};

use super::weather::Weather;

type ConnectFn = Arc<dyn Fn() -> Result<Arc<dyn Cluster>, ClusterError> + Send + Sync>;

/// One cluster of a site.
#[derive(Clone)]
pub struct SiteCluster {
    /// The test itself.
    pub admin: kube::Client,
    /// What the engine gets.
    pub connect: ConnectFn,
    /// Whether the engine finds nobody there.
    pub away: Arc<AtomicBool>,
    /// Writes of the engine so far that the API server granted, dry runs left out.
    pub writes: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// Engines in this process are handed their clients, whatever the definition says.
const PLAYGROUND: &str = "{playground: {}}";

/// Some clusters.
pub struct Site {
    pub clusters: BTreeMap<String, SiteCluster>,
    /// How definitions of clusters say that they are reached.
    pub access: String,
    /// Kept for as long as the clusters are needed.
    playground: Option<Playground>,
}

impl Site {
    /// A playground in real time, with quick pods and no sockets.
    pub async fn playground(clusters: &[&str]) -> Self {
        let ready_after = std::time::Duration::from_millis(100);
        Self::playground_with(clusters, PodBehaviour { ready_after, ..PodBehaviour::default() }).await
    }

    /// A playground in real time without sockets, whose pods behave as told.
    pub async fn playground_with(clusters: &[&str], pods: PodBehaviour) -> Self {
        Self::serve(Options { port: None, pods, ..Options::new(clusters.iter().copied()) }).await
    }

    /// The same with sockets, and the engine's kubeconfigs in a folder: for engines that are
    /// processes of their own.
    pub async fn playground_in(clusters: &[&str], pods: PodBehaviour, folder: &Path) -> Self {
        let site = Self::serve(Options { pods, ..Options::new(clusters.iter().copied()) }).await;
        std::fs::create_dir_all(folder).unwrap();
        for cluster in site.playground.iter().flat_map(Playground::clusters) {
            let path = folder.join(format!("{}.kubeconfig", cluster.name()));
            std::fs::write(path, cluster.engine_kubeconfig()).unwrap();
        }
        site
    }

    async fn serve(options: Options) -> Self {
        let playground = Playground::start(options).await.unwrap();
        let clusters = playground
            .clusters()
            .map(|cluster| {
                let (engine, audit) = (cluster.clone(), cluster.clone());
                let site = SiteCluster {
                    away: Arc::default(),
                    admin: cluster.client("admin"),
                    connect: Arc::new(move || {
                        Ok(Arc::new(KubeCluster::new(engine.client(ENGINE_USER))) as Arc<dyn Cluster>)
                    }),
                    writes: Arc::new(move || {
                        audit
                            .audit()
                            .into_iter()
                            .filter(|event| event.user == ENGINE_USER && event.is_write() && event.code < 300)
                            .map(|event| {
                                format!(
                                    "{} {} {}/{}",
                                    event.verb, event.resource, event.namespace, event.name
                                )
                            })
                            .collect()
                    }),
                };
                (cluster.name().to_owned(), site)
            })
            .collect();
        Self { clusters, access: PLAYGROUND.to_owned(), playground: Some(playground) }
    }

    /// Clusters that are there already.
    pub fn of(clusters: BTreeMap<String, SiteCluster>) -> Self {
        Self { clusters, access: PLAYGROUND.to_owned(), playground: None }
    }
}

impl Site {
    /// A client as which the engine reaches a cluster of the playground.
    pub fn engine_client(&self, cluster: &str) -> kube::Client {
        let mut clusters = self.playground.iter().flat_map(Playground::clusters);
        clusters.find(|one| one.name() == cluster).expect("there is such a cluster").client(ENGINE_USER)
    }

    /// Has the engine reach a cluster through weather.
    pub fn reach_through(&mut self, cluster: &str, weather: &Arc<Weather>) {
        let weather = weather.clone();
        let cluster = self.clusters.get_mut(cluster).expect("there is such a cluster");
        cluster.connect = Arc::new(move || Ok(weather.connect()));
    }
}

impl SiteCluster {
    pub fn api(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match namespace {
            Some(namespace) => Api::namespaced_with(self.admin.clone(), namespace, &resource),
            None => Api::all_with(self.admin.clone(), &resource),
        }
    }

    pub async fn get(&self, api: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Manifest> {
        let object = self.api(api, kind, namespace).get_opt(name).await.unwrap()?;
        Some(Manifest::new(serde_json::to_value(object).unwrap()).unwrap())
    }

    pub async fn list(&self, api: &str, kind: &str, namespace: &str) -> Vec<Manifest> {
        let list = self.api(api, kind, Some(namespace)).list(&ListParams::default()).await.unwrap();
        list.items
            .into_iter()
            .map(|object| {
                let mut value = serde_json::to_value(object).unwrap();
                value["apiVersion"] = api.into();
                value["kind"] = kind.into();
                Manifest::new(value).unwrap()
            })
            .collect()
    }

    /// Deletes an object as the administrator; it may be gone a moment later.
    pub async fn delete(&self, api: &str, kind: &str, namespace: Option<&str>, name: &str) {
        let how = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        self.api(api, kind, namespace).delete(name, &how).await.unwrap();
    }

    /// Changes an object by hand, as `kubectl edit` would.
    pub async fn edit(&self, api: &str, kind: &str, namespace: Option<&str>, name: &str, change: Value) {
        let how = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        self.api(api, kind, namespace).patch(name, &how, &Patch::Strategic(change)).await.unwrap();
    }

    /// Applies an object as another manager, taking what it needs.
    pub async fn apply(&self, manager: &str, object: Value) {
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        let metadata = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        let (namespace, name) = (metadata("namespace"), metadata("name").unwrap());
        let api = self.api(&text("apiVersion"), &text("kind"), namespace.as_deref());
        api.patch(&name, &PatchParams::apply(manager).force(), &Patch::Apply(&object)).await.unwrap();
    }

    /// Whether the API server would take an object of a namespace.
    pub async fn would_take(&self, namespace: &str, object: &Value) -> bool {
        let (api, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let how = PostParams { dry_run: true, ..PostParams::default() };
        let object = serde_json::from_value(object.clone()).unwrap();
        self.api(api, kind, Some(namespace)).create(&how, &object).await.is_ok()
    }

    /// How many writes of the engine there were so far.
    pub fn count_writes(&self) -> usize {
        (self.writes)().len()
    }
}
