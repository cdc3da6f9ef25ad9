//! Controller revisions: the templates that stateful and daemon sets had, numbered.

use std::sync::Arc;

use serde_json::{Value, json};

use super::object::{
    controlled_by, controller_uid, count, int, key_of, name, namespace, template_hash, text, uid,
};
use super::world::World;
use crate::playground::ObjectsError;

/// The label by which a pod names its revision.
pub(super) const REVISION_LABEL: &str = "controller-revision-hash";

/// What a revision keeps of its owner.
fn snapshot(owner: &Value) -> Value {
    let mut template = owner["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    json!({ "spec": { "template": template } })
}

/// The revisions of an owner, oldest first.
pub(super) fn list(world: &World<'_>, owner: &Value) -> Vec<Arc<Value>> {
    let mut found = world.index.children(uid(owner), "ControllerRevision");
    found.sort_by(|a, b| {
        let order = |revision: &Value| (count(revision, "/revision"), name(revision).to_owned());
        order(a).cmp(&order(b))
    });
    found
}

/// The revision of the owner's present template: found and made the newest, or made. None while
/// the store refuses it.
pub(super) fn ensure(world: &mut World<'_>, owner: &Value) -> Option<Arc<Value>> {
    let known = list(world, owner);
    let wanted = snapshot(owner);
    let next = known.last().map_or(0, |last| count(last, "/revision")) + 1;
    let same = known.iter().rposition(|revision| revision["data"] == wanted);
    if let Some(position) = same {
        let found = &known[position];
        if position + 1 == known.len() {
            return Some(found.clone());
        }
        let mut renewed = Value::clone(found);
        renewed["revision"] = json!(next);
        return Some(world.update(found, renewed));
    }
    for collisions in 0..COLLISION_LIMIT {
        match world.create(build(owner, &wanted, next, collisions)) {
            Ok(made) => return Some(made),
            Err(ObjectsError::AlreadyExists) => {}
            Err(_) => break,
        }
    }
    world.wake_after(&key_of(owner), std::time::Duration::from_secs(5));
    None
}

/// How many salts are tried for a revision's name.
const COLLISION_LIMIT: i64 = 16;

fn build(owner: &Value, data: &Value, revision: i64, collisions: i64) -> Value {
    let hash = template_hash(data, collisions);
    let mut labels = super::object::fields(owner, "/spec/template/metadata/labels");
    let hash_label =
        if text(owner, "/kind") == "DaemonSet" { REVISION_LABEL } else { "controller.kubernetes.io/hash" };
    labels.insert(hash_label.to_owned(), json!(hash));
    json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", name(owner)), "namespace": namespace(owner), "labels": labels,
            "ownerReferences": [controlled_by(owner)],
        },
        "data": data, "revision": revision,
    })
}

/// The pod template that a revision keeps.
pub(super) fn template(revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    template
}

/// The hash at the end of a revision's name.
pub(super) fn hash<'a>(owner: &Value, revision: &'a Value) -> &'a str {
    name(revision).strip_prefix(name(owner)).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default()
}

/// Deletes the oldest revisions beyond `revisionHistoryLimit` that are not `in_use`.
pub(super) fn clean_up(world: &mut World<'_>, owner: &Value, in_use: impl Fn(&Value) -> bool) {
    let limit = usize::try_from(int(owner, "/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or(0);
    let unused: Vec<_> = list(world, owner)
        .into_iter()
        .filter(|revision| !in_use(revision) && controller_uid(revision) == uid(owner))
        .collect();
    let excess = unused.len().saturating_sub(limit);
    for revision in unused.iter().take(excess) {
        world.delete(revision, None);
    }
}
