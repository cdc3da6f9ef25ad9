//! Gateways of the Gateway API: accepted and programmed.

use super::object::Condition;
use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    let generation = object.integer("/metadata/generation");
    for name in ["Accepted", "Programmed"] {
        let Some(condition) = object.condition(name) else {
            return Health::progressing("NotObserved", format!("{name} is not reported yet"));
        };
        if let Some(health) = objection(&condition, generation) {
            return health;
        }
    }
    Health::healthy("Programmed", "accepted and programmed")
}

/// What a condition of the Gateway API says against the object, if anything.
///
/// `Pending` and `Unknown` pass by themselves, and so does a condition of an older generation.
pub(super) fn objection(condition: &Condition<'_>, generation: Option<i64>) -> Option<Health> {
    let (reason, message) = (condition.reason_or_name(), condition.message_or_state());
    if let (Some(observed), Some(generation)) = (condition.observed, generation)
        && observed < generation
    {
        return Some(Health::progressing(
            "GenerationNotObserved",
            format!("{} speaks of generation {observed} of {generation}", condition.name),
        ));
    }
    match condition.status {
        "True" => None,
        "False" if condition.reason != "Pending" => Some(Health::degraded(reason, message)),
        _ => Some(Health::progressing(reason, message)),
    }
}
