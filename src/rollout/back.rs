//! The way back: to what was stable when the rollout began, target by target.

use std::collections::BTreeSet;

use super::judge::elapsed;
use super::{Effect, Phase, Rollout, Stage};
use crate::accepted::{Cause, Outcome};
use crate::model::{MoveKey, PartDigest, Timestamp};

impl Rollout {
    /// Turns round: every target that had begun is told to hold what it held before.
    pub(super) fn go_back(&mut self, cause: Cause, now: Timestamp, effects: &mut Vec<Effect>) {
        // Who makes room for a newer release keeps what is committed; who failed keeps nothing.
        let keeps_committed = matches!(cause, Cause::Superseded(_));
        let begun: Vec<MoveKey> = self
            .moves
            .iter()
            .filter(|(_, progress)| !progress.left)
            .filter(|(_, progress)| match progress.stage {
                Stage::Settled | Stage::Admitting | Stage::Waiting => false,
                Stage::Committed => !keeps_committed,
                _ => true,
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in begun {
            let allocation = self.course(&key).restoring();
            self.allocate(&key, allocation, Stage::Restoring, now, effects);
        }
        self.phase = Phase::Back(cause);
    }

    pub(super) fn superseded(&mut self, part: PartDigest, now: Timestamp, effects: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Admitting { .. } => self.end(Outcome::Superseded(part), effects),
            Phase::Forward(_) | Phase::Soaking(_) | Phase::Paused(..) => {
                self.go_back(Cause::Superseded(part), now, effects);
            }
            Phase::Back(_) | Phase::Stuck(..) | Phase::Ended(_) => {}
        }
    }

    /// Waits for every target to be well again. One that is silent or unwell for too long is
    /// `Stuck`, never a success; when it answers, the way back goes on.
    pub(super) fn back(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let restored: Vec<MoveKey> = self
            .moves
            .iter()
            .filter(|(key, progress)| progress.stage == Stage::Restoring && self.is_restored(key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in restored {
            if let Some(progress) = self.moves.get_mut(&key) {
                progress.enter(Stage::Restored, now);
            }
        }
        let patience = self.program().rules.timeouts.progress.0;
        let open = self.moves.iter().filter(|(_, p)| !p.left && p.stage == Stage::Restoring);
        let (mut waiting, mut stuck) = (false, BTreeSet::new());
        for (key, progress) in open {
            waiting = true;
            if progress.silent || elapsed(progress.progressed, now) >= patience {
                stuck.insert(key.clone());
            }
        }
        let (Phase::Back(cause) | Phase::Stuck(cause, _)) = self.phase.clone() else { return };
        if !waiting {
            let outcome = match cause {
                Cause::Failed(failure) => Outcome::RolledBack(failure),
                Cause::Superseded(part) => Outcome::Superseded(part),
            };
            self.end(outcome, effects);
        } else if stuck.is_empty() {
            self.phase = Phase::Back(cause);
        } else {
            self.phase = Phase::Stuck(cause, stuck);
        }
    }

    /// Whether what was stable is back: every component ready, or, after a first release, gone.
    fn is_restored(&self, key: &MoveKey) -> bool {
        let progress = &self.moves[key];
        if self.back[key].stable.is_some() {
            return progress.is_ready();
        }
        // An object that the cluster refuses was never there: nothing is left to go.
        progress.current_evidence().is_some_and(|evidence| {
            (evidence.applied || evidence.refused)
                && evidence.components.values().all(super::ComponentReport::is_empty)
        })
    }
}
