//! How a release moves, as data: the part of a GrayRelease that plans and rollouts carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;

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
    #[schemars(extend("x-minimum" = "1s"))]
    pub admit: Span,
    /// Until configuration and services are in place.
    #[schemars(extend("x-minimum" = "1s"))]
    pub prepare: Span,
    /// Without one more pod getting ready.
    #[schemars(extend("x-minimum" = "1s"))]
    pub progress: Span,
    /// A container's fault (bad image, crash loop) must last this long to count; at most 45 s.
    #[schemars(extend("x-minimum" = "1s", "x-maximum" = "45s"))]
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

/// What a plan's release part carries of its GrayRelease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRules {
    /// How pods are replaced.
    pub strategy: Strategy,
    /// How long each part may take.
    pub timeouts: Timeouts,
    /// How long the release is watched after every target runs it.
    pub soak: Span,
    /// How a failed release comes back.
    pub rollback: Rollback,
}
