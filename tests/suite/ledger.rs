//! What the ledger says happened, and when.

use sluice::accepted::{EnvironmentEvent, Outcome, RolloutStart};
use sluice::engine::environment::RolloutRecord;
use sluice::model::{Allocation, MoveKey, RolloutId, Timestamp, Work};
use sluice::port::ledger::{Sequence, StreamName};

use super::World;

/// A rollout as the ledger has it.
#[derive(Debug, Clone)]
pub struct Told {
    pub id: RolloutId,
    pub app: String,
    pub started: Timestamp,
    /// When the release was stable first, on some target.
    pub committed: Option<Timestamp>,
    pub ended: Option<(Timestamp, Outcome)>,
}

impl World {
    fn events(&self) -> Vec<(Timestamp, EnvironmentEvent)> {
        let stream = StreamName::environment(&"dev".parse().unwrap());
        let records = self.books.ledger().read(&stream, Sequence::EMPTY).unwrap();
        records.into_iter().map(|record| (record.at, serde_json::from_value(record.body).unwrap())).collect()
    }

    fn committed(&self, start: &RolloutStart) -> Option<Timestamp> {
        let Work::Release(program) = &start.part.work else { return None };
        let stream = StreamName::rollout(start.id.as_str()).unwrap();
        self.books.ledger().read(&stream, Sequence::EMPTY).unwrap().into_iter().find_map(|record| {
            let told: RolloutRecord = serde_json::from_value(record.body).unwrap();
            let stable = |(key, to): &(MoveKey, Allocation)| {
                to.stable.is_some() && to.stable == program.to.get(key).copied()
            };
            told.allocations.iter().any(stable).then_some(record.at)
        })
    }

    /// Every rollout, in the order of their starts.
    pub fn rollouts(&self) -> Vec<Told> {
        let mut all: Vec<Told> = Vec::new();
        for (at, event) in self.events() {
            match event {
                EnvironmentEvent::RolloutStarted(start) => all.push(Told {
                    id: start.id.clone(),
                    app: start.part.key.to_string(),
                    started: at,
                    committed: self.committed(&start),
                    ended: None,
                }),
                EnvironmentEvent::RolloutEnded(end) => {
                    let told = all.iter_mut().find(|told| told.id == end.id).expect("it had started");
                    told.ended = Some((at, end.outcome));
                }
                _ => {}
            }
        }
        all
    }

    /// Everything that the ledger holds, as text.
    pub fn ledger_text(&self) -> String {
        let mut text = String::new();
        for stream in self.books.ledger().streams().unwrap() {
            for record in self.books.ledger().read(&stream, Sequence::EMPTY).unwrap() {
                text.push_str(&record.body.to_string());
            }
        }
        for (_, event) in self.events() {
            let EnvironmentEvent::RolloutStarted(start) = event else { continue };
            for digest in start.stored.values() {
                let bytes =
                    self.books.ledger().get_object(digest).unwrap().expect("a stored release is there");
                text.push_str(&String::from_utf8(bytes).unwrap());
            }
        }
        text
    }
}
