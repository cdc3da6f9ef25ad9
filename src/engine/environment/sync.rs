//! Whether an app's clusters hold what Git asks for, and if not, why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Environment;
use super::status::MoveStatus;
use crate::accepted::FailedRelease;
use crate::compile::{Desired, DesiredState};
use crate::model::{AppKey, MoveKey, PartKey};
use crate::plan::{Admission, WaitingOn};

/// Whether the clusters hold what Git asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sync {
    /// They do.
    Synced,
    /// It is on its way.
    Syncing,
    /// Something waits: for a person, another app, a cluster.
    Waiting,
    /// The release failed and what was stable is back: Git still asks for another.
    RolledBack,
    /// What Git says can't be read: what was accepted stays.
    Refused,
    /// A person suspended it.
    Suspended,
}

impl Environment {
    /// How an app stands, with a line for people.
    pub(super) fn sync(
        &self,
        app: &AppKey,
        desired: Option<&Desired>,
        moves: &BTreeMap<MoveKey, MoveStatus>,
        failed: Option<&FailedRelease>,
    ) -> (Sync, String) {
        if let Some(by) = self.accepted.suspended.get(app) {
            return (Sync::Suspended, format!("suspended by {by}"));
        }
        if let Some(start) = self.accepted.open_rollout(app) {
            let rollout = self.rollouts.get(&start.id).and_then(|driver| self.rollout(&driver.rollout));
            let message = rollout.map(|rollout| rollout.message).unwrap_or_default();
            return (Sync::Syncing, format!("{}: {message}", start.id));
        }
        if matches!(desired, Some(Desired::Refused)) {
            return (Sync::Refused, "what Git says of it has faults; what was accepted stays".to_owned());
        }
        if let Some(said) = self.held_up(app, failed) {
            return said;
        }
        let Some(compiled) = &self.compiled else {
            return (Sync::Waiting, "Git has not been read yet".to_owned());
        };
        if let Some(hidden) = hidden(&compiled.desired, app, desired, moves) {
            return (Sync::Refused, hidden.to_owned());
        }
        self.settled(&compiled.desired, desired, moves)
    }

    /// What its parts wait for, or why they are refused.
    fn held_up(&self, app: &AppKey, failed: Option<&FailedRelease>) -> Option<(Sync, String)> {
        let mut of_app = self.admissions.iter().filter(|admission| belongs(admission.part(), app));
        of_app.find_map(|admission| match (admission, failed) {
            (Admission::Wait(_, WaitingOn::Held), Some(failed)) => {
                let commit = failed.revision.as_ref().map_or("it", |revision| revision.branch.short());
                let message = format!("rolled back, Git still asks for {commit}: {}", failed.failure);
                Some((Sync::RolledBack, message))
            }
            (Admission::Wait(_, reason), _) => Some((Sync::Waiting, reason.to_string())),
            (Admission::Refuse(_, reason), _) => Some((Sync::Waiting, reason.to_string())),
            _ => None,
        })
    }

    fn settled(
        &self,
        all: &DesiredState,
        desired: Option<&Desired>,
        moves: &BTreeMap<MoveKey, MoveStatus>,
    ) -> (Sync, String) {
        let unseen = all
            .waiting_clusters
            .iter()
            .find(|cluster| moves.is_empty() || moves.keys().any(|key| key.target.cluster == **cluster));
        if let Some(cluster) = unseen {
            let how =
                if self.away.contains_key(cluster) { "does not answer" } else { "has not answered yet" };
            return (Sync::Waiting, format!("the cluster {cluster} {how}"));
        }
        if let Some(key) = moves.keys().find(|key| self.away.contains_key(&key.target.cluster)) {
            return (Sync::Waiting, format!("the cluster {} does not answer", key.target.cluster));
        }
        let paused = moves.keys().find(|key| self.accepted.maintenance.contains(&key.target.cluster));
        if let Some(key) = paused
            && moves.values().any(|status| !status.applied)
        {
            return (Sync::Waiting, format!("the cluster {} is in maintenance", key.target.cluster));
        }
        let lacking = match desired {
            Some(Desired::App(wish)) => wish.waiting.iter().next(),
            _ => None,
        };
        let waits = |key: &MoveKey| lacking.is_some() && desired_waits(desired, key);
        let open = |key: &MoveKey, status: &MoveStatus| {
            !status.applied || (status.stable != status.desired && !waits(key))
        };
        if let Some((key, status)) = moves.iter().find(|(key, status)| open(key, status)) {
            let trouble = status.trouble.clone().unwrap_or_else(|| "on its way".to_owned());
            return (Sync::Syncing, format!("{}: {trouble}", key.target));
        }
        if let Some(target) = lacking {
            let cluster = &target.cluster;
            return (Sync::Waiting, format!("the cluster {cluster} does not serve a kind that it needs"));
        }
        // What is still to go does not make what is asked for less there.
        let rest = moves.iter().find_map(|(key, status)| Some((key, status.trouble.as_ref()?)));
        (Sync::Synced, rest.map(|(key, trouble)| format!("{}: {trouble}", key.target)).unwrap_or_default())
    }
}

fn desired_waits(desired: Option<&Desired>, key: &MoveKey) -> bool {
    matches!(desired, Some(Desired::App(wish)) if wish.waiting.contains(&key.target))
}

/// Why what Git says of an app can't be known, though its own definition has no fault.
fn hidden(
    all: &DesiredState,
    app: &AppKey,
    desired: Option<&Desired>,
    moves: &BTreeMap<MoveKey, MoveStatus>,
) -> Option<&'static str> {
    let placed = match desired {
        Some(Desired::App(wish)) => !wish.release.bundles.is_empty() || !wish.waiting.is_empty(),
        _ => false,
    };
    let whole = placed && moves.values().all(|status| status.desired.is_some());
    if all.hidden.platform && !whole {
        return Some("its tenant, its cluster or the fleet has faults; what was accepted stays");
    }
    if desired.is_none() && all.hidden.tenants.contains(&app.tenant) {
        return Some("a file of its tenant can't be read; what was accepted stays");
    }
    None
}

fn belongs(key: &PartKey, app: &AppKey) -> bool {
    matches!(key, PartKey::Settings(of) | PartKey::Release(of) | PartKey::PruneApp(of) if of == app)
}
