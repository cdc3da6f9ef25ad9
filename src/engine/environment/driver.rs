//! The drivers of open rollouts: events in, records and allocations out.

use std::collections::BTreeMap;

use super::Environment;
use super::record::{RecordError, RolloutRecord, settings_numbers};
use crate::accepted::{EnvironmentEvent, Outcome, RolloutStart};
use crate::compile::Desired;
use crate::model::{
    Allocation, ContentDigest, MoveKey, Part, PartKey, Plan, Program, RolloutId, Timestamp, Work,
};
use crate::plan::Admission;
use crate::port::ledger::Sequence;
use crate::rollout::{Effect, Event, Rollout, step};

/// One open rollout.
pub struct Driver {
    /// Where it stands.
    pub rollout: Rollout,
    /// Where its stream ends.
    pub sequence: Sequence,
    /// What its last record asked for, to be done again after a restart.
    pub unfinished: Vec<Effect>,
}

impl Environment {
    /// Takes one event through the state machine, records it if anything changed, and does what
    /// follows.
    pub(super) fn drive(&mut self, id: &RolloutId, event: &Event) -> Result<(), RecordError> {
        let Some(driver) = self.rollouts.get(id) else { return Ok(()) };
        let now = self.now();
        let before = driver.rollout.clone();
        let expected = driver.sequence;
        let (after, effects) = step(before.clone(), event, now);
        if after.is_materially(&before) && effects.is_empty() {
            if let Some(driver) = self.rollouts.get_mut(id) {
                driver.rollout = after;
            }
            return Ok(());
        }
        let record = RolloutRecord { event: event.clone(), allocations: allocations(&effects) };
        let sequence = self.append_rollout(id, expected, now, &record)?;
        tracing::debug!(rollout = %id, phase = ?after.phase, "a rollout moved");
        if let Some(driver) = self.rollouts.get_mut(id) {
            driver.rollout = after;
            driver.sequence = sequence;
        }
        self.effect(id, effects, now)
    }

    fn effect(&mut self, id: &RolloutId, effects: Vec<Effect>, _now: Timestamp) -> Result<(), RecordError> {
        for effect in effects {
            match effect {
                // Workers are asked by their task, as long as the rollout is admitting.
                Effect::DryRun(_) => {}
                Effect::Allocate(key, allocation) => self.accepted.allocate(&key, &allocation),
                Effect::End(end) => {
                    log_end(id, &end.outcome);
                    self.append(&EnvironmentEvent::RolloutEnded(end))?;
                    self.rollouts.remove(id);
                }
            }
        }
        Ok(())
    }

    /// After a restart: rollouts that had not begun begin, ends that were not recorded are.
    pub(super) fn resume_rollouts(&mut self) -> Result<(), RecordError> {
        let open: Vec<RolloutId> = self.rollouts.keys().cloned().collect();
        for id in open {
            let Some(driver) = self.rollouts.get_mut(&id) else { continue };
            let ends = std::mem::take(&mut driver.unfinished)
                .into_iter()
                .filter(|effect| matches!(effect, Effect::End(_)))
                .collect();
            let fresh = driver.sequence == Sequence::EMPTY;
            let now = self.now();
            self.effect(&id, ends, now)?;
            if fresh {
                self.drive(&id, &Event::Started)?;
            }
        }
        Ok(())
    }

    /// Carries one admission out. Returns whether anything was accepted.
    pub(super) fn carry_out(&mut self, plan: &Plan, admission: &Admission) -> Result<bool, RecordError> {
        let part = |key: &PartKey| plan.parts.iter().find(|part| part.key == *key);
        match admission {
            Admission::Wait(..) | Admission::Running(..) => Ok(false),
            Admission::Supersede(id, _, newer) => {
                self.drive(id, &Event::Newer { part: *newer })?;
                Ok(!self.rollouts.contains_key(id))
            }
            Admission::Start(key) => match part(key) {
                Some(part) => self.start(part),
                None => Ok(false),
            },
        }
    }

