//! What is seen of an app's workloads, from live objects alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::converge::{Place, Scene};
use super::held::Held;
use super::prune::is_controlled_by;
use crate::health::{self, HealthStatus};
use crate::inventory::Ended;
use crate::model::{ComponentName, Manifest, ObjectKey};
use crate::rollout::{ComponentReport, Fault};

/// So many faults of one component are told: more of the same help nobody.
const FAULTS_TOLD: usize = 5;

/// A report of each component's workload.
pub(super) fn components(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &Held,
) -> BTreeMap<ComponentName, ComponentReport> {
    let workloads = place.wanted.workloads.iter();
    workloads
        .map(|(name, key)| {
            let report = match place.wanted.remove.contains(key) {
                true => stopping(scene, held, key),
                false => component(scene, held, key),
            };
            (name.clone(), report)
        })
        .collect()
}

/// A workload without replicas that stops by not being there: it has stopped when neither it nor a
/// pod of it is left.
fn stopping(scene: &Scene<'_>, held: &Held, key: &ObjectKey) -> ComponentReport {
    let resource = |group: &str, kind: &str| scene.facts.find(group, kind);
    let there = resource(&key.group, &key.kind)
        .and_then(|resource| held.newest(key, scene.cluster.live(resource, key)));
    let of_it = |pod: &Arc<Manifest>| {
        let owners = pod.at("/metadata/ownerReferences").and_then(Value::as_array);
        owners.is_some_and(|owners| {
            owners.iter().any(|owner| {
                owner["controller"] == true && owner["kind"] == *key.kind && owner["name"] == *key.name
            })
        })
    };
    let pods = resource("", "Pod")
        .map(|resource| scene.cluster.live_in(resource, key.namespace.as_deref()))
        .unwrap_or_default();
    let left = pods.iter().filter(|pod| of_it(pod)).count().max(usize::from(there.is_some()));
    ComponentReport {
        status: if left == 0 { HealthStatus::Healthy } else { HealthStatus::Progressing },
        reason: if left == 0 { "Stopped".to_owned() } else { "Stopping".to_owned() },
        message: if left == 0 { String::new() } else { format!("{key} stops") },
        wanted: 0,
        updated: 0,
        ready: 0,
        serving: 0,
        old: u32::try_from(left).unwrap_or(u32::MAX),
        restarts: 0,
        faults: Vec::new(),
    }
}

fn component(scene: &Scene<'_>, held: &Held, key: &ObjectKey) -> ComponentReport {
    let ended = held.inventory.as_ref().and_then(|stored| stored.inventory.ended(key));
    let missing = || ended.map_or_else(|| missing(key), gone);
    let Some(resource) = scene.facts.find(&key.group, &key.kind) else { return missing() };
    let Some(workload) = held.newest(key, scene.cluster.live(resource, key)) else { return missing() };
    let pods = Pods::of(scene, &workload);
    let current = pods.current.iter().map(AsRef::as_ref);
    let health = health::assess_workload(&workload, current, crate::model::Timestamp::UNIX_EPOCH);
    let mut report = ComponentReport {
        status: health.status,
        reason: health.reason,
        message: health.message,
        wanted: 0,
        updated: 0,
        ready: 0,
        serving: pods.ready(),
        old: 0,
        restarts: pods.current.iter().map(|pod| restarts(pod)).max().unwrap_or_default(),
        faults: pods.current.iter().flat_map(|pod| faults(pod)).take(FAULTS_TOLD).collect(),
    };
    count(&workload, &pods, &mut report);
    report
}

fn missing(key: &ObjectKey) -> ComponentReport {
    ComponentReport {
        status: HealthStatus::Missing,
        reason: "Missing".to_owned(),
        message: format!("{key} is not in the cluster"),
        wanted: 1,
        updated: 0,
        ready: 0,
        serving: 0,
        old: 0,
        restarts: 0,
        faults: Vec::new(),
    }
}

