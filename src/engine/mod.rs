//! The loops: source, compile, admit, one worker per cluster, one driver per rollout.
//!
//! Loops meet only in the ledger and in bounded channels. A wake-up says "look again", never what
//! changed; a timer makes it right. If an essential loop ends, the engine ends.

pub mod command;
pub mod comparison;
pub mod environment;
pub mod history;
pub mod source;
pub mod state;
pub mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::artifact::Keys;
use crate::definition::Access;
use crate::git::{Poll, Wake};
use crate::model::{ClusterName, CommitId, EnvironmentName, Revision};
use crate::port::clock::Clock;
use crate::port::cluster::Connect;
use crate::port::ledger::{Epoch, Ledger, LedgerError};
use crate::port::{Repository, Sources};
use command::{Answer, Command, CommandError};
use comparison::{Comparison, LiveDifferences, Selection};
use environment::{
    Environment, EnvironmentStatus, Message, Ports, RecordError, Snapshot, SourceRevision, Task, Workers,
};
use source::{Bells, Source, SourceParts, SourceStatus};

/// So many messages may wait for an environment. A worker that finds it full waits itself, which
/// slows its cluster's reports and nothing else.
const MESSAGES: usize = 256;

/// So long the workers may finish what they have under way when the engine is told to stop: a pass
/// takes less, and the process must be gone within 5 s. One that is cut off loses nothing, since
/// every write may be made again.
const GRACE: Duration = Duration::from_secs(4);

/// What the engine is made of.
pub struct Parts {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Makes clients of clusters.
    pub connect: Arc<dyn Connect>,
    /// Opens secrets.
    pub keys: Arc<Keys>,
    /// What Git says.
    pub repository: Arc<dyn Repository>,
    /// The branch that `sluice.yaml` and `platform/` are read from.
    pub trunk: String,
    /// The one environment that is worked on; none = all.
    pub only: Option<EnvironmentName>,
    /// Opens tenants' own repositories.
    pub sources: Arc<dyn Sources>,
    /// The file of keys that may sign commits, held by the operator; without it those in Git count.
    pub signers: Option<PathBuf>,
    /// When to look at Git.
    pub poll: Poll,
    /// Raised by whoever sees that Git has changed.
    pub wake: Wake,
}

/// Why the engine ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The ledger can't be opened.
    #[error("the ledger can't be read")]
    Ledger(#[from] LedgerError),
    /// The loop of an environment can't go on.
    #[error("the environment {0} can't go on")]
    Environment(EnvironmentName, #[source] RecordError),
    /// A loop has ended by a fault of its own.
    #[error("a loop of the engine has failed")]
    Loop,
}

/// A running engine, as interfaces see it. Clones see the same one.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    environments: Mutex<BTreeMap<EnvironmentName, Seat>>,
    source: watch::Receiver<SourceStatus>,
    bells: Arc<Bells>,
    changed: watch::Sender<u64>,
    connect: Arc<dyn Connect>,
    keys: Arc<Keys>,
}

#[derive(Clone)]
struct Seat {
    messages: mpsc::Sender<Message>,
    status: watch::Receiver<Arc<EnvironmentStatus>>,
}

impl Handle {
    /// The newest status of every environment.
    pub fn environments(&self) -> BTreeMap<EnvironmentName, Arc<EnvironmentStatus>> {
        let seats = self.inner.environments.lock().unwrap_or_else(PoisonError::into_inner);
        seats.iter().map(|(name, seat)| (name.clone(), seat.status.borrow().clone())).collect()
    }

    /// How the source stands.
    pub fn source(&self) -> SourceStatus {
        self.inner.source.borrow().clone()
    }

    /// Resolves when some status may have changed since it was last asked for by this receiver.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Looks at Git now, at every repository.
    pub fn wake(&self) {
        self.inner.bells.ring_all();
    }

    /// The wake-ups of single repositories.
    pub fn bells(&self) -> &Bells {
        &self.inner.bells
    }

