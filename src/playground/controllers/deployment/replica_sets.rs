//! The replica sets of a Deployment: found, adopted, made, numbered, resized, forgotten.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    DESIRED_REPLICAS, MAX_REPLICAS, REVISION, Rollout, TEMPLATE_HASH, bare, replicas, revision, status,
};
use crate::playground::ObjectsError;
use crate::playground::controllers::object::{
    controlled_by, count, deleting, fields, fields_mut, int, labels, name, namespace, selects, template_hash,
    text, uid,
};
use crate::playground::controllers::world::World;

/// The replica sets that a Deployment controls; those that nobody controls and it selects are
/// adopted.
pub(super) fn owned(world: &mut World<'_>, deployment: &Value) -> Vec<Arc<Value>> {
    let mut sets = world.index.children(uid(deployment), "ReplicaSet");
    if deleting(deployment) {
        return sets;
    }
    for orphan in world.index.orphans("ReplicaSet", namespace(deployment)) {
        if deleting(&orphan) || !selects(&deployment["spec"]["selector"], &labels(&orphan)) {
            continue;
        }
        let mut adopted = Value::clone(&orphan);
        let owners = fields_mut(&mut adopted, &["metadata"]).entry("ownerReferences").or_insert(json!([]));
        if let Some(owners) = owners.as_array_mut() {
            owners.push(controlled_by(deployment));
        }
        sets.push(world.update(&orphan, adopted));
    }
    sets
}

/// Tells the new replica set from the old ones.
pub(super) fn sort(deployment: Arc<Value>, mut sets: Vec<Arc<Value>>) -> Rollout {
    sets.sort_by(|a, b| age(a).cmp(&age(b)));
    let template = bare(&deployment["spec"]["template"]);
    let same = |set: &Arc<Value>| bare(&set["spec"]["template"]) == template;
    let new = sets.iter().position(same).map(|at| sets.remove(at));
    Rollout { deployment, new, old: sets }
}

fn age(set: &Value) -> (&str, &str) {
    (text(set, "/metadata/creationTimestamp"), name(set))
}

/// Gives the new replica set, if it is there, the next revision number.
pub(super) fn number(world: &mut World<'_>, rollout: &mut Rollout) {
    let Some(new) = rollout.new.clone() else { return };
    let next = next_revision(rollout);
    let mut changed = Value::clone(&new);
    let kept = revision(&new);
    for (key, value) in copied_annotations(&rollout.deployment) {
        fields_mut(&mut changed, &["metadata", "annotations"]).insert(key, value);
    }
    let annotations = fields_mut(&mut changed, &["metadata", "annotations"]);
    if kept < next {
        annotations.insert(REVISION.to_owned(), json!(next.to_string()));
        if kept > 0 {
            let history = annotations.get(HISTORY).and_then(Value::as_str).unwrap_or("");
            let history = if history.is_empty() { kept.to_string() } else { format!("{history},{kept}") };
            annotations.insert(HISTORY.to_owned(), json!(history));
        }
    }
    let wait = rollout.deployment["spec"].get("minReadySeconds").cloned().unwrap_or(json!(0));
    if count(&new, "/spec/minReadySeconds") != wait.as_i64().unwrap_or(0) {
        changed["spec"]["minReadySeconds"] = wait;
    }
    let new = world.update(&new, changed);
    let revision = revision(&new).to_string();
    rollout.new = Some(new);
    mark_revision(world, rollout, &revision);
}

const HISTORY: &str = "deployment.kubernetes.io/revision-history";

fn next_revision(rollout: &Rollout) -> i64 {
    rollout.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1
}

fn mark_revision(world: &mut World<'_>, rollout: &mut Rollout, revision: &str) {
    let mut changed = Value::clone(&rollout.deployment);
    let annotations = fields_mut(&mut changed, &["metadata", "annotations"]);
    annotations.insert(REVISION.to_owned(), json!(revision));
    rollout.deployment = world.update(&rollout.deployment, changed);
}

/// The annotations that a replica set has from its Deployment.
fn copied_annotations(deployment: &Value) -> Map<String, Value> {
    let own = [REVISION, HISTORY, DESIRED_REPLICAS, MAX_REPLICAS];
    let mut annotations = fields(deployment, "/metadata/annotations");
    annotations.retain(|key, _| {
        !own.contains(&key.as_str()) && key != "kubectl.kubernetes.io/last-applied-configuration"
    });
    annotations
}

