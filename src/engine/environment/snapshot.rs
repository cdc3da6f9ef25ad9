//! An environment at one moment, whole: for answers that need more than its status.

use std::collections::BTreeMap;

use super::Environment;
use crate::compile::DesiredState;
use crate::model::{PartKey, Plan};
use crate::plan::{Admission, Changes, State};

/// What was accepted, what is desired and what is planned. A copy: the loop goes on meanwhile.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What was accepted.
    pub state: State,
    /// What Git wants; none before it was read.
    pub desired: Option<DesiredState>,
    /// The step from one to the other, as it stands.
    pub plan: Option<Plan>,
    /// What becomes of each of its parts.
    pub admissions: Vec<Admission>,
}

impl Snapshot {
    /// What each part of the plan changes.
    pub fn changes(&self) -> BTreeMap<PartKey, Changes> {
        let (Some(plan), Some(desired)) = (&self.plan, &self.desired) else { return BTreeMap::new() };
        plan.parts.iter().map(|part| (part.key.clone(), Changes::of(part, &self.state, desired))).collect()
    }
}

impl Environment {
    pub(super) fn snapshot(&self) -> Snapshot {
        let state = State {
            environment: self.name.clone(),
            accepted: self.accepted.clone(),
            bundles: self.bundles.clone(),
            facts: self.facts.clone(),
        };
        Snapshot {
            state,
            desired: self.compiled.as_ref().map(|compiled| compiled.desired.clone()),
            plan: self.plan.clone(),
            admissions: self.admissions.clone(),
        }
    }
}
