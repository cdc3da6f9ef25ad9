//! What a simulated container does over time.
//!
//! One transition function, driven by the clock alone: a container is in a [`Stage`], each stage
//! says until when it lasts, and what comes after follows from the container's conduct.

use serde_json::Value;

use crate::model::Timestamp;
use crate::playground::controllers::behaviour::{Conduct, PodBehaviour};
use crate::playground::controllers::object::text;
use crate::playground::controllers::world::later;

/// What a container's steps depend on.
pub(super) struct Surroundings<'a> {
    pub(super) now: Timestamp,
    pub(super) behaviour: &'a PodBehaviour,
    /// Whether the containers are meant to end.
    pub(super) ends: bool,
    /// Whether a container that failed is started again.
    pub(super) restarts: bool,
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not started: the image is fetched, or the container waits its turn.
    Creating,
    /// Something it refers to is missing.
    Unconfigured(String),
    /// The pull just failed.
    PullFailed,
    /// The pull failed and is tried again later.
    PullBackOff,
    /// Runs.
    Running {
        /// Whether it is ready.
        ready: bool,
    },
    /// Ended, and is started again later.
    BackOff,
    /// Ended. Restarted at once where it may be.
    Ended,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) code: i64,
    pub(super) reason: &'static str,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

/// One container of a pod on its node.
#[derive(Debug)]
pub(super) struct Run {
    name: String,
    conduct: Conduct,
    ends: bool,
    pub(super) stage: Stage,
    since: Timestamp,
    until: Option<Timestamp>,
    /// When the present run began.
    pub(super) started: Timestamp,
    pub(super) restarts: u32,
    failed_pulls: u32,
    /// How the last run ended.
    pub(super) exit: Option<Exit>,
}

impl Run {
    /// A container that was not started yet. `ends`: it is meant to end, whatever its pod is.
    pub(super) fn new(pod: &Value, spec: &Value, ends: bool, now: Timestamp) -> Self {
        Self {
            name: text(spec, "/name").to_owned(),
            conduct: Conduct::of(pod, text(spec, "/image")),
            ends,
            stage: Stage::Creating,
            since: now,
            until: None,
            started: now,
            restarts: 0,
            failed_pulls: 0,
            exit: None,
        }
    }

    /// The container's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Goes on from what an earlier status says.
    pub(super) fn resume(&mut self, restarts: i64, was_running: bool) {
        self.restarts = u32::try_from(restarts).unwrap_or(0);
        if was_running && matches!(self.conduct, Conduct::Well) && !self.ends {
            self.stage = Stage::Running { ready: true };
        }
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether the containers after this initial one may start.
    pub(super) fn lets_pass(&self, is_sidecar: bool) -> bool {
        match self.stage {
            Stage::Running { .. } => is_sidecar,
            Stage::Ended => self.exit.is_some_and(|exit| exit.code == 0),
            _ => false,
        }
    }

    /// Whether the container ended for good.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Ended && self.until.is_none()
    }

    /// Does every step that is due. `missing` says what the container refers to and is not there.
    pub(super) fn advance(&mut self, around: &Surroundings<'_>, missing: Option<String>) {
        if matches!(self.stage, Stage::Creating | Stage::Unconfigured(_)) {
            match missing {
                Some(message) => {
                    self.stage = Stage::Unconfigured(message);
                    self.until = None;
                    return;
                }
                None if self.until.is_none() => {
                    // The delay runs from here: before, the container waited for its turn.
                    self.enter(Stage::Creating, around.now, Some(around.behaviour.ready_after));
                }
                None => {}
            }
        }
        // A run that is far behind the clock catches up step by step, each at its own time.
        for _ in 0..CATCH_UP_LIMIT {
            let Some(at) = self.until.filter(|until| *until <= around.now) else { return };
            self.step(around, at);
        }
        self.until = self.until.map(|until| until.max(around.now));
    }

    fn enter(&mut self, stage: Stage, at: Timestamp, lasts: Option<std::time::Duration>) {
        self.stage = stage;
        self.since = at;
        self.until = lasts.map(|lasts| later(at, lasts));
    }

    fn step(&mut self, around: &Surroundings<'_>, at: Timestamp) {
        let behaviour = around.behaviour;
        match self.stage.clone() {
            Stage::Creating | Stage::Unconfigured(_) if self.conduct == Conduct::Bad => {
                self.enter(Stage::PullFailed, at, Some(behaviour.pull_error_for));
            }
            Stage::PullFailed => {
                let wait = behaviour.back_off_after(self.failed_pulls);
                self.failed_pulls += 1;
                self.enter(Stage::PullBackOff, at, Some(wait));
            }
            Stage::PullBackOff => self.enter(Stage::PullFailed, at, Some(behaviour.pull_error_for)),
            Stage::Creating | Stage::Unconfigured(_) => self.start(around, at),
            Stage::BackOff => {
                self.restarts += 1;
                self.start(around, at);
            }
            Stage::Running { ready } => self.run_on(around, at, ready),
            Stage::Ended => {
                // The kubelet starts a container again at once the first time, and backs off from
                // then on.
                if self.restarts == 0 {
                    self.restarts += 1;
                    self.start(around, at);
                } else {
                    let wait = behaviour.back_off_after(self.restarts - 1);
                    self.enter(Stage::BackOff, at, Some(wait));
                }
            }
        }
    }

    fn start(&mut self, around: &Surroundings<'_>, at: Timestamp) {
        self.started = at;
        let behaviour = around.behaviour;
        let ends = around.ends || self.ends;
        let (ready, lasts) = match self.conduct {
            Conduct::Well | Conduct::Bad if ends => (!self.ends, Some(behaviour.job_time)),
            Conduct::Slow if ends => (!self.ends, Some(behaviour.slow_after)),
            Conduct::Well | Conduct::Bad => (true, None),
            Conduct::Slow => (false, Some(behaviour.slow_after.saturating_sub(behaviour.ready_after))),
            Conduct::Never => (false, None),
            Conduct::Flap => (true, Some(behaviour.flap_every)),
            Conduct::Crash | Conduct::Oom | Conduct::Fail => (false, Some(behaviour.crash_after)),
        };
        self.enter(Stage::Running { ready }, at, lasts);
    }

    fn run_on(&mut self, around: &Surroundings<'_>, at: Timestamp, ready: bool) {
        let behaviour = around.behaviour;
        match self.conduct {
            Conduct::Crash | Conduct::Fail => self.end(around, at, 1, "Error"),
            Conduct::Oom => self.end(around, at, 137, "OOMKilled"),
            Conduct::Flap => {
                self.enter(Stage::Running { ready: !ready }, at, Some(behaviour.flap_every));
            }
            _ if around.ends || self.ends => self.end(around, at, 0, "Completed"),
            _ => self.enter(Stage::Running { ready: true }, at, None),
        }
    }

    fn end(&mut self, around: &Surroundings<'_>, at: Timestamp, code: i64, reason: &'static str) {
        self.exit = Some(Exit { code, reason, started: self.started, finished: at });
        let again = code != 0 && around.restarts;
        // Seen for a moment as ended, then started again or held back.
        self.enter(Stage::Ended, at, again.then_some(ENDED_FOR));
    }
}

/// How many steps a container may catch up in one go.
const CATCH_UP_LIMIT: usize = 64;

/// How long a container shows as ended before the kubelet turns to it again.
const ENDED_FOR: std::time::Duration = std::time::Duration::from_millis(100);
