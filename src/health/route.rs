//! Routes of the Gateway API: every parent has accepted the route and found its backends.
//!
//! Which parents count is not decided here: a route that one of its parents refuses is degraded.

use super::object::conditions;
use super::{Health, Object, gateway};

pub(super) fn assess(object: &Object<'_>) -> Health {
    let generation = object.integer("/metadata/generation");
    let parents = object.list("/status/parents");
    let attached = object.list("/spec/parentRefs").len();
    if parents.is_empty() || parents.len() < attached {
        return Health::progressing(
            "NotObserved",
            format!("{} of {} parents have reported", parents.len(), attached.max(1)),
        );
    }
    let mut worst: Option<Health> = None;
    for parent in parents {
        let reported: Vec<_> = conditions(parent.get("conditions")).collect();
        // Older controllers report only `Programmed`.
        if !reported.iter().any(|condition| matches!(condition.name, "Accepted" | "Programmed")) {
            return Health::progressing("NotObserved", "a parent has not said whether it accepts the route");
        }
        let objections = reported
            .iter()
            .filter(|condition| matches!(condition.name, "Accepted" | "ResolvedRefs" | "Programmed"))
            .filter_map(|condition| gateway::objection(condition, generation));
        worst = worst.into_iter().chain(objections).max_by_key(|health| health.status);
    }
    worst.unwrap_or_else(|| Health::healthy("Accepted", "accepted by every parent"))
}
