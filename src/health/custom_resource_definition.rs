//! CustomResourceDefinitions: names accepted and established.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    let find = |name: &str| object.condition(name);
    if let Some(going) = find("Terminating").filter(|c| c.is_true()) {
        return Health::progressing(going.reason_or_name(), going.message_or_state());
    }
    if let Some(names) = find("NamesAccepted").filter(|c| c.is_false()) {
        return Health::degraded(names.reason_or_name(), names.message_or_state());
    }
    let Some(established) = find("Established") else {
        return Health::progressing("NotObserved", "not established yet");
    };
    let (reason, message) = (established.reason_or_name(), established.message_or_state());
    if established.is_true() {
        return match find("NonStructuralSchema").filter(|c| c.is_true()) {
            Some(schema) => Health::degraded(schema.reason_or_name(), schema.message_or_state()),
            None => Health::healthy("Established", message),
        };
    }
    // `Installing` is the one reason that passes by itself.
    if established.is_false() && established.reason != "Installing" {
        return Health::degraded(reason, message);
    }
    Health::progressing(reason, message)
}
