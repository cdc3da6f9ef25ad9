//! The simulated scheduler: which node a pod goes to, or why none fits.
//!
//! Looks at node selectors, required node affinity, taints and room for CPU, memory and pods.
//! Spreads by the number of pods; preferences, pod affinity and preemption are not simulated.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{unbound_claim, unscheduled_status};
use crate::model::{ObjectKey, Quantity};
use crate::playground::controllers::object::{
    Sums, add_quantities, array, fields, flag, labels, meets, name, text, uid,
};
use crate::playground::controllers::world::World;

/// What runs on the nodes.
#[derive(Debug, Default)]
pub(super) struct Room {
    used: BTreeMap<String, Used>,
    places: HashMap<String, (String, Sums)>,
}

#[derive(Debug, Default)]
struct Used {
    pods: i64,
    requests: Sums,
}

impl Room {
    /// Counts a pod on its node.
    pub(super) fn take(&mut self, pod: &Value) {
        let node = text(pod, "/spec/nodeName").to_owned();
        if self.places.contains_key(uid(pod)) {
            return;
        }
        let wanted = requests(pod);
        let used = self.used.entry(node.clone()).or_default();
        used.pods += 1;
        for (resource, amount) in &wanted {
            let sum = used.requests.get(resource).map_or(*amount, |sum| sum.plus(*amount));
            used.requests.insert(resource.clone(), sum);
        }
        self.places.insert(uid(pod).to_owned(), (node, wanted));
    }

    /// Frees the place of a pod.
    pub(super) fn release(&mut self, uid: &str) {
        let Some((node, wanted)) = self.places.remove(uid) else { return };
        let Some(used) = self.used.get_mut(&node) else { return };
        used.pods -= 1;
        for (resource, amount) in wanted {
            let sum = used.requests.get(&resource).map(|sum| sum.plus(amount.times(-1)));
            used.requests.extend(sum.map(|sum| (resource, sum)));
        }
    }

    fn pods(&self, node: &str) -> i64 {
        self.used.get(node).map_or(0, |used| used.pods)
    }

    /// The resources that a node has too little of.
    fn lacks(&self, node: &Value, wanted: &Sums) -> Vec<String> {
        let used = self.used.get(name(node));
        let amount = |resource: &str| -> Option<Quantity> {
            serde_json::from_value(node.pointer("/status/allocatable")?.get(resource)?.clone()).ok()
        };
        let mut lacks = Vec::new();
        if amount("pods").is_some_and(|most| Quantity::from_int(self.pods(name(node)) + 1) > most) {
            lacks.push("Too many pods".to_owned());
        }
        for (resource, wanted) in wanted {
            let taken = used.and_then(|used| used.requests.get(resource));
            let sum = taken.map_or(*wanted, |taken| taken.plus(*wanted));
            let has_list = node.pointer("/status/allocatable").is_some();
            let most = amount(resource);
            if most.is_some_and(|most| sum > most) || (has_list && most.is_none() && wanted.nano() > 0) {
                lacks.push(format!("Insufficient {resource}"));
            }
        }
        lacks
    }
}

/// What a pod asks for: the sum of its containers.
fn requests(pod: &Value) -> Sums {
    let mut sums = Sums::new();
    for container in array(pod, "/spec/containers") {
        add_quantities(&mut sums, container.pointer("/resources/requests"));
    }
    sums
}

/// A taint, as the scheduler names it.
pub(in super::super) struct Taint(String);

/// The first taint of a node that keeps a pod away.
pub(in super::super) fn tolerates(node: &Value, tolerations: &[Value]) -> Result<(), Taint> {
    for taint in array(node, "/spec/taints") {
        let effect = text(taint, "/effect");
        if effect == "PreferNoSchedule" {
            continue;
        }
        let tolerated = tolerations.iter().any(|toleration| {
            let key = text(toleration, "/key");
            let same = match text(toleration, "/operator") {
                "Exists" => key.is_empty() || key == text(taint, "/key"),
                _ => key == text(taint, "/key") && text(toleration, "/value") == text(taint, "/value"),
            };
            same && matches!(text(toleration, "/effect"), e if e.is_empty() || e == effect)
        });
        if !tolerated {
            return Err(Taint(format!("{{{}: {}}}", text(taint, "/key"), text(taint, "/value"))));
        }
    }
    Ok(())
}

