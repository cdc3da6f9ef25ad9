//! Content-named configuration that nothing refers to any more.
//!
//! Collected outside plans and budgets: what a stable bundle of the last few names stays, and so
//! does what a live pod or pod template names.

use std::collections::BTreeSet;

use serde_json::Value;

use super::converge::{Place, Scene};
use crate::accepted::AcceptedOn;
use crate::inventory::Inventory;
use crate::model::{BundleDigest, Manifest, ObjectKey, Owner};

/// Where pod templates stand that may name configuration.
const REFERRERS: [(&str, &str); 7] = [
    ("", "Pod"),
    ("apps", "ReplicaSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("batch", "Job"),
    ("batch", "CronJob"),
];

/// The keys of an inventory that may be collected.
pub(super) fn collectable(
    scene: &Scene<'_>,
    place: &Place<'_>,
    here: &AcceptedOn,
    inventory: &Inventory,
) -> BTreeSet<ObjectKey> {
    let Owner::App(app) = place.owner else { return BTreeSet::new() };
    let candidates: BTreeSet<ObjectKey> = inventory
        .objects
        .keys()
        .filter(|key| key.group.is_empty() && matches!(key.kind.as_str(), "ConfigMap" | "Secret"))
        .filter(|key| !place.wanted.objects.contains_key(*key) && !place.wanted.remove.contains(*key))
        .filter(|key| is_content_named(scene, key))
        .cloned()
        .collect();
    if candidates.is_empty() {
        return candidates;
    }
    let Some(state) = here.apps.get(app).map(|share| &share.state) else { return candidates };
    let kept: BTreeSet<BundleDigest> =
        state.history.iter().copied().chain(state.allocation.bundles()).collect();
    let named: BTreeSet<ObjectKey> =
        kept.iter().filter_map(|digest| scene.bundles.get(digest)).flat_map(|bundle| bundle.keys()).collect();
    let referred = referred(scene, place);
    candidates.into_iter().filter(|key| !named.contains(key) && !referred.contains(&key.name)).collect()
}

fn is_content_named(scene: &Scene<'_>, key: &ObjectKey) -> bool {
    let live = scene.facts.find("", &key.kind).and_then(|resource| scene.cluster.live(resource, key));
    live.is_none_or(|live| live.at("/immutable").and_then(Value::as_bool) == Some(true))
}

/// The names of all configuration that a live pod or pod template of the namespace names. A kind
/// that is not followed is followed by nobody's workload here.
fn referred(scene: &Scene<'_>, place: &Place<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (group, kind) in REFERRERS {
        let Some(resource) = scene.facts.find(group, kind) else { continue };
        for object in scene.cluster.live_in(resource, Some(place.target.namespace.as_str())) {
            let idle = kind == "ReplicaSet" && object.at("/spec/replicas").and_then(Value::as_u64) == Some(0);
            if !idle {
                collect_names(pod_spec(&object), &mut names);
            }
        }
    }
    names
}

fn pod_spec(object: &Manifest) -> Option<&Value> {
    match object.kind() {
        "Pod" => object.at("/spec"),
        "CronJob" => object.at("/spec/jobTemplate/spec/template/spec"),
        _ => object.at("/spec/template/spec"),
    }
}

/// Every text under `name`, `secretName` or `configMap` that a pod spec may mean a ConfigMap or a
/// Secret by: too many names keep too much, never too little.
fn collect_names(value: Option<&Value>, names: &mut BTreeSet<String>) {
    match value {
        Some(Value::Object(fields)) => {
            for (field, value) in fields {
                match value {
                    Value::String(text) if field == "name" || field == "secretName" => {
                        names.insert(text.clone());
                    }
                    other => collect_names(Some(other), names),
                }
            }
        }
        Some(Value::Array(items)) => items.iter().for_each(|item| collect_names(Some(item), names)),
        _ => {}
    }
}
