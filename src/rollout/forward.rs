//! The way forward: prepare, move, commit, soak.

use super::judge::elapsed;
use super::{Cursor, Effect, Phase, Rollout, Soak, Stage};
use crate::accepted::{Cause, Failure, FailureKind, Outcome};
use crate::model::{MoveKey, Strategy, Timestamp};

impl Rollout {
    pub(super) fn admit_or_reject(&mut self, since: Timestamp, now: Timestamp, effects: &mut Vec<Effect>) {
        let asked = |stage: &Stage| *stage == Stage::Admitting;
        let waiting = self.moves.iter().find(|(_, progress)| !progress.left && asked(&progress.stage));
        match waiting.map(|(key, _)| key.clone()) {
            None => {
                let cursor = Cursor { wave: 0, batch: 0, since: now };
                self.phase = Phase::Forward(cursor);
            }
            Some(key) if elapsed(since, now) >= self.program().rules.timeouts.admit.0 => {
                let failure = Failure {
                    kind: FailureKind::NoAnswer,
                    at: Some(key),
                    component: None,
                    reason: "NoAnswer".to_owned(),
                    message: "the cluster did not say whether it takes the release".to_owned(),
                    since,
                    found: now,
                };
                self.end(Outcome::Rejected(failure), effects);
            }
            Some(_) => {}
        }
    }

    /// Moves the batch under the cursor; commits it when all of it is ready.
    pub(super) fn forward(&mut self, cursor: Cursor, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(batch) = self.batch(cursor) else {
            self.phase = Phase::Soaking(Soak { cursor: Cursor { since: now, ..cursor }, steady: None });
            return;
        };
        if self.fails(now, effects) {
            return;
        }
        for key in &batch {
            self.move_on(key, now, effects);
        }
        let stage = |key: &MoveKey| &self.moves[key].stage;
        if batch.iter().all(|key| *stage(key) == Stage::Ready) && !batch.is_empty() {
            for key in &batch {
                let allocation = self.course(key).committed();
                self.allocate(key, allocation, Stage::Committed, now, effects);
            }
        } else if batch.iter().all(|key| *stage(key) == Stage::Committed && self.moves[key].is_ready()) {
            self.phase = Phase::Forward(self.next(cursor, now));
        }
    }

    /// The targets of a batch that move and are still there.
    fn batch(&self, cursor: Cursor) -> Option<Vec<MoveKey>> {
        let batch = self.program().waves.get(cursor.wave)?.batches.get(cursor.batch)?;
        let moves = |key: &&MoveKey| {
            self.moves.get(*key).is_some_and(|progress| progress.stage != Stage::Settled && !progress.left)
        };
        Some(batch.iter().filter(moves).cloned().collect())
    }

    fn next(&self, cursor: Cursor, now: Timestamp) -> Cursor {
        let batches = self.program().waves.get(cursor.wave).map_or(0, |wave| wave.batches.len());
        if cursor.batch + 1 < batches {
            Cursor { wave: cursor.wave, batch: cursor.batch + 1, since: now }
        } else {
            Cursor { wave: cursor.wave + 1, batch: 0, since: now }
        }
    }

    /// Moves one target on by one stage, if what is known of it allows.
    fn move_on(&mut self, key: &MoveKey, now: Timestamp, effects: &mut Vec<Effect>) {
        let progress = &self.moves[key];
        let course = self.course(key);
        let applied = progress.current_evidence().is_some_and(|evidence| evidence.applied);
        let (allocation, stage) = match &progress.stage {
            Stage::Waiting => (course.preparing(), Stage::Preparing),
            Stage::Preparing if applied => {
                let runs = course.from.stable.is_some();
                if course.strategy == Strategy::Recreate && runs {
                    (course.stopping(), Stage::Stopping)
                } else {
                    self.first_move(key)
                }
            }
            Stage::Stopping if self.stopped(key) => (course.moving(), Stage::Moving),
            Stage::Ordinals { component, partition } if self.ordinal_ready(key, component, *partition) => {
                self.next_ordinal(key, component, *partition)
            }
            Stage::Moving if progress.is_ready() => {
                if let Some(progress) = self.moves.get_mut(key) {
                    progress.enter(Stage::Ready, now);
                }
                return;
            }
            _ => return,
        };
        self.allocate(key, allocation, stage, now, effects);
    }

