//! How long an approval is waited for.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::admission::{Admission, Refusal, WaitingOn};
use crate::accepted::{Accepted, EnvironmentEvent};
use crate::model::{Part, PartDigest, PartKey, Plan, Timestamp};

/// So long an approval is waited for: who was asked a week ago has long looked at something else, and
/// what was asked then is agreed to today by mistake only.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is to be recorded of who waits for an approval: none if it is on record.
///
/// A part that waits is asked for once. One that expired is asked for again when the revision is
/// another one.
pub fn asks(plan: &Plan, admissions: &[Admission], accepted: &Accepted) -> Option<EnvironmentEvent> {
    let waits = |part: &&Part| {
        admissions.iter().any(|admission| match admission {
            Admission::Wait(key, WaitingOn::Approval) | Admission::Refuse(key, Refusal::Expired) => {
                *key == part.key
            }
            _ => false,
        })
    };
    let parts: BTreeMap<PartDigest, PartKey> =
        plan.parts.iter().filter(waits).map(|part| (part.digest, part.key.clone())).collect();
    let anew = accepted.asked.values().any(|asked| asked.expired && asked.revision != plan.revision);
    if !anew && parts.keys().eq(accepted.asked.keys()) {
        return None;
    }
    Some(EnvironmentEvent::Asked { parts, revision: plan.revision.clone() })
}

/// What is to be recorded of who has waited for too long by now.
pub fn overdue(accepted: &Accepted, now: Timestamp) -> Vec<EnvironmentEvent> {
    accepted
        .asked
        .iter()
        .filter(|(_, asked)| !asked.expired && now.duration_since(asked.since) >= PATIENCE)
        .map(|(digest, asked)| EnvironmentEvent::Expired {
            part: *digest,
            key: asked.key.clone(),
            since: asked.since,
        })
        .collect()
}
