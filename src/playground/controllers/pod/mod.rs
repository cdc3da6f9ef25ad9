//! Simulated pods: a scheduler that finds a node, and a kubelet that pretends to run containers.
//!
//! Split into where a pod goes ([`schedule`]), what its containers do over time ([`container`]) and
//! how that reads in its status ([`status`]). No probe is ever sent: readiness follows the
//! behaviour that the pod's image or annotation asks for.

mod container;
mod schedule;
mod status;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::container::{Run, Surroundings};
use super::object::{array, count, deleting, flag, int, moment, namespace, text, uid};
use super::replica_set::has_ended;
use super::world::{World, later};
use crate::model::{ObjectKey, Timestamp};

pub(super) use schedule::{fits_node, tolerates};

/// What the simulated nodes know of their pods.
#[derive(Debug, Default)]
pub(super) struct Kubelet {
    /// By uid.
    pods: HashMap<String, PodRun>,
    room: schedule::Room,
    /// Pods without a node.
    unscheduled: BTreeSet<ObjectKey>,
    /// Pods that lack a configuration, a secret or a claim, by namespace.
    waiting: BTreeMap<String, BTreeSet<ObjectKey>>,
    addresses: u32,
}

/// One pod on its node.
#[derive(Debug)]
struct PodRun {
    key: ObjectKey,
    started: Timestamp,
    address: String,
    init: Vec<Run>,
    containers: Vec<Run>,
    initialized: bool,
    gone_at: Option<Timestamp>,
}

impl Kubelet {
    /// The pods without a node, at most `limit`.
    pub(super) fn unscheduled(&self, limit: Option<usize>) -> Vec<ObjectKey> {
        self.unscheduled.iter().take(limit.unwrap_or(usize::MAX)).cloned().collect()
    }

    /// The pods of a namespace that lack something.
    pub(super) fn waiting_in(&self, space: &str) -> Vec<ObjectKey> {
        self.waiting.get(space).into_iter().flatten().cloned().collect()
    }

    /// Forgets a pod that is gone.
    pub(super) fn forget(&mut self, uid: &str) {
        self.room.release(uid);
        if let Some(run) = self.pods.remove(uid) {
            self.note_waiting(&run.key, false);
        }
    }

    fn note_waiting(&mut self, key: &ObjectKey, waits: bool) {
        let space = key.namespace.clone().unwrap_or_default();
        if waits {
            self.waiting.entry(space).or_default().insert(key.clone());
        } else if let Some(keys) = self.waiting.get_mut(&space) {
            keys.remove(key);
            if keys.is_empty() {
                self.waiting.remove(&space);
            }
        }
    }

    /// The next address of 10.0.0.0/8, without those that end in 0 or 255.
    fn next_address(&mut self) -> String {
        let number = self.addresses;
        self.addresses += 1;
        let (net, host) = (number / 254, number % 254 + 1);
        format!("10.{}.{}.{host}", (net >> 8) & 0xff, net & 0xff)
    }
}

/// Brings a pod on: to a node, through the life of its containers, to its end.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(pod) = world.get(key) else {
        world.kubelet.unscheduled.remove(key);
        world.kubelet.note_waiting(key, false);
        return;
    };
    if deleting(&pod) {
        terminate(world, key, &pod);
        return;
    }
    if has_ended(&pod) {
        world.kubelet.room.release(uid(&pod));
        return;
    }
    let pod = if text(&pod, "/spec/nodeName").is_empty() {
        match schedule::schedule(world, key, &pod) {
            Some(bound) => bound,
            None => return,
        }
    } else {
        pod
    };
    world.kubelet.unscheduled.remove(key);
    live(world, key, &pod);
}

/// Lets a deleted pod go when its containers have had their time.
fn terminate(world: &mut World<'_>, key: &ObjectKey, pod: &Arc<Value>) {
    world.kubelet.unscheduled.remove(key);
    world.kubelet.note_waiting(key, false);
    if text(pod, "/spec/nodeName").is_empty() || has_ended(pod) {
        world.delete(pod, Some(0));
        return;
    }
    let grace = int(pod, "/metadata/deletionGracePeriodSeconds")
        .or_else(|| int(pod, "/spec/terminationGracePeriodSeconds"))
        .unwrap_or(30);
    let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
    let end = later(world.now, world.behaviour.terminate_after.min(grace));
    let gone_at = match world.kubelet.pods.get_mut(uid(pod)) {
        Some(run) => *run.gone_at.get_or_insert(end),
        None => world.now,
    };
    if gone_at <= world.now {
        world.delete(pod, Some(0));
    } else {
        world.wake(key, gone_at);
    }
}

