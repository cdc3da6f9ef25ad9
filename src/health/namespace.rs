//! Namespaces: there at once; only their end takes time.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    if object.text("/status/phase") == Some("Terminating") {
        return Health::progressing("Terminating", "the namespace is being deleted");
    }
    Health::healthy("Active", "")
}
