//! The health of an object, from the object and the time alone: one file per kind.
//!
//! Generation comes first (a status that does not speak of the present spec says nothing), then
//! deletion, then the rule of the kind, then well-known conditions; an object that has neither is
//! healthy with the reason `NoConditions`. [`pod_faults`] and [`assess_workload`] make a workload
//! degraded as soon as a container says why it can't start, long before any deadline.
//!
//! What this module deliberately does not: it reads no cluster, follows no owner references, knows
//! no deadline of a rollout and decides nothing. Whether `Progressing` has lasted too long is the
//! gate's business.

mod api_service;
mod autoscaler;
mod claim;
mod conditions;
mod cron_job;
mod custom_resource_definition;
mod daemon_set;
mod deployment;
mod disruption_budget;
mod faults;
mod gateway;
mod ingress;
mod job;
mod namespace;
mod object;
mod pod;
mod replica_set;
mod route;
mod service;
mod stateful_set;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Manifest, Timestamp};

pub use faults::{ContainerExit, ContainerFault, FaultKind, assess_workload, pod_faults};

use object::Object;

/// How an object fares, sorted from best to worst.
///
/// A known failure outranks what is not known: a gate that sums up many objects must see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HealthStatus {
    /// It does what its spec asks for.
    Healthy,
    /// It rests because its spec says so.
    Suspended,
    /// It is on its way, and nothing says that it will not arrive.
    Progressing,
    /// It could not be judged.
    Unknown,
    /// It is not there.
    Missing,
    /// It failed, or says itself that it can't go on.
    Degraded,
}

impl HealthStatus {
    /// The worst of several; `Healthy` of none.
    pub fn worst(statuses: impl IntoIterator<Item = Self>) -> Self {
        statuses.into_iter().max().unwrap_or(Self::Healthy)
    }

    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Unknown => "Unknown",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
        }
    }
}

impl std::fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The health of one object, with the reason in one word and in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// How it fares.
    pub status: HealthStatus,
    /// One camel-case word, the object's own where it gave one.
    pub reason: String,
    /// What a person should read; may be empty.
    pub message: String,
}

impl Health {
    /// A health of this status, reason and message.
    pub fn new(status: HealthStatus, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), message: message.into() }
    }

    /// The health of an object that should be there and is not.
    pub fn missing() -> Self {
        Self::new(HealthStatus::Missing, "NotFound", "the object does not exist")
    }

    /// The health of an object that could not be read.
    pub fn unknown(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Unknown, reason, message)
    }

    fn healthy(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Healthy, reason, message)
    }

    fn progressing(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Progressing, reason, message)
    }

    fn degraded(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Degraded, reason, message)
    }

    fn suspended(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Suspended, reason, message)
    }
}

/// The health of an object as it was read at `now`.
pub fn assess(object: &Manifest, now: Timestamp) -> Health {
    assess_value(object.as_value(), now)
}

/// The health of an object that may lack a name, such as one on standard input.
pub fn assess_value(object: &Value, now: Timestamp) -> Health {
    let object = Object::new(object);
    if let Some(since) = object.text("/metadata/deletionTimestamp") {
        return Health::progressing("Terminating", format!("being deleted since {since}"));
    }
    if let Some((observed, generation)) = object.unobserved_generation() {
        return Health::progressing(
            "GenerationNotObserved",
            format!("the controller has seen generation {observed} of {generation}"),
        );
    }
    of_kind(&object, now).unwrap_or_else(|| conditions::assess(&object))
}

/// The rule of the object's kind, whatever the version of its group.
fn of_kind(object: &Object<'_>, now: Timestamp) -> Option<Health> {
    Some(match (object.group(), object.kind()) {
        ("apps" | "extensions", "Deployment") => deployment::assess(object),
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => replica_set::assess(object),
        ("apps", "StatefulSet") => stateful_set::assess(object),
        ("apps" | "extensions", "DaemonSet") => daemon_set::assess(object),
        ("", "Pod") => pod::assess(object, now),
        ("batch", "Job") => job::assess(object),
        ("batch", "CronJob") => cron_job::assess(object),
        ("", "PersistentVolumeClaim") => claim::assess(object),
        ("", "Service") => service::assess(object),
        ("networking.k8s.io" | "extensions", "Ingress") => ingress::assess(object),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::assess(object),
        ("policy", "PodDisruptionBudget") => disruption_budget::assess(object),
        ("apiregistration.k8s.io", "APIService") => api_service::assess(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom_resource_definition::assess(object),
        ("", "Namespace") => namespace::assess(object),
        ("gateway.networking.k8s.io", "Gateway") => gateway::assess(object),
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => route::assess(object),
        _ => return None,
    })
}
