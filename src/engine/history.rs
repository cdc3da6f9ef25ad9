//! What the ledger tells of the past, for people. Reads only, beside a running engine too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::accepted::{EnvironmentEvent, Outcome, RolloutStart};
use crate::engine::environment::RecordError;
use crate::model::{
    AppKey, CommitId, EnvironmentName, PartDigest, PartKey, Revision, RolloutId, Strategy, Timestamp, Work,
};
use crate::port::ledger::{Ledger, LedgerError, Record, Sequence, StreamName};

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// The environment.
    pub environment: EnvironmentName,
    /// What, in a word: `planned`, `rolloutStarted`, `approved`.
    pub event: String,
    /// The app that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppKey>,
    /// The part of a plan that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<PartKey>,
    /// The rollout that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// The commit on the environment's branch that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// More, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// A rollout, from its start to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSummary {
    /// Its name.
    pub id: RolloutId,
    /// The environment.
    pub environment: EnvironmentName,
    /// The app.
    pub app: AppKey,
    /// The digest of its part.
    pub part: PartDigest,
    /// How it is rolled out.
    pub strategy: Strategy,
    /// The commit that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// When it started.
    pub started: Timestamp,
    /// When it ended; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// The environments that the ledger knows.
///
/// # Errors
/// The ledger can't be read.
pub fn environments(ledger: &dyn Ledger) -> Result<Vec<EnvironmentName>, LedgerError> {
    let streams = ledger.streams()?;
    let names = streams.iter().filter(|stream| stream.kind() == "environment");
    Ok(names.filter_map(|stream| stream.rest().parse().ok()).collect())
}