/// Whether a pod's node selector and required node affinity allow a node.
pub(in super::super) fn fits_node(spec: &Value, node: &Value) -> bool {
    let own = labels(node);
    if fields(spec, "/nodeSelector").iter().any(|(key, value)| own.get(key) != Some(value)) {
        return false;
    }
    let terms = spec
        .pointer("/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms");
    let Some(terms) = terms.and_then(Value::as_array) else { return true };
    let mut by_name = Map::new();
    by_name.insert("metadata.name".to_owned(), json!(name(node)));
    terms.iter().any(|term| {
        array(term, "/matchExpressions").iter().all(|expression| meets(expression, &own))
            && array(term, "/matchFields").iter().all(|expression| meets(expression, &by_name))
    })
}

/// Puts a pod on a node and answers it as it is then; none if it has to wait.
pub(super) fn schedule(world: &mut World<'_>, key: &ObjectKey, pod: &Arc<Value>) -> Option<Arc<Value>> {
    if !array(pod, "/spec/schedulingGates").is_empty() {
        return None;
    }
    match choose(world, pod) {
        Ok(node) => {
            let mut bound = Value::clone(pod);
            bound["spec"]["nodeName"] = json!(node);
            let bound = world.update(pod, bound);
            Some(bound).filter(|bound| !text(bound, "/spec/nodeName").is_empty())
        }
        Err(message) => {
            world.kubelet.unscheduled.insert(key.clone());
            world.kubelet.note_waiting(key, unbound_claim(world, pod).is_some());
            let status = unscheduled_status(world, pod, &message);
            world.set_status(pod, status);
            None
        }
    }
}

/// The node with the fewest pods of those that fit, or the scheduler's words why none does.
fn choose(world: &World<'_>, pod: &Value) -> Result<String, String> {
    let nodes = world.objects.list("", "Node", None);
    if nodes.is_empty() {
        return Err("no nodes available to schedule pods".to_owned());
    }
    if let Some(claim) = unbound_claim(world, pod) {
        return Err(format!("0/{} nodes are available: {claim}.{}", nodes.len(), unhelpful(nodes.len())));
    }
    let wanted = requests(pod);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut full = 0;
    let mut best: Option<(i64, String)> = None;
    for node in &nodes {
        let refusals = refusals(world, pod, node, &wanted);
        if refusals.is_empty() {
            let candidate = (world.kubelet.room.pods(name(node)), name(node).to_owned());
            best = Some(best.map_or(candidate.clone(), |best| best.min(candidate)));
            continue;
        }
        full +=
            usize::from(refusals.iter().all(|why| why.starts_with("Insufficient") || why == "Too many pods"));
        for why in refusals {
            *reasons.entry(why).or_default() += 1;
        }
    }
    if let Some((_, node)) = best {
        return Ok(node);
    }
    let mut parts: Vec<String> = reasons.iter().map(|(why, nodes)| format!("{nodes} {why}")).collect();
    parts.sort();
    let total = nodes.len();
    let preemption = match full {
        0 => unhelpful(total),
        full if full == total => {
            format!(
                " preemption: 0/{total} nodes are available: {full} No preemption victims found for incoming pod."
            )
        }
        full => format!(
            " preemption: 0/{total} nodes are available: {full} No preemption victims found for incoming pod, {} \
             Preemption is not helpful for scheduling.",
            total - full
        ),
    };
    Err(format!("0/{total} nodes are available: {}.{preemption}", parts.join(", ")))
}

fn unhelpful(total: usize) -> String {
    format!(" preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling.")
}

/// Why a node does not take a pod: as in the scheduler, the first filter that refuses speaks.
fn refusals(world: &World<'_>, pod: &Value, node: &Value, wanted: &Sums) -> Vec<String> {
    let tolerations = array(pod, "/spec/tolerations");
    let tolerates_cordon = tolerations.iter().any(|toleration| {
        text(toleration, "/operator") == "Exists"
            && matches!(text(toleration, "/key"), "" | "node.kubernetes.io/unschedulable")
    });
    if flag(node, "/spec/unschedulable") && !tolerates_cordon {
        return vec!["node(s) were unschedulable".to_owned()];
    }
    if let Err(Taint(taint)) = tolerates(node, tolerations) {
        return vec![format!("node(s) had untolerated taint {taint}")];
    }
    if !fits_node(&pod["spec"], node) {
        return vec!["node(s) didn't match Pod's node affinity/selector".to_owned()];
    }
    world.kubelet.room.lacks(node, wanted)
}
