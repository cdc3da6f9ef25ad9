//! Objects that go from one owner to another.
//!
//! An object has one owner, and who takes it over finds it there: the old owner lets go of it and
//! deletes nothing, the new one waits until it has. What is let go of and taken by nobody in the end
//! goes with what its old owner deletes next.

use std::collections::{BTreeMap, BTreeSet};

use super::{Parts, Planning, digest, release};
use crate::compile::{Desired, DesiredState};
use crate::model::{AppKey, Bundle, Handed, Manifest, MoveKey, ObjectKey, Owner, PartKey, TargetKey, Work};

/// Who is to own what on a target.
type Claims = BTreeMap<ObjectKey, Owner>;

/// Takes what another owner is to have out of what parts delete, and lets the new owner wait.
pub(super) fn hand_over(planning: &Planning<'_>, desired: &DesiredState, parts: &mut Parts) {
    let touched: BTreeSet<TargetKey> = parts.values().flat_map(|part| part.deletions().into_keys()).collect();
    let claims: BTreeMap<TargetKey, Claims> =
        touched.into_iter().map(|target| (target.clone(), claims(desired, &target))).collect();
    let mut edges: Vec<(PartKey, PartKey)> = Vec::new();
    for (key, part) in parts.iter_mut() {
        let owner = owner_of(key);
        let mut handed = Handed::new();
        let mut take = |target: &TargetKey, keys: &mut BTreeSet<ObjectKey>| {
            let Some(claims) = claims.get(target) else { return };
            keys.retain(|key| match claims.get(key) {
                Some(new) if *new != owner => {
                    let owners = handed.entry(target.clone()).or_default();
                    owners.entry(new.clone()).or_default().insert(key.clone());
                    false
                }
                _ => true,
            });
        };
        match &mut part.work {
            Work::Prune { targets } => targets.iter_mut().for_each(|(target, keys)| take(target, keys)),
            Work::Release(program) => {
                program.removed.iter_mut().for_each(|(key, keys)| take(&key.target, keys));
                for (key, added) in &mut program.added {
                    added.retain(|object| !planning.accepted.is_handed(&key.target, object));
                }
            }
            Work::Settings { .. } | Work::Platform { .. } => continue,
        }
        if let Work::Prune { targets } = &part.work
            && !handed.is_empty()
        {
            part.digest = digest::part(desired, key, digest::deletions(targets), &BTreeSet::new());
        }
        for owner in handed.values().flat_map(BTreeMap::keys) {
            if let Owner::App(app) = owner {
                edges.push((PartKey::Release(app.clone()), key.clone()));
            }
        }
        part.handed = handed;
    }
    for (later, before) in edges {
        // Apps that change places would wait for each other: who leaves then does not wait until it
        // runs where it goes. Two that exchange objects where they stay can't be put in an order.
        if let PartKey::PruneApp(app) = &before
            && reaches(parts, &before, &later)
            && let Some(part) = parts.get_mut(&before)
        {
            part.after.remove(&PartKey::Release(app.clone()));
        }
        if !reaches(parts, &before, &later)
            && let Some(part) = parts.get_mut(&later)
        {
            part.after.insert(before);
        }
    }
}

/// Whether a part waits for another, be it through others.
fn reaches(parts: &Parts, from: &PartKey, to: &PartKey) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(key) = open.pop() {
        if key == to {
            return true;
        }
        if seen.insert(key) {
            open.extend(parts.get(key).into_iter().flat_map(|part| &part.after));
        }
    }
    false
}

fn owner_of(key: &PartKey) -> Owner {
    match key {
        PartKey::Release(app) | PartKey::Settings(app) | PartKey::PruneApp(app) => Owner::App(app.clone()),
        PartKey::Platform(_) | PartKey::PrunePlatform(_) => Owner::Platform,
    }
}

fn claims(desired: &DesiredState, target: &TargetKey) -> Claims {
    let mut claims = Claims::new();
    for (app, wish) in &desired.apps {
        let Desired::App(wish) = wish else { continue };
        let bundle = wish.release.bundles.get(target).map(Bundle::keys).unwrap_or_default();
        let settings = wish.settings.get(target).into_iter().flat_map(|settings| &settings.objects);
        let keys = bundle.into_iter().chain(settings.map(Manifest::key));
        claims.extend(keys.map(|key| (key, Owner::App(app.clone()))));
    }
    let platform = desired.platform.get(target).into_iter().flatten();
    claims.extend(platform.map(|object| (object.key(), Owner::Platform)));
    claims
}

/// What apps let go of for others and nobody took or will take, by app and target.
///
/// While anything that Git says can't be read, whoever is to take it may be behind that.
pub(super) fn orphans(
    planning: &Planning<'_>,
    desired: &DesiredState,
) -> BTreeMap<AppKey, BTreeMap<TargetKey, BTreeSet<ObjectKey>>> {
    let mut orphans: BTreeMap<AppKey, BTreeMap<TargetKey, BTreeSet<ObjectKey>>> = BTreeMap::new();
    let refused = desired.apps.values().any(|wish| matches!(wish, Desired::Refused));
    if desired.hidden.platform || !desired.hidden.tenants.is_empty() || refused {
        return orphans;
    }
    for (target, owners) in &planning.accepted.handed {
        if desired.waiting_clusters.contains(&target.cluster) || owners.values().all(BTreeSet::is_empty) {
            continue;
        }
        let taken: BTreeSet<ObjectKey> =
            claims(desired, target).into_keys().chain(held_on(planning, target)).collect();
        for (owner, keys) in owners {
            let left: BTreeSet<ObjectKey> = keys.difference(&taken).cloned().collect();
            if let (Owner::App(app), false) = (owner, left.is_empty()) {
                orphans.entry(app.clone()).or_default().insert(target.clone(), left);
            }
        }
    }
    orphans
}

/// Everything that is held on a target now.
fn held_on(planning: &Planning<'_>, target: &TargetKey) -> BTreeSet<ObjectKey> {
    let mut held = BTreeSet::new();
    for (key, state) in planning.accepted.moves.iter().filter(|(key, _)| key.target == *target) {
        held.extend(release::held_keys(&state.allocation, planning.bundles));
        held.extend(state.settings.value.objects.iter().map(Manifest::key));
        // What a rollout goes to is taken, however far it has got.
        let open = planning.accepted.open_rollout(&key.app);
        let to = open.and_then(|start| match &start.part.work {
            Work::Release(program) => program.to.get(&MoveKey::new(key.app.clone(), target.clone())),
            _ => None,
        });
        held.extend(to.and_then(|digest| planning.bundles.get(digest)).into_iter().flat_map(|b| b.keys()));
    }
    held
}
