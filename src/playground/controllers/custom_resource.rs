//! CustomResourceDefinitions: names accepted, established, and an orderly end.

use std::sync::Arc;

use serde_json::{Value, json};

use super::object::{Condition, array, deleting, fields_mut, text};
use super::world::World;
use crate::model::ObjectKey;
use crate::playground::custom::CLEANUP;

/// Establishes a definition, or deletes its instances and lets it go.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(definition) = world.get(key) else { return };
    if deleting(&definition) {
        clean_up(world, &definition);
        return;
    }
    let mut status = definition.get("status").cloned().unwrap_or(json!({}));
    if !status["conditions"].is_array() {
        fields_mut(&mut status, &[]).remove("conditions");
    }
    status["acceptedNames"] = definition["spec"]["names"].clone();
    let conditions = [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ];
    for (kind, reason, message) in conditions {
        Condition { kind, status: "True", reason, message: message.to_owned() }.put(&mut status, world.now);
    }
    let stored = array(&definition, "/spec/versions").iter().find(|version| version["storage"] == true);
    let stored = stored.map(|version| version["name"].clone()).unwrap_or_default();
    match status["storedVersions"].as_array_mut() {
        Some(versions) if versions.contains(&stored) => {}
        Some(versions) => versions.push(stored),
        None => status["storedVersions"] = json!([stored]),
    }
    world.set_status(&definition, status);
}

fn clean_up(world: &mut World<'_>, definition: &Arc<Value>) {
    let (group, kind) = (text(definition, "/spec/group"), text(definition, "/spec/names/kind"));
    let instances = world.objects.list(group, kind, None);
    for instance in instances.iter().filter(|instance| !deleting(instance)) {
        world.delete(instance, None);
    }
    // Those that wait for finalizers of their own tell of their end.
    if !world.objects.list(group, kind, None).is_empty() {
        return;
    }
    let mut freed = Value::clone(definition);
    let finalizers =
        fields_mut(&mut freed, &["metadata"]).get_mut("finalizers").and_then(Value::as_array_mut);
    if let Some(list) = finalizers {
        list.retain(|name| name != CLEANUP);
    }
    world.update(definition, freed);
}

/// The definition of an object's kind, if there is one.
pub(super) fn definition_of(world: &World<'_>, key: &ObjectKey) -> Option<ObjectKey> {
    let is_own = |definition: &&Arc<Value>| {
        text(definition, "/spec/group") == key.group && text(definition, "/spec/names/kind") == key.kind
    };
    let definitions = world.objects.list(crate::playground::custom::GROUP, "CustomResourceDefinition", None);
    definitions.iter().find(is_own).map(|definition| super::object::key_of(definition))
}
