//! Who agreed to what, and who has not been answered yet.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Accepted;
use crate::model::{ApprovalNeed, ObjectKey, Part, PartDigest, PartKey, Revision, TargetKey, Timestamp};

/// An agreement to a part of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Who agreed.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What may go, from each target: nothing else does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deletes: BTreeMap<TargetKey, BTreeSet<ObjectKey>>,
}

/// A part that waits for an approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// What it is about.
    pub key: PartKey,
    /// Since when.
    pub since: Timestamp,
    /// The revision by which it was asked for.
    pub revision: Revision,
    /// It has waited for too long and is refused until a newer revision asks again.
    #[serde(default)]
    pub expired: bool,
}

/// The approval of a part, if it covers all that the part needs it for.
pub fn approved<'a>(accepted: &'a Accepted, part: &Part) -> Option<&'a Approval> {
    let approval = accepted.approvals.get(&part.digest)?;
    let covers = |need: &ApprovalNeed| match need {
        ApprovalNeed::Deletions { keys, .. } => keys.iter().all(|(target, keys)| {
            keys.is_empty() || approval.deletes.get(target).is_some_and(|agreed| keys.is_subset(agreed))
        }),
    };
    part.approvals.iter().all(covers).then_some(approval)
}

impl Accepted {
    /// Folds who waits for an approval now. Who waited before has waited since then; what expired is
    /// asked for anew by a newer revision.
    pub(super) fn ask(&mut self, parts: &BTreeMap<PartDigest, PartKey>, revision: &Revision, at: Timestamp) {
        let before = std::mem::take(&mut self.asked);
        let goes_on = |asked: &&Asked| !asked.expired || asked.revision == *revision;
        self.asked = parts
            .iter()
            .map(|(digest, key)| {
                let anew =
                    || Asked { key: key.clone(), since: at, revision: revision.clone(), expired: false };
                (*digest, before.get(digest).filter(goes_on).cloned().unwrap_or_else(anew))
            })
            .collect();
    }
}