    /// StatefulSets go first, pod by pod; then everything else.
    fn first_move(&self, key: &MoveKey) -> (crate::model::Allocation, Stage) {
        let course = self.course(key);
        match course.ordinals().first() {
            Some(component) => {
                let replicas = self.wanted_replicas(key, component);
                let partition = replicas.saturating_sub(1);
                let stage = Stage::Ordinals { component: component.clone(), partition };
                (course.ordinal(component, partition), stage)
            }
            None => (course.moving(), Stage::Moving),
        }
    }

    fn next_ordinal(
        &self,
        key: &MoveKey,
        component: &crate::model::ComponentName,
        partition: u32,
    ) -> (crate::model::Allocation, Stage) {
        let course = self.course(key);
        if partition > 0 {
            let stage = Stage::Ordinals { component: component.clone(), partition: partition - 1 };
            return (course.ordinal(component, partition - 1), stage);
        }
        match course.ordinals().into_iter().find(|name| name > component) {
            Some(next) => {
                let partition = self.wanted_replicas(key, &next).saturating_sub(1);
                let allocation = course.ordinal(&next, partition);
                (allocation, Stage::Ordinals { component: next, partition })
            }
            None => (course.moving(), Stage::Moving),
        }
    }

    fn wanted_replicas(&self, key: &MoveKey, component: &crate::model::ComponentName) -> u32 {
        let evidence = self.moves[key].current_evidence();
        evidence.and_then(|evidence| evidence.components.get(component)).map_or(1, |report| report.wanted)
    }

    /// Whether the pods from an ordinal on run the release and are ready, and the others still are.
    fn ordinal_ready(&self, key: &MoveKey, component: &crate::model::ComponentName, partition: u32) -> bool {
        self.moves[key].current_evidence().is_some_and(|evidence| {
            evidence.applied
                && evidence.components.get(component).is_some_and(|report| {
                    report.updated >= report.wanted.saturating_sub(partition)
                        && report.ready >= report.wanted.saturating_sub(partition)
                        && report.updated + report.old >= report.wanted
                })
        })
    }

    /// Whether no pod of the old release is left.
    fn stopped(&self, key: &MoveKey) -> bool {
        self.moves[key].current_evidence().is_some_and(|evidence| {
            evidence.applied && evidence.components.values().all(super::ComponentReport::is_empty)
        })
    }

    /// Goes back, or asks a person, if a target has failed.
    ///
    /// What is remembered beside the failure itself is where else it was seen: another target that
    /// shows a fault of its own has not proved the release good, however short it was seen there.
    fn fails(&mut self, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        let rules = &self.program().rules;
        let moved = |stage: &Stage| !matches!(stage, Stage::Settled | Stage::Admitting | Stage::Waiting);
        let there: Vec<_> = self
            .moves
            .iter()
            .filter(|(_, progress)| !progress.left && moved(&progress.stage))
            .map(|(key, progress)| (key, progress, progress.failure(key, &rules.timeouts, now)))
            .collect();
        let Some(failure) = there.iter().find_map(|(_, _, failure)| failure.clone()) else { return false };
        let failed = there
            .iter()
            .filter(|(_, progress, failure)| failure.is_some() || progress.sighting.is_some())
            .map(|(key, _, _)| (*key).clone())
            .collect();
        match (&self.phase, rules.rollback.automatic) {
            (Phase::Forward(cursor) | Phase::Soaking(Soak { cursor, .. }), false) => {
                self.phase = Phase::Paused(*cursor, failure);
            }
            _ => {
                self.failed = failed;
                self.go_back(Cause::Failed(failure), now, effects);
            }
        }
        true
    }

    /// Watches the release. What is not healthy begins the soak again.
    pub(super) fn soak(&mut self, soak: Soak, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.fails(now, effects) {
            return;
        }
        let mut there = self.moves.values().filter(|p| !p.left && p.stage == Stage::Committed);
        let steady = there.all(super::MoveProgress::is_ready).then(|| soak.steady.unwrap_or(now));
        self.phase = Phase::Soaking(Soak { steady, ..soak });
        if steady.is_none_or(|since| elapsed(since, now) < self.program().rules.soak.0) {
            return;
        }
        let left: std::collections::BTreeSet<MoveKey> =
            self.moves.iter().filter(|(_, progress)| progress.left).map(|(key, _)| key.clone()).collect();
        let outcome = if left.is_empty() { Outcome::Succeeded } else { Outcome::Partial(left) };
        self.end(outcome, effects);
    }
}
