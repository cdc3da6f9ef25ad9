//! The ledger's side of the loop: appends, recovery, stored bundles.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Environment;
use super::driver::Driver;
use crate::accepted::{EnvironmentEvent, PartSummary, PlanSummary};
use crate::model::schema::Schema;
use crate::model::{
    Allocation, Bundle, BundleDigest, ClusterFacts, ClusterName, ContentDigest, MoveKey, Plan, RolloutId,
    Timestamp, sha256,
};
use crate::port::ledger::{Ledger, LedgerError, Lost, Sequence, StreamName};
use crate::rollout::{Event, Rollout, step};

/// One record of a rollout's stream: what happened, and what targets hold because of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRecord {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// What targets hold because of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<(MoveKey, Allocation)>,
}

/// One record of a cluster's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum ClusterEvent {
    /// What the cluster serves.
    Facts {
        /// All of it.
        facts: ClusterFacts,
    },
}

/// Why the loop can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// An append was not made.
    #[error("the ledger could not be written")]
    Lost(#[from] Lost),
    /// A stream or a stored object can't be read.
    #[error("the ledger could not be read")]
    Ledger(#[from] LedgerError),
    /// A record is not one that this version writes.
    #[error("the record {1} of the stream {0} can't be read")]
    Unreadable(StreamName, Sequence, #[source] serde_json::Error),
    /// A stored release that is in use is missing.
    #[error("the stored release {0} is missing from the ledger")]
    MissingBundle(BundleDigest),
    /// A name is no stream's.
    #[error("a rollout's name is no stream's")]
    Stream(#[from] crate::port::ledger::StreamNameError),
}

impl Environment {
    /// Appends to the environment's stream and folds.
    pub(super) fn append(&mut self, event: &EnvironmentEvent) -> Result<(), RecordError> {
        let now = self.now();
        let stream = StreamName::environment(&self.name);
        let body = serde_json::to_value(event).expect("an event is JSON");
        self.sequence = self.ports.ledger.append(&stream, self.sequence, self.ports.epoch, &[(now, body)])?;
        self.accepted.fold(event, now);
        self.stale = true;
        Ok(())
    }

    /// Appends to a rollout's stream.
    pub(super) fn append_rollout(
        &self,
        id: &RolloutId,
        expected: Sequence,
        at: Timestamp,
        record: &RolloutRecord,
    ) -> Result<Sequence, RecordError> {
        let stream = StreamName::rollout(id.as_str())?;
        let body = serde_json::to_value(record).expect("a record is JSON");
        Ok(self.ports.ledger.append(&stream, expected, self.ports.epoch, &[(at, body)])?)
    }

    /// Appends what a cluster says it serves to the cluster's stream.
    pub(super) fn record_facts(&self, name: &ClusterName, facts: &ClusterFacts) -> Result<(), RecordError> {
        let stream = StreamName::cluster(name);
        let (end, _) = self.ports.ledger.head(&stream)?;
        // Stored first, by its digest: clusters of one version share it.
        if let Some(schema) = facts.schema.as_ref().and_then(|known| known.schema()) {
            let text = schema.to_text();
            self.ports.ledger.put_object(&sha256(text.as_bytes()), text.as_bytes())?;
        }
        let body =
            serde_json::to_value(ClusterEvent::Facts { facts: facts.clone() }).expect("facts are JSON");
        self.ports.ledger.append(&stream, end, self.ports.epoch, &[(self.now(), body)])?;
        Ok(())
    }

    /// The last facts of every cluster.
    fn recover_facts(&mut self) -> Result<(), RecordError> {
        for name in self.accepted.clusters.keys() {
            let facts = last_facts(self.ports.ledger.as_ref(), name)?;
            self.facts.clusters.extend(facts.map(|facts| (name.clone(), facts)));
        }
        Ok(())
    }

    pub(super) fn record_plan(&mut self, plan: &Plan) -> Result<(), RecordError> {
        let parts = plan.parts.iter().map(PartSummary::of).collect();
        let summary =
            PlanSummary { digest: plan.digest, parent: plan.parent, revision: plan.revision.clone(), parts };
        tracing::info!(environment = %self.name, digest = %plan.digest, parts = plan.parts.len(), "a plan was made");
        self.append(&EnvironmentEvent::Planned { plan: summary })
    }

    /// Stores a bundle, so that going back needs neither Git nor a compile.
    pub(super) fn keep(&mut self, bundle: &Bundle) -> Result<ContentDigest, RecordError> {
        let bytes = serde_json::to_vec(bundle).expect("a bundle is JSON");
        let digest = sha256(&bytes);
        self.ports.ledger.put_object(&digest, &bytes)?;
        self.bundles.insert(bundle.digest, Arc::new(bundle.clone()));
        Ok(digest)
    }

    /// Folds everything that was recorded.
    pub(super) fn recover(&mut self) -> Result<(), RecordError> {
        let stream = StreamName::environment(&self.name);
        for record in self.ports.ledger.read(&stream, Sequence::EMPTY)? {
            let event: EnvironmentEvent = serde_json::from_value(record.body)
                .map_err(|error| RecordError::Unreadable(stream.clone(), record.sequence, error))?;
            self.accepted.fold(&event, record.at);
            self.sequence = record.sequence;
        }
        self.recover_facts()?;
        for id in self.accepted.open.keys().cloned().collect::<Vec<_>>() {
            let driver = self.recover_rollout(&id)?;
            self.rollouts.insert(id, driver);
        }
        for (digest, stored) in self.stored() {
            let Some(bytes) = self.ports.ledger.get_object(&stored)? else {
                return Err(RecordError::MissingBundle(digest));
            };
            let bundle: Bundle = serde_json::from_slice(&bytes)
                .map_err(|error| RecordError::Unreadable(stream.clone(), self.sequence, error))?;
            self.bundles.insert(digest, Arc::new(bundle));
        }
        self.resume_rollouts()
    }

    /// The stored bundles that something accepted still names.
    fn stored(&self) -> BTreeMap<BundleDigest, ContentDigest> {
        let named = self.accepted.named_bundles();
        self.accepted
            .stored
            .iter()
            .filter(|(digest, _)| named.contains(digest))
            .map(|(digest, stored)| (*digest, *stored))
            .collect()
    }

    fn recover_rollout(&mut self, id: &RolloutId) -> Result<Driver, RecordError> {
        let start = self.accepted.open[id].clone();
        let mut rollout = Rollout::new(&start);
        let stream = StreamName::rollout(id.as_str())?;
        let mut sequence = Sequence::EMPTY;
        let mut effects = Vec::new();
        for record in self.ports.ledger.read(&stream, Sequence::EMPTY)? {
            let body: RolloutRecord = serde_json::from_value(record.body)
                .map_err(|error| RecordError::Unreadable(stream.clone(), record.sequence, error))?;
            let (next, last) = step(rollout, &body.event, record.at);
            rollout = next;
            effects = last;
            let counts = |(key, _): &&(MoveKey, Allocation)| !self.accepted.has_left(id, key);
            let allocations: Vec<_> = body.allocations.iter().filter(counts).cloned().collect();
            for (key, allocation) in &allocations {
                self.accepted.allocate(key, allocation);
            }
            sequence = record.sequence;
        }
        let (heard, listening) = (BTreeMap::new(), self.now());
        Ok(Driver { rollout, sequence, unfinished: effects, heard, listening })
    }
}

/// What a cluster last said of itself, with the stored shape of its kinds. A shape that is not there
/// any more leaves them unchecked until the cluster is asked again.
///
/// # Errors
/// The ledger can't be read.
pub fn last_facts(ledger: &dyn Ledger, name: &ClusterName) -> Result<Option<ClusterFacts>, RecordError> {
    let stream = StreamName::cluster(name);
    let mut last = None;
    for record in ledger.read(&stream, Sequence::EMPTY)? {
        let ClusterEvent::Facts { facts } = serde_json::from_value(record.body)
            .map_err(|error| RecordError::Unreadable(stream.clone(), record.sequence, error))?;
        last = Some(facts);
    }
    if let Some(known) = last.as_mut().and_then(|facts: &mut ClusterFacts| facts.schema.as_mut())
        && known.schema().is_none()
        && let Some(bytes) = ledger.get_object(&known.digest())?
        && let Ok(text) = std::str::from_utf8(&bytes)
        && let Ok(schema) = Schema::parse(text)
    {
        known.take(Arc::new(schema));
    }
    Ok(last)
}
