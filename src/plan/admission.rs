//! Which parts of a plan start now, and why the others wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::accepted::{Accepted, RolloutStart, approved};
use crate::definition::Calendar;
use crate::model::{
    AppKey, BundleDigest, ClusterName, MoveKey, Owner, Part, PartDigest, PartKey, Plan, Program, RolloutId,
    Timestamp, Work,
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
    /// It does not start, and nothing that it waits for will change that.
    Refuse(PartKey, Refusal),
}

impl Admission {
    /// The part that it is about.
    pub fn part(&self) -> &PartKey {
        match self {
            Admission::Start(key)
            | Admission::Supersede(_, key, _)
            | Admission::Running(key, _)
            | Admission::Wait(key, _)
            | Admission::Refuse(key, _) => key,
        }
    }
}

/// Why a part is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// Nobody approved it in time.
    Expired,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Expired => {
                f.write_str("refused: nobody approved it within 7 days; the next commit asks for it again")
            }
        }
    }
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
    /// Changes begin inside a window only.
    Window {
        /// When the next one opens.
        opens: Option<Timestamp>,
    },
    /// Nothing is to be changed now, in the environment or on one of its clusters.
    Freeze {
        /// The cluster; none = the environment.
        cluster: Option<ClusterName>,
        /// Why, in the words of who said so.
        reason: String,
    },
    /// Somebody works on a cluster that it goes to.
    Maintenance {
        /// The cluster.
        cluster: ClusterName,
        /// Why, in the words of who said so.
        reason: String,
    },
    /// An app is still on what it would take away.
    InUse(AppKey),
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
            WaitingOn::Window { opens: Some(opens) } => {
                write!(f, "waits for the next window, which opens at {opens}")
            }
            WaitingOn::Window { opens: None } => f.write_str("waits for a window, and none will open"),
            WaitingOn::Freeze { cluster: None, reason } => write!(f, "frozen: {reason}"),
            WaitingOn::Freeze { cluster: Some(cluster), reason } => {
                write!(f, "the cluster {cluster} is frozen: {reason}")
            }
            WaitingOn::Maintenance { cluster, reason } => {
                write!(f, "the cluster {cluster} is in maintenance: {reason}")
            }
            WaitingOn::InUse(app) => write!(f, "{app} is still there"),
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

/// The moment at which is decided.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// When changes may be made.
    pub calendar: &'a Calendar,
    /// Now.
    pub now: Timestamp,
}

/// Decides for every part of a plan.
pub fn admit(
    plan: &Plan,
    accepted: &Accepted,
    open: &BTreeMap<RolloutId, RolloutView>,
    moment: Moment<'_>,
) -> Vec<Admission> {
    plan.parts.iter().map(|part| admit_part(plan, part, accepted, open, moment)).collect()
}

fn admit_part(
    plan: &Plan,
    part: &Part,
    accepted: &Accepted,
    open: &BTreeMap<RolloutId, RolloutView>,
    moment: Moment<'_>,
) -> Admission {
    let wait = |reason| Admission::Wait(part.key.clone(), reason);
    if let Some(app) = app_of(&part.key)
        && !matches!(part.key, PartKey::Settings(_))
        && is_suspended(plan, part, app, accepted)
    {
        return wait(WaitingOn::Suspended);
    }
    match &part.work {
        // Settings never wait: an emergency scale-up is one.
        Work::Settings { .. } => Admission::Start(part.key.clone()),
        Work::Platform { .. } => match closed(part, accepted, moment) {
            Some(reason) => wait(reason),
            None => Admission::Start(part.key.clone()),
        },
        Work::Prune { .. } => admit_prune(plan, part, accepted, moment),
        Work::Release(program) => admit_release((plan, part, program), accepted, open, moment),
    }
}

/// Whether nothing may begin now on the clusters where a part changes something.
fn closed(part: &Part, accepted: &Accepted, moment: Moment<'_>) -> Option<WaitingOn> {
    let Moment { calendar, now } = moment;
    let clusters: BTreeSet<&ClusterName> = match (&part.key, &part.work) {
        (PartKey::Platform(target), _) => BTreeSet::from([&target.cluster]),
        (_, Work::Prune { targets }) => targets.keys().map(|target| &target.cluster).collect(),
        (_, Work::Release(program)) => {
            let moves = |(key, bundle): &(&MoveKey, &BundleDigest)| {
                accepted.moves.get(*key).is_none_or(|state| state.allocation.stable != Some(**bundle))
            };
            program.to.iter().filter(moves).map(|(key, _)| &key.target.cluster).collect()
        }
        _ => BTreeSet::new(),
    };
    if let Some((cluster, why)) =
        clusters.iter().find_map(|cluster| Some((*cluster, calendar.maintenance(cluster, now)?)))
    {
        return Some(WaitingOn::Maintenance { cluster: cluster.clone(), reason: why.reason.clone() });
    }
    if let Some((cluster, why)) = calendar.freeze(clusters, now) {
        return Some(WaitingOn::Freeze { cluster: cluster.cloned(), reason: why.reason.clone() });
    }
    (!calendar.is_open(now)).then(|| WaitingOn::Window { opens: calendar.next_opening(now) })
}

fn app_of(key: &PartKey) -> Option<&AppKey> {
    match key {
        PartKey::Settings(app) | PartKey::Release(app) | PartKey::PruneApp(app) => Some(app),
        PartKey::Platform(_) | PartKey::PrunePlatform(_) => None,
    }
}

