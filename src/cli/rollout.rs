//! `rollout`: follows and steers rollouts.

use std::time::{Duration, Instant};

use super::args::{self, Rollout};
use super::client::Client;
use super::command::{give, known};
use super::console::{Console, Paint};
use super::failure::{Exit, Failure};
use crate::accepted::Outcome;
use crate::api::RolloutView;
use crate::engine::command::Command;
use crate::engine::history::reason;
use crate::model::{AppKey, EnvironmentName, RolloutId, Timestamp};

/// How often the engine is asked while one waits. It answers from memory.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// The engine does not answer, what is named is not there, or a rollout did not succeed.
pub fn run(command: &Rollout, console: &mut Console) -> Result<(), Failure> {
    match command {
        Rollout::List(args) => list(args, console),
        Rollout::Show(args) => show(args, console),
        Rollout::Status(args) => status(args, console),
        Rollout::Abort(args) => {
            let (client, rollout) = open(args)?;
            give(&client, Command::Abort { rollout }, console)
        }
        Rollout::Retry(args) => {
            let (client, rollout) = open(args)?;
            give(&client, Command::Retry { rollout }, console)
        }
    }
}

fn list(args: &args::List, console: &mut Console) -> Result<(), Failure> {
    let args::Scope { app, environment, client } = &args.scope;
    let client = Client::new(client)?;
    known(&client.status()?, environment.as_ref(), app.as_ref())?;
    let mut views = client.rollouts()?;
    views.retain(|view| belongs(view, environment.as_ref(), app.as_ref()));
    if let Some(form) = args.output.machine() {
        return console.machine(form, &views);
    }
    let mut table = console.table(&["ROLLOUT", "APP", "STATE", "COMMIT", "STARTED", "ENDED", "MESSAGE"]);
    for view in &views {
        let summary = &view.summary;
        table.row([
            summary.id.as_str(),
            &summary.app.to_string(),
            &state(view, console),
            summary.commit.as_ref().map(|commit| commit.short()).unwrap_or_default(),
            &moment(summary.started),
            &summary.ended.map(moment).unwrap_or_default(),
            &message(view),
        ]);
    }
    console.print(&table.text())
}

fn show(args: &args::RolloutShow, console: &mut Console) -> Result<(), Failure> {
    let client = Client::new(&args.on.client)?;
    let view = find(&client, &args.on)?;
    if let Some(form) = args.output.machine() {
        return console.machine(form, &view);
    }
    let summary = &view.summary;
    let state = state(&view, console);
    let lines = [
        ("rollout", summary.id.to_string()),
        ("app", summary.app.to_string()),
        ("environment", summary.environment.to_string()),
        ("strategy", summary.strategy.as_str().to_owned()),
        ("commit", summary.commit.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("digest", summary.part.to_string()),
        ("started", moment(summary.started)),
        ("ended", summary.ended.map(moment).unwrap_or_default()),
        ("state", state),
        ("message", message(&view)),
    ];
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        console.line(format!("{name:<12} {value}"))?;
    }
    let Some(now) = &view.now else { return Ok(()) };
    console.line("")?;
    let mut table = console.table(&["CLUSTER", "NAMESPACE", "STAGE"]);
    for (key, stage) in &now.targets {
        table.row([key.target.cluster.as_str(), key.target.namespace.as_str(), &format!("{stage:?}")]);
    }
    console.print(&table.text())
}

/// Waits until a rollout has ended, saying whatever changes.
fn status(args: &args::RolloutStatus, console: &mut Console) -> Result<(), Failure> {
    let client = Client::new(&args.on.client)?;
    let end = args.timeout.map(|timeout| Instant::now() + timeout);
    let mut view = find(&client, &args.on)?;
    let mut told = String::new();
    loop {
        if let Some(outcome) = &view.summary.outcome {
            return ended(&view, outcome, console);
        }
        let words = waiting(&view);
        if words != told {
            console.line(&words)?;
            told = words;
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            let failure = Failure::no(format!("timed out waiting for the rollout {}", view.summary.id));
            return Err(failure.help("it goes on: ask again, or stop it with `sluice rollout abort`"));
        }
        std::thread::sleep(ASK_EVERY);
        view = client.rollout(view.summary.id.as_str())?;
    }
}

