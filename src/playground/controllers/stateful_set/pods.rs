//! The pods and claims of a stateful set, by number.

use serde_json::{Value, json};

use crate::playground::controllers::object::{array, count, fields_mut, int, name, namespace, text};
use crate::playground::controllers::replica_set::pod_of;
use crate::playground::controllers::revision::{self, REVISION_LABEL};
use crate::playground::controllers::world::World;

/// The numbers that a stateful set's pods have.
pub(super) struct Ordinals {
    pub(super) start: i64,
    end: i64,
}

impl Ordinals {
    pub(super) fn of(set: &Value) -> Self {
        let start = count(set, "/spec/ordinals/start");
        Self { start, end: start + int(set, "/spec/replicas").unwrap_or(1) }
    }

    pub(super) fn range(&self) -> std::ops::Range<i64> {
        self.start..self.end
    }

    pub(super) fn has(&self, ordinal: i64) -> bool {
        self.range().contains(&ordinal)
    }
}

/// The number at the end of a pod's name.
pub(super) fn ordinal(set: &Value, pod: &Value) -> Option<i64> {
    name(pod).strip_prefix(name(set))?.strip_prefix('-')?.parse().ok()
}

/// The pod of a number, of a revision's template.
pub(super) fn build(set: &Value, revision: &Value, ordinal: i64) -> Value {
    let pod_name = format!("{}-{ordinal}", name(set));
    let mut pod = pod_of(&revision::template(revision), set, &pod_name);
    let labels = fields_mut(&mut pod, &["metadata", "labels"]);
    labels.insert(REVISION_LABEL.to_owned(), json!(name(revision)));
    labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), json!(pod_name));
    labels.insert("apps.kubernetes.io/pod-index".to_owned(), json!(ordinal.to_string()));
    let spec = fields_mut(&mut pod, &["spec"]);
    spec.insert("hostname".to_owned(), json!(pod_name));
    if !text(set, "/spec/serviceName").is_empty() {
        spec.insert("subdomain".to_owned(), set["spec"]["serviceName"].clone());
    }
    let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
    if let Some(volumes) = volumes.as_array_mut() {
        for template in array(set, "/spec/volumeClaimTemplates") {
            volumes.retain(|volume| volume["name"] != template["metadata"]["name"]);
            volumes.push(json!({
                "name": name(template),
                "persistentVolumeClaim": { "claimName": claim_name(set, template, ordinal) },
            }));
        }
    }
    pod
}

fn claim_name(set: &Value, template: &Value, ordinal: i64) -> String {
    format!("{}-{}-{ordinal}", name(template), name(set))
}

/// Makes the claims of a pod that are not there. They outlive the pod and the set.
pub(super) fn ensure_claims(world: &mut World<'_>, set: &Value, ordinal: i64) {
    for template in array(set, "/spec/volumeClaimTemplates") {
        let claim_name = claim_name(set, template, ordinal);
        let space = namespace(set);
        if world.objects.get("", "PersistentVolumeClaim", Some(space), &claim_name).is_some() {
            continue;
        }
        let mut claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": template["metadata"],
            "spec": template["spec"],
        });
        let metadata = fields_mut(&mut claim, &["metadata"]);
        metadata.insert("name".to_owned(), json!(claim_name));
        metadata.insert("namespace".to_owned(), json!(space));
        metadata.remove("creationTimestamp");
        let labels = fields_mut(&mut claim, &["metadata", "labels"]);
        for (key, value) in crate::playground::controllers::object::fields(set, "/spec/selector/matchLabels")
        {
            labels.insert(key, value);
        }
        // A name that was taken meanwhile serves as well; anything else shows on the waiting pod.
        let _ = world.create(claim);
    }
}
