//! The loop of one environment: it owns what was accepted and every rollout.
//!
//! Messages say what happened; whatever it was, the loop folds it into the ledger and looks again
//! at what is desired. Workers get their share by a channel that holds the newest only.

mod approve;
mod driver;
mod record;
mod snapshot;
mod staff;
mod status;
mod sync;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::command::{Answer, Command, CommandError};
use super::worker::Report;
use crate::accepted::{Accepted, ClusterShare};
use crate::compile::{self, Cache, Definitions, DesiredState, compile_with};
use crate::definition::{Access, DeletionBudget};
use crate::diagnostic::Diagnostic;
use crate::model::{
    ClusterFacts, ClusterName, EnvironmentName, Facts, MoveKey, Owner, Plan, Revision, RolloutId, TargetKey,
    Timestamp,
};
use crate::plan::{Admission, Moment, Planning, RolloutView, admit, asks, overdue, plan};
use crate::port::clock::Clock;
use crate::port::ledger::{Epoch, Ledger, Sequence};
use crate::rollout::{Event, Phase, Rollout};
use crate::wanted::Bundles;

pub use record::{ClusterEvent, RecordError, RolloutRecord, last_facts};
pub use snapshot::Snapshot;
pub use staff::Workers;
pub use status::{AppStatus, ClusterStatus, EnvironmentStatus, MoveStatus, RolloutStatus};
pub use sync::Sync;

/// How often one looks at the clock. Every limit of a rollout is counted in seconds.
const TICK: Duration = Duration::from_secs(1);

/// So many messages are taken in before one looks again. Under load more are waiting, so that the
/// work for each grows less; a person's command waits no longer than these take.
const AT_ONCE: usize = 64;

/// What happened.
pub enum Message {
    /// Git says something else.
    Source(Box<SourceRevision>),
    /// A worker has passed, and reports what it newly saw.
    Reports {
        /// Its cluster.
        cluster: ClusterName,
        /// The number of the task that it has seen through, as far as its reports say.
        task: u64,
        /// What differs from what it said before.
        reports: Vec<Report>,
    },
    /// A cluster said what it serves, or that it does not answer.
    Cluster(ClusterName, Result<ClusterFacts, String>),
    /// Somebody wants to see everything.
    Snapshot(oneshot::Sender<Box<Snapshot>>),
    /// A person commands.
    Command {
        /// What.
        command: Command,
        /// Who.
        by: String,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<Answer, CommandError>>,
    },
}

/// What Git says, as read.
#[derive(Debug, Clone)]
pub struct SourceRevision {
    /// The commits.
    pub revision: Revision,
    /// The definitions of the environment's branch.
    pub definitions: Arc<Definitions>,
    /// The definitions of the trunk.
    pub platform: Arc<Definitions>,
    /// Faults met while reading.
    pub diagnostics: Vec<Diagnostic>,
}

/// A revision, compiled.
pub struct Compiled {
    /// What it comes to.
    pub desired: DesiredState,
    /// All faults and remarks.
    pub diagnostics: Vec<Diagnostic>,
    /// How much may go without an approval.
    pub budget: DeletionBudget,
}

/// What a worker needs: its share, and the bundles that it names.
#[derive(Clone, Default)]
pub struct Task {
    /// The cluster's share.
    pub share: ClusterShare,
    /// The bundles.
    pub bundles: Bundles,
    /// Raised when somebody asks to look now.
    pub look: u64,
    /// Raised with every change of the share: who has seen the newest has seen everything.
    pub number: u64,
}

/// What an environment's loop is given.
pub struct Ports {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This process's number among those that have written the ledger.
    pub epoch: Epoch,
    /// Starts and ends the workers of clusters.
    pub workers: Box<dyn Workers>,
}

/// Everything that the loop owns.
pub struct Environment {
    name: EnvironmentName,
    ports: Ports,
    sequence: Sequence,
    accepted: Accepted,
    bundles: Bundles,
    rollouts: BTreeMap<RolloutId, driver::Driver>,
    source: Option<SourceRevision>,
    compiled: Option<Compiled>,
    /// What the last compile left behind for the next.
    cache: Cache,
    plan: Option<Plan>,
    admissions: Vec<Admission>,
    /// The newest that was said of each owner on each target.
    reports: BTreeMap<(TargetKey, Owner), Report>,
    /// The number of the newest task that each cluster's worker has seen through.
    seen: BTreeMap<ClusterName, u64>,
    facts: Facts,
    away: BTreeMap<ClusterName, String>,
    tasks: BTreeMap<ClusterName, watch::Sender<Task>>,
    staffed: BTreeMap<ClusterName, Access>,
    status: watch::Sender<Arc<EnvironmentStatus>>,
    look: u64,
    /// Whether what was planned and handed out may no longer be what follows.
    stale: bool,
    /// When a window, a freeze or a maintenance begins or ends next.
    turns: Option<Timestamp>,
}