    /// Lets a held commit be followed that the status names; gives all of its id.
    fn accept(&self, named: &str) -> Result<CommitId, CommandError> {
        let mut held = self.source().held(named).into_iter();
        match (held.next(), held.next()) {
            (Some(commit), None) => {
                self.inner.bells.accept(&commit);
                Ok(commit)
            }
            (Some(_), Some(_)) => {
                Err(CommandError::Refused(format!("several held commits begin with `{named}`")))
            }
            (None, _) => {
                let message = format!("no commit `{named}` is held: `sluice status` names those that are");
                Err(CommandError::NotFound(message))
            }
        }
    }

    /// What an environment accepted and has planned, at one moment.
    ///
    /// # Errors
    /// There is no such environment, or the engine is stopping.
    pub async fn snapshot(&self, environment: &EnvironmentName) -> Result<Snapshot, CommandError> {
        let seat = {
            let seats = self.inner.environments.lock().unwrap_or_else(PoisonError::into_inner);
            seats.get(environment).cloned()
        };
        let seat =
            seat.ok_or_else(|| CommandError::NotFound(format!("there is no environment {environment}")))?;
        let gone = || CommandError::Failed("the engine is stopping".to_owned());
        let (answer, wait) = oneshot::channel();
        seat.messages.send(Message::Snapshot(answer)).await.map_err(|_| gone())?;
        wait.await.map(|snapshot| *snapshot).map_err(|_| gone())
    }

    /// Asks the clusters of an environment how they differ from what was accepted. Writes nothing.
    ///
    /// # Errors
    /// Those of [`Handle::snapshot`]; a cluster that does not answer is part of the answer.
    pub async fn differences(
        &self,
        environment: &EnvironmentName,
        selection: &Selection,
    ) -> Result<LiveDifferences, CommandError> {
        let state = self.snapshot(environment).await?.state;
        let Inner { connect, keys, .. } = self.inner.as_ref();
        Ok(Comparison { connect: connect.clone(), keys: keys.clone(), state }.run(selection).await)
    }

    /// Carries a command out, in every environment that it is about.
    ///
    /// # Errors
    /// No environment knows what it names, or the first that refuses says why.
    pub async fn command(&self, command: &Command, by: &str) -> Result<Answer, CommandError> {
        let mut command = command.clone();
        match &mut command {
            Command::Sync {} => self.wake(),
            Command::Accept { commit } => {
                let whole = self.accept(commit)?;
                whole.as_str().clone_into(commit);
                tracing::warn!(commit, by, "a person lets a held commit be followed");
            }
            _ => {}
        }
        let command = &command;
        let seats: Vec<(EnvironmentName, Seat)> = {
            let seats = self.inner.environments.lock().unwrap_or_else(PoisonError::into_inner);
            let meant = |name: &&EnvironmentName| command.environment().is_none_or(|meant| meant == *name);
            seats.keys().filter(meant).map(|name| (name.clone(), seats[name].clone())).collect()
        };
        let mut messages = Vec::new();
        let mut environments = BTreeSet::new();
        let mut refusal = None;
        for (_, seat) in seats {
            let (answer, wait) = oneshot::channel();
            let message = Message::Command { command: command.clone(), by: by.to_owned(), answer };
            let gone = || CommandError::Failed("the engine is stopping".to_owned());
            seat.messages.send(message).await.map_err(|_| gone())?;
            match wait.await.map_err(|_| gone())? {
                Ok(answer) => {
                    messages.push(answer.message);
                    environments.extend(answer.environments);
                }
                Err(CommandError::NotFound(words)) => {
                    refusal.get_or_insert(CommandError::NotFound(words));
                }
                Err(error) => refusal = Some(error),
            }
        }
        messages.dedup();
        match (messages.is_empty(), refusal) {
            (false, _) => Ok(Answer { message: messages.join("\n"), environments }),
            (true, Some(error)) => Err(error),
            (true, None) => match command {
                // Nothing was ever in force: nobody keeps the record, and the commit is followed.
                Command::Accept { commit } => {
                    Ok(Answer { message: format!("{commit} is followed"), environments })
                }
                _ => Err(CommandError::NotFound("there is no such environment".to_owned())),
            },
        }
    }
}

/// The engine, ready to run.
pub struct Engine {
    parts: Parts,
    handle: Handle,
    source: watch::Sender<SourceStatus>,
    changed: watch::Sender<u64>,
}

