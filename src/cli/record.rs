//! What the ledger tells, with or without a running engine: `history`, `release list`,
//! `state export`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::args;
use super::console::{Console, Paint};
use super::failure::{Exit, Failure};
use super::{rollout::moment, settings};
use crate::definition::nearest;
use crate::engine::environment::RecordError;
use crate::engine::history::{Entry, environments, history};
use crate::engine::state::read_state;
use crate::ledger::LocalLedger;
use crate::model::{AppKey, BundleDigest, EnvironmentName, TargetKey};
use crate::port::ledger::LedgerError;

/// The ledger, and the environments in it that are meant.
struct Opened {
    ledger: LocalLedger,
    environments: Vec<EnvironmentName>,
}

fn open(args: &args::Client, named: Option<&EnvironmentName>) -> Result<Opened, Failure> {
    let folder = settings::of_client(args)?.ledger_folder();
    let there = folder.try_exists().map_err(|error| {
        Failure::world(format!("the ledger in `{}` can't be read", folder.display())).because(error)
    })?;
    if !there {
        let failure = Failure::usage(format!("there is no ledger in `{}`", folder.display()));
        return Err(failure.help("name the engine's folder with --state-folder"));
    }
    let ledger = LocalLedger::open_read_only(&folder).map_err(unreadable)?;
    let mut known = environments(&ledger).map_err(unreadable)?;
    if named.is_some() {
        let chosen = super::fleet::choose(known.iter(), named)?;
        known.retain(|name| *name == chosen);
    }
    Ok(Opened { ledger, environments: known })
}

fn unreadable(error: LedgerError) -> Failure {
    Failure::world("the ledger can't be read").because(error)
}

fn broken(error: RecordError) -> Failure {
    Failure { exit: Exit::World, ..Failure::world("the ledger can't be read").because(error) }
}

/// `history`
///
/// # Errors
/// There is no ledger, it can't be read, or it does not know what is named.
pub fn tell(args: &args::History, console: &mut Console) -> Result<(), Failure> {
    let scope = &args.list.scope;
    let opened = open(&scope.client, scope.environment.as_ref())?;
    let mut entries: Vec<Entry> = Vec::new();
    for environment in &opened.environments {
        entries.extend(history(&opened.ledger, environment).map_err(broken)?);
    }
    if let Some(app) = &scope.app {
        let apps: BTreeSet<&AppKey> = entries.iter().filter_map(|entry| entry.app.as_ref()).collect();
        check_app(app, &apps)?;
        entries.retain(|entry| entry.app.as_ref() == Some(app));
    }
    entries.sort_by_key(|entry| entry.at);
    let skipped = args.limit.map_or(0, |limit| entries.len().saturating_sub(limit));
    entries.drain(..skipped);
    if let Some(form) = args.list.output.machine() {
        return console.machine(form, &entries);
    }
    let mut table =
        console.table(&["TIME", "ENVIRONMENT", "EVENT", "ABOUT", "COMMIT", "BY", "OUTCOME", "MESSAGE"]);
    for entry in &entries {
        let outcome = entry.outcome.as_deref().unwrap_or_default();
        let paint = if outcome == "Succeeded" { Paint::Good } else { Paint::Bad };
        table.row([
            moment(entry.at).as_str(),
            entry.environment.as_str(),
            &entry.event,
            &about(entry),
            entry.commit.as_ref().map(|commit| commit.short()).unwrap_or_default(),
            entry.by.as_deref().unwrap_or_default(),
            &console.paint(paint, outcome),
            &entry.message,
        ]);
    }
    console.print(&table.text())
}

fn about(entry: &Entry) -> String {
    match (&entry.rollout, &entry.app, &entry.part) {
        (Some(rollout), Some(app), _) => format!("{app} {rollout}"),
        (Some(rollout), None, _) => rollout.to_string(),
        (None, _, Some(part)) => part.to_string(),
        (None, Some(app), None) => app.to_string(),
        (None, None, None) => String::new(),
    }
}

fn check_app(app: &AppKey, known: &BTreeSet<&AppKey>) -> Result<(), Failure> {
    if known.contains(app) {
        return Ok(());
    }
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    let failure = Failure::no(format!("the ledger knows no app {app}"));
    Err(failure.did_you_mean(nearest(&app.to_string(), names.iter().map(String::as_str))))
}

/// What a target holds of an app.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    environment: EnvironmentName,
    app: AppKey,
    target: TargetKey,
    stable: Option<BundleDigest>,
    images: Vec<String>,
    before: Vec<BundleDigest>,
    held: BTreeSet<BundleDigest>,
}

/// `release list`
///
/// # Errors
/// There is no ledger, it can't be read, or it does not know what is named.
pub fn releases(args: &args::List, console: &mut Console) -> Result<(), Failure> {
    let scope = &args.scope;
    let opened = open(&scope.client, scope.environment.as_ref())?;
    let mut rows = Vec::new();
    for environment in &opened.environments {
        let state = read_state(&opened.ledger, environment).map_err(broken)?;
        for (key, here) in &state.accepted.moves {
            let stable = here.allocation.stable;
            let bundle = stable.and_then(|digest| state.bundles.get(&digest));
            let images: BTreeSet<String> =
                bundle.into_iter().flat_map(|bundle| &bundle.objects).flat_map(images).collect();
            rows.push(Held {
                environment: environment.clone(),
                app: key.app.clone(),
                target: key.target.clone(),
                stable,
                images: images.into_iter().collect(),
                before: here.history.iter().copied().filter(|digest| Some(*digest) != stable).collect(),
                held: here.held.clone(),
            });
        }
    }
    if let Some(app) = &scope.app {
        check_app(app, &rows.iter().map(|row| &row.app).collect())?;
        rows.retain(|row| row.app == *app);
    }
    if let Some(form) = args.output.machine() {
        return console.machine(form, &rows);
    }
    let mut table = console.table(&["ENVIRONMENT", "APP", "TARGET", "STABLE", "IMAGES", "BEFORE", "HELD"]);
    for row in &rows {
        let short = |digest: &BundleDigest| super::plan::short(&digest.to_string());
        let held = row.held.iter().map(short).collect::<Vec<_>>().join(" ");
        table.row([
            row.environment.as_str(),
            &row.app.to_string(),
            &row.target.to_string(),
            &row.stable.as_ref().map(short).unwrap_or_default(),
            &row.images.join(" "),
            &row.before.iter().map(short).collect::<Vec<_>>().join(" "),
            &console.paint(Paint::Bad, &held),
        ]);
    }
    console.print(&table.text())
}

/// The images that the pods of an object run.
fn images(object: &crate::model::Manifest) -> Vec<String> {
    let pods = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
    let lists =
        pods.iter().flat_map(|pod| ["containers", "initContainers"].map(|list| format!("{pod}/{list}")));
    lists
        .filter_map(|pointer| object.at(&pointer)?.as_array())
        .flatten()
        .filter_map(|container| container["image"].as_str().map(str::to_owned))
        .collect()
}

/// `state export`
///
/// # Errors
/// There is no ledger, it can't be read, or it does not know the environment.
pub fn export(args: &args::StateExport, console: &mut Console) -> Result<(), Failure> {
    let opened = open(&args.client, args.environment.as_ref())?;
    let environment = super::fleet::choose(opened.environments.iter(), args.environment.as_ref())?;
    let state = read_state(&opened.ledger, &environment).map_err(broken)?;
    console.json(&state)
}
