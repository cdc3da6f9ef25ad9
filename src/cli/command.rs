//! Commands that a running engine carries out: `sync`, `suspend`, `resume`, `release hold|unhold`,
//! `plan approve`, `rollout abort|retry`.

use std::time::{Duration, Instant};

use super::args;
use super::client::Client;
use super::console::Console;
use super::failure::{Exit, Failure};
use crate::api::StatusView;
use crate::definition::nearest;
use crate::engine::command::Command;
use crate::engine::source::SourceStatus;
use crate::model::{AppKey, EnvironmentName, TenantName};

/// How long `sync` waits for the look: as long as a slow fetch takes before it is given up.
const LOOK: Duration = Duration::from_secs(60);

/// How often the engine is asked meanwhile. It answers from memory.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// `sync`: asks for a look, and waits until what was seen is what environments work on.
///
/// # Errors
/// The engine does not answer, or can't read the repository.
pub fn sync(args: &args::Sync, console: &mut Console) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let before = client.status()?.source;
    if let Some(commit) = &args.accept {
        give(&client, Command::Accept { commit: commit.clone() }, console)?;
    }
    match client.command(Command::Sync {}) {
        Ok(_) => {}
        // Before Git was read for the first time there is nobody else to ask.
        Err(failure) if failure.exit == Exit::No => {}
        Err(failure) => return Err(failure),
    }
    let end = Instant::now() + LOOK;
    loop {
        let status = client.status()?;
        if has_looked(&before, &status.source) {
            if let Some(problem) = status.source.fleet.problem() {
                return Err(Failure::world("the repository can't be read").because(problem));
            }
            if is_taken_in(&status) {
                for (branch, commit) in &status.source.fleet.heads {
                    console.line(format!("{branch} {commit}"))?;
                }
                return tenants(&status.source, console);
            }
        }
        if Instant::now() >= end {
            return Err(Failure::world(format!("the engine has not looked within {} s", LOOK.as_secs())));
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// Whether every repository was looked at since.
fn has_looked(before: &SourceStatus, now: &SourceStatus) -> bool {
    let looks =
        |status: &SourceStatus, tenant: &TenantName| status.tenants.get(tenant).map_or(0, |it| it.looks);
    now.fleet.looks > before.fleet.looks
        && now.tenants.keys().all(|tenant| looks(now, tenant) > looks(before, tenant))
}

/// Prints the heads of tenants' own repositories. One that can't be read is said and is no failure of
/// the others.
fn tenants(status: &SourceStatus, console: &mut Console) -> Result<(), Failure> {
    let mut failed = None;
    for (tenant, repository) in &status.tenants {
        for (branch, commit) in &repository.heads {
            console.line(format!("{tenant} {branch} {commit}"))?;
        }
        if let Some(problem) = repository.problem() {
            failed.get_or_insert_with(|| {
                Failure::world(format!("the repository of {tenant} can't be read")).because(problem)
            });
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Whether every environment works on heads as they were last read.
fn is_taken_in(status: &StatusView) -> bool {
    let heads: Vec<_> = status.source.fleet.heads.values().collect();
    let revisions = status.environments.values().map(|environment| environment.revision.as_ref());
    revisions.into_iter().all(|revision| {
        revision.is_some_and(|revision| {
            let own = revision.sources.iter().all(|(tenant, commit)| {
                let known = status.source.tenants.get(tenant);
                known.is_none_or(|repository| repository.heads.values().any(|head| head == commit))
            });
            own && heads.contains(&&revision.branch) && heads.contains(&&revision.trunk)
        })
    })
}

/// What is done with an app.
#[derive(Debug, Clone, Copy)]
pub enum Verb {
    /// `suspend`
    Suspend,
    /// `resume`
    Resume,
    /// `release hold`
    Hold,
    /// `release unhold`
    Unhold,
}

/// A command on an app.
///
/// # Errors
/// The engine does not answer or refuses.
pub fn on_app(verb: Verb, args: &args::OnApp, console: &mut Console) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    known(&client.status()?, args.environment.as_ref(), Some(&args.app))?;
    let (app, environment) = (args.app.clone(), args.environment.clone());
    let command = match verb {
        Verb::Suspend => Command::Suspend { app, environment },
        Verb::Resume => Command::Resume { app, environment },
        Verb::Hold => Command::Hold { app, environment },
        Verb::Unhold => Command::Unhold { app, environment },
    };
    give(&client, command, console)
}

/// `plan approve`
///
/// # Errors
/// The engine does not answer or refuses.
pub fn approve(args: &args::PlanApprove, console: &mut Console) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let status = client.status()?;
    let environment = super::fleet::choose(status.environments.keys(), args.environment.as_ref())?;
    let parts: Vec<String> = status.environments[&environment]
        .pending
        .iter()
        .flat_map(|plan| plan.parts.iter().map(|part| part.key.to_string()))
        .collect();
    let part = args.part.to_string();
    if !parts.contains(&part) {
        let failure = Failure::no(format!("the plan of {environment} has no part {part}"));
        return Err(failure.did_you_mean(nearest(&part, parts.iter().map(String::as_str))));
    }
    let command = Command::Approve { environment, part: args.part.clone(), digest: args.digest };
    give(&client, command, console)
}

/// Gives a command and prints the answer.
///
/// # Errors
/// The engine does not answer or refuses.
pub fn give(client: &Client, command: Command, console: &mut Console) -> Result<(), Failure> {
    let answer = client.command(command)?;
    console.line(answer.message)
}

/// Checks that names are known, so that a misspelt one is answered with the one that is meant.
///
/// # Errors
/// The engine does not know one.
pub fn known(
    status: &StatusView,
    environment: Option<&EnvironmentName>,
    app: Option<&AppKey>,
) -> Result<(), Failure> {
    if let Some(environment) = environment {
        super::fleet::choose(status.environments.keys(), Some(environment))?;
    }
    let Some(app) = app else { return Ok(()) };
    let apps: std::collections::BTreeSet<&AppKey> =
        status.environments.values().flat_map(|environment| environment.apps.keys()).collect();
    if apps.contains(app) {
        return Ok(());
    }
    let names: Vec<String> = apps.iter().map(ToString::to_string).collect();
    let failure = Failure::no(format!("there is no app {app}"));
    Err(failure.did_you_mean(nearest(&app.to_string(), names.iter().map(String::as_str))))
}
