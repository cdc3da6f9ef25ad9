//! `plan`: what a commit would change, and the word that some of it waits for.
//!
//! With a folder nothing but files is read: what was accepted comes from `--state`, or nothing was.
//! Without one the running engine is asked for the plan as it stands.

mod text;

use std::collections::BTreeMap;
use std::path::Path;

use super::args::{self, PlanForm};
use super::client::Client;
use super::console::Console;
use super::failure::Failure;
use super::fleet::Fleet;
use crate::accepted::Accepted;
use crate::model::EnvironmentName;
use crate::plan::{Changes, Planning, State, plan};
use crate::wanted::Bundles;

use text::View;

/// The largest state that is read.
const STATE_BYTES: u64 = 1 << 30;

/// The digits of a digest that people compare by eye.
const DIGITS: usize = 12;

/// The beginning of a digest, for people.
pub fn short(digest: &str) -> String {
    let plain = digest.rsplit(':').next().unwrap_or(digest);
    plain.chars().take(DIGITS).collect()
}

/// Runs the command.
///
/// # Errors
/// What is named is not there, the engine does not answer, or something of the fleet is refused.
pub fn run(args: &args::Plan, console: &mut Console) -> Result<(), Failure> {
    match (&args.command, &args.show.directory) {
        (Some(args::PlanCommand::Approve(approve)), _) => super::command::approve(approve, console),
        (None, Some(directory)) => offline(directory, &args.show, console),
        (None, None) => pending(&args.show, console),
    }
}

fn offline(directory: &Path, args: &args::PlanShow, console: &mut Console) -> Result<(), Failure> {
    let fleet = Fleet::read(directory)?;
    let state = match &args.state {
        Some(path) => read_state(path)?,
        None => {
            let environment = fleet_environment(&fleet, args.environment.as_ref(), console)?;
            console.say("note: without --state everything is new");
            let (accepted, bundles) = (Accepted::default(), Bundles::new());
            State { environment, accepted, bundles, facts: fleet.assumed_facts() }
        }
    };
    if let Some(named) = args.environment.as_ref().filter(|named| **named != state.environment) {
        let held = &state.environment;
        return Err(Failure::usage(format!("the state is that of the environment {held}, not of {named}")));
    }
    let environment = fleet_environment(&fleet, Some(&state.environment), console)?;
    let (desired, found) = fleet.compile(&environment, &state.facts);
    let budget = fleet.budget(&environment);
    let planning = Planning { accepted: &state.accepted, bundles: &state.bundles, budget: &budget };
    let plan = plan(&planning, &desired);
    let changes: BTreeMap<_, _> =
        plan.parts.iter().map(|part| (part.key.clone(), Changes::of(part, &state, &desired))).collect();
    print(&View { plan: &plan, changes, admissions: &[] }, args.output, console)?;
    let mut diagnostics = fleet.diagnostics.clone();
    diagnostics.extend(found);
    fleet.judge(&diagnostics, console)
}

/// The environment that is meant. Where `sluice.yaml` itself is wrong, that is what is said.
fn fleet_environment(
    fleet: &Fleet,
    named: Option<&EnvironmentName>,
    console: &mut Console,
) -> Result<EnvironmentName, Failure> {
    if fleet.environments.is_empty() {
        fleet.judge(&fleet.diagnostics, console)?;
    }
    fleet.environment(named)
}

fn pending(args: &args::PlanShow, console: &mut Console) -> Result<(), Failure> {
    let client = Client::new(&args.client)?;
    let environment = client.environment(args.environment.as_ref())?;
    let pending = client.plan(&environment)?;
    let Some(plan) = &pending.plan else {
        return match args.output.machine() {
            Some(form) => console.machine(form, &serde_json::Value::Null),
            None => {
                console.line("nothing is planned yet: Git was not read, or not every cluster has answered")
            }
        };
    };
    let view = View { plan, changes: pending.changes, admissions: &pending.admissions };
    print(&view, args.output, console)
}

fn print(view: &View<'_>, form: PlanForm, console: &mut Console) -> Result<(), Failure> {
    match form {
        PlanForm::Json => console.json(view.plan),
        PlanForm::Yaml => console.yaml(view.plan),
        PlanForm::Table => console.print(&view.table(console)),
        PlanForm::Diff => console.print(&view.diff(console.colour())),
        PlanForm::Markdown => console.print(&view.markdown()),
    }
}

fn read_state(path: &str) -> Result<State, Failure> {
    let bytes = super::objects::read_bytes(path, STATE_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let failure = Failure::usage(format!("`{path}` is no state")).because(error);
        failure.help("`sluice state export` writes one")
    })
}
