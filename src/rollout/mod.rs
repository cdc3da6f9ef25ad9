//! The state machine of one release.
//!
//! [`step`] is one pure function for running and for recovery: it takes the state, what happened
//! and the time, and gives the next state with what is to be done. A rollout changes the world only
//! by recording an allocation; the cluster's worker converges to it and reports with the numbers of
//! allocation and settings that it saw through. Evidence older than either opens nothing.

mod back;
mod evidence;
mod forward;
mod judge;
mod moves;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::accepted::{Cause, Failure, Outcome, RolloutEnd, RolloutStart};
use crate::model::{
    Allocation, ComponentName, MoveKey, Part, PartDigest, Program, RolloutId, Timestamp, Work,
};

pub use evidence::{ComponentReport, Evidence, Fault};
pub use step::step;

/// A target that is asked to go back and says nothing for so long is `Stuck`: people are told. Two
/// minutes are longer than any restart of a worker or of an API server.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(120);

/// A fault that is gone for so long is forgotten. A crashing container runs between two crashes, so
/// a single look without the fault says nothing; the pause between the first restarts is 10 to 20 s.
pub const FAULT_MEMORY: Duration = Duration::from_secs(30);

/// So many restarts of one release's containers within a rollout are a crash loop, whatever they
/// show between two crashes.
pub const RESTART_LIMIT: u32 = 3;

/// The run of one release part.
///
/// It changes by [`step`] alone and holds nothing that is not told by the events that changed it:
/// folding these gives the same rollout again, whatever else was seen in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Its name.
    pub id: RolloutId,
    /// The part that is rolled out.
    pub part: Part,
    /// What each target held before: the way back, frozen at the start.
    pub back: BTreeMap<MoveKey, Allocation>,
    /// Where it stands.
    pub phase: Phase,
    /// Where each target stands.
    pub moves: BTreeMap<MoveKey, MoveProgress>,
    /// Where the failure was seen that it goes back for; none where a person stopped it.
    pub failed: BTreeSet<MoveKey>,
}

/// Where a rollout stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The clusters are asked whether they would take it.
    Admitting {
        /// Since when.
        since: Timestamp,
    },
    /// It moves.
    Forward(Cursor),
    /// Every target runs it and it is watched.
    Soaking(Soak),
    /// A person is asked.
    Paused(Cursor, Failure),
    /// It goes back.
    Back(Cause),
    /// It goes back, and these targets do not answer or do not get well.
    Stuck(Cause, BTreeSet<MoveKey>),
    /// It is over.
    Ended(Outcome),
}

/// Which targets move: the barrier that they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The wave, counted from 0.
    pub wave: usize,
    /// The batch of the wave, counted from 0.
    pub batch: usize,
    /// Since when.
    pub since: Timestamp,
}

/// How the watch over a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Soak {
    /// Which targets moved last.
    pub cursor: Cursor,
    /// Since when every target is well; none while one is not, and the time begins anew.
    pub steady: Option<Timestamp>,
}

/// Where one target stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoveProgress {
    /// What it is told to hold.
    pub allocation: Allocation,
    /// The number of its settings in force.
    pub settings: u64,
    /// Where it stands.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// When one more pod got ready, one of another release went, or the stage changed.
    pub progressed: Timestamp,
    /// How many pods of the release were ready at most.
    pub ready: u32,
    /// How many pods of another release there were at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<u32>,
    /// Its worker has said nothing under this allocation for too long.
    #[serde(default)]
    pub silent: bool,
    /// A fault that is not yet long enough there to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sighting: Option<Sighting>,
    /// What its worker said last under this allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// It went away: its cluster or its app's place there was removed.
    #[serde(default)]
    pub left: bool,
}

/// A fault of a container, from the first sighting on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// When it was seen first.
    pub first: Timestamp,
    /// Since when it is no longer seen; none while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
    /// Which component.
    pub component: ComponentName,
    /// What was seen last.
    pub fault: Fault,
}

