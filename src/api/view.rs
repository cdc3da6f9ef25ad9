//! What goes over the wire beside the engine's own status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::command::Command;
use crate::engine::environment::{EnvironmentStatus, RolloutStatus};
use crate::engine::history::RolloutSummary;
use crate::engine::source::SourceStatus;
use crate::model::{EnvironmentName, PartKey, Plan};
use crate::plan::{Admission, Changes};

/// Everything that an engine says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The version of the engine.
    pub version: String,
    /// How the repository stands.
    pub source: SourceStatus,
    /// Its environments.
    pub environments: BTreeMap<EnvironmentName, EnvironmentStatus>,
}

/// A rollout: what the ledger says of it, and where it stands while it is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutView {
    /// From its start to its end.
    #[serde(flatten)]
    pub summary: RolloutSummary,
    /// Where it stands; none once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<RolloutStatus>,
}

/// A plan as it stands, with what it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The plan; none before Git was read.
    pub plan: Option<Plan>,
    /// What becomes of each of its parts.
    pub admissions: Vec<Admission>,
    /// What each of its parts changes.
    pub changes: BTreeMap<PartKey, Changes>,
}

/// A command and who gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRequest {
    /// Who.
    pub by: String,
    /// What.
    #[serde(flatten)]
    pub command: Command,
}

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// In a word, for programs.
    pub error: String,
    /// For people.
    pub message: String,
}
