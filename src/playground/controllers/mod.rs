//! The controllers of a playground cluster: what kube-controller-manager, a scheduler and kubelets
//! do, as clients see it.
//!
//! Pure and deterministic: the store and the time are given, names come from a counter. Only what
//! a change touches is looked at: changes and due timers fill a queue of objects, each object is
//! reconciled from the store's present state, and what that changes is queued in turn. Nothing
//! here runs containers or balances load; pods are simulated by [`PodBehaviour`].

mod autoscaler;
mod behaviour;
mod cron_job;
mod custom_resource;
mod daemon_set;
mod deployment;
mod disruption;
mod garbage;
mod gateway;
mod index;
mod job;
mod namespace;
mod object;
mod pod;
mod queue;
mod quota;
mod replica_set;
mod revision;
mod route;
mod service;
mod stateful_set;
mod storage;
mod world;

pub use behaviour::{BEHAVIOUR_ANNOTATION, PodBehaviour};

use self::index::Index;
use self::pod::Kubelet;
use self::queue::{Queue, Task, Work};
use self::world::World;
use super::Objects;
use crate::model::{ObjectKey, Timestamp};

/// The most work that one run does: enough for a cluster of thousands of objects to settle, yet an
/// end if two controllers should ever undo each other's work.
const WORK_LIMIT: usize = 200_000;

/// The most work that is done before others are let at the store: some milliseconds.
pub(super) const SLICE: usize = 200;

/// All controllers of one cluster.
#[derive(Debug)]
pub struct Controllers {
    behaviour: PodBehaviour,
    index: Index,
    queue: Queue,
    kubelet: Kubelet,
    names: u64,
}

impl Controllers {
    /// The controllers of a cluster whose objects they are told of by [`Self::run`].
    pub fn new(behaviour: PodBehaviour) -> Self {
        Self {
            behaviour,
            index: Index::default(),
            queue: Queue::default(),
            kubelet: Kubelet::default(),
            names: 0,
        }
    }

    /// Does all work that is due at `now`, after the objects `changed` were changed by others; the
    /// first run must name every object of the store. Own writes may be named or not.
    ///
    /// Answers when it wants to be called next, even if nothing changes; `now` if it stopped at its
    /// limit with work left.
    pub fn run(
        &mut self,
        objects: &mut dyn Objects,
        changed: &[ObjectKey],
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.run_some(objects, changed, now, WORK_LIMIT)
    }

    /// As [`Self::run`], but stops with work left after `limit` pieces of it.
    pub fn run_some(
        &mut self,
        objects: &mut dyn Objects,
        changed: &[ObjectKey],
        now: Timestamp,
        limit: usize,
    ) -> Option<Timestamp> {
        self.queue.ring(now);
        let mut world = World {
            objects,
            now,
            behaviour: &self.behaviour,
            index: &mut self.index,
            queue: &mut self.queue,
            kubelet: &mut self.kubelet,
            names: &mut self.names,
            changes: Vec::new(),
        };
        for key in changed {
            world.see(key);
        }
        for _ in 0..limit {
            for change in std::mem::take(&mut world.changes) {
                route::tell(&mut world, &change);
            }
            let Some(task) = world.queue.pop() else { break };
            perform(&mut world, &task);
        }
        for change in std::mem::take(&mut world.changes) {
            route::tell(&mut world, &change);
        }
        if self.queue.is_idle() { self.queue.next() } else { Some(now) }
    }
}

type Reconcile = fn(&mut World<'_>, &ObjectKey);

fn reconciler(key: &ObjectKey) -> Option<Reconcile> {
    Some(match (key.group.as_str(), key.kind.as_str()) {
        ("", "Pod") => pod::reconcile,
        ("apps", "ReplicaSet") => replica_set::reconcile,
        ("apps", "Deployment") => deployment::reconcile,
        ("apps", "StatefulSet") => stateful_set::reconcile,
        ("apps", "DaemonSet") => daemon_set::reconcile,
        ("", "Namespace") => namespace::reconcile,
        ("", "PersistentVolumeClaim") => storage::reconcile,
        ("batch", "Job") => job::reconcile,
        ("batch", "CronJob") => cron_job::reconcile,
        ("", "Service") => service::reconcile,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom_resource::reconcile,
        ("", "ResourceQuota") => quota::reconcile,
        ("policy", "PodDisruptionBudget") => disruption::reconcile,
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::reconcile,
        (gateway::GROUP, "GatewayClass") => gateway::reconcile_class,
        (gateway::GROUP, "Gateway") => gateway::reconcile_gateway,
        (gateway::GROUP, "HTTPRoute") => gateway::reconcile_route,
        _ => return None,
    })
}

fn is_reconciled(key: &ObjectKey) -> bool {
    reconciler(key).is_some()
}

fn perform(world: &mut World<'_>, task: &Task) {
    match task.work {
        Work::Collect => garbage::collect(world, &task.key),
        Work::Reconcile => {
            if let Some(reconcile) = reconciler(&task.key) {
                reconcile(world, &task.key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
