//! PodDisruptionBudgets: in force once observed. That no disruption is allowed right now is what a
//! budget is for, not a failure of it.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    if object.is_not_observed() {
        return Health::progressing("NotObserved", "the controller has not seen this budget yet");
    }
    if let Some(failed) = object.condition("DisruptionAllowed").filter(|c| c.reason == "SyncFailed") {
        return Health::degraded(failed.reason, failed.message_or_state());
    }
    let allowed = object.count("/status/disruptionsAllowed");
    Health::healthy("Observed", format!("{allowed} disruptions are allowed"))
}
