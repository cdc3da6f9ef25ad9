//! What a plan is made from beside a commit, as one document that travels between machines.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accepted::Accepted;
use crate::model::schema::{self, NotationError, Schema};
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
    /// The shapes of kinds that the facts name, each once, as text.
    #[serde(default)]
    schemas: BTreeSet<String>,
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
    /// The shape of some kinds is written as no version does.
    #[error("the shape of kinds in it can't be read")]
    Schema(#[from] NotationError),
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
        let Written { environment, accepted, mut facts, .. } = written;
        for text in &written.schemas {
            let schema = Arc::new(Schema::parse(text)?);
            let known = facts.clusters.values_mut().filter_map(|facts| facts.schema.as_mut());
            known.for_each(|known| known.take(Arc::clone(&schema)));
        }
        Ok(Self { environment, accepted, bundles, facts })
    }
}

impl From<State> for Written {
    fn from(state: State) -> Self {
        let bundles = state.bundles.values().map(|bundle| Bundle::clone(bundle)).collect();
        let State { environment, accepted, facts, .. } = state;
        let known = facts.clusters.values().filter_map(|facts| facts.schema.as_ref());
        // Every build has the built-in one.
        let written = known.filter(|known| known.digest() != schema::builtin_digest());
        let schemas = written.filter_map(|known| known.schema()).map(|held| held.to_text()).collect();
        Self { format: FORMAT, environment, accepted, bundles, facts, schemas }
    }
}
