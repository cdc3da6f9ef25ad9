//! The transition function.

use std::collections::BTreeMap;

use super::{Command, Effect, Event, Phase, Rollout, Soak, Stage};
use crate::accepted::{Cause, Failure, FailureKind, Outcome, RolloutEnd};
use crate::model::{MoveKey, Timestamp};

/// One step: what happened becomes the next state and what is to be done.
///
/// Pure: the same state, event and time give the same answer. An ended rollout stays as it is.
pub fn step(mut rollout: Rollout, event: &Event, now: Timestamp) -> (Rollout, Vec<Effect>) {
    let mut effects = Vec::new();
    if rollout.outcome().is_some() {
        return (rollout, effects);
    }
    match event {
        Event::Started => start(&mut rollout, now, &mut effects),
        Event::Admitted { at, refusal } => rollout.admitted(at, refusal.as_deref(), now, &mut effects),
        Event::Observed { at, evidence } => {
            if let Some(progress) = rollout.moves.get_mut(at) {
                progress.observe(evidence, now);
            }
        }
        Event::Settings { at, number } => {
            if let Some(progress) = rollout.moves.get_mut(at) {
                progress.settings = progress.settings.max(*number);
                progress.progressed = now;
            }
        }
        Event::Left { at } => {
            if let Some(progress) = rollout.moves.get_mut(at) {
                progress.left = true;
            }
        }
        Event::Silent { at } => {
            if let Some(progress) = rollout.moves.get_mut(at) {
                progress.silent = true;
            }
        }
        Event::Resumed => rollout.resumed(now),
        Event::Newer { part } => rollout.superseded(*part, now, &mut effects),
        Event::Command { by, command } => rollout.command(by, *command, now, &mut effects),
        Event::Tick => {}
    }
    rollout.advance(now, &mut effects);
    (rollout, effects)
}

fn start(rollout: &mut Rollout, now: Timestamp, effects: &mut Vec<Effect>) {
    let to = rollout.program().to.clone();
    for (key, progress) in &mut rollout.moves {
        let settled = progress.allocation.stable == to.get(key).copied()
            && progress.allocation.preparing.is_none()
            && to.contains_key(key);
        progress.enter(if settled { Stage::Settled } else { Stage::Admitting }, now);
        if !settled {
            effects.push(Effect::DryRun(key.clone()));
        }
    }
}

impl Rollout {
    fn admitted(&mut self, at: &MoveKey, refusal: Option<&str>, now: Timestamp, effects: &mut Vec<Effect>) {
        let Phase::Admitting { since } = self.phase else { return };
        match refusal {
            Some(words) => {
                let failure = Failure {
                    kind: FailureKind::Refused,
                    at: Some(at.clone()),
                    component: None,
                    reason: "Refused".to_owned(),
                    message: words.to_owned(),
                    since,
                    found: now,
                };
                self.end(Outcome::Rejected(failure), effects);
            }
            None => {
                if let Some(progress) = self.moves.get_mut(at)
                    && progress.stage == Stage::Admitting
                {
                    progress.enter(Stage::Waiting, now);
                }
            }
        }
    }

    fn command(&mut self, by: &str, command: Command, now: Timestamp, effects: &mut Vec<Effect>) {
        match (command, &self.phase) {
            (Command::Abort, Phase::Admitting { .. }) => {
                self.end(Outcome::Cancelled(by.to_owned()), effects);
            }
            (Command::Abort, Phase::Forward(_) | Phase::Soaking(_) | Phase::Paused(..)) => {
                let failure = Failure {
                    kind: FailureKind::Aborted,
                    at: None,
                    component: None,
                    reason: "Aborted".to_owned(),
                    message: format!("stopped by {by}"),
                    since: now,
                    found: now,
                };
                self.go_back(Cause::Failed(failure), now, effects);
            }
            (Command::Retry, Phase::Paused(cursor, _)) => {
                let cursor = *cursor;
                for progress in self.moves.values_mut() {
                    progress.sighting = None;
                    progress.progressed = now;
                    progress.since = now;
                }
                self.phase = Phase::Forward(cursor);
            }
            _ => {}
        }
    }

