//! What a plan is made from beside a commit, as one document that travels between machines.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accepted::Accepted;
use crate::model::{Bundle, BundleDigest, EnvironmentName, Facts};
use crate::wanted::Bundles;

/// The form that this version writes and reads.
const FORMAT: u32 = 1;

/// What was accepted in an environment and what is known of its clusters. The same state and the
/// same commit give the same plan, with the same digest, on every machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct State {
    /// The environment.
    pub environment: EnvironmentName,
    /// What was accepted.
    pub accepted: Accepted,
    /// The stored bundles that it names.
    pub bundles: Bundles,
    /// What is known of the clusters.
    pub facts: Facts,
}

/// A state as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    environment: EnvironmentName,
    accepted: Accepted,
    bundles: Vec<Bundle>,
    facts: Facts,
}

/// Why a document is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It was written by another version.
    #[error("the state has the format {0}; this version reads {FORMAT}")]
    Format(u32),
    /// A bundle is not what its digest says.
    #[error("the bundle {0} was changed after it was written")]
    Changed(BundleDigest),
}

impl TryFrom<Written> for State {
    type Error = StateError;

    fn try_from(written: Written) -> Result<Self, StateError> {
        if written.format != FORMAT {
            return Err(StateError::Format(written.format));
        }
        let mut bundles = Bundles::new();
        for bundle in written.bundles {
            let checked = Bundle::new(bundle.workloads, bundle.objects);
            if checked.digest != bundle.digest {
                return Err(StateError::Changed(bundle.digest));
            }
            bundles.insert(checked.digest, Arc::new(checked));
        }
        let Written { environment, accepted, facts, .. } = written;
        Ok(Self { environment, accepted, bundles, facts })
    }
}

impl From<State> for Written {
    fn from(state: State) -> Self {
        let bundles = state.bundles.values().map(|bundle| Bundle::clone(bundle)).collect();
        let State { environment, accepted, facts, .. } = state;
        Self { format: FORMAT, environment, accepted, bundles, facts }
    }
}
