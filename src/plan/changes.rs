//! What the parts of a plan change, object by object, where what was accepted is at hand.
//!
//! Values of Secrets are masked before they get here: changes are for people, and travel.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::State;
use crate::compile::{Desired, DesiredState};
use crate::diff::mask_secret;
use crate::model::{Manifest, ObjectKey, Part, Replicas, SEALED_FIELD, Settings, TargetKey, Work};

/// What a part changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Objects that come, change or go.
    pub objects: Vec<Change>,
    /// Other settings that change, in words.
    pub settings: Vec<String>,
}

/// An object that comes, changes or goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Where.
    pub target: TargetKey,
    /// Which.
    pub key: ObjectKey,
    /// What was accepted; none if the object is new, or if it is gone from the records too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Manifest>,
    /// What is desired; none if the object goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Manifest>,
}

/// How many objects come, change and go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// That come.
    pub created: usize,
    /// That change.
    pub changed: usize,
    /// That go.
    pub deleted: usize,
}

impl Changes {
    /// What a part changes.
    pub fn of(part: &Part, state: &State, desired: &DesiredState) -> Self {
        let mut changes = Self::default();
        match &part.work {
            Work::Platform { objects } => {
                let crate::model::PartKey::Platform(target) = &part.key else { return changes };
                let before = state.accepted.platform.get(target).map(|platform| platform.value.as_slice());
                changes.compare(target, before.unwrap_or_default(), objects);
            }
            Work::Settings { settings, .. } => {
                let crate::model::PartKey::Settings(app) = &part.key else { return changes };
                let nothing = Settings::default();
                for (target, after) in settings {
                    let key = crate::model::MoveKey::new(app.clone(), target.clone());
                    let before = state.accepted.moves.get(&key).map_or(&nothing, |here| &here.settings.value);
                    changes.compare(target, &before.objects, &after.objects);
                    changes.settings.extend(words(target, before, after));
                }
            }
            Work::Release(program) => {
                for (key, digest) in &program.to {
                    let stable = state.accepted.moves.get(key).and_then(|here| here.allocation.stable);
                    if stable == Some(*digest) {
                        continue;
                    }
                    let before = stable.and_then(|stable| state.bundles.get(&stable));
                    let before = before.map(|bundle| bundle.objects.as_slice()).unwrap_or_default();
                    let Some(Desired::App(wish)) = desired.apps.get(&key.app) else { continue };
                    let after = wish.release.bundles.get(&key.target);
                    let after = after.map(|bundle| bundle.objects.as_slice()).unwrap_or_default();
                    changes.compare(&key.target, before, after);
                }
            }
            Work::Prune { targets } => {
                for (target, keys) in targets {
                    changes.objects.extend(keys.iter().map(|key| Change {
                        target: target.clone(),
                        key: key.clone(),
                        before: mask_secret(None, accepted_object(state, target, key).as_ref()).1,
                        after: None,
                    }));
                }
            }
        }
        changes
    }

    fn compare(&mut self, target: &TargetKey, before: &[Manifest], after: &[Manifest]) {
        let by_key = |objects: &[Manifest]| -> BTreeMap<ObjectKey, Manifest> {
            objects.iter().map(|object| (object.key(), unsealed(object))).collect()
        };
        let (mut before, mut after) = (by_key(before), by_key(after));
        let keys: BTreeSet<ObjectKey> = before.keys().chain(after.keys()).cloned().collect();
        for key in keys {
            let (before, after) = (before.remove(&key), after.remove(&key));
            if before != after {
                let (after, before) = mask_secret(after.as_ref(), before.as_ref());
                self.objects.push(Change { target: target.clone(), key, before, after });
            }
        }
    }

    /// How many objects come, change and go.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.objects {
            match (&change.before, &change.after) {
                (None, Some(_)) => counts.created += 1,
                (Some(_), Some(_)) => counts.changed += 1,
                (_, None) => counts.deleted += 1,
            }
        }
        counts
    }
}

/// An object without the ciphertext that only the worker needs: the digests of its values stand in
/// `data`.
fn unsealed(object: &Manifest) -> Manifest {
    let mut object = object.clone();
    if let Some(fields) = object.as_value_mut().as_object_mut() {
        fields.remove(SEALED_FIELD);
    }
    object
}

fn accepted_object(state: &State, target: &TargetKey, key: &ObjectKey) -> Option<Manifest> {
    let platform = state.accepted.platform.get(target).into_iter().flat_map(|platform| &platform.value);
    let moves = state.accepted.moves.iter().filter(|(here, _)| here.target == *target);
    let apps = moves.flat_map(|(_, here)| {
        let bundles = here.allocation.bundles().filter_map(|digest| state.bundles.get(&digest));
        here.settings.value.objects.iter().chain(bundles.flat_map(|bundle| &bundle.objects))
    });
    platform.chain(apps).find(|object| object.key() == *key).map(unsealed)
}

/// What changes in settings beside objects.
fn words(target: &TargetKey, before: &Settings, after: &Settings) -> Vec<String> {
    let mut words = Vec::new();
    let components: BTreeSet<_> = before.replicas.keys().chain(after.replicas.keys()).collect();
    for component in components {
        let (old, new) = (before.replicas.get(component), after.replicas.get(component));
        if old != new {
            words.push(format!("{target} {component} replicas: {} -> {}", replicas(old), replicas(new)));
        }
    }
    if before.suspended != after.suspended {
        words.push(format!("{target} suspended: {} -> {}", before.suspended, after.suspended));
    }
    let objects: BTreeSet<_> = before.metadata.keys().chain(after.metadata.keys()).collect();
    for key in objects {
        if before.metadata.get(key) != after.metadata.get(key) {
            words.push(format!("{target} {key} labels and annotations"));
        }
    }
    let owned: BTreeSet<_> = before.owned_elsewhere.keys().chain(after.owned_elsewhere.keys()).collect();
    for key in owned {
        if before.owned_elsewhere.get(key) != after.owned_elsewhere.get(key) {
            words.push(format!("{target} {key} fields owned elsewhere"));
        }
    }
    words
}

fn replicas(replicas: Option<&Replicas>) -> String {
    match replicas {
        None => "none".to_owned(),
        Some(Replicas::Fixed(count)) => count.to_string(),
        Some(Replicas::Autoscaled { min, max }) => format!("{min}..{max}"),
    }
}
