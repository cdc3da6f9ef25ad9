//! `validate`: every fault of a fleet at once, with no cluster asked.

use super::args;
use super::console::{Console, Paint};
use super::failure::{Exit, Failure};
use super::fleet::Fleet;
use crate::diagnostic::{self, Diagnostic};

/// Runs the command.
///
/// # Errors
/// The folder can't be read, or something in it is refused.
pub fn run(args: &args::Validate, console: &mut Console) -> Result<(), Failure> {
    let fleet = Fleet::read(&args.directory)?;
    let facts = fleet.assumed_facts();
    let mut diagnostics = fleet.diagnostics.clone();
    let mut apps = std::collections::BTreeSet::new();
    for environment in &fleet.environments {
        let (desired, found) = fleet.compile(environment, &facts);
        diagnostics.extend(found);
        apps.extend(desired.apps.into_keys());
    }
    diagnostic::sort(&mut diagnostics);
    match args.output.machine() {
        Some(form) => console.machine(form, &diagnostics)?,
        None => {
            if !diagnostics.is_empty() {
                console.print(&fleet.draw(&diagnostics, console.colour()))?;
            }
            console.line(summary(&fleet, apps.len(), &diagnostics, console))?;
        }
    }
    if diagnostics.iter().any(Diagnostic::is_error) { Err(Failure::silent(Exit::No)) } else { Ok(()) }
}

fn summary(fleet: &Fleet, apps: usize, diagnostics: &[Diagnostic], console: &Console) -> String {
    let errors = diagnostics.iter().filter(|one| one.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let counted = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    if errors > 0 {
        return console.paint(Paint::Bad, &format!("invalid: {counted}"));
    }
    let clusters = fleet.definitions.clusters.len();
    let good = console.paint(Paint::Good, "valid");
    let held = [
        self::counted(fleet.environments.len(), "environment"),
        self::counted(clusters, "cluster"),
        self::counted(fleet.definitions.tenants.len(), "tenant"),
        self::counted(apps, "app"),
    ];
    format!("{good}: {}; {counted}", held.join(", "))
}

/// `1 app`, `2 apps`.
pub fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}
