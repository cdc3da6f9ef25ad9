//! Objects without a rule of their own: the conditions that operators have agreed on.

use super::{Health, Object};

/// `Reconciling` and `Stalled` come before `Ready`: they are only there to object.
pub(super) fn assess(object: &Object<'_>) -> Health {
    if let Some(busy) = object.condition("Reconciling").filter(|c| c.is_true()) {
        return Health::progressing(busy.reason_or_name(), busy.message_or_state());
    }
    if let Some(stalled) = object.condition("Stalled").filter(|c| c.is_true()) {
        return Health::degraded(stalled.reason_or_name(), stalled.message_or_state());
    }
    let Some(condition) = object.condition("Ready").or_else(|| object.condition("Available")) else {
        return Health::healthy("NoConditions", "nothing of this kind says how it fares");
    };
    if let (Some(observed), Some(generation)) = (condition.observed, object.integer("/metadata/generation"))
        && observed < generation
    {
        return Health::progressing(
            "GenerationNotObserved",
            format!("{} speaks of generation {observed} of {generation}", condition.name),
        );
    }
    // A false `Ready` may still come true; only `Stalled` says that it will not.
    match condition.is_true() {
        true => Health::healthy(condition.reason_or_name(), condition.message_or_state()),
        false => Health::progressing(condition.reason_or_name(), condition.message_or_state()),
    }
}
