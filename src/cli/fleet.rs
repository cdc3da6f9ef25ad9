//! A fleet in a folder: read, its environments, compiled without a cluster.

use std::path::Path;

use super::console::Console;
use super::failure::{Exit, Failure};
use crate::compile::{self, Definitions, DesiredState, compile};
use crate::definition::{DeletionBudget, nearest};
use crate::diagnostic::{self, Diagnostic};
use crate::git;
use crate::model::{CommitId, EnvironmentName, Facts, Revision};
use crate::port::TreeLimits;

/// What a folder holds.
pub struct Fleet {
    /// The definitions that could be read.
    pub definitions: Definitions,
    /// What is wrong with the files themselves.
    pub diagnostics: Vec<Diagnostic>,
    /// The environments in order of promotion; none if `sluice.yaml` can't be read.
    pub environments: Vec<EnvironmentName>,
}

impl Fleet {
    /// Reads a folder.
    ///
    /// # Errors
    /// There is no such folder, or it can't be read.
    pub fn read(directory: &Path) -> Result<Self, Failure> {
        let shown = directory.display();
        if !directory.is_dir() {
            return Err(Failure::usage(format!("there is no folder `{shown}`")));
        }
        let read = git::read_directory(directory, TreeLimits::default())
            .map_err(|error| Failure::world(format!("can't read the folder `{shown}`")).because(error))?;
        if !read.refused && !read.tree.files.contains_key("sluice.yaml") {
            let failure = Failure::usage(format!("there is no sluice.yaml in `{shown}`"));
            return Err(failure.help("name the folder of a fleet, or write one with `sluice init`"));
        }
        let (definitions, mut diagnostics) = compile::read(&read.tree);
        diagnostics.extend(read.diagnostics);
        let (fleet, faults) = compile::fleet(&definitions);
        if !read.refused {
            diagnostics.extend(faults);
        }
        let environments = fleet.map(|fleet| fleet.value.environments).unwrap_or_default();
        let environments = environments.into_iter().map(|environment| environment.name).collect();
        diagnostic::sort(&mut diagnostics);
        Ok(Self { definitions, diagnostics, environments })
    }

    /// Compiles an environment as if every branch held what the folder holds.
    pub fn compile(&self, environment: &EnvironmentName, facts: &Facts) -> (DesiredState, Vec<Diagnostic>) {
        compile(&self.definitions, &self.definitions, environment, no_revision(), facts)
    }

    /// What is known of clusters where none is asked.
    pub fn assumed_facts(&self) -> Facts {
        Facts::assumed(&self.definitions)
    }

    /// How much a plan of an environment may delete without an approval.
    pub fn budget(&self, environment: &EnvironmentName) -> DeletionBudget {
        compile::environment_of(&self.definitions, environment)
            .map(|environment| environment.deletion_budget)
            .unwrap_or_default()
    }

    /// The one environment that is meant.
    ///
    /// # Errors
    /// There is none of that name, or none was named and there are several.
    pub fn environment(&self, named: Option<&EnvironmentName>) -> Result<EnvironmentName, Failure> {
        choose(self.environments.iter(), named)
    }

    /// The environments that are meant: the one that is named, or all.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn chosen(&self, named: Option<&EnvironmentName>) -> Result<Vec<EnvironmentName>, Failure> {
        match named {
            Some(_) => Ok(vec![self.environment(named)?]),
            None => Ok(self.environments.clone()),
        }
    }

    /// Diagnostics for people.
    pub fn draw(&self, diagnostics: &[Diagnostic], colour: bool) -> String {
        let source =
            |path: &str| self.definitions.tree.bytes(path).and_then(|bytes| std::str::from_utf8(bytes).ok());
        diagnostic::draw(diagnostics, source, colour)
    }

    /// Says what is wrong beside a result; fails if something of the fleet is refused.
    ///
    /// # Errors
    /// A diagnostic is an error. It has been said.
    pub fn judge(&self, diagnostics: &[Diagnostic], console: &mut Console) -> Result<(), Failure> {
        let errors: Vec<Diagnostic> = diagnostics.iter().filter(|one| one.is_error()).cloned().collect();
        if errors.is_empty() {
            return Ok(());
        }
        console.say(self.draw(&errors, console.err_colour()).trim_end());
        Err(Failure::silent(Exit::No))
    }
}

/// The one of several environments that is meant.
///
/// # Errors
/// There is none of that name, or none was named and there are several.
pub fn choose<'a>(
    known: impl Iterator<Item = &'a EnvironmentName> + Clone,
    named: Option<&EnvironmentName>,
) -> Result<EnvironmentName, Failure> {
    let Some(named) = named else {
        let mut all = known.clone();
        return match (all.next(), all.next()) {
            (Some(only), None) => Ok(only.clone()),
            (None, _) => Err(Failure::no("there is no environment")),
            _ => {
                let names: Vec<&str> = known.map(EnvironmentName::as_str).collect();
                let failure = Failure::usage("there are several environments");
                Err(failure.help(format!("name one with --environment: {}", names.join(", "))))
            }
        };
    };
    if known.clone().any(|name| name == named) {
        return Ok(named.clone());
    }
    let failure = Failure::usage(format!("there is no environment `{named}`"));
    Err(failure.did_you_mean(nearest(named.as_str(), known.map(EnvironmentName::as_str))))
}

/// A folder is no commit. Plans' digests do not cover the revision.
fn no_revision() -> Revision {
    let none = CommitId::new("0".repeat(40)).expect("forty zeros are a commit id");
    Revision { trunk: none.clone(), branch: none, sources: std::collections::BTreeMap::new() }
}