fn ended(view: &RolloutView, outcome: &Outcome, console: &mut Console) -> Result<(), Failure> {
    let (id, app) = (&view.summary.id, &view.summary.app);
    match outcome {
        Outcome::Succeeded | Outcome::Partial(_) => {
            console.line(format!("{app} successfully rolled out ({id})"))
        }
        _ => {
            let state = console.paint(Paint::Bad, &outcome.to_string());
            let reason = reason(outcome);
            let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            console.line(format!("{app} not rolled out ({id}): {state}{because}"))?;
            Err(Failure::silent(Exit::No))
        }
    }
}

fn waiting(view: &RolloutView) -> String {
    let (id, app) = (&view.summary.id, &view.summary.app);
    match &view.now {
        Some(now) => format!("waiting for {app} to roll out ({id}): {}: {}", now.phase, now.message),
        None => format!("waiting for {app} to roll out ({id})"),
    }
}

/// The rollout that is meant: by its id, or an app's newest.
fn find(client: &Client, on: &args::OnRollout) -> Result<RolloutView, Failure> {
    let environment = on.environment.as_ref();
    let Ok(app) = on.rollout.parse::<AppKey>() else {
        let found = client.rollout(&escaped(&on.rollout));
        return found.map_err(|failure| match failure.exit {
            Exit::No => failure.help("`sluice rollout list` has them all; of an app, name tenant/app"),
            _ => failure,
        });
    };
    known(&client.status()?, environment, Some(&app))?;
    let mut views = client.rollouts()?.into_iter().filter(|view| belongs(view, environment, Some(&app)));
    let newest = views.next().ok_or_else(|| Failure::no(format!("{app} was never rolled out")))?;
    let others: Vec<EnvironmentName> = views
        .map(|view| view.summary.environment)
        .filter(|other| *other != newest.summary.environment)
        .collect();
    if environment.is_none() && !others.is_empty() {
        let failure = Failure::usage(format!("{app} is in several environments"));
        return Err(failure.help("name one with --environment"));
    }
    Ok(newest)
}

/// The open rollout that is meant.
fn open(args: &args::OnRollout) -> Result<(Client, RolloutId), Failure> {
    let client = Client::new(&args.client)?;
    let view = find(&client, args)?;
    match &view.summary.outcome {
        None => Ok((client, view.summary.id)),
        Some(outcome) => {
            let id = &view.summary.id;
            Err(Failure::no(format!("the rollout {id} has ended: {outcome}")))
        }
    }
}

/// Anything but the characters of ids would change the path that is asked for.
fn escaped(id: &str) -> String {
    id.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_')).collect()
}

fn belongs(view: &RolloutView, environment: Option<&EnvironmentName>, app: Option<&AppKey>) -> bool {
    environment.is_none_or(|name| *name == view.summary.environment)
        && app.is_none_or(|app| *app == view.summary.app)
}

fn state(view: &RolloutView, console: &Console) -> String {
    match (&view.summary.outcome, &view.now) {
        (Some(outcome @ (Outcome::Succeeded | Outcome::Partial(_))), _) => {
            console.paint(Paint::Good, &outcome.to_string())
        }
        (Some(outcome @ (Outcome::RolledBack(_) | Outcome::Rejected(_))), _) => {
            console.paint(Paint::Bad, &outcome.to_string())
        }
        (Some(outcome), _) => console.paint(Paint::Faint, &outcome.to_string()),
        (None, Some(now)) => console.paint(Paint::Attention, &now.phase),
        (None, None) => "Open".to_owned(),
    }
}

fn message(view: &RolloutView) -> String {
    match (&view.summary.outcome, &view.now) {
        (Some(outcome), _) => reason(outcome),
        (None, Some(now)) => now.message.clone(),
        (None, None) => String::new(),
    }
}

/// A moment for people: UTC, to the second.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
