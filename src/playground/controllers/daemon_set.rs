//! Daemon sets: one pod on every node that takes it.
//!
//! Left out: `maxSurge` of an update.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::{annotation, array, count, deleting, fields_mut, int, label_of, name, scaled, text, uid};
use super::pod::{fits_node, tolerates};
use super::replica_set::{claim, has_ended, is_available, is_ready, pod_of};
use super::revision::{self, REVISION_LABEL};
use super::world::World;
use crate::model::ObjectKey;

/// How long a failed pod stays before it is made again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The taints of ailing nodes, which every daemon tolerates.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// A daemon set, as one pass sees it.
struct Pass {
    key: ObjectKey,
    set: Arc<Value>,
    hash: String,
    /// The nodes that take its pods, each with the pods that are there.
    nodes: BTreeMap<String, Vec<Arc<Value>>>,
    /// Pods on nodes that do not take them.
    stray: Vec<Arc<Value>>,
}

impl Pass {
    fn wait(&self) -> i64 {
        count(&self.set, "/spec/minReadySeconds")
    }

    fn is_new(&self, pod: &Value) -> bool {
        label_of(pod, REVISION_LABEL) == Some(self.hash.as_str())
    }
}

/// Brings a daemon set one step on.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(set) = world.get(key) else { return };
    if deleting(&set) {
        return;
    }
    let Some(present) = revision::ensure(world, &set) else { return };
    let hash = revision::hash(&set, &present).to_owned();
    let template = pod_template(&set, &hash);
    let mut nodes: BTreeMap<_, _> = BTreeMap::new();
    for node in world.objects.list("", "Node", None) {
        if fits_node(&set["spec"]["template"]["spec"], &node)
            && tolerates(&node, array(&template, "/spec/tolerations")).is_ok()
        {
            nodes.insert(name(&node).to_owned(), Vec::new());
        }
    }
    let mut stray = Vec::new();
    for pod in claim(world, &set) {
        match nodes.get_mut(target(&pod)) {
            Some(there) => there.push(pod),
            None => stray.push(pod),
        }
    }
    let mut pass = Pass { key: key.clone(), set, hash, nodes, stray };
    place(world, &mut pass, &template);
    if text(&pass.set, "/spec/updateStrategy/type") != "OnDelete" {
        roll(world, &pass);
    }
    sync(world, &pass);
    let live: Vec<_> =
        pass.nodes.values().flatten().filter_map(|pod| label_of(pod, REVISION_LABEL)).collect();
    revision::clean_up(world, &pass.set, |found| {
        let hash = revision::hash(&pass.set, found);
        hash == pass.hash || live.contains(&hash)
    });
}

/// The node that a pod is on or is meant for.
fn target(pod: &Value) -> &str {
    let terms =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    match text(pod, "/spec/nodeName") {
        "" => text(pod, &format!("{terms}/0/matchFields/0/values/0")),
        node => node,
    }
}

fn pod_template(set: &Value, hash: &str) -> Value {
    let mut template = set["spec"]["template"].clone();
    let generation = annotation(set, "deprecated.daemonset.template.generation").unwrap_or("1").to_owned();
    let labels = fields_mut(&mut template, &["metadata", "labels"]);
    labels.insert(REVISION_LABEL.to_owned(), json!(hash));
    labels.insert("pod-template-generation".to_owned(), json!(generation));
    let tolerations = fields_mut(&mut template, &["spec"]).entry("tolerations").or_insert_with(|| json!([]));
    if let Some(list) = tolerations.as_array_mut() {
        list.extend(
            TOLERATED
                .iter()
                .map(|(key, effect)| json!({ "key": key, "operator": "Exists", "effect": effect })),
        );
    }
    template
}

