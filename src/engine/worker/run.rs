//! The loop around a worker: when it passes, and what it does when its cluster is away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Report, Worker};
use crate::artifact::Keys;
use crate::definition::Access;
use crate::diagnostic::with_causes;
use crate::engine::environment::{Message, Task};
use crate::model::{ClusterName, Owner, TargetKey};
use crate::port::cluster::{Cluster, ClusterError, Connect};

/// How often a worker passes and reports though nothing has woken it: an event that was lost is
/// made good within this time. A third of the silence after which a target counts as away.
const LEVEL: Duration = Duration::from_secs(30);

/// How soon a worker passes again when something may come to more by itself.
const AGAIN: Duration = Duration::from_secs(2);

/// How long wake-ups are gathered before a pass: a Deployment's rollout sends several in a burst.
const GATHER: Duration = Duration::from_millis(20);

/// How long to wait after a cluster did not answer: doubled with each failure.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How often a cluster is asked again what it serves, beside when somebody asks to look: an app
/// waits so long at most after the kind that it lacks was installed.
const DISCOVER_EVERY: Duration = Duration::from_secs(60);

/// What the loop of a worker is given.
pub struct Bench {
    /// The cluster's name.
    pub name: ClusterName,
    /// How it is reached.
    pub access: Access,
    /// Makes clients.
    pub connect: Arc<dyn Connect>,
    /// Opens secrets.
    pub keys: Arc<Keys>,
    /// What the cluster must hold: always the newest.
    pub task: watch::Receiver<Task>,
    /// Where reports go.
    pub messages: mpsc::Sender<Message>,
    /// Ends the loop between two passes.
    pub stop: CancellationToken,
}

/// Runs a worker until it is told to stop or its environment is gone. A cluster that does not
/// answer is asked again and again, ever more slowly; nothing is lost meanwhile.
pub async fn run(mut bench: Bench) {
    let mut failures = 0_u32;
    while !bench.stop.is_cancelled() {
        let failed = match work(&mut bench, &mut failures).await {
            Ok(()) => return,
            Err(error) => error,
        };
        if bench.stop.is_cancelled() {
            return;
        }
        tracing::warn!(cluster = %bench.name, error = %failed, "the cluster can't be worked on");
        let message = Message::Cluster(bench.name.clone(), Err(failed));
        if bench.messages.send(message).await.is_err() {
            return;
        }
        let wait = FIRST_RETRY.saturating_mul(1 << failures.min(10)).min(LAST_RETRY);
        failures += 1;
        tokio::select! {
            () = bench.stop.cancelled() => return,
            () = tokio::time::sleep(jitter(&bench.name, failures, wait)) => {}
        }
    }
}

/// A wait that differs from cluster to cluster, between three quarters of it and the whole.
fn jitter(name: &ClusterName, round: u32, wait: Duration) -> Duration {
    let digest = crate::model::sha256(format!("{name} {round}").as_bytes()).to_hex();
    let share = u32::from_str_radix(&digest[..4], 16).unwrap_or_default();
    wait.mul_f64(0.75 + 0.25 * f64::from(share) / f64::from(0xffff_u32))
}

async fn work(bench: &mut Bench, failures: &mut u32) -> Result<(), String> {
    let cluster = bench.connect.connect(&bench.name, &bench.access).map_err(|error| with_causes(&error))?;
    let facts = discover(bench, cluster.as_ref()).await.map_err(|error| with_causes(&error))?;
    let mut worker = Worker::new(bench.name.clone(), cluster.clone(), bench.keys.clone(), facts);
    let mut discovered = tokio::time::Instant::now();
    let mut told: BTreeMap<(TargetKey, Owner), Report> = BTreeMap::new();
    let mut level = true;
    let mut whole = true;
    let mut next_level = discovered + LEVEL;
    let mut looked = bench.task.borrow().look;
    let mut seen = None;
    loop {
        let task = bench.task.borrow_and_update().clone();
        let reports = match whole {
            true => worker.pass(&task.share, &task.bundles).await,
            false => worker.pass_over_changes(&task.share, &task.bundles).await,
        };
        let reports = reports.map_err(|error| with_causes(&error))?;
        // One owner's request that got no answer says little of the cluster: all are asked then.
        let doubt = reports.iter().any(|report| report.unreachable);
        if whole && let Some(error) = away(&reports) {
            return Err(error);
        }
        *failures = 0;
        let wait = match reports.iter().any(|report| report.again) {
            true => next_level.min(tokio::time::Instant::now() + AGAIN),
            false => next_level,
        };
        let news: Vec<Report> = reports
            .into_iter()
            .filter(|report| {
                let key = (report.target.clone(), report.owner.clone());
                let same = told.get(&key).is_some_and(|last| last.says_the_same(report));
                told.insert(key, report.clone());
                level || !same || report.admitted.is_some()
            })
            .collect();
        if !news.is_empty() || level || seen != Some(task.number) {
            seen = Some(task.number);
            let message = Message::Reports { cluster: bench.name.clone(), task: task.number, reports: news };
            if bench.messages.send(message).await.is_err() {
                return Ok(());
            }
        }
        level = tokio::select! {
            () = bench.stop.cancelled() => return Ok(()),
            changed = bench.task.changed() => match changed {
                Ok(()) => false,
                Err(_) => return Ok(()),
            },
            () = cluster.changed() => false,
            () = tokio::time::sleep_until(wait) => false,
        };
        tokio::time::sleep(GATHER).await;
        // Events alone must not put it off: who listens takes silence for absence.
        level |= tokio::time::Instant::now() >= next_level;
        if level {
            next_level = tokio::time::Instant::now() + LEVEL;
        }
        let asked = std::mem::replace(&mut looked, bench.task.borrow().look) != looked;
        whole = level || asked || doubt;
        if asked || discovered.elapsed() >= DISCOVER_EVERY || (level && unknown_kind(&told)) {
            worker.learn(discover(bench, cluster.as_ref()).await.map_err(|error| with_causes(&error))?);
            discovered = tokio::time::Instant::now();
        }
    }
}

async fn discover(bench: &Bench, cluster: &dyn Cluster) -> Result<crate::model::ClusterFacts, ClusterError> {
    let discovery = cluster.discover().await?;
    if !discovery.unanswered.is_empty() {
        tracing::warn!(cluster = %bench.name, groups = ?discovery.unanswered, "some API groups do not answer");
    }
    let message = Message::Cluster(bench.name.clone(), Ok(discovery.facts.clone()));
    // Who is gone needs no answer; the next report finds out.
    let _ = bench.messages.send(message).await;
    Ok(discovery.facts)
}

/// The words of a report that could not reach the cluster.
fn away(reports: &[Report]) -> Option<String> {
    let away =
        reports.iter().filter(|report| report.unreachable).find_map(|report| report.evidence.trouble.clone());
    away.filter(|_| reports.iter().all(|report| report.unreachable || report.evidence.components.is_empty()))
}

fn unknown_kind(told: &BTreeMap<(TargetKey, Owner), Report>) -> bool {
    told.values().any(|report| {
        report.evidence.trouble.as_deref().is_some_and(|trouble| trouble.contains("does not serve this kind"))
    })
}
