//! What people ask of a running engine.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{AppKey, EnvironmentName, PartDigest, PartKey, RolloutId};

/// A command of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// Look at Git and at every cluster now.
    Sync {},
    /// Follow a commit that is held because history was rewritten or nothing would be left.
    Accept {
        /// The beginning of its id.
        commit: String,
    },
    /// Write nothing of an app until it is resumed.
    Suspend {
        /// The app.
        app: AppKey,
        /// In this environment only.
        environment: Option<EnvironmentName>,
    },
    /// Go on with an app.
    Resume {
        /// The app.
        app: AppKey,
        /// In this environment only.
        environment: Option<EnvironmentName>,
    },
    /// Stop a rollout and go back.
    Abort {
        /// Which.
        rollout: RolloutId,
    },
    /// Go on with a paused rollout.
    Retry {
        /// Which.
        rollout: RolloutId,
    },
    /// Do not roll out what an app asks for now.
    Hold {
        /// The app.
        app: AppKey,
        /// In this environment only.
        environment: Option<EnvironmentName>,
    },
    /// Let what failed or was held be tried again.
    Unhold {
        /// The app.
        app: AppKey,
        /// In this environment only.
        environment: Option<EnvironmentName>,
    },
    /// Agree to a part of the plan.
    Approve {
        /// The environment.
        environment: EnvironmentName,
        /// The part.
        part: PartKey,
        /// The digest that was looked at; without it the one that waits now.
        digest: Option<PartDigest>,
    },
}

impl Command {
    /// The one environment that is meant, if one is named.
    pub fn environment(&self) -> Option<&EnvironmentName> {
        match self {
            Command::Suspend { environment, .. }
            | Command::Resume { environment, .. }
            | Command::Hold { environment, .. }
            | Command::Unhold { environment, .. } => environment.as_ref(),
            Command::Approve { environment, .. } => Some(environment),
            Command::Sync {} | Command::Accept { .. } | Command::Abort { .. } | Command::Retry { .. } => None,
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What was done, for people.
    pub message: String,
    /// Where it was done.
    pub environments: BTreeSet<EnvironmentName>,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "message", rename_all = "camelCase")]
pub enum CommandError {
    /// What it names is not there.
    #[error("{0}")]
    NotFound(String),
    /// It can't be done as things stand.
    #[error("{0}")]
    Refused(String),
    /// The ledger can't be written.
    #[error("{0}")]
    Failed(String),
}
