//! `status`: how apps fare, as the engine sees it.

use std::collections::BTreeMap;

use super::args::{self, StatusForm};
use super::client::Client;
use super::console::{Console, Paint};
use super::failure::Failure;
use super::health;
use crate::api::StatusView;
use crate::definition::nearest;
use crate::engine::environment::{AppStatus, EnvironmentStatus, MoveStatus, Sync};
use crate::engine::source::{ProblemKind, SourceStatus};
use crate::model::{AppKey, EnvironmentName, MoveKey};
use crate::rollout::ComponentReport;

/// Runs the command.
///
/// # Errors
/// The engine does not answer, or does not know what is named.
pub fn run(args: &args::Status, console: &mut Console) -> Result<(), Failure> {
    let scope = &args.scope;
    let mut view = Client::new(&scope.client)?.status()?;
    narrow(&mut view, scope.environment.as_ref(), scope.app.as_ref())?;
    if let Some(form) = args.output.machine() {
        return console.machine(form, &view);
    }
    let text = if args.output == StatusForm::Wide { targets(&view, console) } else { apps(&view, console) };
    console.print(&text)?;
    notes(&view, console)
}

/// Leaves only what was asked for.
fn narrow(
    view: &mut StatusView,
    environment: Option<&EnvironmentName>,
    app: Option<&AppKey>,
) -> Result<(), Failure> {
    if let Some(named) = environment {
        let chosen = super::fleet::choose(view.environments.keys(), Some(named))?;
        view.environments.retain(|name, _| *name == chosen);
    }
    let Some(app) = app else { return Ok(()) };
    let known = || view.environments.values().flat_map(|status| status.apps.keys());
    if !known().any(|key| key == app) {
        let names: Vec<String> = known().map(ToString::to_string).collect();
        let failure = Failure::no(format!("there is no app {app}"));
        return Err(failure.did_you_mean(nearest(&app.to_string(), names.iter().map(String::as_str))));
    }
    for status in view.environments.values_mut() {
        status.apps.retain(|key, _| key == app);
        status.rollouts.retain(|_, rollout| rollout.app == *app);
    }
    view.environments.retain(|_, status| !status.apps.is_empty());
    Ok(())
}

fn apps(view: &StatusView, console: &Console) -> String {
    let mut table = console.table(&["ENVIRONMENT", "APP", "SYNC", "HEALTH", "READY", "MESSAGE"]);
    for (environment, key, app) in all(view) {
        let ready = ready(app.moves.values());
        table.row([
            environment.environment.as_str(),
            &key.to_string(),
            &sync(app.sync, console),
            &console.paint(health::paint(app.health), app.health.as_str()),
            &ready,
            &app.message,
        ]);
    }
    table.text()
}

fn targets(view: &StatusView, console: &Console) -> String {
    let headings = [
        "ENVIRONMENT",
        "APP",
        "CLUSTER",
        "NAMESPACE",
        "SYNC",
        "HEALTH",
        "READY",
        "UPDATED",
        "STABLE",
        "DESIRED",
        "MESSAGE",
    ];
    let mut table = console.table(&headings);
    for (environment, key, app) in all(view) {
        for (at, status) in &app.moves {
            let worst = crate::health::HealthStatus::worst(status.components.values().map(|one| one.status));
            let short = |digest: &Option<crate::model::BundleDigest>| {
                digest.map(|digest| super::plan::short(&digest.to_string())).unwrap_or_default()
            };
            table.row([
                environment.environment.as_str(),
                &key.to_string(),
                at.target.cluster.as_str(),
                at.target.namespace.as_str(),
                &sync(app.sync, console),
                &console.paint(health::paint(worst), worst.as_str()),
                &ready(std::iter::once(status)),
                &updated(status),
                &short(&status.stable),
                &short(&status.desired),
                &words(at, status, app),
            ]);
        }
    }
    table.text()
}

fn words(at: &MoveKey, status: &MoveStatus, app: &AppStatus) -> String {
    if let Some(trouble) = &status.trouble {
        return trouble.clone();
    }
    let failed = app.failed.as_ref().filter(|failed| failed.failure.at.as_ref() == Some(at));
    let reported =
        status.components.values().find(|one| !one.message.is_empty()).map(|one| one.message.clone());
    failed.map(|failed| failed.failure.to_string()).or(reported).unwrap_or_default()
}

fn all(view: &StatusView) -> impl Iterator<Item = (&EnvironmentStatus, &AppKey, &AppStatus)> {
    view.environments.values().flat_map(|status| status.apps.iter().map(move |(key, app)| (status, key, app)))
}

/// How many pods serve, of how many that are wanted: old ones too while a release is under way.
fn ready<'a>(moves: impl Iterator<Item = &'a MoveStatus>) -> String {
    of_wanted(moves, |component| component.serving)
}

/// How many pods run what is wanted, of how many that are wanted.
fn updated(status: &MoveStatus) -> String {
    of_wanted(std::iter::once(status), |component| component.updated)
}

fn of_wanted<'a>(
    moves: impl Iterator<Item = &'a MoveStatus>,
    count: impl Fn(&ComponentReport) -> u32,
) -> String {
    let (mut counted, mut wanted) = (0_u64, 0_u64);
    for component in moves.flat_map(|status| status.components.values()) {
        counted += u64::from(count(component));
        wanted += u64::from(component.wanted);
    }
    format!("{counted}/{wanted}")
}

fn sync(sync: Sync, console: &Console) -> String {
    let paint = match sync {
        Sync::Synced => Paint::Good,
        Sync::Syncing | Sync::Waiting => Paint::Attention,
        Sync::RolledBack | Sync::Refused => Paint::Bad,
        Sync::Suspended => Paint::Faint,
    };
    console.paint(paint, &format!("{sync:?}"))
}

/// Why something that Git says is not in force, since when, and what comes next.
fn source_notes(source: &SourceStatus) -> Vec<String> {
    let fleet = std::iter::once(("the repository".to_owned(), &source.fleet));
    let tenants = source.tenants.iter();
    let tenants = tenants.map(|(tenant, repository)| (format!("the repository of {tenant}"), repository));
    let mut notes = Vec::new();
    for (name, repository) in fleet.chain(tenants) {
        for problem in &repository.problems {
            let since = super::rollout::moment(problem.since);
            let next = match (problem.kind, repository.next_look) {
                (ProblemKind::Unreachable | ProblemKind::Misconfigured, Some(next)) => {
                    format!(", tried again at {}", super::rollout::moment(next))
                }
                _ => String::new(),
            };
            let (kind, message) = (problem.kind, &problem.message);
            notes.push(format!("{name}: {kind:?} since {since}{next}: {message}"));
        }
    }
    notes
}

/// What else a person should know, on standard error.
fn notes(view: &StatusView, console: &mut Console) -> Result<(), Failure> {
    let mut notes: BTreeMap<String, ()> = BTreeMap::new();
    for note in source_notes(&view.source) {
        notes.insert(note, ());
    }
    for (name, status) in &view.environments {
        for (cluster, status) in status.clusters.iter().filter(|(_, status)| !status.reachable) {
            let message = status.message.as_deref().unwrap_or("no answer");
            notes.insert(format!("the cluster {cluster} does not answer: {message}"), ());
        }
        let errors = status.diagnostics.iter().filter(|one| one.is_error()).count();
        if errors > 0 {
            let counted = super::validate::counted(errors, "fault");
            notes.insert(
                format!("{counted} in what Git says of {name}: sluice status -o json, or validate"),
                (),
            );
        }
    }
    for note in notes.keys() {
        console.say(format!("note: {note}"));
    }
    Ok(())
}