/// Everything that was done in an environment, the oldest first.
///
/// # Errors
/// The ledger can't be read.
pub fn history(ledger: &dyn Ledger, environment: &EnvironmentName) -> Result<Vec<Entry>, RecordError> {
    let mut started: BTreeMap<RolloutId, RolloutStart> = BTreeMap::new();
    let mut revision: Option<Revision> = None;
    let mut entries = Vec::new();
    for (event, at) in events(ledger, environment, Sequence::EMPTY)? {
        let entry = entry(environment, &event, at, revision.as_ref(), &started);
        match event {
            EnvironmentEvent::Planned { plan } => revision = Some(plan.revision),
            EnvironmentEvent::RolloutStarted(start) => {
                started.insert(start.id.clone(), *start);
            }
            _ => {}
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Every rollout of an environment, the oldest first.
///
/// # Errors
/// The ledger can't be read.
pub fn rollouts(
    ledger: &dyn Ledger,
    environment: &EnvironmentName,
) -> Result<Vec<RolloutSummary>, RecordError> {
    let mut found: Vec<RolloutSummary> = Vec::new();
    for (event, at) in events(ledger, environment, Sequence::EMPTY)? {
        match event {
            EnvironmentEvent::RolloutStarted(start) => found.extend(summary(environment, &start)),
            EnvironmentEvent::RolloutEnded(end) => {
                if let Some(rollout) = found.iter_mut().rev().find(|rollout| rollout.id == end.id) {
                    rollout.ended = Some(at);
                    rollout.outcome = Some(end.outcome);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The outcomes of the rollouts that ended behind `after`, and where the stream ends.
///
/// # Errors
/// The ledger can't be read.
pub fn outcomes(
    ledger: &dyn Ledger,
    environment: &EnvironmentName,
    after: Sequence,
) -> Result<(Vec<Outcome>, Sequence), RecordError> {
    let stream = StreamName::environment(environment);
    let (mut found, mut last) = (Vec::new(), after);
    for record in ledger.read(&stream, after)? {
        last = record.sequence;
        if let (EnvironmentEvent::RolloutEnded(end), _) = event(&stream, record)? {
            found.push(end.outcome);
        }
    }
    Ok((found, last))
}

fn events(
    ledger: &dyn Ledger,
    environment: &EnvironmentName,
    after: Sequence,
) -> Result<Vec<(EnvironmentEvent, Timestamp)>, RecordError> {
    let stream = StreamName::environment(environment);
    ledger.read(&stream, after)?.into_iter().map(|record| event(&stream, record)).collect()
}

fn event(stream: &StreamName, record: Record) -> Result<(EnvironmentEvent, Timestamp), RecordError> {
    let event = serde_json::from_value(record.body)
        .map_err(|error| RecordError::Unreadable(stream.clone(), record.sequence, error))?;
    Ok((event, record.at))
}

fn summary(environment: &EnvironmentName, start: &RolloutStart) -> Option<RolloutSummary> {
    let (PartKey::Release(app), Work::Release(program)) = (&start.part.key, &start.part.work) else {
        return None;
    };
    Some(RolloutSummary {
        id: start.id.clone(),
        environment: environment.clone(),
        app: app.clone(),
        part: start.part.digest,
        strategy: program.rules.strategy,
        commit: start.revision.as_ref().map(|revision| revision.branch.clone()),
        started: start.at,
        ended: None,
        outcome: None,
    })
}

fn entry(
    environment: &EnvironmentName,
    event: &EnvironmentEvent,
    at: Timestamp,
    revision: Option<&Revision>,
    started: &BTreeMap<RolloutId, RolloutStart>,
) -> Entry {
    let mut entry = Entry {
        at,
        environment: environment.clone(),
        event: String::new(),
        app: None,
        part: None,
        rollout: None,
        commit: None,
        by: None,
        outcome: None,
        message: String::new(),
    };
    let name = match event {
        EnvironmentEvent::RolloutStarted(start) => {
            rollout(&mut entry, start);
            "rolloutStarted"
        }
        EnvironmentEvent::RolloutEnded(end) => {
            entry.rollout = Some(end.id.clone());
            if let Some(start) = started.get(&end.id) {
                rollout(&mut entry, start);
            }
            entry.outcome = Some(end.outcome.to_string());
            entry.message = reason(&end.outcome);
            "rolloutEnded"
        }
        EnvironmentEvent::Approved { key, by, part, .. } => {
            entry.part = Some(key.clone());
            entry.app = app_of(key);
            entry.by = Some(by.clone());
            entry.message = part.to_string();
            "approved"
        }
        EnvironmentEvent::CommitAccepted { commit, by } => {
            entry.commit = CommitId::new(commit.as_str()).ok();
            entry.by = Some(by.clone());
            "commitAccepted"
        }
        EnvironmentEvent::Held { app, by, .. } => by_person(&mut entry, app, by, "held"),
        EnvironmentEvent::Unheld { app, by } => by_person(&mut entry, app, by, "unheld"),
        EnvironmentEvent::Suspended { app, by } => by_person(&mut entry, app, by, "suspended"),
        EnvironmentEvent::Resumed { app, by } => by_person(&mut entry, app, by, "resumed"),
        other => by_commit(&mut entry, other, revision),
    };
    name.clone_into(&mut entry.event);
    entry
}

/// What follows from a commit without a rollout.
fn by_commit(entry: &mut Entry, event: &EnvironmentEvent, revision: Option<&Revision>) -> &'static str {
    entry.commit = revision.map(|revision| revision.branch.clone());
    match event {
        EnvironmentEvent::Planned { plan } => {
            entry.commit = Some(plan.revision.branch.clone());
            entry.message = plan.parts.iter().map(|part| part.key.to_string()).collect::<Vec<_>>().join(", ");
            "planned"
        }
        EnvironmentEvent::Platform { target, objects, .. } => {
            entry.part = Some(PartKey::Platform(target.clone()));
            entry.message = format!("{} objects", objects.len());
            "platform"
        }
        EnvironmentEvent::Settings { app, settings, .. } => {
            entry.app = Some(app.clone());
            entry.part = Some(PartKey::Settings(app.clone()));
            entry.message = settings.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            "settings"
        }
        EnvironmentEvent::Pruned { part, targets, .. } => {
            entry.part = Some(part.clone());
            entry.app = app_of(part);
            let count: usize = targets.values().map(std::collections::BTreeSet::len).sum();
            entry.message = format!("{count} objects");
            "pruned"
        }
        EnvironmentEvent::Maintenance { clusters } => {
            let names: Vec<&str> = clusters.iter().map(|name| name.as_str()).collect();
            entry.message = names.join(", ");
            "maintenance"
        }
        EnvironmentEvent::Asked { parts, .. } => {
            entry.message = parts.values().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            "approvalAsked"
        }
        EnvironmentEvent::Expired { key, since, .. } => {
            entry.part = Some(key.clone());
            entry.app = app_of(key);
            entry.message = format!("nobody has approved it since {since}");
            "approvalExpired"
        }
        EnvironmentEvent::Deleted { targets } => {
            let owners = targets.values().flat_map(std::collections::BTreeMap::values);
            let count: usize = owners.map(std::collections::BTreeSet::len).sum();
            let names: Vec<String> = targets.keys().map(ToString::to_string).collect();
            entry.message = format!("{count} objects are gone from {}", names.join(", "));
            "deleted"
        }
        EnvironmentEvent::Clusters { clusters } => {
            let names: Vec<&str> = clusters.keys().map(|name| name.as_str()).collect();
            entry.message = names.join(", ");
            "clusters"
        }
        _ => "other",
    }
}

fn by_person(entry: &mut Entry, app: &AppKey, by: &str, event: &'static str) -> &'static str {
    entry.app = Some(app.clone());
    entry.by = Some(by.to_owned());
    event
}

fn rollout(entry: &mut Entry, start: &RolloutStart) {
    entry.rollout = Some(start.id.clone());
    entry.part = Some(start.part.key.clone());
    entry.app = app_of(&start.part.key);
    // The commit of the repository that holds the app: the tenant's own where it has one.
    let tenant = entry.app.as_ref().map(|app| &app.tenant);
    entry.commit = start.revision.as_ref().map(|revision| {
        tenant.and_then(|tenant| revision.sources.get(tenant)).unwrap_or(&revision.branch).clone()
    });
}

fn app_of(key: &PartKey) -> Option<AppKey> {
    match key {
        PartKey::Release(app) | PartKey::Settings(app) | PartKey::PruneApp(app) => Some(app.clone()),
        PartKey::Platform(_) | PartKey::PrunePlatform(_) => None,
    }
}

/// Why a rollout ended as it did.
pub fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => String::new(),
        Outcome::Partial(gone) => {
            let keys: Vec<String> = gone.iter().map(ToString::to_string).collect();
            format!("without {}", keys.join(", "))
        }
        Outcome::RolledBack(failure) | Outcome::Rejected(failure) => failure.to_string(),
        Outcome::Superseded(part) => format!("by {part}"),
        Outcome::Cancelled(words) => words.clone(),
    }
}
