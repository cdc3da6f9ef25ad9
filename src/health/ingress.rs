//! Ingresses: a controller has taken one up when it has published an address.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    if object.list("/status/loadBalancer/ingress").is_empty() {
        return Health::progressing("AddressPending", "no controller has published an address yet");
    }
    Health::healthy("AddressAssigned", "an address is published")
}
