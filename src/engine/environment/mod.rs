//! The loop of one environment: it owns what was accepted and every rollout.
//!
//! Messages say what happened; whatever it was, the loop folds it into the ledger and looks again
//! at what is desired. Workers get their share by a channel that holds the newest only.

mod approve;
mod driver;
mod record;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::command::{Answer, Command, CommandError};
use super::worker::Report;
use crate::accepted::{Accepted, ClusterShare, EnvironmentEvent};
use crate::compile::{self, Definitions, DesiredState, compile};
use crate::definition::{Access, DeletionBudget};
use crate::diagnostic::Diagnostic;
use crate::model::{
    ClusterFacts, ClusterName, EnvironmentName, Facts, MoveKey, Plan, Revision, RolloutId, Timestamp,
};
use crate::plan::{Admission, Planning, RolloutView, admit, plan};
use crate::port::clock::Clock;
use crate::port::ledger::{Epoch, Ledger, Sequence};
use crate::rollout::{Event, Phase, Rollout};
use crate::wanted::Bundles;

pub use record::{ClusterEvent, RecordError, RolloutRecord};
pub use status::{AppStatus, ClusterStatus, EnvironmentStatus, MoveStatus, RolloutStatus, Sync};

/// How often open rollouts look at the clock. Every limit of a rollout is counted in seconds.
const TICK: Duration = Duration::from_secs(1);

/// What happened.
pub enum Message {
    /// Git says something else.
    Source(Box<SourceRevision>),
    /// A worker reports.
    Reports(ClusterName, Vec<Report>),
    /// A cluster said what it serves, or that it does not answer.
    Cluster(ClusterName, Result<ClusterFacts, String>),
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
}

/// Starts the worker of a cluster.
pub type Hire = Box<dyn FnMut(&ClusterName, &Access, watch::Receiver<Task>) + Send>;

