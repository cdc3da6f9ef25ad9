//! The drivers of open rollouts: events in, records and allocations out.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::Environment;
use super::record::{RecordError, RolloutRecord};
use crate::accepted::{Accepted, EnvironmentEvent, Outcome, RolloutStart};
use crate::compile::Desired;
use crate::model::{
    Allocation, AppKey, ContentDigest, MoveKey, Part, PartKey, Plan, Program, RolloutId, Timestamp, Work,
};
use crate::plan::Admission;
use crate::port::ledger::Sequence;
use crate::rollout::{Effect, Event, Evidence, MoveProgress, Rollout, SILENCE_LIMIT, Stage, step};

/// One open rollout.
pub struct Driver {
    /// Where it stands.
    pub rollout: Rollout,
    /// Where its stream ends.
    pub sequence: Sequence,
    /// What its last record asked for, to be done again after a restart.
    pub unfinished: Vec<Effect>,
    /// When each target was last heard by this process, and when the process began to listen.
    pub heard: BTreeMap<MoveKey, Timestamp>,
    /// Since when anything could have been heard.
    pub listening: Timestamp,
}

impl Driver {
    /// The targets that have said nothing for too long on the way back. It becomes an event: what
    /// was not heard can't be told by the record.
    fn silent(&self, now: Timestamp) -> Vec<MoveKey> {
        let heard = |key: &MoveKey| self.heard.get(key).copied().unwrap_or(self.listening);
        let for_too_long =
            |key: &MoveKey, since: Timestamp| now.duration_since(heard(key).max(since)) >= SILENCE;
        self.rollout
            .waited_for()
            .filter(|(key, since)| for_too_long(key, *since))
            .map(|(key, _)| key.clone())
            .collect()
    }
}

/// [`SILENCE_LIMIT`], as the difference of two times.
const SILENCE: SignedDuration = SignedDuration::from_secs(SILENCE_LIMIT.as_secs().cast_signed());

impl Environment {
    /// Lets a rollout look at the clock: who has gone silent, what is over.
    pub(super) fn pass_time(&mut self, id: &RolloutId) -> Result<(), RecordError> {
        let now = self.now();
        let silent = self.rollouts.get(id).map(|driver| driver.silent(now)).unwrap_or_default();
        for at in silent {
            self.drive(id, &Event::Silent { at })?;
        }
        self.drive(id, &Event::Tick)
    }

    /// Takes in what a worker saw of a target that a rollout moves.
    pub(super) fn observed(
        &mut self,
        id: &RolloutId,
        at: &MoveKey,
        evidence: &Evidence,
    ) -> Result<(), RecordError> {
        let now = self.now();
        if let Some(driver) = self.rollouts.get_mut(id)
            && driver.rollout.is_current(at, evidence)
        {
            driver.heard.insert(at.clone(), now);
        }
        self.drive(id, &Event::Observed { at: at.clone(), evidence: Box::new(evidence.clone()) })
    }

    /// Takes one event through the state machine, records it if anything changed, and does what
    /// follows.
    pub(super) fn drive(&mut self, id: &RolloutId, event: &Event) -> Result<(), RecordError> {
        let Some(driver) = self.rollouts.get(id) else { return Ok(()) };
        // While it is suspended nothing is written, so what is seen and the time that goes by say
        // nothing about the release.
        let passive = matches!(
            event,
            Event::Tick | Event::Silent { .. } | Event::Observed { .. } | Event::Admitted { .. }
        );
        if passive && self.is_frozen(&driver.rollout) {
            return Ok(());
        }
        let now = self.now();
        let before = driver.rollout.clone();
        let expected = driver.sequence;
        let (after, effects) = step(before.clone(), event, now);
        if after == before && effects.is_empty() {
            return Ok(());
        }
        let record = RolloutRecord { event: event.clone(), allocations: allocations(&effects) };
        let sequence = self.append_rollout(id, expected, now, &record)?;
        tracing::debug!(rollout = %id, phase = ?after.phase, "a rollout moved");
        self.stale = true;
        if let Some(driver) = self.rollouts.get_mut(id) {
            driver.rollout = after;
            driver.sequence = sequence;
        }
        self.effect(id, effects, now)
    }

