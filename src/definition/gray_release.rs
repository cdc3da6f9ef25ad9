//! GrayRelease: how an app's release moves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{EnvironmentName, ReleaseRules, Span};
pub use crate::model::{Rollback, Scope, Strategy, Timeouts};

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

impl GrayRelease {
    /// What a plan carries of it.
    pub fn rules(&self) -> ReleaseRules {
        ReleaseRules {
            strategy: self.strategy,
            timeouts: self.timeouts.clone(),
            soak: self.soak,
            rollback: self.rollback.clone(),
        }
    }
}