impl Environment {
    /// Reads the ledger and stands where it was left.
    ///
    /// # Errors
    /// The ledger can't be read, or a stored release in use is missing.
    pub fn open(name: EnvironmentName, ports: Ports) -> Result<Self, RecordError> {
        let (status, _) = watch::channel(Arc::new(EnvironmentStatus::empty(&name)));
        let mut environment = Self {
            name,
            ports,
            sequence: Sequence::EMPTY,
            accepted: Accepted::default(),
            bundles: Bundles::new(),
            rollouts: BTreeMap::new(),
            source: None,
            compiled: None,
            cache: Cache::default(),
            plan: None,
            admissions: Vec::new(),
            reports: BTreeMap::new(),
            seen: BTreeMap::new(),
            facts: Facts::default(),
            away: BTreeMap::new(),
            tasks: BTreeMap::new(),
            staffed: BTreeMap::new(),
            status,
            look: 0,
            stale: true,
            turns: None,
        };
        environment.recover()?;
        environment.staff();
        environment.publish();
        environment.tell();
        Ok(environment)
    }

    /// What was accepted.
    pub fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// The newest status.
    pub fn status(&self) -> watch::Receiver<Arc<EnvironmentStatus>> {
        self.status.subscribe()
    }

    /// Runs until it is told to stop, or every sender of messages is gone.
    ///
    /// Each message is taken in whole, on a thread where waiting for the disk and compiling hold
    /// nobody up: what is recorded is recorded before anything acts on it, one after the other.
    ///
    /// # Errors
    /// The ledger can't be written: nothing more may be decided.
    pub async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        stop: CancellationToken,
    ) -> Result<(), RecordError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            self = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                taken = messages.recv_many(&mut waiting, AT_ONCE) => match taken {
                    0 => return Ok(()),
                    _ => {
                        let all = std::mem::take(&mut waiting);
                        self.off_thread(|environment| environment.handle_all(all)).await?
                    }
                },
                _ = tick.tick() => match self.is_due() {
                    true => self.off_thread(Self::tick).await?,
                    false => self,
                },
            };
        }
    }

    /// Does something that may block on a thread of its own, and comes back.
    async fn off_thread(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<(), RecordError> + Send + 'static,
    ) -> Result<Self, RecordError> {
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut self);
            (self, result)
        });
        match done.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok((environment, result)) => result.map(|()| environment),
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    /// Whether the time alone may change something.
    fn is_due(&self) -> bool {
        let now = self.now();
        self.stale
            || !self.rollouts.is_empty()
            || self.turns.is_some_and(|turns| turns <= now)
            || !overdue(&self.accepted, now).is_empty()
    }

    /// Takes in one message and everything that follows from it.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub fn handle(&mut self, message: Message) -> Result<(), RecordError> {
        self.handle_all(vec![message])
    }

    /// Takes in messages in their order, and then once everything that follows from them: looking
    /// again costs the same after one as after many.
    fn handle_all(&mut self, messages: Vec<Message>) -> Result<(), RecordError> {
        for message in messages {
            self.take(message)?;
        }
        self.look_again()
    }

    fn take(&mut self, message: Message) -> Result<(), RecordError> {
        match message {
            Message::Source(source) => {
                self.source = Some(*source);
                self.compile()?;
            }
            Message::Reports { cluster, task, reports } => {
                self.stale |= self.away.remove(&cluster).is_some();
                self.observe(reports)?;
                self.has_seen(cluster, task)?;
            }
            Message::Cluster(name, facts) => self.cluster_says(name, facts)?,
            Message::Snapshot(answer) => {
                // Who asked may have gone away. Nothing has changed.
                let _ = answer.send(Box::new(self.snapshot()));
                return Ok(());
            }
            Message::Command { command, by, answer } => {
                let result = self.command(&command, &by);
                // Who asked may have gone away; what was done stays done.
                let _ = answer.send(result);
            }
        }
        Ok(())
    }

    /// Looks at the clock: open rollouts, and who waits for an approval.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub fn tick(&mut self) -> Result<(), RecordError> {
        let open: Vec<RolloutId> = self.rollouts.keys().cloned().collect();
        for id in open {
            self.pass_time(&id)?;
        }
        self.look_again()
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn cluster_says(
        &mut self,
        name: ClusterName,
        says: Result<ClusterFacts, String>,
    ) -> Result<(), RecordError> {
        match says {
            Err(message) => {
                self.stale |= self.away.insert(name, message).is_none();
            }
            Ok(facts) => {
                self.stale |= self.away.remove(&name).is_some();
                if self.facts.clusters.get(&name) != Some(&facts) {
                    self.record_facts(&name, &facts)?;
                    self.facts.clusters.insert(name, facts);
                    self.compile()?;
                }
            }
        }
        Ok(())
    }

    /// Compiles what Git says with what is known of the clusters.
    fn compile(&mut self) -> Result<(), RecordError> {
        let Some(source) = self.source.clone() else { return Ok(()) };
        let (desired, mut diagnostics) = compile_with(
            &mut self.cache,
            &source.definitions,
            &source.platform,
            &self.name,
            source.revision,
            &self.facts,
        );
        diagnostics.extend(source.diagnostics);
        diagnostics.sort();
        diagnostics.dedup();
        let rules = compile::environment_of(&source.platform, &self.name);
        let budget = rules.map(|rules| rules.deletion_budget).unwrap_or_default();
        self.compiled = Some(Compiled { desired, diagnostics, budget });
        self.stale = true;
        Ok(())
    }

    fn observe(&mut self, reports: Vec<Report>) -> Result<(), RecordError> {
        for report in reports {
            if let Some(key) = report.move_key()
                && let Some(id) = self.accepted.open_rollout(&key.app).map(|start| start.id.clone())
            {
                if let Some(refusal) = &report.admitted {
                    let event = Event::Admitted { at: key.clone(), refusal: refusal.clone() };
                    self.drive(&id, &event)?;
                }
                self.observed(&id, &key, &report.evidence)?;
            }
            self.reports.insert((report.target.clone(), report.owner.clone()), report);
        }
        Ok(())
    }

    /// Plans, admits and starts what may start, until nothing more does.
    fn look_again(&mut self) -> Result<(), RecordError> {
        // Each round starts at least one part or is the last; a plan has at most so many.
        const ROUNDS: usize = 64;
        for event in overdue(&self.accepted, self.now()) {
            self.append(&event)?;
        }
        self.stale |= self.turns.is_some_and(|turns| turns <= self.now());
        let stale = self.stale;
        for _ in 0..ROUNDS {
            if !std::mem::take(&mut self.stale) {
                break;
            }
            self.stale = self.plan_and_admit()?;
        }
        if stale {
            self.publish();
        }
        let calendar = self.compiled.as_ref().map(|compiled| &compiled.desired.calendar);
        self.turns = calendar.and_then(|calendar| calendar.next_change(self.now()));
        self.tell();
        Ok(())
    }

    fn plan_and_admit(&mut self) -> Result<bool, RecordError> {
        self.settle_clusters()?;
        self.settle_maintenance()?;
        let Some(compiled) = &self.compiled else { return Ok(false) };
        // The very first time, every cluster answers or is found away before anything starts: else
        // each that answers a moment later would bring another rollout of every app.
        let unheard = |name: &&ClusterName| !self.away.contains_key(*name);
        if self.accepted.moves.is_empty()
            && compiled.desired.waiting_clusters.iter().any(|name| unheard(&name))
        {
            return Ok(false);
        }
        let planning =
            Planning { accepted: &self.accepted, bundles: &self.bundles, budget: &compiled.budget };
        let plan = plan(&planning, &compiled.desired);
        let views = self.rollouts.iter().map(|(id, driver)| (id.clone(), view(&driver.rollout))).collect();
        let moment = Moment { calendar: &compiled.desired.calendar, now: self.now() };
        self.admissions = admit(&plan, &self.accepted, &views, moment);
        if self.accepted.plan_digest() != Some(plan.digest) && !plan.parts.is_empty() {
            self.record_plan(&plan)?;
        }
        if let Some(event) = asks(&plan, &self.admissions, &self.accepted) {
            self.append(&event)?;
        }
        let mut started = false;
        for admission in self.admissions.clone() {
            started |= self.carry_out(&plan, &admission)?;
        }
        self.plan = Some(plan);
        Ok(started)
    }

    /// What clusters are asked whether they would take.
    fn asked(&self) -> BTreeMap<MoveKey, crate::model::BundleDigest> {
        let admitting = |driver: &&driver::Driver| matches!(driver.rollout.phase, Phase::Admitting { .. });
        self.rollouts
            .values()
            .filter(admitting)
            .flat_map(|driver| {
                let to = &driver.rollout.program().to;
                let open = driver
                    .rollout
                    .moves
                    .iter()
                    .filter(|(_, progress)| progress.stage == crate::rollout::Stage::Admitting);
                open.filter_map(|(key, _)| to.get(key).map(|digest| (key.clone(), *digest)))
            })
            .collect()
    }

    fn tell(&self) {
        let status = Arc::new(self.make_status());
        self.status.send_if_modified(|old| {
            let changed = **old != *status;
            if changed {
                *old = status;
            }
            changed
        });
    }

    /// The revision that was compiled last.
    fn revision(&self) -> Option<Revision> {
        self.compiled.as_ref().map(|compiled| compiled.desired.revision.clone())
    }
}

fn view(rollout: &Rollout) -> RolloutView {
    RolloutView { going_back: rollout.is_going_back(), paused: matches!(rollout.phase, Phase::Paused(..)) }
}

#[cfg(test)]
mod tests;
