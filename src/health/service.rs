//! Services: only one of type LoadBalancer has something to wait for, its address.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    if object.text("/spec/type") != Some("LoadBalancer") {
        return Health::healthy("ServiceReady", "");
    }
    if !object.list("/status/loadBalancer/ingress").is_empty() {
        return Health::healthy("LoadBalancerReady", "the load balancer has an address");
    }
    // The API server writes `status.loadBalancer` into every Service that it stores. A copy without
    // it was stripped of its status, and the cluster address is then all that tells of admission.
    let is_stripped = object.at("/status/loadBalancer").is_none();
    if is_stripped && object.text("/spec/clusterIP").is_some() {
        return Health::healthy("ClusterIPAssigned", "has a cluster address; the copy carries no status");
    }
    Health::progressing("LoadBalancerPending", "the load balancer has no address yet")
}
