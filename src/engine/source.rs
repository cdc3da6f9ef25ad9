//! The source loop: what Git says, read and handed to each environment.
//!
//! What can't be fetched or read leaves every environment with what it had. History that was
//! rewritten is not followed: that would be a silent rollback.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::environment::SourceRevision;
use crate::compile::{self, Definitions};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::with_causes;
use crate::git::{Poll, Wake};
use crate::model::{CommitId, EnvironmentName, Revision};
use crate::port::{HeadChange, Repository};

/// How the source stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceStatus {
    /// The head of each branch as last read.
    pub heads: BTreeMap<String, CommitId>,
    /// Why the last look brought nothing, if it did not.
    pub problem: Option<String>,
    /// How often the source was looked at.
    pub looks: u64,
}

/// A branch as last read.
struct Branch {
    commit: CommitId,
    definitions: Arc<Definitions>,
    diagnostics: Vec<Diagnostic>,
    /// The files as parsed, for the next commit.
    files: compile::Files,
}

/// The loop's state.
pub struct Source {
    repository: Arc<dyn Repository>,
    trunk: String,
    only: Option<EnvironmentName>,
    branches: BTreeMap<String, Branch>,
    told: BTreeMap<EnvironmentName, Revision>,
    status: watch::Sender<SourceStatus>,
}

impl Source {
    /// A source that was never looked at; of one environment, or of all.
    pub fn new(repository: Arc<dyn Repository>, trunk: String, only: Option<EnvironmentName>) -> Self {
        let (status, _) = watch::channel(SourceStatus::default());
        Self { repository, trunk, only, branches: BTreeMap::new(), told: BTreeMap::new(), status }
    }

    /// How the source stands.
    pub fn status(&self) -> watch::Receiver<SourceStatus> {
        self.status.subscribe()
    }

