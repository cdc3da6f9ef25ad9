//! The part that rolls an app's release out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Parts, Planning, budget, digest};
use crate::compile::{DesiredApp, DesiredState};
use crate::model::{
    Allocation, AppKey, BundleDigest, MoveKey, ObjectKey, Part, PartKey, Program, Wave, Work,
};
use crate::wanted::Bundles;

/// Adds the release part of an app, if anything of it moves.
///
/// A target whose bundle is the stable one does not move. An app with an open rollout always gets
/// its part, so that a revert to what is stable is seen.
pub(super) fn part(
    planning: &Planning<'_>,
    desired: &DesiredState,
    app: &AppKey,
    wish: &DesiredApp,
    parts: &mut Parts,
) {
    let to: BTreeMap<MoveKey, BundleDigest> = wish
        .release
        .bundles
        .iter()
        .map(|(target, bundle)| (MoveKey::new(app.clone(), target.clone()), bundle.digest))
        .collect();
    let moving: BTreeSet<MoveKey> = to
        .iter()
        .filter(|(key, bundle)| moves(planning, key, **bundle))
        .map(|(key, _)| key.clone())
        .collect();
    if moving.is_empty() && planning.accepted.open_rollout(app).is_none() {
        return;
    }
    let key = PartKey::Release(app.clone());
    let after: BTreeSet<PartKey> = wish.after.iter().cloned().map(PartKey::Release).collect();
    let rules = wish.gray_release.rules();
    let waves = vec![Wave { name: "all".to_owned(), batches: vec![to.keys().cloned().collect()] }];
    let content = json!({ "bundles": to, "rules": rules, "waves": waves });
    let part_digest = digest::part(desired, &key, content, &after);
    let mut removed = BTreeMap::new();
    let mut added = BTreeMap::new();
    for (move_key, bundle) in
        wish.release.bundles.iter().map(|(t, b)| (MoveKey::new(app.clone(), t.clone()), b))
    {
        let here = planning.accepted.moves.get(&move_key);
        let held: BTreeSet<ObjectKey> =
            here.map(|state| held_keys(&state.allocation, planning.bundles)).unwrap_or_default();
        let new: BTreeSet<ObjectKey> = bundle.keys();
        let settings = wish.settings.get(&move_key.target);
        let kept = |key: &ObjectKey| {
            new.contains(key) || settings.is_some_and(|s| s.objects.iter().any(|object| object.key() == *key))
        };
        let old_settings = here.iter().flat_map(|state| state.settings.value.objects.iter().map(|o| o.key()));
        removed.insert(
            move_key.clone(),
            held.iter()
                .cloned()
                .chain(old_settings)
                .filter(|key| {
                    !kept(key) && !is_content_named(key, planning, &move_key) && !budget::is_protected(key)
                })
                .collect(),
        );
        added.insert(
            move_key,
            new.into_iter().filter(|key| !held.contains(key) && !budget::is_protected(key)).collect(),
        );
    }
    let kinds = wish
        .release
        .bundles
        .iter()
        .map(|(target, bundle)| {
            let kinds = bundle.workloads.iter().map(|(name, key)| (name.clone(), key.kind.clone())).collect();
            (MoveKey::new(app.clone(), target.clone()), kinds)
        })
        .collect();
    let program = Program { release: wish.release.id, to, kinds, rules, waves, removed, added };
    let work = Work::Release(Box::new(program));
    parts.insert(
        key.clone(),
        Part { key, digest: part_digest, after, approvals: Vec::new(), handed: BTreeMap::new(), work },
    );
}

/// Whether a target moves: its stable bundle is another one.
fn moves(planning: &Planning<'_>, key: &MoveKey, bundle: BundleDigest) -> bool {
    planning.accepted.moves.get(key).is_none_or(|state| state.allocation.stable != Some(bundle))
}

/// The keys of every object that an allocation holds.
pub(super) fn held_keys(allocation: &Allocation, bundles: &Bundles) -> BTreeSet<ObjectKey> {
    let named: BTreeSet<BundleDigest> = allocation.bundles().collect();
    named.iter().filter_map(|digest| bundles.get(digest)).flat_map(|bundle| bundle.keys()).collect()
}

/// Content-named objects are collected by the worker once nothing refers to them.
fn is_content_named(key: &ObjectKey, planning: &Planning<'_>, at: &MoveKey) -> bool {
    let Some(state) = planning.accepted.moves.get(at) else { return false };
    state.allocation.bundles().filter_map(|digest| planning.bundles.get(&digest)).any(|bundle| {
        bundle.object(key).is_some_and(|object| {
            matches!(object.kind(), "ConfigMap" | "Secret")
                && object.at("/immutable").and_then(serde_json::Value::as_bool) == Some(true)
        })
    })
}