impl Engine {
    /// An engine of these parts. Nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        let (source, status) = watch::channel(SourceStatus::default());
        let (changed, _) = watch::channel(0);
        let inner = Inner {
            environments: Mutex::new(BTreeMap::new()),
            source: status,
            bells: Arc::new(Bells::new(parts.wake.clone())),
            changed: changed.clone(),
            connect: parts.connect.clone(),
            keys: parts.keys.clone(),
        };
        let handle = Handle { inner: Arc::new(inner) };
        Self { parts, handle, source, changed }
    }

    /// What interfaces see of it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until told to stop. Environments that the ledger knows run at once, with or without
    /// Git; new ones as soon as Git names them.
    ///
    /// # Errors
    /// The ledger can't be read or written, or a loop has failed.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EngineError> {
        let Self { parts, handle, source, changed } = self;
        let ledger = parts.ledger.clone();
        let (epoch, known) =
            blocking(move || Ok((next_epoch(ledger.as_ref())?, known_environments(ledger.as_ref())?)))
                .await
                .ok_or(EngineError::Loop)??;
        let mut loops: JoinSet<Result<(), EngineError>> = JoinSet::new();
        let workers = TaskTracker::new();
        let staff = Staff { parts: Arc::new(parts), epoch, stop: stop.clone(), changed, workers };
        let only = staff.parts.only.clone();
        let is_meant = |name: &EnvironmentName| only.as_ref().is_none_or(|only| only == name);
        let mut anchors = BTreeMap::new();
        for name in known.into_iter().filter(is_meant) {
            let planned = staff.seat(&handle, &name, &mut loops).await?;
            // A folder that was applied has no history that a repository could have rewritten.
            let planned = planned.filter(|revision| !revision.branch.is_of_folder());
            anchors.extend(planned.map(|revision| (name, revision)));
        }
        let (news, mut arrivals) = mpsc::unbounded_channel::<(EnvironmentName, SourceRevision)>();
        // A look that brings nothing new may bring a problem: who waits is told of it too.
        let (mut looks, looked) = (handle.inner.source.clone(), staff.changed.clone());
        tokio::spawn(async move {
            while looks.changed().await.is_ok() {
                looked.send_modify(|count| *count += 1);
            }
        });
        let source_stop = stop.clone();
        let source = Source::new(staff.source_parts(anchors), handle.inner.bells.clone(), source);
        let changed = staff.changed.clone();
        loops.spawn(async move {
            let tell = move |name, revision| {
                // The engine reads as long as it runs.
                let _ = news.send((name, revision));
                changed.send_modify(|count| *count += 1);
            };
            source.run(source_stop, tell).await;
            Ok(())
        });
        loop {
            tokio::select! {
                // First: once it is told to stop, loops that end are no fault.
                biased;
                () = stop.cancelled() => break,
                arrival = arrivals.recv() => match arrival {
                    Some((name, revision)) => {
                        staff.seat(&handle, &name, &mut loops).await?;
                        hand_over(&handle, &name, revision).await;
                    }
                    None => return Err(EngineError::Loop),
                },
                ended = loops.join_next() => match ended {
                    Some(Ok(Ok(()))) if stop.is_cancelled() => break,
                    Some(Ok(Err(error))) => return Err(error),
                    _ => return Err(EngineError::Loop),
                },
            }
        }
        while let Some(ended) = loops.join_next().await {
            ended.map_err(|_| EngineError::Loop)??;
        }
        staff.workers.close();
        if tokio::time::timeout(GRACE, staff.workers.wait()).await.is_err() {
            tracing::warn!(workers = staff.workers.len(), "some workers are still writing and are cut off");
        }
        Ok(())
    }
}

async fn hand_over(handle: &Handle, name: &EnvironmentName, revision: SourceRevision) {
    let seat = {
        let seats = handle.inner.environments.lock().unwrap_or_else(PoisonError::into_inner);
        seats.get(name).cloned()
    };
    if let Some(seat) = seat {
        // An environment that has ended is noticed by the engine itself.
        let _ = seat.messages.send(Message::Source(Box::new(revision))).await;
    }
}

