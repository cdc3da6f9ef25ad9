//! Commands of people to an environment.

use std::collections::{BTreeMap, BTreeSet};

use super::Environment;
use crate::accepted::EnvironmentEvent;
use crate::compile::Desired;
use crate::engine::command::{Answer, Command, CommandError};
use crate::model::{AppKey, ApprovalNeed, ObjectKey, PartDigest, PartKey, RolloutId, TargetKey};
use crate::plan::Admission;
use crate::rollout::{self, Event, Phase};

impl Environment {
    pub(super) fn command(&mut self, command: &Command, by: &str) -> Result<Answer, CommandError> {
        let message = match command {
            Command::Sync {} => {
                self.look += 1;
                self.stale = true;
                "looking now".to_owned()
            }
            Command::Accept { commit } => {
                self.write(&EnvironmentEvent::CommitAccepted { commit: commit.clone(), by: by.to_owned() })?;
                format!("{commit} is followed from the next look on")
            }
            Command::Suspend { app, .. } => {
                self.known(app)?;
                self.write(&EnvironmentEvent::Suspended { app: app.clone(), by: by.to_owned() })?;
                format!("{app} is suspended: nothing of it is written until `sluice resume {app}`")
            }
            Command::Resume { app, .. } => {
                if !self.accepted.suspended.contains_key(app) {
                    return Err(CommandError::Refused(format!("{app} is not suspended")));
                }
                self.thaw(app)
                    .map_err(|error| CommandError::Failed(crate::diagnostic::with_causes(&error)))?;
                self.write(&EnvironmentEvent::Resumed { app: app.clone(), by: by.to_owned() })?;
                format!("{app} goes on")
            }
            Command::Abort { rollout } => self.command_rollout(rollout, rollout::Command::Abort, by)?,
            Command::Retry { rollout } => self.command_rollout(rollout, rollout::Command::Retry, by)?,
            Command::Hold { app, .. } => self.hold(app, by)?,
            Command::Unhold { app, .. } => self.unhold(app, by)?,
            Command::Approve { part, digest, .. } => self.approve(part, *digest, by)?,
        };
        Ok(Answer { message, environments: BTreeSet::from([self.name.clone()]) })
    }

    fn write(&mut self, event: &EnvironmentEvent) -> Result<(), CommandError> {
        self.append(event).map_err(|error| CommandError::Failed(crate::diagnostic::with_causes(&error)))
    }

    fn known(&self, app: &AppKey) -> Result<(), CommandError> {
        let desired = self.compiled.as_ref().is_some_and(|compiled| compiled.desired.apps.contains_key(app));
        if desired || self.accepted.moves_of(app).next().is_some() {
            return Ok(());
        }
        Err(CommandError::NotFound(format!("there is no app {app} in {}", self.name)))
    }

    fn command_rollout(
        &mut self,
        id: &RolloutId,
        command: rollout::Command,
        by: &str,
    ) -> Result<String, CommandError> {
        let Some(driver) = self.rollouts.get(id) else {
            return Err(CommandError::NotFound(format!("there is no open rollout {id} in {}", self.name)));
        };
        let paused = matches!(driver.rollout.phase, Phase::Paused(..));
        match command {
            rollout::Command::Abort if driver.rollout.is_going_back() => {
                return Err(CommandError::Refused(format!("{id} goes back already")));
            }
            rollout::Command::Retry if !paused => {
                return Err(CommandError::Refused(format!("{id} is not paused: there is nothing to retry")));
            }
            _ => {}
        }
        let event = Event::Command { by: by.to_owned(), command };
        self.drive(id, &event)
            .map_err(|error| CommandError::Failed(crate::diagnostic::with_causes(&error)))?;
        Ok(match command {
            rollout::Command::Abort => format!("{id} stops and goes back"),
            rollout::Command::Retry => format!("{id} goes on"),
        })
    }

    fn hold(&mut self, app: &AppKey, by: &str) -> Result<String, CommandError> {
        self.known(app)?;
        let wish = self.compiled.as_ref().and_then(|compiled| compiled.desired.apps.get(app));
        let Some(Desired::App(wish)) = wish else {
            return Err(CommandError::Refused(format!(
                "what Git asks of {app} can't be read: nothing to hold"
            )));
        };
        let bundles: BTreeMap<_, _> =
            wish.release.bundles.iter().map(|(target, bundle)| (target.clone(), bundle.digest)).collect();
        self.write(&EnvironmentEvent::Held { app: app.clone(), bundles, by: by.to_owned() })?;
        Ok(format!("what Git asks of {app} now is held until another release comes"))
    }

    fn unhold(&mut self, app: &AppKey, by: &str) -> Result<String, CommandError> {
        if !self.accepted.moves_of(app).any(|(_, state)| !state.held.is_empty()) {
            return Err(CommandError::Refused(format!("nothing of {app} is held in {}", self.name)));
        }
        self.write(&EnvironmentEvent::Unheld { app: app.clone(), by: by.to_owned() })?;
        Ok(format!("what was held of {app} is tried again"))
    }

    fn approve(
        &mut self,
        key: &PartKey,
        digest: Option<PartDigest>,
        by: &str,
    ) -> Result<String, CommandError> {
        let part = self.plan.as_ref().and_then(|plan| plan.parts.iter().find(|part| part.key == *key));
        let Some(part) = part else {
            return Err(CommandError::NotFound(format!("the plan of {} has no part {key}", self.name)));
        };
        if part.approvals.is_empty() {
            return Err(CommandError::Refused(format!("{key} needs no approval")));
        }
        if let Some(Admission::Refuse(_, reason)) =
            self.admissions.iter().find(|admission| admission.part() == key)
        {
            return Err(CommandError::Refused(format!("{key}: {reason}")));
        }
        if let Some(given) = digest.filter(|given| *given != part.digest) {
            return Err(CommandError::Refused(format!(
                "{key} has changed: {given} was looked at, {} waits now; look at the plan again",
                part.digest
            )));
        }
        let mut deletes: BTreeMap<TargetKey, BTreeSet<ObjectKey>> = BTreeMap::new();
        for need in &part.approvals {
            let ApprovalNeed::Deletions { keys, .. } = need;
            deletes.extend(keys.clone());
        }
        let (key, part) = (key.clone(), part.digest);
        self.write(&EnvironmentEvent::Approved { part, key: key.clone(), by: by.to_owned(), deletes })?;
        Ok(format!("{key} is approved ({part})"))
    }
}