/// Makes pods where there are none, and removes ended, second and stray ones.
fn place(world: &mut World<'_>, pass: &mut Pass, template: &Value) {
    for pod in pass.stray.iter().filter(|pod| !deleting(pod)) {
        world.delete(pod, None);
    }
    let set = pass.set.clone();
    for (node, pods) in &mut pass.nodes {
        for ended in pods.iter().filter(|pod| has_ended(pod) && !deleting(pod)) {
            world.delete(ended, None);
            world.wake_after(&pass.key, RETRY_AFTER);
        }
        pods.retain(|pod| world.index.children(uid(&set), "Pod").iter().any(|live| uid(live) == uid(pod)));
        // The oldest stays of those that are not on their way out.
        let mut live: Vec<_> = pods.iter().filter(|pod| !deleting(pod)).cloned().collect();
        live.sort_by(|a, b| {
            text(a, "/metadata/creationTimestamp").cmp(text(b, "/metadata/creationTimestamp"))
        });
        for second in live.iter().skip(1) {
            world.delete(second, None);
        }
        if !pods.is_empty() {
            continue;
        }
        let build = |pod_name: &str| {
            let mut pod = pod_of(template, &set, pod_name);
            pod["metadata"]["generateName"] = json!(format!("{}-", name(&set)));
            aim(&mut pod, node);
            pod
        };
        match world.create_child(&set, build) {
            Ok(made) => pods.push(made),
            Err(_) => world.wake_after(&pass.key, Duration::from_secs(5)),
        }
    }
}

/// Makes a pod fit only its node: its own required terms gain a condition on the node's name.
fn aim(pod: &mut Value, node: &str) {
    let here = json!([{ "key": "metadata.name", "operator": "In", "values": [node] }]);
    let path = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    // The set's own terms were checked when the node was chosen.
    fields_mut(pod, &path).insert("nodeSelectorTerms".to_owned(), json!([{ "matchFields": here }]));
}

/// Deletes pods of an old template, as many as may be unavailable.
fn roll(world: &mut World<'_>, pass: &Pass) {
    let wanted = i64::try_from(pass.nodes.len()).unwrap_or(i64::MAX);
    let given = pass.set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
    let most = given.and_then(|given| scaled(given, wanted, true)).unwrap_or(1).max(1);
    let mut unavailable = 0;
    let (mut failing, mut candidates) = (Vec::new(), Vec::new());
    for pods in pass.nodes.values() {
        let Some(pod) = pods.iter().find(|pod| !deleting(pod)) else {
            unavailable += 1;
            continue;
        };
        let available = is_available(world, &pass.key, pod, pass.wait());
        unavailable += i64::from(!available);
        if !pass.is_new(pod) {
            if available { candidates.push(pod) } else { failing.push(pod) }
        }
    }
    let room = usize::try_from(most - unavailable).unwrap_or(0);
    // Those that are not available anyway cost nothing.
    for pod in failing.into_iter().chain(candidates.into_iter().take(room)) {
        world.delete(pod, None);
    }
}

fn sync(world: &mut World<'_>, pass: &Pass) {
    let (mut scheduled, mut ready, mut available, mut updated) = (0_i64, 0_i64, 0_i64, 0_i64);
    for pods in pass.nodes.values() {
        // Looked up again: this pass may have deleted it.
        let now = pods.iter().filter_map(|pod| world.get(&super::object::key_of(pod)));
        let mut live: Vec<_> = now.filter(|pod| !deleting(pod)).collect();
        live.truncate(1);
        for pod in live {
            scheduled += 1;
            if is_ready(&pod) {
                ready += 1;
                available += i64::from(is_available(world, &pass.key, &pod, pass.wait()));
            }
            updated += i64::from(pass.is_new(&pod));
        }
    }
    let wanted = i64::try_from(pass.nodes.len()).unwrap_or(i64::MAX);
    let misscheduled = pass.stray.iter().filter(|pod| !text(pod, "/spec/nodeName").is_empty()).count();
    let mut status = json!({
        "observedGeneration": int(&pass.set, "/metadata/generation").unwrap_or(0),
        "currentNumberScheduled": scheduled, "desiredNumberScheduled": wanted,
        "numberMisscheduled": misscheduled, "numberReady": ready,
    });
    let rest = [
        ("updatedNumberScheduled", updated),
        ("numberAvailable", available),
        ("numberUnavailable", wanted - available),
    ];
    for (field, number) in rest {
        if number > 0 {
            status[field] = json!(number);
        }
    }
    world.set_status(&pass.set, status);
}
