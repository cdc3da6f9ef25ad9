//! The part that applies an app's settings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Parts, Planning, digest, release};
use crate::accepted::MoveState;
use crate::compile::{DesiredApp, DesiredState};
use crate::model::{
    AppKey, Bundle, ComponentName, Manifest, MoveKey, ObjectKey, Part, PartKey, Settings, TargetKey, Work,
};
use crate::wanted::Bundles;

/// The label by which an autoscaler or a budget belongs to its component.
const COMPONENT_LABEL: &str = "app.kubernetes.io/component";

/// Adds the settings part of an app, if any of its targets has others than were accepted.
pub(super) fn part(
    planning: &Planning<'_>,
    desired: &DesiredState,
    app: &AppKey,
    wish: &DesiredApp,
    parts: &mut Parts,
) {
    let mut changed: BTreeMap<TargetKey, Settings> = BTreeMap::new();
    let mut removed: BTreeMap<TargetKey, BTreeSet<ObjectKey>> = BTreeMap::new();
    for (target, settings) in &wish.settings {
        let state = planning.accepted.moves.get(&MoveKey::new(app.clone(), target.clone()));
        let bundle = wish.release.bundles.get(target);
        let settings = match (state, bundle) {
            (Some(state), Some(bundle)) => with_dropped(settings, state, bundle, planning.bundles),
            _ => settings.clone(),
        };
        let Some(state) = state.filter(|state| state.settings.number > 0) else {
            changed.insert(target.clone(), settings);
            continue;
        };
        if state.settings.value == settings {
            continue;
        }
        let kept: BTreeSet<ObjectKey> =
            keys(&settings).chain(bundle.into_iter().flat_map(Bundle::keys)).collect();
        let gone: BTreeSet<ObjectKey> =
            keys(&state.settings.value).filter(|key| !kept.contains(key)).collect();
        if !gone.is_empty() {
            removed.insert(target.clone(), gone);
        }
        changed.insert(target.clone(), settings);
    }
    if changed.is_empty() {
        return;
    }
    let key = PartKey::Settings(app.clone());
    let content = json!({ "settings": wish.settings });
    let digest = digest::part(desired, &key, content, &BTreeSet::new());
    let work = Work::Settings { settings: changed, removed };
    parts.insert(
        key.clone(),
        Part { key, digest, after: BTreeSet::new(), approvals: Vec::new(), handed: BTreeMap::new(), work },
    );
}

fn keys(settings: &Settings) -> impl Iterator<Item = ObjectKey> + '_ {
    settings.objects.iter().map(Manifest::key)
}

/// The settings with those of components that the target still holds and the new bundle drops: they
/// stay as long as the component does, which is until the last soak is over.
fn with_dropped(wish: &Settings, state: &MoveState, bundle: &Bundle, bundles: &Bundles) -> Settings {
    let mut settings = wish.clone();
    let held = &state.allocation.components;
    let dropped: BTreeSet<&ComponentName> =
        held.keys().filter(|name| !bundle.workloads.contains_key(*name)).collect();
    if dropped.is_empty() {
        return settings;
    }
    let before = &state.settings.value;
    for name in &dropped {
        if let Some(replicas) = before.replicas.get(*name) {
            settings.replicas.entry((*name).clone()).or_insert(*replicas);
        }
    }
    let of_dropped = |object: &&Manifest| {
        object.label(COMPONENT_LABEL).is_some_and(|label| dropped.iter().any(|name| name.as_str() == label))
    };
    let here: BTreeSet<ObjectKey> = keys(&settings).collect();
    let stays: Vec<Manifest> = before
        .objects
        .iter()
        .filter(of_dropped)
        .filter(|object| !here.contains(&object.key()))
        .cloned()
        .collect();
    let mut old: BTreeSet<ObjectKey> = release::held_keys(&state.allocation, bundles);
    old.extend(stays.iter().map(Manifest::key));
    settings.objects.extend(stays);
    settings.objects.sort_by_key(Manifest::key);
    let new = bundle.keys();
    for key in old.iter().filter(|key| !new.contains(key)) {
        if let Some(extra) = before.metadata.get(key) {
            settings.metadata.entry(key.clone()).or_insert_with(|| extra.clone());
        }
        if let Some(fields) = before.owned_elsewhere.get(key) {
            settings.owned_elsewhere.entry(key.clone()).or_insert_with(|| fields.clone());
        }
    }
    settings
}
