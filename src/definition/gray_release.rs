//! GrayRelease: how an app's release moves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{EnvironmentName, Span};

/// How a release moves, and how it comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GrayRelease {
    /// Where it counts; empty = everywhere.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub environments: Vec<EnvironmentName>,
    /// How pods are replaced.
    pub strategy: Strategy,
    /// How long each part may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How long the release is watched after every target runs it; a fault in it brings the last one back.
    #[serde(default)]
    pub soak: Span,
    /// How a failed release comes back.
    #[serde(default)]
    pub rollback: Rollback,
}

impl Default for GrayRelease {
    fn default() -> Self {
        Self {
            environments: Vec::new(),
            strategy: Strategy::Rolling,
            timeouts: Timeouts::default(),
            soak: Span::default(),
            rollback: Rollback::default(),
        }
    }
}

/// How pods are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Strategy {
    /// A few at a time, never fewer available than wanted.
    Rolling,
    /// The old ones stop, then the new ones start.
    Recreate,
}

impl Strategy {
    /// The word in definitions.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Rolling => "rolling",
            Strategy::Recreate => "recreate",
        }
    }
}

/// How long each part of a rollout may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Timeouts {
    /// Until the cluster would take the release.
    pub admit: Span,
    /// Until configuration and services are in place.
    pub prepare: Span,
    /// Without one more pod getting ready.
    pub progress: Span,
    /// A container's fault (bad image, crash loop) must last this long to count; at most 45 s.
    pub fault: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            admit: Span::from_secs(300),
            prepare: Span::from_secs(300),
            progress: Span::from_secs(600),
            fault: Span::from_secs(20),
        }
    }
}

/// How a failed release comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Rollback {
    /// Bring the last good release back without asking; otherwise the rollout pauses.
    pub automatic: bool,
    /// Which targets come back.
    pub scope: Scope,
}

impl Default for Rollback {
    fn default() -> Self {
        Self { automatic: true, scope: Scope::All }
    }
}

/// Which targets come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Every target of the rollout.
    #[default]
    All,
}
