//! What a worker reports of one target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::health::HealthStatus;
use crate::model::ComponentName;

/// What a worker saw of an app on its target, and under which numbers it saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The allocation that was seen through: everything it wants is in the cluster, unless
    /// `trouble` says otherwise.
    pub allocation: u64,
    /// The settings that were seen through.
    pub settings: u64,
    /// Whether everything wanted is in the cluster as wanted.
    pub applied: bool,
    /// Why not, in the cluster's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Whether trying again can't help: the cluster refuses an object for what it is.
    #[serde(default)]
    pub refused: bool,
    /// Each component's workload.
    pub components: BTreeMap<ComponentName, ComponentReport>,
}

/// What a worker saw of a component's workload. Counts are of pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentReport {
    /// The workload's health.
    pub status: HealthStatus,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// How many are wanted.
    pub wanted: u32,
    /// How many of the wanted template there are.
    pub updated: u32,
    /// How many of these are ready.
    pub ready: u32,
    /// How many of any template are ready: what serves.
    #[serde(default)]
    pub serving: u32,
    /// How many of another template there are.
    pub old: u32,
    /// How often containers of the wanted template have restarted.
    pub restarts: u32,
    /// Faults of containers of the wanted template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// A container that can't run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The pod.
    pub pod: String,
    /// The container; empty for the pod as a whole.
    pub container: String,
    /// Its own word: `ImagePullBackOff`.
    pub reason: String,
    /// Its own words.
    pub message: String,
    /// Whether it counts by itself. A pod that finds no node may find one later, and a Job tries
    /// again: only the deadline and the Job count there.
    pub counts: bool,
}

impl ComponentReport {
    /// Whether every wanted pod runs the wanted template and is ready, and no other is left.
    pub fn is_ready(&self) -> bool {
        self.status == HealthStatus::Healthy
            && self.updated >= self.wanted
            && self.ready >= self.wanted
            && self.old == 0
    }

    /// Whether no pod is left.
    pub fn is_empty(&self) -> bool {
        self.updated == 0 && self.old == 0 && self.ready == 0
    }
}

impl Evidence {
    /// Whether every component is ready.
    pub fn is_ready(&self) -> bool {
        self.applied && self.components.values().all(ComponentReport::is_ready)
    }
}
