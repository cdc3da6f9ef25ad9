//! Garbage collection by `ownerReferences`: in the background, in the foreground, or not at all.

use serde_json::{Value, json};

use super::object::{array, deleting, fields_mut, flag, text, uid};
use super::queue::Task;
use super::route::finalizers;
use super::world::{Change, World};
use crate::model::ObjectKey;

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// Queues what may have to be collected after a change.
pub(super) fn tell(world: &mut World<'_>, change: &Change) {
    let owners = |state: &Option<std::sync::Arc<Value>>| {
        state.as_ref().map(|state| array(state, "/metadata/ownerReferences").to_vec()).unwrap_or_default()
    };
    let (before, after) = (owners(&change.before), owners(&change.after));
    if let Some(state) = &change.after {
        if after != before && !after.is_empty() {
            world.queue.add(Task::collect(change.key.clone()));
        }
        if deleting(state) && finalizers(state).any(|name| name == FOREGROUND || name == ORPHAN) {
            world.queue.add(Task::collect(change.key.clone()));
        }
    }
    let Some(gone) = &change.before else { return };
    let is_gone = change.after.as_ref().is_none_or(|after| uid(after) != uid(gone));
    if is_gone {
        for dependent in world.index.dependents(uid(gone)) {
            world.queue.add(Task::collect(dependent));
        }
    }
    if is_gone || before != after {
        // An owner whose deletion waits for this one may go.
        for owner in before {
            let key = owner_key(&owner, change.key.namespace.as_deref());
            if world.get(&key).is_some_and(|owner| deleting(&owner)) {
                world.queue.add(Task::collect(key));
            }
        }
    }
}

fn owner_key(owner: &Value, space: Option<&str>) -> ObjectKey {
    ObjectKey {
        group: super::object::group_of(text(owner, "/apiVersion")).to_owned(),
        kind: text(owner, "/kind").to_owned(),
        namespace: space.map(str::to_owned),
        name: text(owner, "/name").to_owned(),
    }
}

/// Deletes an object whose owners are gone, and lets go of one whose dependents are.
pub(super) fn collect(world: &mut World<'_>, key: &ObjectKey) {
    let Some(object) = world.get(key) else { return };
    if deleting(&object) {
        finish(world, &object);
        return;
    }
    let owners = array(&object, "/metadata/ownerReferences");
    if owners.is_empty() {
        return;
    }
    let space = key.namespace.as_deref();
    let (there, absent): (Vec<_>, Vec<_>) =
        owners.iter().cloned().partition(|owner| world.owner_exists(owner, space));
    if there.is_empty() {
        world.delete(&object, None);
    } else if !absent.is_empty() {
        let mut kept = Value::clone(&object);
        kept["metadata"]["ownerReferences"] = Value::Array(there);
        world.update(&object, kept);
    }
}

/// Does what the finalizers of an object in deletion ask for.
fn finish(world: &mut World<'_>, object: &std::sync::Arc<Value>) {
    let finalizers: Vec<String> = finalizers(object).map(str::to_owned).collect();
    let is_foreground = finalizers.iter().any(|name| name == FOREGROUND);
    let is_orphaning = finalizers.iter().any(|name| name == ORPHAN);
    if !is_foreground && !is_orphaning {
        return;
    }
    let mut blocked = false;
    for key in world.index.dependents(uid(object)) {
        let Some(dependent) = world.get(&key) else { continue };
        let owners = array(&dependent, "/metadata/ownerReferences");
        if is_orphaning {
            let mut freed = Value::clone(&dependent);
            let others = owners.iter().filter(|owner| text(owner, "/uid") != uid(object)).cloned().collect();
            freed["metadata"]["ownerReferences"] = Value::Array(others);
            world.update(&dependent, freed);
            continue;
        }
        let mut ours = owners.iter().filter(|owner| text(owner, "/uid") == uid(object));
        blocked |= ours.any(|owner| flag(owner, "/blockOwnerDeletion"));
        let has_other = owners.iter().any(|owner| {
            text(owner, "/uid") != uid(object) && world.owner_exists(owner, key.namespace.as_deref())
        });
        if !deleting(&dependent) && !has_other {
            delete_in_foreground(world, &dependent);
        }
    }
    // What was deleted at once blocks no longer; what has a grace period does until it is gone.
    blocked &= world.index.dependents(uid(object)).iter().any(|key| world.get(key).is_some());
    if !blocked {
        let mut released = Value::clone(object);
        if let Some(list) = released["metadata"]["finalizers"].as_array_mut() {
            list.retain(|name| name != FOREGROUND && name != ORPHAN);
        }
        world.update(object, released);
    }
}

/// Deletes an object after its own dependents, as its owner is.
fn delete_in_foreground(world: &mut World<'_>, object: &std::sync::Arc<Value>) {
    let mut held = Value::clone(object);
    if !world.index.dependents(uid(object)).is_empty() {
        let list = fields_mut(&mut held, &["metadata"]).entry("finalizers").or_insert(json!([]));
        if let Some(list) = list.as_array_mut().filter(|list| !list.contains(&json!(FOREGROUND))) {
            list.push(json!(FOREGROUND));
        }
    }
    let held = world.update(object, held);
    world.delete(&held, None);
}
