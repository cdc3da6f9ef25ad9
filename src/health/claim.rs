//! PersistentVolumeClaims, by their phase.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    match object.text("/status/phase") {
        Some("Bound") => Health::healthy("Bound", "bound to a volume"),
        Some("Lost") => Health::degraded("Lost", "the bound volume no longer exists"),
        Some("Pending") => Health::progressing("Pending", "waits for a volume"),
        _ => Health::progressing("NotObserved", "the controller has not seen this claim yet"),
    }
}
