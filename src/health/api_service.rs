//! APIServices: usable once the aggregated API answers.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    match object.condition("Available") {
        Some(available) if available.is_true() => {
            Health::healthy(available.reason_or_name(), available.message_or_state())
        }
        Some(available) => Health::progressing(available.reason_or_name(), available.message_or_state()),
        None => Health::progressing("NotObserved", "the API has not been checked yet"),
    }
}
