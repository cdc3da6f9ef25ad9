//! Deployments: replica sets for each pod template, scaled so that pods are replaced as asked.
//!
//! The steps and their order are those of kube-controller-manager (`pkg/controller/deployment`),
//! since clients judge a rollout by the states in between. Left out: the old `rollbackTo`.

mod replica_sets;
mod rolling;
mod status;

use std::sync::Arc;

use serde_json::Value;

use super::object::{
    annotation, array, condition, controller_uid, count, deleting, int, namespace, scaled, selects, text, uid,
};
use super::world::World;
use crate::model::ObjectKey;

/// The annotation that numbers the templates of a Deployment.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// The label that tells the replica sets of a Deployment apart.
pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";

/// A Deployment with its replica sets, as one pass sees it.
struct Rollout {
    deployment: Arc<Value>,
    /// The replica set of the present template.
    new: Option<Arc<Value>>,
    /// The others, oldest first.
    old: Vec<Arc<Value>>,
}

impl Rollout {
    fn wanted(&self) -> i64 {
        int(&self.deployment, "/spec/replicas").unwrap_or(1)
    }

    fn rolls(&self) -> bool {
        text(&self.deployment, "/spec/strategy/type") != "Recreate"
    }

    /// `maxSurge` and `maxUnavailable` in pods: surge rounded up, unavailable down, never both 0.
    fn fenceposts(&self) -> (i64, i64) {
        if !self.rolls() {
            return (0, 0);
        }
        let given = |field: &str, round_up: bool| {
            let value = self.deployment.pointer("/spec/strategy/rollingUpdate").and_then(|r| r.get(field));
            let quarter = Value::from("25%");
            scaled(value.unwrap_or(&quarter), self.wanted(), round_up).unwrap_or(0)
        };
        match (given("maxSurge", true), given("maxUnavailable", false)) {
            (0, 0) => (0, 1),
            (surge, unavailable) => (surge, unavailable.min(self.wanted())),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(&self.new)
    }

    fn asked(&self) -> i64 {
        self.all().map(|set| replicas(set)).sum()
    }

    fn available(&self) -> i64 {
        self.all().map(|set| count(set, "/status/availableReplicas")).sum()
    }

    /// Seconds without progress until the rollout counts as stuck.
    fn deadline(&self) -> i64 {
        int(&self.deployment, "/spec/progressDeadlineSeconds").unwrap_or(600)
    }

    fn paused(&self) -> bool {
        super::object::flag(&self.deployment, "/spec/paused")
    }

    fn progressing_reason(&self) -> &str {
        condition(&self.deployment, "Progressing").map_or("", |found| text(found, "/reason"))
    }

    /// Puts a replica set back after a write.
    fn replace(&mut self, changed: Arc<Value>) {
        for place in self.old.iter_mut().chain(&mut self.new) {
            if uid(place) == uid(&changed) {
                *place = changed;
                return;
            }
        }
    }
}

/// `spec.replicas` of a replica set.
fn replicas(set: &Value) -> i64 {
    int(set, "/spec/replicas").unwrap_or(1)
}

/// Brings a Deployment one step on.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(deployment) = world.get(key) else { return };
    let sets = replica_sets::owned(world, &deployment);
    let mut rollout = replica_sets::sort(deployment, sets);
    if deleting(&rollout.deployment) {
        status::sync(world, &rollout);
        return;
    }
    status::note_pause(world, &mut rollout);
    if rollout.paused() || is_scaling(&rollout) {
        replica_sets::number(world, &mut rollout);
        rolling::scale(world, &mut rollout);
        if rollout.paused() {
            replica_sets::clean_up(world, &rollout);
        }
        status::sync(world, &rollout);
        return;
    }
    if rollout.rolls() {
        roll(world, &mut rollout);
    } else {
        recreate(world, &mut rollout);
    }
    status::sync_progress(world, &rollout);
}

/// Whether the size was changed since the replica sets were last scaled.
fn is_scaling(rollout: &Rollout) -> bool {
    rollout.all().filter(|set| replicas(set) > 0).any(|set| {
        let desired = annotation(set, DESIRED_REPLICAS).and_then(|text| text.parse::<i64>().ok());
        desired.is_some_and(|desired| desired != rollout.wanted())
    })
}

fn roll(world: &mut World<'_>, rollout: &mut Rollout) {
    replica_sets::ensure_new(world, rollout);
    if rolling::grow_new(world, rollout) || rolling::shrink_old(world, rollout) {
        return;
    }
    if status::is_complete(rollout, &rollout.deployment["status"]) {
        replica_sets::clean_up(world, rollout);
    }
}

fn recreate(world: &mut World<'_>, rollout: &mut Rollout) {
    replica_sets::number(world, rollout);
    let active: Vec<_> = rollout.old.iter().filter(|set| replicas(set) > 0).cloned().collect();
    if !active.is_empty() {
        for set in active {
            replica_sets::resize(world, rollout, &set, 0);
        }
        return;
    }
    if rollout.old.iter().any(|set| has_running_pods(world, set)) {
        return;
    }
    replica_sets::ensure_new(world, rollout);
    let wanted = rollout.wanted();
    if let Some(new) = rollout.new.clone() {
        replica_sets::resize(world, rollout, &new, wanted);
    }
    if status::is_complete(rollout, &rollout.deployment["status"]) {
        replica_sets::clean_up(world, rollout);
    }
}

fn has_running_pods(world: &World<'_>, set: &Value) -> bool {
    let pods = world.index.children(uid(set), "Pod");
    pods.iter().any(|pod| !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed"))
}

/// The Deployments of a namespace that would adopt a replica set.
pub(super) fn adopters(world: &World<'_>, set: &Value) -> Vec<ObjectKey> {
    let labels = super::object::labels(set);
    let candidates = world.index.of_kind("apps", "Deployment", namespace(set));
    let meets = |deployment: &Arc<Value>| {
        controller_uid(set).is_empty() && selects(&deployment["spec"]["selector"], &labels)
    };
    candidates
        .iter()
        .filter(|deployment| meets(deployment))
        .map(|found| super::object::key_of(found))
        .collect()
}

/// A template without the label that tells replica sets apart.
fn bare(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

/// The revision number of a replica set.
fn revision(set: &Value) -> i64 {
    annotation(set, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What stands in the way of a replica set's pods, if anything.
fn failure(set: &Value) -> Option<&Value> {
    array(set, "/status/conditions").iter().find(|found| text(found, "/type") == "ReplicaFailure")
}