/// Whether somebody suspended an app, or Git does where it is released: by the settings that this
/// very plan brings, else by those in force. What Git no longer names it does not suspend.
fn is_suspended(plan: &Plan, part: &Part, app: &AppKey, accepted: &Accepted) -> bool {
    if accepted.suspended.contains_key(app) {
        return true;
    }
    let Work::Release(program) = &part.work else { return false };
    let key = PartKey::Settings(app.clone());
    let coming = plan.parts.iter().find(|part| part.key == key).map(|part| &part.work);
    program.to.keys().any(|key| {
        let coming = match coming {
            Some(Work::Settings { settings, .. }) => settings.get(&key.target),
            _ => None,
        };
        let in_force = accepted.moves.get(key).map(|state| &state.settings.value);
        coming.or(in_force).is_some_and(|settings| settings.suspended)
    })
}

/// Whether everybody agrees who must.
#[derive(PartialEq, Eq)]
enum Consent {
    Given,
    Awaited,
    Expired,
}

fn approval(plan: &Plan, part: &Part, accepted: &Accepted) -> Consent {
    if part.approvals.is_empty() || approved(accepted, part).is_some() {
        return Consent::Given;
    }
    match accepted.asked.get(&part.digest) {
        Some(asked) if asked.expired && asked.revision == plan.revision => Consent::Expired,
        _ => Consent::Awaited,
    }
}

fn admit_prune(plan: &Plan, part: &Part, accepted: &Accepted, moment: Moment<'_>) -> Admission {
    match approval(plan, part, accepted) {
        Consent::Given => {}
        Consent::Awaited => return Admission::Wait(part.key.clone(), WaitingOn::Approval),
        Consent::Expired => return Admission::Refuse(part.key.clone(), Refusal::Expired),
    }
    if let Some(before) = part.after.iter().find(|key| plan.parts.iter().any(|other| other.key == **key)) {
        return Admission::Wait(part.key.clone(), WaitingOn::Part(before.clone()));
    }
    let waiting_on = occupant(plan, part, accepted).map(WaitingOn::InUse);
    match waiting_on.or_else(|| closed(part, accepted, moment)) {
        Some(reason) => Admission::Wait(part.key.clone(), reason),
        None => Admission::Start(part.key.clone()),
    }
}

/// An app that would lose its namespace with the platform's objects.
fn occupant(plan: &Plan, part: &Part, accepted: &Accepted) -> Option<AppKey> {
    let (PartKey::PrunePlatform(target), Work::Prune { targets }) = (&part.key, &part.work) else {
        return None;
    };
    if !targets.values().flatten().any(|key| key.kind == "Namespace" && key.group.is_empty()) {
        return None;
    }
    let arrives = plan.parts.iter().filter_map(|part| match &part.work {
        Work::Release(program) => program.to.keys().find(|key| key.target == *target),
        _ => None,
    });
    let is_there = accepted.moves.keys().filter(|key| key.target == *target);
    is_there.chain(arrives).map(|key| key.app.clone()).next()
}

fn admit_release(
    (plan, part, program): (&Plan, &Part, &Program),
    accepted: &Accepted,
    open: &BTreeMap<RolloutId, RolloutView>,
    moment: Moment<'_>,
) -> Admission {
    let PartKey::Release(app) = &part.key else { return Admission::Start(part.key.clone()) };
    let consent = approval(plan, part, accepted);
    let open_rollout = accepted.open_rollout(app);
    if consent == Consent::Expired && open_rollout.is_none() {
        return Admission::Refuse(part.key.clone(), Refusal::Expired);
    }
    let waiting_on = if held(program, accepted) {
        Some(WaitingOn::Held)
    } else if consent != Consent::Given {
        Some(WaitingOn::Approval)
    } else {
        let before = part.after.iter().find_map(|key| dependency(plan, (app, program), key, accepted));
        before.or_else(|| closed(part, accepted, moment))
    };
    match (open_rollout, waiting_on) {
        (Some(running), waiting_on) => beside_running(part, program, running, open, waiting_on),
        (None, Some(reason)) => Admission::Wait(part.key.clone(), reason),
        (None, None) => Admission::Start(part.key.clone()),
    }
}

/// What becomes of a release part whose app has an open rollout: it takes that one's place only when
/// that is all it waits for. A revert to what is stable deletes and brings nothing: it never waits.
fn beside_running(
    part: &Part,
    program: &Program,
    running: &RolloutStart,
    open: &BTreeMap<RolloutId, RolloutView>,
    waiting_on: Option<WaitingOn>,
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
    if let Some(reason) = waiting_on.filter(|_| !revert) {
        return Admission::Wait(part.key.clone(), reason);
    }
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
/// share none); or whether something has not been let go of yet that is to be taken over.
fn dependency(
    plan: &Plan,
    (this, program): (&AppKey, &Program),
    key: &PartKey,
    accepted: &Accepted,
) -> Option<WaitingOn> {
    let part = plan.parts.iter().find(|part| part.key == *key)?;
    let (PartKey::Release(app), Work::Release(other)) = (key, &part.work) else {
        return Some(WaitingOn::Part(key.clone()));
    };
    // Until its last soak is over it may go back, and need what it hands over.
    let takes_over = |owner: &Owner| *owner == Owner::App(this.clone());
    if part.handed.values().flat_map(BTreeMap::keys).any(takes_over) {
        return Some(WaitingOn::Part(key.clone()));
    }
    let clusters: BTreeSet<_> = program.to.keys().map(|key| &key.target.cluster).collect();
    let shared: Vec<_> = other.to.iter().filter(|(key, _)| clusters.contains(&key.target.cluster)).collect();
    let asked: Vec<_> = if shared.is_empty() { other.to.iter().collect() } else { shared };
    let committed = asked.iter().all(|(key, bundle)| {
        accepted.moves.get(key).is_some_and(|state| state.allocation.stable == Some(**bundle))
    });
    (!committed).then(|| WaitingOn::Dependency(app.clone()))
}
