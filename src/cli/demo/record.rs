//! What the engine has recorded and written: rollouts from the ledger, writes from the clusters.

use std::collections::BTreeSet;

use super::stage::{Stage, world};
use crate::accepted::{EnvironmentEvent, Outcome};
use crate::cli::failure::Failure;
use crate::model::{AppKey, EnvironmentName, PartKey, RolloutId, SYSTEM_NAMESPACE, Timestamp};
use crate::playground::ENGINE_USER;
use crate::port::ledger::{Ledger as _, StreamName};

/// A rollout that is over.
pub struct Ended {
    /// Its name.
    pub id: RolloutId,
    /// When it began.
    pub started: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// How.
    pub outcome: Outcome,
}

/// The last rollout of an app in an environment that is over.
///
/// # Errors
/// The ledger can't be read, or there is none.
pub fn last_rollout(stage: &Stage, environment: &EnvironmentName, app: &AppKey) -> Result<Ended, Failure> {
    let records = stage
        .ledger
        .read(&StreamName::environment(environment), crate::port::ledger::Sequence::EMPTY)
        .map_err(world("read the ledger"))?;
    let mut started = None;
    let mut last = None;
    for record in records {
        match serde_json::from_value(record.body).map_err(world("read the ledger"))? {
            EnvironmentEvent::RolloutStarted(start) if start.part.key == PartKey::Release(app.clone()) => {
                started = Some((start.id, start.at));
            }
            EnvironmentEvent::RolloutEnded(end) => {
                if let Some((id, at)) = started.take_if(|(id, _)| *id == end.id) {
                    last = Some(Ended { id, started: at, ended: record.at, outcome: end.outcome });
                }
            }
            _ => {}
        }
    }
    last.ok_or_else(|| Failure::no(format!("the ledger knows no rollout of {app} in {environment}")))
}

/// Forgets what was written so far.
pub fn forget_writes(stage: &Stage) {
    stage.playground.clusters().for_each(crate::playground::Cluster::clear_audit);
}

/// An object that the engine has changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// Where.
    pub cluster: String,
    /// `created`, `changed` or `deleted`.
    pub done: &'static str,
    /// What: `deployments shop/web`.
    pub object: String,
}

/// What the engine has changed in the clusters, without its own inventory.
pub fn writes(stage: &Stage) -> BTreeSet<Write> {
    let mut writes = BTreeSet::new();
    for cluster in stage.playground.clusters() {
        let events = cluster.audit().into_iter();
        let counts = |event: &crate::playground::AuditEvent| {
            event.user == ENGINE_USER
                && event.is_write()
                && event.changed
                && event.namespace != SYSTEM_NAMESPACE
        };
        writes.extend(events.filter(counts).map(|event| Write {
            cluster: cluster.name().to_owned(),
            done: match (event.verb.as_str(), event.code) {
                ("delete" | "deletecollection", _) => "deleted",
                ("create", _) | (_, 201) => "created",
                _ => "changed",
            },
            object: format!("{} {}/{}", event.resource, event.namespace, event.name),
        }));
    }
    writes
}

/// The seconds from one moment to another, for people.
pub fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