/// Does what waits for the disk on a thread of its own. None: it has failed by a fault of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Option<Result<T, LedgerError>> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// A number above every one that the ledger has seen.
fn next_epoch(ledger: &dyn Ledger) -> Result<Epoch, LedgerError> {
    let mut newest = Epoch(0);
    for stream in ledger.streams()? {
        newest = newest.max(ledger.head(&stream)?.1);
    }
    Ok(Epoch(newest.0 + 1))
}

fn known_environments(ledger: &dyn Ledger) -> Result<Vec<EnvironmentName>, LedgerError> {
    let streams = ledger.streams()?;
    let names = streams.iter().filter(|stream| stream.kind() == "environment");
    Ok(names.filter_map(|stream| stream.rest().parse().ok()).collect())
}

/// Starts loops.
struct Staff {
    parts: Arc<Parts>,
    epoch: Epoch,
    stop: CancellationToken,
    changed: watch::Sender<u64>,
    workers: TaskTracker,
}

impl Staff {
    fn source_parts(&self, anchors: BTreeMap<EnvironmentName, Revision>) -> SourceParts {
        let parts = &self.parts;
        SourceParts {
            repository: parts.repository.clone(),
            trunk: parts.trunk.clone(),
            only: parts.only.clone(),
            sources: parts.sources.clone(),
            signers: parts.signers.clone(),
            clock: parts.clock.clone(),
            poll: parts.poll.clone(),
            anchors,
        }
    }

    /// Starts the loop of an environment, unless it runs. Only the engine's own loop calls it. Gives
    /// the revision that it planned last.
    async fn seat(
        &self,
        handle: &Handle,
        name: &EnvironmentName,
        loops: &mut JoinSet<Result<(), EngineError>>,
    ) -> Result<Option<Revision>, EngineError> {
        let seats = || handle.inner.environments.lock().unwrap_or_else(PoisonError::into_inner);
        if seats().contains_key(name) {
            return Ok(None);
        }
        let (messages, inbox) = mpsc::channel(MESSAGES);
        let ports = Ports {
            ledger: self.parts.ledger.clone(),
            clock: self.parts.clock.clone(),
            epoch: self.epoch,
            workers: Box::new(self.workers(messages.clone())),
        };
        let failed = |error| EngineError::Environment(name.clone(), error);
        let of = name.clone();
        let opened = tokio::task::spawn_blocking(move || Environment::open(of, ports)).await;
        let environment = opened.map_err(|_| EngineError::Loop)?.map_err(failed)?;
        let planned = environment.accepted().plan.as_ref().map(|plan| plan.revision.clone());
        let status = environment.status();
        let (mut news, changed) = (status.clone(), self.changed.clone());
        let (stop, of) = (self.stop.clone(), name.clone());
        loops.spawn(async move {
            environment.run(inbox, stop).await.map_err(|error| EngineError::Environment(of, error))
        });
        tokio::spawn(async move {
            while news.changed().await.is_ok() {
                changed.send_modify(|count| *count += 1);
            }
        });
        seats().insert(name.clone(), Seat { messages, status });
        Ok(planned)
    }

    /// What starts and ends the workers of an environment's clusters.
    fn workers(&self, messages: mpsc::Sender<Message>) -> Crew {
        Crew {
            parts: self.parts.clone(),
            stop: self.stop.clone(),
            workers: self.workers.clone(),
            messages,
            running: BTreeMap::new(),
        }
    }
}

/// The workers of one environment's clusters.
struct Crew {
    parts: Arc<Parts>,
    stop: CancellationToken,
    workers: TaskTracker,
    messages: mpsc::Sender<Message>,
    running: BTreeMap<ClusterName, CancellationToken>,
}

impl Workers for Crew {
    fn hire(&mut self, name: &ClusterName, access: &Access, task: watch::Receiver<Task>) {
        self.dismiss(name);
        let token = self.stop.child_token();
        self.running.insert(name.clone(), token.clone());
        self.workers.spawn(worker::run::run(worker::run::Bench {
            name: name.clone(),
            access: access.clone(),
            connect: self.parts.connect.clone(),
            keys: self.parts.keys.clone(),
            task,
            messages: self.messages.clone(),
            stop: token,
        }));
    }

    fn dismiss(&mut self, name: &ClusterName) {
        if let Some(token) = self.running.remove(name) {
            token.cancel();
        }
    }
}