/// Sees to it that the replica set of the present template is there.
pub(super) fn ensure_new(world: &mut World<'_>, rollout: &mut Rollout) {
    if rollout.new.is_some() {
        number(world, rollout);
        status::note_found(world, rollout);
        return;
    }
    let next = next_revision(rollout).to_string();
    let set = build(rollout, &next);
    let set_name = name(&set).to_owned();
    match world.create(set) {
        Ok(made) => {
            rollout.new = Some(made);
            mark_revision(world, rollout, &next);
            status::note_created(world, rollout, &set_name);
        }
        Err(ObjectsError::AlreadyExists) => count_collision(world, rollout),
        Err(error) => status::note_refused(world, rollout, &error.to_string()),
    }
}

/// A replica set of that name is there for another template: the next try salts the hash.
fn count_collision(world: &mut World<'_>, rollout: &mut Rollout) {
    let mut status = rollout.deployment.get("status").cloned().unwrap_or(json!({}));
    status["collisionCount"] = json!(count(&status, "/collisionCount") + 1);
    rollout.deployment = world.set_status(&rollout.deployment, status);
}

fn build(rollout: &Rollout, revision: &str) -> Value {
    let deployment = &rollout.deployment;
    let mut template = deployment["spec"]["template"].clone();
    let hash = template_hash(&template, count(deployment, "/status/collisionCount"));
    fields_mut(&mut template, &["metadata", "labels"]).insert(TEMPLATE_HASH.to_owned(), json!(hash));
    let mut selector = deployment["spec"]["selector"].clone();
    fields_mut(&mut selector, &["matchLabels"]).insert(TEMPLATE_HASH.to_owned(), json!(hash));
    let mut annotations = copied_annotations(deployment);
    annotations.insert(REVISION.to_owned(), json!(revision));
    let (surge, _) = rollout.fenceposts();
    annotations.insert(DESIRED_REPLICAS.to_owned(), json!(rollout.wanted().to_string()));
    annotations.insert(MAX_REPLICAS.to_owned(), json!((rollout.wanted() + surge).to_string()));
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", name(deployment)), "namespace": namespace(deployment),
            "labels": template["metadata"]["labels"], "annotations": annotations,
            "ownerReferences": [controlled_by(deployment)],
        },
        "spec": {
            "replicas": super::rolling::size_of_new(rollout), "selector": selector, "template": template,
        },
    });
    if count(deployment, "/spec/minReadySeconds") > 0 {
        set["spec"]["minReadySeconds"] = deployment["spec"]["minReadySeconds"].clone();
    }
    set
}

/// Sets the size of a replica set and notes what it was worked out from. Whether the size changed.
pub(super) fn resize(world: &mut World<'_>, rollout: &mut Rollout, set: &Arc<Value>, size: i64) -> bool {
    let (surge, _) = rollout.fenceposts();
    let mut changed = Value::clone(set);
    let differs = replicas(set) != size;
    if differs {
        changed["spec"]["replicas"] = json!(size);
    }
    let annotations = fields_mut(&mut changed, &["metadata", "annotations"]);
    annotations.insert(DESIRED_REPLICAS.to_owned(), json!(rollout.wanted().to_string()));
    annotations.insert(MAX_REPLICAS.to_owned(), json!((rollout.wanted() + surge).to_string()));
    let changed = world.update(set, changed);
    rollout.replace(changed);
    differs
}

/// Deletes the oldest empty replica sets beyond `revisionHistoryLimit`.
pub(super) fn clean_up(world: &mut World<'_>, rollout: &Rollout) {
    let limit = int(&rollout.deployment, "/spec/revisionHistoryLimit").unwrap_or(10).max(0);
    let mut old: Vec<_> = rollout.old.iter().filter(|set| !deleting(set)).collect();
    let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    old.sort_by_key(|set| revision(set));
    for set in old.into_iter().take(excess) {
        let settled = count(set, "/status/observedGeneration") >= count(set, "/metadata/generation");
        if count(set, "/status/replicas") == 0 && replicas(set) == 0 && settled {
            world.delete(set, None);
        }
    }
}