    /// Whether a rollout stands still: somebody, or Git, suspended its app, or somebody works on a
    /// cluster that it moves on.
    pub(super) fn is_frozen(&self, rollout: &Rollout) -> bool {
        let suspended = |key: &MoveKey| {
            self.accepted.maintenance.contains(&key.target.cluster)
                || self.accepted.suspended.contains_key(&key.app)
                || self.accepted.moves.get(key).is_some_and(|state| state.settings.value.suspended)
        };
        let moves = |progress: &MoveProgress| !progress.left && progress.stage != Stage::Settled;
        rollout.moves.iter().any(|(key, progress)| moves(progress) && suspended(key))
    }

    /// Lets the clocks of an app's open rollout begin anew, before what makes it go on is recorded:
    /// after a crash in between it is still suspended and nothing is lost.
    pub(super) fn thaw(&mut self, app: &AppKey) -> Result<(), RecordError> {
        let Some(id) = self.accepted.open_rollout(app).map(|start| start.id.clone()) else { return Ok(()) };
        match self.rollouts.get(&id) {
            Some(driver) if self.is_frozen(&driver.rollout) => self.drive(&id, &Event::Resumed),
            _ => Ok(()),
        }
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
            self.catch_up(&id)?;
        }
        Ok(())
    }

    /// Tells a rollout of settings that were accepted right before a crash.
    fn catch_up(&mut self, id: &RolloutId) -> Result<(), RecordError> {
        let Some(driver) = self.rollouts.get(id) else { return Ok(()) };
        let newer: Vec<(MoveKey, u64)> = driver
            .rollout
            .moves
            .iter()
            .filter(|(key, _)| !self.accepted.has_left(id, key))
            .filter_map(|(key, progress)| {
                let number = self.accepted.moves.get(key)?.settings.number;
                (number > progress.settings).then(|| (key.clone(), number))
            })
            .collect();
        for (at, number) in newer {
            self.drive(id, &Event::Settings { at, number })?;
        }
        Ok(())
    }

    /// Carries one admission out. Returns whether anything was accepted.
    pub(super) fn carry_out(&mut self, plan: &Plan, admission: &Admission) -> Result<bool, RecordError> {
        let part = |key: &PartKey| plan.parts.iter().find(|part| part.key == *key);
        match admission {
            Admission::Wait(..) | Admission::Running(..) | Admission::Refuse(..) => Ok(false),
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
            (PartKey::Settings(app), Work::Settings { settings, removed }) => {
                let (app, settings, removed) = (app.clone(), settings.clone(), removed.clone());
                if settings.values().any(|settings| !settings.suspended) {
                    self.thaw(&app)?;
                }
                let keys: Vec<MoveKey> =
                    settings.keys().map(|target| MoveKey::new(app.clone(), target.clone())).collect();
                let rollout = self.accepted.open_rollout(&app).map(|start| start.id.clone());
                self.append(&EnvironmentEvent::Settings { app, settings, removed, part: part.digest })?;
                if let Some(id) = rollout {
                    for at in keys {
                        let number = settings_number(&self.accepted, &at);
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
                let (digest, handed) = (part.digest, part.handed.clone());
                self.append(&EnvironmentEvent::Pruned { part: key, digest, targets, handed })?;
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
        let settings: BTreeMap<MoveKey, u64> =
            back.keys().map(|key| (key.clone(), settings_number(&self.accepted, key))).collect();
        let spared = program
            .to
            .iter()
            .filter_map(|(key, bundle)| {
                let keys = self.accepted.buried(key, self.bundles.get(bundle)?.keys());
                (!keys.is_empty()).then(|| (key.clone(), keys))
            })
            .collect();
        let start =
            RolloutStart { id: id.clone(), part: part.clone(), revision, back, settings, spared, stored, at };
        tracing::info!(rollout = %id, part = %part.key, digest = %part.digest, "a rollout starts");
        self.append(&EnvironmentEvent::RolloutStarted(Box::new(start.clone())))?;
        let rollout = Rollout::new(&start);
        let driver = Driver {
            rollout,
            sequence: Sequence::EMPTY,
            unfinished: Vec::new(),
            heard: BTreeMap::new(),
            listening: at,
        };
        self.rollouts.insert(id.clone(), driver);
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

/// The number of an app's settings on a target.
fn settings_number(accepted: &Accepted, key: &MoveKey) -> u64 {
    accepted.moves.get(key).map_or(0, |state| state.settings.number)
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