    /// Nothing was written meanwhile, so nothing could have got ready: every clock begins anew.
    fn resumed(&mut self, now: Timestamp) {
        for progress in self.moves.values_mut() {
            progress.since = now;
            progress.progressed = now;
            progress.sighting = None;
            progress.silent = false;
        }
        match &mut self.phase {
            Phase::Admitting { since } => *since = now,
            Phase::Forward(cursor) => cursor.since = now,
            Phase::Soaking(soak) => *soak = Soak { steady: None, ..*soak },
            Phase::Paused(..) | Phase::Back(_) | Phase::Stuck(..) | Phase::Ended(_) => {}
        }
    }

    /// Moves on as far as what is known allows.
    fn advance(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        // Nothing is left to watch, to wait for or to bring back.
        if !self.moves.is_empty() && self.moves.values().all(|progress| progress.left) {
            self.end(Outcome::Cancelled("every target of it went away".to_owned()), effects);
            return;
        }
        loop {
            let before = (self.phase.clone(), self.stages());
            match &self.phase {
                Phase::Admitting { since } => self.admit_or_reject(*since, now, effects),
                Phase::Forward(cursor) => self.forward(*cursor, now, effects),
                Phase::Soaking(soak) => self.soak(*soak, now, effects),
                Phase::Paused(..) | Phase::Ended(_) => {}
                Phase::Back(_) | Phase::Stuck(..) => self.back(now, effects),
            }
            if before == (self.phase.clone(), self.stages()) {
                return;
            }
        }
    }

    fn stages(&self) -> BTreeMap<MoveKey, Stage> {
        self.moves.iter().map(|(key, progress)| (key.clone(), progress.stage.clone())).collect()
    }

    /// Ends the rollout: what each target holds from now on, what is held back, what may go.
    pub(super) fn end(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        let mut end = RolloutEnd {
            id: self.id.clone(),
            outcome: outcome.clone(),
            allocations: BTreeMap::new(),
            holds: BTreeMap::new(),
            tombstones: BTreeMap::new(),
        };
        let program = self.program();
        for (key, progress) in self.moves.iter().filter(|(_, progress)| !progress.left) {
            let mut last = match progress.stage {
                Stage::Committed => Some(self.course(key).committed()),
                Stage::Restored => Some(self.course(key).restored()),
                _ => None,
            };
            if let Some(allocation) = &mut last {
                allocation.number = progress.allocation.number + 1;
            }
            match (&outcome, &progress.stage) {
                (Outcome::Succeeded | Outcome::Partial(_), Stage::Committed) => {
                    if let Some(allocation) = &mut last {
                        allocation.retained = None;
                    }
                    end.tombstones.insert(key.clone(), program.removed.get(key).cloned().unwrap_or_default());
                }
                (_, Stage::Restored) if self.back[key].stable.is_some() => {
                    end.tombstones.insert(key.clone(), program.added.get(key).cloned().unwrap_or_default());
                }
                _ => {}
            }
            if let Some(allocation) = last {
                end.allocations.insert(key.clone(), allocation);
            }
            if let Some(bundle) = program.to.get(key)
                && self.is_held_after(&outcome, key, &progress.stage)
            {
                end.holds.insert(key.clone(), *bundle);
            }
        }
        end.tombstones.retain(|_, keys| !keys.is_empty());
        self.phase = Phase::Ended(outcome);
        effects.push(Effect::End(Box::new(end)));
    }

    /// After a failure the bundle is not tried again wherever the failure was seen; where it was seen
    /// nowhere that is still there, as after an abort: where it had begun. The same goes for where a
    /// cluster refused it, and for where it would have moved when a person stopped it before it began.
    fn is_held_after(&self, outcome: &Outcome, key: &MoveKey, stage: &Stage) -> bool {
        let is_there = |at: &MoveKey| self.moves.get(at).is_some_and(|progress| !progress.left);
        match outcome {
            Outcome::RolledBack(_) if self.failed.iter().any(is_there) => self.failed.contains(key),
            Outcome::RolledBack(_) => *stage == Stage::Restored,
            // A cluster that was silent has not judged the release: it is asked again.
            Outcome::Rejected(failure) if failure.kind == FailureKind::NoAnswer => false,
            Outcome::Rejected(failure) => failure.at.as_ref().is_none_or(|at| at == key),
            Outcome::Cancelled(_) => *stage != Stage::Settled,
            _ => false,
        }
    }
}
