//! The metrics of the process, in the text form of OpenMetrics.

use std::sync::Mutex;
use std::sync::PoisonError;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The metrics of the process.
pub struct Metrics {
    registry: Mutex<Registry>,
    writes: Family<Write, Counter>,
    ended: Family<Ended, Counter>,
    looks: Counter,
    source_failing: Gauge,
    reachable: Family<OnCluster, Gauge>,
    apps: Family<Apps, Gauge>,
    open: Family<InEnvironment, Gauge>,
}

/// A write to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Write {
    /// The cluster.
    pub cluster: String,
    /// `apply`, `dry-run`, `patch`, `put` or `delete`.
    pub verb: &'static str,
    /// `done`, `refused` or `unanswered`.
    pub result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    environment: String,
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OnCluster {
    environment: String,
    cluster: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Apps {
    environment: String,
    sync: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InEnvironment {
    environment: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sluice");
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            writes: Family::default(),
            ended: Family::default(),
            looks: Counter::default(),
            source_failing: Gauge::default(),
            reachable: Family::default(),
            apps: Family::default(),
            open: Family::default(),
        };
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the process", version);
        registry.register("cluster_writes", "Writes sent to a cluster", metrics.writes.clone());
        registry.register("rollouts_ended", "Rollouts that ended, by outcome", metrics.ended.clone());
        registry.register("source_looks", "How often the repository was looked at", metrics.looks.clone());
        let help = "1 while the last look at the repository failed";
        registry.register("source_failing", help, metrics.source_failing.clone());
        registry.register("cluster_reachable", "1 while a cluster answers", metrics.reachable.clone());
        registry.register("apps", "Apps, by whether clusters hold what Git asks for", metrics.apps.clone());
        registry.register("rollouts_open", "Rollouts that have not ended", metrics.open.clone());
        Self { registry: Mutex::new(registry), ..metrics }
    }
}

impl Metrics {
    /// Counts a write to a cluster.
    pub fn wrote(&self, write: &Write) {
        self.writes.get_or_create(write).inc();
    }

    /// Counts a rollout that ended.
    pub fn rollout_ended(&self, environment: &str, outcome: &str) {
        let labels = Ended { environment: environment.to_owned(), outcome: outcome.to_owned() };
        self.ended.get_or_create(&labels).inc();
    }

    /// Sets how the source stands; `looks` never falls.
    pub fn source(&self, looks: u64, failing: bool) {
        self.looks.inc_by(looks.saturating_sub(self.looks.get()));
        self.source_failing.set(failing.into());
    }

    /// Forgets what environments, clusters and apps there are, before they are set anew.
    pub fn clear(&self) {
        self.reachable.clear();
        self.apps.clear();
        self.open.clear();
    }

    /// Sets whether a cluster answers.
    pub fn cluster(&self, environment: &str, cluster: &str, reachable: bool) {
        let labels = OnCluster { environment: environment.to_owned(), cluster: cluster.to_owned() };
        self.reachable.get_or_create(&labels).set(reachable.into());
    }

    /// Counts one more app with this answer to whether clusters hold what Git asks for.
    pub fn app(&self, environment: &str, sync: &str) {
        let labels = Apps { environment: environment.to_owned(), sync: sync.to_owned() };
        self.apps.get_or_create(&labels).inc();
    }

    /// Sets how many rollouts are open.
    pub fn open_rollouts(&self, environment: &str, count: usize) {
        let labels = InEnvironment { environment: environment.to_owned() };
        self.open.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// All of them, as text.
    pub fn text(&self) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}