    fn start(&mut self, part: &Part) -> Result<bool, RecordError> {
        match (&part.key, &part.work) {
            (PartKey::Platform(target), Work::Platform { objects }) => {
                let (target, objects) = (target.clone(), objects.clone());
                self.append(&EnvironmentEvent::Platform { target, objects, part: part.digest })?;
            }
            (PartKey::Settings(app), Work::Settings { settings }) => {
                let (app, settings) = (app.clone(), settings.clone());
                let keys: Vec<MoveKey> =
                    settings.keys().map(|target| MoveKey::new(app.clone(), target.clone())).collect();
                let rollout = self.accepted.open_rollout(&app).map(|start| start.id.clone());
                self.append(&EnvironmentEvent::Settings { app, settings, part: part.digest })?;
                if let Some(id) = rollout {
                    for at in keys {
                        let number = self.accepted.moves.get(&at).map_or(0, |state| state.settings.number);
                        self.drive(&id, &Event::Settings { at, number })?;
                    }
                }
            }
            (PartKey::Release(_), Work::Release(program)) => self.start_rollout(part, program)?,
            (key, Work::Prune { targets }) => {
                let leaving: Vec<MoveKey> = match key {
                    PartKey::PruneApp(app) => {
                        targets.keys().map(|target| MoveKey::new(app.clone(), target.clone())).collect()
                    }
                    _ => Vec::new(),
                };
                for at in leaving {
                    if let Some(id) = self.accepted.open_rollout(&at.app).map(|start| start.id.clone()) {
                        self.drive(&id, &Event::Left { at })?;
                    }
                }
                let (key, targets) = (key.clone(), targets.clone());
                self.append(&EnvironmentEvent::Pruned { part: key, digest: part.digest, targets })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn start_rollout(&mut self, part: &Part, program: &Program) -> Result<(), RecordError> {
        let stored = self.keep_bundles(part, program)?;
        let back: BTreeMap<MoveKey, Allocation> = program
            .to
            .keys()
            .map(|key| {
                let state = self.accepted.moves.get(key);
                (key.clone(), state.map(|state| state.allocation.clone()).unwrap_or_default())
            })
            .collect();
        let id = RolloutId::new(&self.name, self.accepted.rollouts + 1);
        let at = self.now();
        let revision = self.revision();
        let start = RolloutStart { id: id.clone(), part: part.clone(), revision, back, stored, at };
        tracing::info!(rollout = %id, part = %part.key, digest = %part.digest, "a rollout starts");
        self.append(&EnvironmentEvent::RolloutStarted(Box::new(start.clone())))?;
        let settings = settings_numbers(&self.accepted);
        let rollout = Rollout::new(&start, |key| settings.get(key).copied().unwrap_or_default());
        self.rollouts
            .insert(id.clone(), Driver { rollout, sequence: Sequence::EMPTY, unfinished: Vec::new() });
        self.drive(&id, &Event::Started)
    }

    fn keep_bundles(
        &mut self,
        part: &Part,
        program: &Program,
    ) -> Result<BTreeMap<crate::model::BundleDigest, ContentDigest>, RecordError> {
        let PartKey::Release(app) = &part.key else { return Ok(BTreeMap::new()) };
        let bundles = match self.compiled.as_ref().and_then(|compiled| compiled.desired.apps.get(app)) {
            Some(Desired::App(wish)) => wish.release.bundles.values().cloned().collect(),
            _ => Vec::new(),
        };
        let mut stored = BTreeMap::new();
        for bundle in
            bundles.iter().filter(|bundle| program.to.values().any(|digest| *digest == bundle.digest))
        {
            stored.insert(bundle.digest, self.keep(bundle)?);
        }
        Ok(stored)
    }
}

fn allocations(effects: &[Effect]) -> Vec<(MoveKey, Allocation)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Allocate(key, allocation) => Some((key.clone(), allocation.clone())),
            _ => None,
        })
        .collect()
}

fn log_end(id: &RolloutId, outcome: &Outcome) {
    match outcome {
        Outcome::RolledBack(failure) | Outcome::Rejected(failure) => {
            tracing::warn!(rollout = %id, outcome = %outcome, reason = %failure, "a rollout ended");
        }
        _ => tracing::info!(rollout = %id, outcome = %outcome, "a rollout ended"),
    }
}
