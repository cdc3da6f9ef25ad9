//! What is to be looked at, now and later.

use std::collections::{BTreeSet, HashMap};

use crate::model::{ObjectKey, Timestamp};

/// What to do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Bring it nearer to what it asks for.
    Reconcile,
    /// See whether its owners are still there, and whether its own deletion waits for dependents.
    Collect,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// Lower ones go first: parts before wholes, so that a whole is looked at once.
    rank: u8,
    /// What to do.
    pub work: Work,
    /// With what.
    pub key: ObjectKey,
}

impl Task {
    /// The task to reconcile an object.
    pub fn reconcile(key: ObjectKey) -> Self {
        Self { rank: rank(&key.kind), work: Work::Reconcile, key }
    }

    /// The task to collect an object.
    pub fn collect(key: ObjectKey) -> Self {
        Self { rank: 9, work: Work::Collect, key }
    }
}

fn rank(kind: &str) -> u8 {
    match kind {
        "Node" | "PersistentVolumeClaim" | "ServiceAccount" => 0,
        "Pod" => 1,
        "ReplicaSet" => 2,
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => 3,
        "CronJob" | "HorizontalPodAutoscaler" => 4,
        "Service" | "Gateway" | "GatewayClass" => 5,
        "HTTPRoute" | "PodDisruptionBudget" => 6,
        "ResourceQuota" => 7,
        _ => 8,
    }
}

/// The work that is due and the work that will be.
#[derive(Debug, Default)]
pub struct Queue {
    ready: BTreeSet<Task>,
    timers: BTreeSet<(Timestamp, ObjectKey)>,
    due: HashMap<ObjectKey, Timestamp>,
}

impl Queue {
    /// Adds work; the same work twice is done once.
    pub fn add(&mut self, task: Task) {
        self.ready.insert(task);
    }

    /// Asks to reconcile an object at a moment. The earliest moment asked for wins.
    pub fn wake(&mut self, key: &ObjectKey, at: Timestamp) {
        if self.due.get(key).is_some_and(|due| *due <= at) {
            return;
        }
        self.sleep(key);
        self.due.insert(key.clone(), at);
        self.timers.insert((at, key.clone()));
    }

    /// Forgets the moment asked for.
    pub fn sleep(&mut self, key: &ObjectKey) {
        if let Some(due) = self.due.remove(key) {
            self.timers.remove(&(due, key.clone()));
        }
    }

    /// Makes ready what is due at `now`.
    pub fn ring(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            self.sleep(&key);
            self.ready.insert(Task::reconcile(key));
        }
    }

    /// The next piece of work. Taking a reconcile forgets its timer: it is asked for anew.
    pub fn pop(&mut self) -> Option<Task> {
        let task = self.ready.pop_first()?;
        if task.work == Work::Reconcile {
            self.sleep(&task.key);
        }
        Some(task)
    }

    /// When the next timer rings.
    pub fn next(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Whether work is left.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }
}