/// Lets the containers of a pod on a node do what is due, and writes down how they are.
fn live(world: &mut World<'_>, key: &ObjectKey, pod: &Arc<Value>) {
    let mut run = match world.kubelet.pods.remove(uid(pod)) {
        Some(run) => run,
        None => admit(world, key, pod),
    };
    let surroundings = Surroundings {
        now: world.now,
        behaviour: world.behaviour,
        ends: matches!(text(pod, "/spec/restartPolicy"), "Never" | "OnFailure"),
        restarts: text(pod, "/spec/restartPolicy") != "Never",
    };
    let mut lacks = false;
    let volumes_lack = status::missing_volume(world, pod);
    if volumes_lack {
        lacks = true;
    } else {
        for (position, spec) in array(pod, "/spec/initContainers").iter().enumerate() {
            let missing = status::missing_reference(world, pod, spec);
            lacks |= missing.is_some();
            let Some(container) = run.init.get_mut(position) else { break };
            container.advance(&surroundings, missing);
            if !container.lets_pass(is_sidecar(spec)) {
                break;
            }
        }
        let init_specs = array(pod, "/spec/initContainers");
        run.initialized = run.init.iter().zip(init_specs).all(|(run, spec)| run.lets_pass(is_sidecar(spec)));
        if run.initialized {
            for (container, spec) in run.containers.iter_mut().zip(array(pod, "/spec/containers")) {
                let missing = status::missing_reference(world, pod, spec);
                lacks |= missing.is_some();
                container.advance(&surroundings, missing);
            }
        }
    }
    world.kubelet.note_waiting(key, lacks);
    let next = run.init.iter().chain(&run.containers).filter_map(Run::next).min();
    let state = status::build(world, pod, &run);
    let ended = matches!(text(&state, "/phase"), "Succeeded" | "Failed");
    world.kubelet.pods.insert(uid(pod).to_owned(), run);
    world.set_status(pod, state);
    if ended {
        world.kubelet.room.release(uid(pod));
    } else if let Some(next) = next {
        world.wake(key, next);
    }
}

fn is_sidecar(spec: &Value) -> bool {
    text(spec, "/restartPolicy") == "Always"
}

/// Takes a pod on. One that ran before these controllers did goes on from its status.
fn admit(world: &mut World<'_>, key: &ObjectKey, pod: &Arc<Value>) -> PodRun {
    world.kubelet.room.take(pod);
    let known = text(pod, "/status/podIP");
    let address = match known {
        "" if flag(pod, "/spec/hostNetwork") => status::host_address(world, pod),
        "" => world.kubelet.next_address(),
        known => known.to_owned(),
    };
    let started = moment(pod, "/status/startTime").unwrap_or(world.now);
    let runs = |specs: &str, is_init: bool| -> Vec<Run> {
        let specs = array(pod, specs).iter();
        specs.map(|spec| Run::new(pod, spec, is_init && !is_sidecar(spec), world.now)).collect()
    };
    let init = runs("/spec/initContainers", true);
    let mut containers = runs("/spec/containers", false);
    for container in &mut containers {
        let before = array(pod, "/status/containerStatuses").iter();
        let before = before.clone().find(|status| text(status, "/name") == container.name());
        if let Some(before) = before {
            container.resume(count(before, "/restartCount"), before.pointer("/state/running").is_some());
        }
    }
    PodRun { key: key.clone(), started, address, init, containers, initialized: false, gone_at: None }
}

/// A status for a pod that no node has.
fn unscheduled_status(world: &World<'_>, pod: &Value, message: &str) -> Value {
    let mut state = json!({ "phase": "Pending", "qosClass": status::quality(pod) });
    let condition = super::object::Condition {
        kind: "PodScheduled",
        status: "False",
        reason: "Unschedulable",
        message: message.to_owned(),
    };
    let before = super::object::condition(pod, "PodScheduled");
    let mut condition = condition.to_json(before, world.now);
    condition["lastProbeTime"] = Value::Null;
    state["conditions"] = json!([condition]);
    state
}

/// The claims of a pod that are missing or not bound, in the scheduler's words.
fn unbound_claim(world: &World<'_>, pod: &Value) -> Option<String> {
    for volume in array(pod, "/spec/volumes") {
        let claim = text(volume, "/persistentVolumeClaim/claimName");
        if claim.is_empty() {
            continue;
        }
        match world.objects.get("", "PersistentVolumeClaim", Some(namespace(pod)), claim) {
            None => return Some(format!("persistentvolumeclaim \"{claim}\" not found")),
            Some(found) if text(&found, "/status/phase") != "Bound" => {
                return Some("pod has unbound immediate PersistentVolumeClaims".to_owned());
            }
            Some(_) => {}
        }
    }
    None
}