    /// Looks until told to stop: at once, when woken, and by the timer. Blocking work runs on a
    /// thread of its own.
    pub async fn run(
        mut self,
        mut poll: Poll,
        wake: Wake,
        stop: CancellationToken,
        mut tell: impl FnMut(EnvironmentName, SourceRevision) + Send,
    ) {
        loop {
            let looked = tokio::task::spawn_blocking(move || {
                let news = self.look();
                (self, news)
            });
            let Ok((source, news)) = looked.await else {
                tracing::error!("the source loop has failed");
                return;
            };
            self = source;
            match news {
                Ok(news) => {
                    poll.succeeded();
                    for (environment, revision) in news {
                        tell(environment, revision);
                    }
                }
                Err(problem) => {
                    poll.failed();
                    tracing::warn!(%problem, "the source can't be read");
                    self.status.send_modify(|status| {
                        status.problem = Some(problem);
                        status.looks += 1;
                    });
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = poll.next(&wake) => {}
            }
        }
    }

    /// One look: fetch, read what moved, and say what each environment gets.
    ///
    /// # Errors
    /// The repository can't be fetched or the trunk can't be read, in words for people.
    pub fn look(&mut self) -> Result<Vec<(EnvironmentName, SourceRevision)>, String> {
        let mut wanted: Vec<String> = self.branches.keys().cloned().collect();
        if !wanted.contains(&self.trunk) {
            wanted.push(self.trunk.clone());
        }
        self.repository.fetch(&wanted).map_err(|error| with_causes(&error))?;
        let trunk = self.trunk.clone();
        self.read_branch(&trunk)?;
        let Some(platform) = self.branches.get(&trunk) else { return Err(format!("no branch {trunk}")) };
        let (fleet, faults) = compile::fleet(&platform.definitions);
        let Some(fleet) = fleet else {
            let first = faults.first().map(line);
            return Err(
                first.unwrap_or_else(|| format!("there is no sound sluice.yaml on the branch {trunk}"))
            );
        };
        let mut news = Vec::new();
        let mut problems = Vec::new();
        let environments = fleet.value.environments;
        if let Some(only) = &self.only
            && !environments.iter().any(|environment| environment.name == *only)
        {
            let known: Vec<&str> = environments.iter().map(|environment| environment.name.as_str()).collect();
            return Err(format!("the fleet has no environment `{only}`, but {}", known.join(", ")));
        }
        let meant = |name: &EnvironmentName| self.only.as_ref().is_none_or(|only| only == name);
        let environments: Vec<_> =
            environments.into_iter().filter(|environment| meant(&environment.name)).collect();
        for environment in environments {
            match self.environment(&environment.name, &environment.branch) {
                Ok(Some(revision)) => news.push((environment.name, revision)),
                Ok(None) => {}
                Err(problem) => problems.push(format!("{}: {problem}", environment.name)),
            }
        }
        let heads =
            self.branches.iter().map(|(name, branch)| (name.clone(), branch.commit.clone())).collect();
        self.status.send_modify(|status| {
            status.heads = heads;
            status.problem = (!problems.is_empty()).then(|| problems.join("; "));
            status.looks += 1;
        });
        Ok(news)
    }

    fn environment(
        &mut self,
        name: &EnvironmentName,
        branch: &str,
    ) -> Result<Option<SourceRevision>, String> {
        if branch != self.trunk {
            if !self.branches.contains_key(branch) {
                self.repository.fetch(&[branch.to_owned()]).map_err(|error| with_causes(&error))?;
            }
            self.read_branch(branch)?;
        }
        let (Some(platform), Some(own)) = (self.branches.get(&self.trunk), self.branches.get(branch)) else {
            return Ok(None);
        };
        let revision =
            Revision { trunk: platform.commit.clone(), branch: own.commit.clone(), sources: BTreeMap::new() };
        if self.told.get(name) == Some(&revision) {
            return Ok(None);
        }
        self.told.insert(name.clone(), revision.clone());
        let mut diagnostics = own.diagnostics.clone();
        if branch != self.trunk {
            let is_platform = |d: &&Diagnostic| !d.place.path.starts_with("tenants/");
            diagnostics.retain(|d| d.place.path.starts_with("tenants/"));
            diagnostics.extend(platform.diagnostics.iter().filter(is_platform).cloned());
        }
        Ok(Some(SourceRevision {
            revision,
            definitions: own.definitions.clone(),
            platform: platform.definitions.clone(),
            diagnostics,
        }))
    }

    /// Reads a branch again if it moved on. One that went away or back stays as it was read.
    fn read_branch(&mut self, branch: &str) -> Result<(), String> {
        let commit = match self.branches.get(branch) {
            None => self.repository.head(branch).map_err(|error| with_causes(&error))?,
            Some(known) => {
                let change = self
                    .repository
                    .head_change(branch, &known.commit)
                    .map_err(|error| with_causes(&error))?;
                match change {
                    HeadChange::Same => return Ok(()),
                    HeadChange::FastForward(commit) => commit,
                    HeadChange::Gone => {
                        return Err(format!(
                            "SourceMissing: the branch {branch} is gone; what it said at {} stays in force",
                            known.commit.short()
                        ));
                    }
                    HeadChange::Diverged(commit) => {
                        return Err(format!(
                            "the history of the branch {branch} was rewritten: {} does not follow {}, which stays \
                             in force; push a commit on top of it, or restart the engine to follow the new history",
                            commit.short(),
                            known.commit.short()
                        ));
                    }
                }
            }
        };
        let read = self.repository.read_tree(&commit).map_err(|error| with_causes(&error))?;
        if read.refused {
            let first = read.diagnostics.first().map(line).unwrap_or_default();
            return Err(format!("the commit {} on {branch} is refused: {first}", commit.short()));
        }
        let mut files = self.branches.remove(branch).map(|known| known.files).unwrap_or_default();
        let (definitions, mut diagnostics) = compile::read_with(&mut files, &read.tree);
        diagnostics.extend(read.diagnostics);
        let definitions = Arc::new(definitions);
        self.branches.insert(branch.to_owned(), Branch { commit, definitions, diagnostics, files });
        Ok(())
    }
}

/// A diagnostic in one line.
fn line(diagnostic: &Diagnostic) -> String {
    let place = &diagnostic.place;
    format!("{}:{}: {} ({})", place.path, place.line, diagnostic.message, diagnostic.code)
}