/// What an environment's loop is given.
pub struct Ports {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This process's number among those that have written the ledger.
    pub epoch: Epoch,
    /// Starts the worker of a cluster; the one before it, if there is one, ends.
    pub hire: Hire,
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
    plan: Option<Plan>,
    admissions: Vec<Admission>,
    reports: BTreeMap<MoveKey, Report>,
    platform: BTreeMap<crate::model::TargetKey, Report>,
    facts: Facts,
    away: BTreeMap<ClusterName, String>,
    tasks: BTreeMap<ClusterName, watch::Sender<Task>>,
    staffed: BTreeMap<ClusterName, Access>,
    status: watch::Sender<Arc<EnvironmentStatus>>,
    look: u64,
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
            plan: None,
            admissions: Vec::new(),
            reports: BTreeMap::new(),
            platform: BTreeMap::new(),
            facts: Facts::default(),
            away: BTreeMap::new(),
            tasks: BTreeMap::new(),
            staffed: BTreeMap::new(),
            status,
            look: 0,
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
    /// # Errors
    /// The ledger can't be written: nothing more may be decided.
    pub async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        stop: CancellationToken,
    ) -> Result<(), RecordError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                message = messages.recv() => match message {
                    Some(message) => self.handle(message)?,
                    None => return Ok(()),
                },
                _ = tick.tick(), if !self.rollouts.is_empty() => self.tick()?,
            }
        }
    }

    /// Takes in one message and everything that follows from it.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub fn handle(&mut self, message: Message) -> Result<(), RecordError> {
        match message {
            Message::Source(source) => {
                self.source = Some(*source);
                self.compile()?;
            }
            Message::Reports(cluster, reports) => {
                self.away.remove(&cluster);
                self.observe(reports)?;
            }
            Message::Cluster(name, facts) => self.cluster_says(name, facts)?,
            Message::Command { command, by, answer } => {
                let result = self.command(&command, &by);
                // Who asked may have gone away; what was done stays done.
                let _ = answer.send(result);
            }
        }
        self.look_again()
    }

    /// Lets open rollouts look at the clock.
    ///
    /// # Errors
    /// The ledger can't be written.
    pub fn tick(&mut self) -> Result<(), RecordError> {
        let open: Vec<RolloutId> = self.rollouts.keys().cloned().collect();
        for id in open {
            self.drive(&id, &Event::Tick)?;
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
                self.away.insert(name, message);
            }
            Ok(facts) => {
                self.away.remove(&name);
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
        let (desired, mut diagnostics) =
            compile(&source.definitions, &source.platform, &self.name, source.revision, &self.facts);
        diagnostics.extend(source.diagnostics);
        diagnostics.sort();
        diagnostics.dedup();
        let rules = compile::environment_of(&source.platform, &self.name);
        let budget = rules.map(|rules| rules.deletion_budget).unwrap_or_default();
        // A platform that can't be read says nothing about clusters.
        if !desired.hidden.platform {
            let mut clusters = desired.clusters.clone();
            // One that was removed keeps its worker for as long as something of ours is there.
            let leaving = self.accepted.clusters.iter().filter(|(name, _)| self.accepted.is_used(name));
            for (name, access) in leaving {
                clusters.entry(name.clone()).or_insert_with(|| access.clone());
            }
            if clusters != self.accepted.clusters {
                self.append(&EnvironmentEvent::Clusters { clusters })?;
                self.staff();
            }
        }
        self.compiled = Some(Compiled { desired, diagnostics, budget });
        Ok(())
    }

    /// Sees to it that every cluster has a worker with the access that is defined for it.
    fn staff(&mut self) {
        for (name, access) in &self.accepted.clusters {
            if self.staffed.get(name) == Some(access) {
                continue;
            }
            let task = self.tasks.entry(name.clone()).or_insert_with(|| watch::channel(Task::default()).0);
            (self.ports.hire)(name, access, task.subscribe());
            self.staffed.insert(name.clone(), access.clone());
        }
    }

    fn observe(&mut self, reports: Vec<Report>) -> Result<(), RecordError> {
        for report in reports {
            let Some(key) = report.move_key() else {
                self.platform.insert(report.target.clone(), report);
                continue;
            };
            let open = self.accepted.open_rollout(&key.app).map(|start| start.id.clone());
            if let Some(id) = open {
                if let Some(refusal) = &report.admitted {
                    let event = Event::Admitted { at: key.clone(), refusal: refusal.clone() };
                    self.drive(&id, &event)?;
                }
                let evidence = Box::new(report.evidence.clone());
                self.drive(&id, &Event::Observed { at: key.clone(), evidence })?;
            }
            self.reports.insert(key, report);
        }
        Ok(())
    }

    /// Plans, admits and starts what may start, until nothing more does.
    fn look_again(&mut self) -> Result<(), RecordError> {
        // Each round starts at least one part or is the last; a plan has at most so many.
        const ROUNDS: usize = 64;
        for _ in 0..ROUNDS {
            if !self.plan_and_admit()? {
                break;
            }
        }
        self.publish();
        self.tell();
        Ok(())
    }

    fn plan_and_admit(&mut self) -> Result<bool, RecordError> {
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
        self.admissions = admit(&plan, &self.accepted, &views);
        if self.accepted.plan_digest() != Some(plan.digest) && !plan.parts.is_empty() {
            self.record_plan(&plan)?;
        }
        let mut started = false;
        for admission in self.admissions.clone() {
            started |= self.carry_out(&plan, &admission)?;
        }
        self.plan = Some(plan);
        Ok(started)
    }

    /// Gives every worker its newest task.
    fn publish(&mut self) {
        let asked = self.asked();
        for (cluster, task) in &self.tasks {
            let mut share = self.accepted.share(cluster);
            for (key, digest) in asked.iter().filter(|(key, _)| key.target.cluster == *cluster) {
                let target = share.targets.entry(key.target.clone()).or_default();
                target.apps.entry(key.app.clone()).or_default().dry_run = Some(*digest);
            }
            let look = self.look;
            let bundles = &self.bundles;
            task.send_if_modified(|task| {
                if task.share == share && task.look == look {
                    return false;
                }
                *task = Task { share, bundles: bundles.clone(), look };
                true
            });
        }
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
