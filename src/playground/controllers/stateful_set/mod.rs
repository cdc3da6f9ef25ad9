//! Stateful sets: pods with a number each, made and replaced in order.
//!
//! The order of decisions is that of kube-controller-manager (`pkg/controller/statefulset`), with
//! its known consequence: a pod that never gets ready holds up everything after it, so a bad pod
//! of an older revision stays until someone deletes it.

mod pods;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use self::pods::{Ordinals, build, ensure_claims, ordinal};
use super::object::{count, deleting, int, label_of, name, text, uid};
use super::replica_set::{claim, has_ended, is_available, is_ready};
use super::revision::{self, REVISION_LABEL};
use super::world::World;
use crate::model::ObjectKey;

/// A stateful set, as one pass sees it.
struct Pass {
    key: ObjectKey,
    set: Arc<Value>,
    /// The revision that pods below the partition have.
    current: Arc<Value>,
    /// The revision of the present template.
    update: Arc<Value>,
    ordinals: Ordinals,
    /// By ordinal.
    pods: BTreeMap<i64, Arc<Value>>,
}

impl Pass {
    fn in_order(&self) -> bool {
        text(&self.set, "/spec/podManagementPolicy") != "Parallel"
    }

    fn rolls(&self) -> bool {
        text(&self.set, "/spec/updateStrategy/type") != "OnDelete"
    }

    /// The first ordinal that gets the new template.
    fn partition(&self) -> i64 {
        count(&self.set, "/spec/updateStrategy/rollingUpdate/partition")
    }

    /// The revision that a pod of that number is made with.
    fn revision_for(&self, ordinal: i64) -> &Arc<Value> {
        let held = self.rolls() && ordinal < self.ordinals.start + self.partition();
        if held { &self.current } else { &self.update }
    }

    fn wait(&self) -> i64 {
        count(&self.set, "/spec/minReadySeconds")
    }
}

fn is_healthy(pod: &Value) -> bool {
    text(pod, "/status/phase") == "Running" && is_ready(pod) && !deleting(pod)
}

/// Brings a stateful set one step on.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(set) = world.get(key) else { return };
    if deleting(&set) {
        return;
    }
    let Some(update) = revision::ensure(world, &set) else { return };
    let named = text(&set, "/status/currentRevision");
    let current = revision::list(world, &set).into_iter().find(|found| name(found) == named);
    let mut pods = BTreeMap::new();
    for pod in claim(world, &set) {
        if let Some(ordinal) = ordinal(&set, &pod) {
            pods.insert(ordinal, pod);
        }
    }
    let pass = Pass {
        key: key.clone(),
        current: current.unwrap_or_else(|| update.clone()),
        update,
        ordinals: Ordinals::of(&set),
        pods,
        set,
    };
    if fill(world, &pass) && shrink(world, &pass) && pass.rolls() {
        roll(world, &pass);
    }
    sync(world, &pass);
    let kept = [name(&pass.current), name(&pass.update)];
    let live: Vec<_> = pass.pods.values().filter_map(|pod| label_of(pod, REVISION_LABEL)).collect();
    revision::clean_up(world, &pass.set, |found| kept.contains(&name(found)) || live.contains(&name(found)));
}

/// Makes the missing pods. Whether the pass may go on: in order, each pod waits for the one before.
fn fill(world: &mut World<'_>, pass: &Pass) -> bool {
    for ordinal in pass.ordinals.range() {
        ensure_claims(world, &pass.set, ordinal);
        let Some(pod) = pass.pods.get(&ordinal) else {
            let made = build(&pass.set, pass.revision_for(ordinal), ordinal);
            if world.create(made).is_err() {
                world.wake_after(&pass.key, std::time::Duration::from_secs(5));
                return false;
            }
            if pass.in_order() {
                return false;
            }
            continue;
        };
        if has_ended(pod) && !deleting(pod) {
            world.delete(pod, None);
            if pass.in_order() {
                return false;
            }
            continue;
        }
        let available = is_healthy(pod) && is_available(world, &pass.key, pod, pass.wait());
        if pass.in_order() && !available {
            return false;
        }
    }
    true
}

/// Deletes the pods beyond the size, highest first. Whether the pass may go on.
fn shrink(world: &mut World<'_>, pass: &Pass) -> bool {
    let condemned: Vec<_> =
        pass.pods.iter().rev().filter(|(ordinal, _)| !pass.ordinals.has(**ordinal)).collect();
    for (_, pod) in &condemned {
        if deleting(pod) {
            if pass.in_order() {
                return false;
            }
            continue;
        }
        world.delete(pod, None);
        if pass.in_order() {
            return false;
        }
    }
    true
}

/// Deletes the highest pod of an old revision, once all above it are healthy.
fn roll(world: &mut World<'_>, pass: &Pass) {
    let from = pass.ordinals.start + pass.partition();
    for ordinal in pass.ordinals.range().rev().take_while(|ordinal| *ordinal >= from) {
        let Some(pod) = pass.pods.get(&ordinal) else { return };
        if label_of(pod, REVISION_LABEL) != Some(name(&pass.update)) && !deleting(pod) {
            world.delete(pod, None);
            return;
        }
        if !is_healthy(pod) || !is_available(world, &pass.key, pod, pass.wait()) {
            return;
        }
    }
}

fn sync(world: &mut World<'_>, pass: &Pass) {
    let (mut total, mut ready, mut available, mut current, mut updated) = (0, 0, 0, 0, 0);
    for pod in world.index.children(uid(&pass.set), "Pod") {
        total += 1;
        if text(&pod, "/status/phase") == "Running" && is_ready(&pod) {
            ready += 1;
            available += i64::from(is_available(world, &pass.key, &pod, pass.wait()));
        }
        if !deleting(&pod) {
            let revision = label_of(&pod, REVISION_LABEL);
            current += i64::from(revision == Some(name(&pass.current)));
            updated += i64::from(revision == Some(name(&pass.update)));
        }
    }
    let wanted = int(&pass.set, "/spec/replicas").unwrap_or(1);
    let mut current_revision = name(&pass.current);
    if pass.rolls() && updated == wanted && total == wanted && ready == wanted {
        (current, current_revision) = (updated, name(&pass.update));
    }
    let mut status = json!({
        "observedGeneration": count(&pass.set, "/metadata/generation"), "replicas": total,
        "availableReplicas": available, "currentRevision": current_revision,
        "updateRevision": name(&pass.update), "collisionCount": 0,
    });
    for (field, number) in
        [("readyReplicas", ready), ("currentReplicas", current), ("updatedReplicas", updated)]
    {
        if number > 0 {
            status[field] = json!(number);
        }
    }
    world.set_status(&pass.set, status);
}