/// Where one target stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Its stable bundle is the one that is asked for: it does not move.
    Settled,
    /// Its cluster is asked whether it would take the release.
    Admitting,
    /// Its turn has not come.
    Waiting,
    /// Configuration and services come, no workload moves.
    Preparing,
    /// The old pods stop (recreate).
    Stopping,
    /// A StatefulSet moves, pod by pod from the highest ordinal down.
    Ordinals {
        /// Which.
        component: ComponentName,
        /// The first ordinal that runs the release.
        partition: u32,
    },
    /// Everything else moves.
    Moving,
    /// All its pods are ready; the others of the batch are waited for.
    Ready,
    /// The release is stable here.
    Committed,
    /// It goes back.
    Restoring,
    /// What was stable is back.
    Restored,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// It starts.
    Started,
    /// A cluster said whether it would take the release.
    Admitted {
        /// Where.
        at: MoveKey,
        /// Its refusal, in its own words: what object, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<String>,
    },
    /// A worker reports.
    Observed {
        /// Where.
        at: MoveKey,
        /// What.
        evidence: Box<Evidence>,
    },
    /// Settings changed while it runs.
    Settings {
        /// Where.
        at: MoveKey,
        /// Their number.
        number: u64,
    },
    /// A target's app or cluster was removed.
    Left {
        /// Where.
        at: MoveKey,
    },
    /// A worker has said nothing for [`SILENCE_LIMIT`].
    Silent {
        /// Where.
        at: MoveKey,
    },
    /// Its app was suspended and goes on: clocks begin anew.
    Resumed,
    /// A newer release takes its place.
    Newer {
        /// The newer part.
        part: PartDigest,
    },
    /// A person commands.
    Command {
        /// Who.
        by: String,
        /// What.
        command: Command,
    },
    /// Time went by.
    Tick,
}

/// What people command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Command {
    /// Stop and go back.
    Abort,
    /// From a pause, go on; clocks begin anew.
    Retry,
}

/// What is to be done. Every effect may safely run twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask a cluster whether it would take the release.
    DryRun(MoveKey),
    /// Record what a target holds from now on.
    Allocate(MoveKey, Allocation),
    /// Record the end.
    End(Box<RolloutEnd>),
}

impl Rollout {
    /// The rollout that a start begins. It moves with [`Event::Started`].
    pub fn new(start: &RolloutStart) -> Self {
        let moves = start
            .back
            .iter()
            .map(|(key, back)| {
                let progress = MoveProgress {
                    allocation: back.clone(),
                    settings: start.settings.get(key).copied().unwrap_or_default(),
                    stage: Stage::Waiting,
                    since: start.at,
                    progressed: start.at,
                    ready: 0,
                    old: None,
                    silent: false,
                    sighting: None,
                    evidence: None,
                    left: false,
                };
                (key.clone(), progress)
            })
            .collect();
        Self {
            id: start.id.clone(),
            part: start.part.clone(),
            back: start.back.clone(),
            phase: Phase::Admitting { since: start.at },
            moves,
            failed: BTreeSet::new(),
        }
    }

    /// How it is rolled out.
    ///
    /// # Panics
    /// Never: a rollout is only made of a release part.
    pub fn program(&self) -> &Program {
        match &self.part.work {
            Work::Release(program) => program,
            _ => unreachable!("a rollout is made of a release part"),
        }
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// What it waits for, in a line.
    pub fn waiting_for(&self) -> String {
        match &self.phase {
            Phase::Admitting { .. } => "asks the clusters whether they would take it".to_owned(),
            Phase::Soaking(Soak { steady: Some(_), .. }) => "every target runs it; it is watched".to_owned(),
            Phase::Soaking(_) => {
                let open = self.moves.iter().filter(|(_, progress)| !progress.left && !progress.is_ready());
                let lines: Vec<String> = open
                    .map(|(key, progress)| format!("{}: {}", key.target, progress.why_not_ready()))
                    .collect();
                format!("every target runs it and not all are well: {}", lines.join("; "))
            }
            Phase::Stuck(_, targets) => {
                let names: Vec<String> = targets.iter().map(|key| key.target.to_string()).collect();
                format!("no good answer from {}", names.join(", "))
            }
            _ => {
                let open = self.moves.iter().filter(|(_, progress)| {
                    !matches!(progress.stage, Stage::Settled | Stage::Ready | Stage::Restored)
                        && !progress.left
                });
                let lines: Vec<String> = open
                    .map(|(key, progress)| format!("{}: {}", key.target, progress.why_not_ready()))
                    .filter(|line| !line.ends_with(": "))
                    .collect();
                lines.join("; ")
            }
        }
    }

    /// Whether a report under these numbers is about what the target is told to hold now.
    pub fn is_current(&self, key: &MoveKey, evidence: &Evidence) -> bool {
        self.moves.get(key).is_some_and(|progress| progress.is_about(evidence))
    }

    /// The targets that are waited for on the way back, and since when.
    pub fn waited_for(&self) -> impl Iterator<Item = (&MoveKey, Timestamp)> + '_ {
        let back = self.is_going_back();
        self.moves
            .iter()
            .filter(move |(_, progress)| back && !progress.left && progress.stage == Stage::Restoring)
            .filter(|(_, progress)| !progress.silent)
            .map(|(key, progress)| (key, progress.since))
    }

    /// Whether it goes back or is stuck on the way.
    pub fn is_going_back(&self) -> bool {
        matches!(self.phase, Phase::Back(_) | Phase::Stuck(..))
    }
}

#[cfg(test)]
mod tests;
