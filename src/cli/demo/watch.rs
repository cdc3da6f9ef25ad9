//! Waits for what the engine reports, and says meanwhile what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::company;
use super::stage::Stage;
use crate::cli::console::Console;
use crate::cli::failure::Failure;
use crate::engine::environment::{AppStatus, EnvironmentStatus, Sync};
use crate::health::HealthStatus;
use crate::model::EnvironmentName;

/// What the engine reports of every environment.
pub type Statuses = BTreeMap<EnvironmentName, Arc<EnvironmentStatus>>;

/// How often one looks though nothing was reported: a limit is to be noticed, and an engine that
/// has ended.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The shortest time between two lines of progress: they are to be read.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Waits until nothing is missing.
///
/// # Errors
/// Something is still missing at the end of `limit`, or the engine has ended.
pub async fn until(
    stage: &Stage,
    console: &mut Console,
    limit: Duration,
    mut missing: impl FnMut(&Statuses) -> Option<String>,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut changes = stage.handle.changes();
    let mut said = (String::new(), started);
    loop {
        let statuses = stage.handle.environments();
        let Some(words) = missing(&statuses) else { return Ok(()) };
        if stage.has_failed() {
            return Err(Failure::world("the engine has ended"));
        }
        if started.elapsed() >= limit {
            return Err(Failure::no(format!("not done within {} s: {words}", limit.as_secs())));
        }
        if words != said.0 && said.1.elapsed() >= SAY_EVERY {
            console.say(format!("   {:>4} s  {words}", started.elapsed().as_secs()));
            said = (words, Instant::now());
        }
        tokio::select! {
            // It ends with the engine, which is noticed above.
            _ = changes.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What is missing until every environment holds what the heads of its branches ask for; none if
/// nothing is.
pub fn unsettled(stage: &Stage, statuses: &Statuses) -> Option<String> {
    let mut words = Vec::new();
    let mut first = None;
    for (environment, branch) in company::ENVIRONMENTS {
        let Some(status) = statuses.iter().find(|(name, _)| name.as_str() == environment).map(|(_, s)| s)
        else {
            words.push(format!("{environment}: not read yet"));
            continue;
        };
        if status.revision.as_ref().map(|revision| &revision.branch) != stage.company.head(branch) {
            words.push(format!("{environment}: the newest commit is not read yet"));
            continue;
        }
        if let Some((name, _)) = status.clusters.iter().find(|(_, cluster)| !cluster.reachable) {
            words.push(format!("{environment}: {name} has not answered yet"));
            continue;
        }
        let done = status.apps.values().filter(|app| is_well(app)).count();
        let all = stage.apps.max(status.apps.len());
        if done < all || !status.is_steady() {
            words.push(format!("{environment}: {done} of {all} apps"));
            first = first.or_else(|| waiting_app(environment, status));
        }
    }
    if words.is_empty() {
        return None;
    }
    words.extend(first);
    Some(words.join(", "))
}

fn waiting_app(environment: &str, status: &EnvironmentStatus) -> Option<String> {
    let (key, app) = status.apps.iter().find(|(_, app)| !is_well(app))?;
    let why = if app.message.is_empty() { app.health.to_string() } else { app.message.clone() };
    Some(format!("{key} in {environment}: {why}"))
}

/// Whether an app holds what Git asks for and is well.
pub fn is_well(app: &AppStatus) -> bool {
    app.sync == Sync::Synced && app.health == HealthStatus::Healthy
}