/// A Job that had ended before it went.
fn gone(ended: Ended) -> ComponentReport {
    const GONE: &str = "the job has ended and is gone";
    const UNSEEN: &str = "the job is gone and nobody saw how it ended; a change of it makes another";
    let (status, reason, message, ready) = match ended {
        Ended::Complete => (HealthStatus::Healthy, "Complete", GONE, 1),
        Ended::Failed => (HealthStatus::Degraded, "Failed", GONE, 0),
        Ended::Unseen => (HealthStatus::Unknown, "EndUnseen", UNSEEN, 0),
    };
    ComponentReport {
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
        wanted: 1,
        updated: 1,
        ready,
        serving: ready,
        old: 0,
        restarts: 0,
        faults: Vec::new(),
    }
}

fn number(object: &Manifest, pointer: &str) -> u32 {
    object.at(pointer).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
}

fn count(workload: &Manifest, pods: &Pods, report: &mut ComponentReport) {
    let total = u32::try_from(pods.current.len() + pods.old.len()).unwrap_or(u32::MAX);
    // What a status says of an older generation says nothing about what is wanted now.
    let seen = u32::from(is_observed(workload));
    match workload.kind() {
        "Deployment" => {
            report.wanted = number(workload, "/spec/replicas");
            report.updated = seen * number(workload, "/status/updatedReplicas");
            report.ready = pods.ready_current();
            report.old = number(workload, "/status/replicas").saturating_sub(report.updated);
        }
        "StatefulSet" => {
            report.wanted = number(workload, "/spec/replicas");
            report.updated = u32::try_from(pods.current.len()).unwrap_or(u32::MAX);
            report.ready = pods.ready_current();
            report.old = u32::try_from(pods.old.len()).unwrap_or(u32::MAX);
        }
        "DaemonSet" => {
            report.wanted = number(workload, "/status/desiredNumberScheduled");
            report.updated = seen * number(workload, "/status/updatedNumberScheduled");
            report.ready = pods.ready_current();
            report.old = u32::try_from(pods.old.len()).unwrap_or(u32::MAX);
        }
        // A Job is done or is not; a CronJob is there.
        _ => {
            report.wanted = 1;
            report.updated = 1;
            report.ready = u32::from(report.status == HealthStatus::Healthy);
            report.serving = report.ready;
        }
    }
    // Nothing wanted: every pod that still ends counts, so that "gone" means gone.
    if report.wanted == 0 && matches!(workload.kind(), "Deployment" | "StatefulSet" | "DaemonSet") {
        (report.updated, report.ready, report.old) = (0, 0, total);
    }
}

/// The pods of a workload, by whether they run its template.
struct Pods {
    current: Vec<Arc<Manifest>>,
    old: Vec<Arc<Manifest>>,
}

impl Pods {
    fn of(scene: &Scene<'_>, workload: &Manifest) -> Self {
        let mut pods = Self { current: Vec::new(), old: Vec::new() };
        let Some(resource) = scene.facts.find("", "Pod") else { return pods };
        let all = scene.cluster.live_in(resource, workload.namespace());
        if !is_observed(workload) {
            // Its controller has not seen the template that is wanted: no pod can be of it.
            pods.old = controlled(scene, workload, all);
            return pods;
        }
        match workload.kind() {
            "Deployment" => {
                let Some(resource) = scene.facts.find("apps", "ReplicaSet") else { return pods };
                let sets = scene.cluster.live_in(resource, workload.namespace());
                let mut sets: Vec<_> =
                    sets.into_iter().filter(|set| is_controlled_by(set, workload)).collect();
                sets.sort_by_key(|set| revision(set));
                let newest = sets.pop();
                for pod in all {
                    if newest.as_ref().is_some_and(|set| is_controlled_by(&pod, set)) {
                        pods.current.push(pod);
                    } else if sets.iter().any(|set| is_controlled_by(&pod, set)) {
                        pods.old.push(pod);
                    }
                }
            }
            kind => {
                let revision = match kind {
                    "StatefulSet" => {
                        workload.at("/status/updateRevision").and_then(Value::as_str).map(str::to_owned)
                    }
                    "DaemonSet" => newest_revision(scene, workload),
                    _ => None,
                };
                for pod in all.into_iter().filter(|pod| is_controlled_by(pod, workload)) {
                    let current = match kind {
                        "StatefulSet" | "DaemonSet" => {
                            pod.label("controller-revision-hash") == revision.as_deref()
                        }
                        _ => true,
                    };
                    if current { pods.current.push(pod) } else { pods.old.push(pod) }
                }
            }
        }
        pods
    }

