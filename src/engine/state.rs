//! What a plan is made from, read from the ledger. Reads only, beside a running engine too.

use std::sync::Arc;

use crate::accepted::{Accepted, EnvironmentEvent};
use crate::engine::environment::{RecordError, RolloutRecord, last_facts};
use crate::model::{Bundle, EnvironmentName, Facts};
use crate::plan::State;
use crate::port::ledger::{Ledger, Record, Sequence, StreamName};
use crate::wanted::Bundles;

/// What was accepted in an environment, as of now.
///
/// # Errors
/// The ledger can't be read, or a stored release in use is missing.
pub fn read_state(ledger: &dyn Ledger, environment: &EnvironmentName) -> Result<State, RecordError> {
    let stream = StreamName::environment(environment);
    let mut accepted = Accepted::default();
    for record in ledger.read(&stream, Sequence::EMPTY)? {
        let at = record.at;
        let event: EnvironmentEvent = parse(&stream, record)?;
        accepted.fold(&event, at);
    }
    for id in accepted.open.keys().cloned().collect::<Vec<_>>() {
        let stream = StreamName::rollout(id.as_str())?;
        for record in ledger.read(&stream, Sequence::EMPTY)? {
            let body: RolloutRecord = parse(&stream, record)?;
            for (key, allocation) in &body.allocations {
                // What has left meanwhile does not come back with what was recorded before.
                if !accepted.has_left(&id, key) {
                    accepted.allocate(key, allocation);
                }
            }
        }
    }
    let mut facts = Facts::default();
    for name in accepted.clusters.keys() {
        facts.clusters.extend(last_facts(ledger, name)?.map(|found| (name.clone(), found)));
    }
    let mut bundles = Bundles::new();
    for digest in accepted.named_bundles() {
        let stored = accepted.stored.get(&digest).map(|stored| ledger.get_object(stored)).transpose()?;
        let Some(bytes) = stored.flatten() else { return Err(RecordError::MissingBundle(digest)) };
        let bundle: Bundle = serde_json::from_slice(&bytes)
            .map_err(|error| RecordError::Unreadable(stream.clone(), Sequence::EMPTY, error))?;
        bundles.insert(digest, Arc::new(bundle));
    }
    Ok(State { environment: environment.clone(), accepted, bundles, facts })
}

fn parse<T: serde::de::DeserializeOwned>(stream: &StreamName, record: Record) -> Result<T, RecordError> {
    serde_json::from_value(record.body)
        .map_err(|error| RecordError::Unreadable(stream.clone(), record.sequence, error))
}
