//! What has gone from each target and still counts against the deletion budget.
//!
//! A deletion that is split into parts, rounds or commits is one deletion: what went before counts
//! beside what is still to go, for as long as anything of it is still to go.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Accepted, PartSummary};
use crate::model::{ObjectKey, Revision, TargetKey};

/// What has gone from a target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    /// The revision that it counts for.
    pub revision: Option<Revision>,
    /// What went.
    pub keys: BTreeSet<ObjectKey>,
}

impl Accepted {
    /// What has gone from a target and counts beside what the parts of a revision delete there: what
    /// went for the same revision, and what went for an earlier one of whose deletions there some
    /// are still to come, unchanged.
    pub fn deleted_beside(
        &self,
        target: &TargetKey,
        revision: &Revision,
        parts: &[PartSummary],
    ) -> BTreeSet<ObjectKey> {
        match self.deleted.get(target) {
            Some(deleted) if deleted.revision.as_ref() == Some(revision) || self.goes_on(target, parts) => {
                deleted.keys.clone()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Whether parts delete something on a target that was still to go by the plan before.
    fn goes_on(&self, target: &TargetKey, parts: &[PartSummary]) -> bool {
        let before = self.plan.iter().flat_map(|plan| &plan.parts);
        let before: BTreeSet<_> = before.map(|part| (&part.key, part.digest)).collect();
        parts.iter().any(|part| part.deletes.contains(target) && before.contains(&(&part.key, part.digest)))
    }

    /// Forgets what went for earlier revisions, when a new plan is recorded.
    pub(super) fn count_anew(&mut self, revision: &Revision, parts: &[PartSummary]) {
        let over: Vec<TargetKey> = self
            .deleted
            .iter()
            .filter(|(target, deleted)| {
                deleted.revision.as_ref() != Some(revision) && !self.goes_on(target, parts)
            })
            .map(|(target, _)| target.clone())
            .collect();
        self.deleted.retain(|target, _| !over.contains(target));
        for deleted in self.deleted.values_mut() {
            deleted.revision = Some(revision.clone());
        }
    }

    /// Counts what goes from a target.
    pub(super) fn count(&mut self, target: &TargetKey, keys: &BTreeSet<ObjectKey>) {
        if keys.is_empty() {
            return;
        }
        let revision = self.plan.as_ref().map(|plan| plan.revision.clone());
        let deleted =
            self.deleted.entry(target.clone()).or_insert_with(|| Deleted { revision, keys: BTreeSet::new() });
        deleted.keys.extend(keys.iter().cloned());
    }

    /// What was to go and stays does not count.
    pub(super) fn uncount(&mut self, stays: &BTreeMap<TargetKey, BTreeSet<ObjectKey>>) {
        for (target, keys) in stays {
            if let Some(deleted) = self.deleted.get_mut(target) {
                deleted.keys.retain(|key| !keys.contains(key));
            }
        }
    }
}