    /// How many run the template and are ready.
    fn ready_current(&self) -> u32 {
        let ready = self.current.iter().filter(|pod| is_ready(pod)).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    /// How many are ready, of whatever template.
    fn ready(&self) -> u32 {
        let ready = self.current.iter().chain(&self.old).filter(|pod| is_ready(pod)).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }
}

/// Whether the workload's controller has seen what is wanted of it. Jobs do not say.
fn is_observed(workload: &Manifest) -> bool {
    if !matches!(workload.kind(), "Deployment" | "StatefulSet" | "DaemonSet") {
        return true;
    }
    workload.at("/status/observedGeneration").and_then(Value::as_i64) >= workload.generation()
}

/// The pods that a workload controls, itself or through its ReplicaSets.
fn controlled(scene: &Scene<'_>, workload: &Manifest, pods: Vec<Arc<Manifest>>) -> Vec<Arc<Manifest>> {
    let mut owners = vec![Arc::new(workload.clone())];
    if let Some(resource) = scene.facts.find("apps", "ReplicaSet") {
        let sets = scene.cluster.live_in(resource, workload.namespace());
        owners.extend(sets.into_iter().filter(|set| is_controlled_by(set, workload)));
    }
    pods.into_iter().filter(|pod| owners.iter().any(|owner| is_controlled_by(pod, owner))).collect()
}

/// The hash of a DaemonSet's template, as its controller numbers revisions: a template that comes
/// back gets its old hash again, and the pods that still run it are current.
fn newest_revision(scene: &Scene<'_>, workload: &Manifest) -> Option<String> {
    let resource = scene.facts.find("apps", "ControllerRevision")?;
    let revisions = scene.cluster.live_in(resource, workload.namespace());
    let number = |revision: &Arc<Manifest>| revision.at("/revision").and_then(Value::as_i64);
    let newest =
        revisions.into_iter().filter(|revision| is_controlled_by(revision, workload)).max_by_key(number);
    newest.and_then(|revision| revision.label("controller-revision-hash").map(str::to_owned))
}

/// The revision that the Deployment's controller has given a ReplicaSet.
fn revision(set: &Manifest) -> u64 {
    set.annotation("deployment.kubernetes.io/revision").and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn is_ready(pod: &Manifest) -> bool {
    pod.at("/metadata/deletionTimestamp").is_none()
        && pod.at("/status/conditions").and_then(Value::as_array).is_some_and(|conditions| {
            conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        })
}

fn restarts(pod: &Manifest) -> u32 {
    let statuses = pod.at("/status/containerStatuses").and_then(Value::as_array);
    let counts = statuses.into_iter().flatten().filter_map(|status| status["restartCount"].as_u64());
    counts.max().and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

fn faults(pod: &Manifest) -> Vec<Fault> {
    if pod.at("/metadata/deletionTimestamp").is_some() {
        return Vec::new();
    }
    health::pod_faults(pod)
        .into_iter()
        .map(|fault| Fault {
            pod: pod.name().to_owned(),
            message: fault.details(),
            container: fault.container,
            reason: fault.reason,
            // A pod may find a node later, and how many that ended a Job bears is the Job's to count.
            counts: fault.kind.is_early(),
        })
        .collect()
}
