//! Which parts of a plan start now, and why the others wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::accepted::{Accepted, RolloutStart, approved};
use crate::model::{
    AppKey, BundleDigest, MoveKey, Part, PartDigest, PartKey, Plan, Program, RolloutId, Work,
};

/// What becomes of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Admission {
    /// It starts.
    Start(PartKey),
    /// A running rollout makes room for it.
    Supersede(RolloutId, PartKey, PartDigest),
    /// It is what is running already.
    Running(PartKey, RolloutId),
    /// It waits.
    Wait(PartKey, WaitingOn),
}

/// Why a part waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaitingOn {
    /// Somebody must approve its digest.
    Approval,
    /// Another rollout of the same app is running.
    Rollout(RolloutId),
    /// Another app must have committed first.
    Dependency(AppKey),
    /// Another part must be done first.
    Part(PartKey),
    /// Its bundle failed before and is held.
    Held,
    /// Somebody suspended the app.
    Suspended,
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitingOn::Approval => f.write_str("waits for an approval (sluice plan approve)"),
            WaitingOn::Rollout(id) => write!(f, "waits for the rollout {id} to end"),
            WaitingOn::Dependency(app) => write!(f, "waits for {app}"),
            WaitingOn::Part(part) => write!(f, "waits for {part}"),
            WaitingOn::Held => {
                f.write_str("held: it failed before (sluice release unhold lets it be tried again)")
            }
            WaitingOn::Suspended => f.write_str("suspended (sluice resume)"),
        }
    }
}

/// What admission must know of an open rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutView {
    /// It goes back or is stuck: only its own end makes room.
    pub going_back: bool,
    /// A person is asked: anything newer takes its place.
    pub paused: bool,
}

/// Decides for every part of a plan.
pub fn admit(plan: &Plan, accepted: &Accepted, open: &BTreeMap<RolloutId, RolloutView>) -> Vec<Admission> {
    plan.parts.iter().map(|part| admit_part(plan, part, accepted, open)).collect()
}

fn admit_part(
    plan: &Plan,
    part: &Part,
    accepted: &Accepted,
    open: &BTreeMap<RolloutId, RolloutView>,
) -> Admission {
    let wait = |reason| Admission::Wait(part.key.clone(), reason);
    if let Some(app) = app_of(&part.key)
        && accepted.suspended.contains_key(app)
        && !matches!(part.key, PartKey::Settings(_))
    {
        return wait(WaitingOn::Suspended);
    }
    match &part.work {
        Work::Platform { .. } | Work::Settings { .. } => Admission::Start(part.key.clone()),
        Work::Prune { .. } => admit_prune(plan, part, accepted),
        Work::Release(program) => admit_release(plan, part, program, accepted, open),
    }
}

fn app_of(key: &PartKey) -> Option<&AppKey> {
    match key {
        PartKey::Settings(app) | PartKey::Release(app) | PartKey::PruneApp(app) => Some(app),
        PartKey::Platform(_) | PartKey::PrunePlatform(_) => None,
    }
}

fn admit_prune(plan: &Plan, part: &Part, accepted: &Accepted) -> Admission {
    if !part.approvals.is_empty() && approved(accepted, part).is_none() {
        return Admission::Wait(part.key.clone(), WaitingOn::Approval);
    }
    if let Some(before) = part.after.iter().find(|key| plan.parts.iter().any(|other| other.key == **key)) {
        return Admission::Wait(part.key.clone(), WaitingOn::Part(before.clone()));
    }
    Admission::Start(part.key.clone())
}

fn admit_release(
    plan: &Plan,
    part: &Part,
    program: &Program,
    accepted: &Accepted,
    open: &BTreeMap<RolloutId, RolloutView>,
) -> Admission {
    let PartKey::Release(app) = &part.key else { return Admission::Start(part.key.clone()) };
    let wait = |reason| Admission::Wait(part.key.clone(), reason);
    if let Some(running) = accepted.open_rollout(app) {
        return beside_running(part, program, running, open);
    }
    if held(program, accepted) {
        return wait(WaitingOn::Held);
    }
    if !part.approvals.is_empty() && approved(accepted, part).is_none() {
        return wait(WaitingOn::Approval);
    }
    match part.after.iter().find_map(|key| dependency(plan, program, key, accepted)) {
        Some(reason) => wait(reason),
        None => Admission::Start(part.key.clone()),
    }
}

/// What becomes of a release part whose app has an open rollout.
fn beside_running(
    part: &Part,
    program: &Program,
    running: &RolloutStart,
    open: &BTreeMap<RolloutId, RolloutView>,
) -> Admission {
    let view = open.get(&running.id).copied().unwrap_or(RolloutView { going_back: false, paused: false });
    let Work::Release(now) = &running.part.work else {
        return Admission::Wait(part.key.clone(), WaitingOn::Rollout(running.id.clone()));
    };
    // Newer is another bundle on a target of the rollout: never settings, strategy or another
    // cluster alone.
    let newer = now.to.iter().any(|(key, bundle)| program.to.get(key).is_some_and(|other| other != bundle));
    if !newer {
        return Admission::Running(part.key.clone(), running.id.clone());
    }
    let revert = now.to.keys().all(|key| program.to.get(key).copied() == stable_before(running, key));
    if !view.going_back && (revert || view.paused) {
        return Admission::Supersede(running.id.clone(), part.key.clone(), part.digest);
    }
    Admission::Wait(part.key.clone(), WaitingOn::Rollout(running.id.clone()))
}

fn stable_before(running: &RolloutStart, key: &MoveKey) -> Option<BundleDigest> {
    running.back.get(key).and_then(|allocation| allocation.stable)
}

/// A part with a held move waits as a whole.
fn held(program: &Program, accepted: &Accepted) -> bool {
    program.to.iter().any(|(key, bundle)| {
        accepted
            .moves
            .get(key)
            .is_some_and(|state| state.allocation.stable != Some(*bundle) && state.held.contains(bundle))
    })
}

/// Whether another app's release is still to come on a cluster that both are on (on any, where they
/// share none).
fn dependency(plan: &Plan, program: &Program, key: &PartKey, accepted: &Accepted) -> Option<WaitingOn> {
    let PartKey::Release(app) = key else { return None };
    let part = plan.parts.iter().find(|part| part.key == *key)?;
    let Work::Release(other) = &part.work else { return None };
    let clusters: BTreeSet<_> = program.to.keys().map(|key| &key.target.cluster).collect();
    let shared: Vec<_> = other.to.iter().filter(|(key, _)| clusters.contains(&key.target.cluster)).collect();
    let asked: Vec<_> = if shared.is_empty() { other.to.iter().collect() } else { shared };
    let committed = asked.iter().all(|(key, bundle)| {
        accepted.moves.get(key).is_some_and(|state| state.allocation.stable == Some(**bundle))
    });
    (!committed).then(|| WaitingOn::Dependency(app.clone()))
}
