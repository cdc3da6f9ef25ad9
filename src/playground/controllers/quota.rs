//! Resource quotas: how much of each is used.
//!
//! Only counted here; whether a new object still fits is for admission to say. Scopes are left out.

use serde_json::{Map, Value, json};

use super::object::{Sums, add_quantities, array, text};
use super::replica_set::has_ended;
use super::world::World;
use crate::model::{ObjectKey, Quantity};

/// Brings the status of a quota up to date.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(quota) = world.get(key) else { return };
    let hard = super::object::fields(&quota, "/spec/hard");
    let space = key.namespace.clone().unwrap_or_default();
    let mut pods = Sums::new();
    let mut claims = Sums::new();
    for pod in world.index.of_kind("", "Pod", &space).iter().filter(|pod| !has_ended(pod)) {
        add_pod(&mut pods, pod);
    }
    for claim in world.index.of_kind("", "PersistentVolumeClaim", &space) {
        add_quantities(&mut claims, claim.pointer("/spec/resources/requests"));
    }
    let mut used = Map::new();
    for resource in hard.keys() {
        let amount = match resource.as_str() {
            "requests.storage" => claims.get("storage").copied(),
            "cpu" | "memory" | "ephemeral-storage" => pods.get(&format!("requests.{resource}")).copied(),
            _ if resource.starts_with("requests.") || resource.starts_with("limits.") => {
                pods.get(resource).copied()
            }
            counted => Some(Quantity::from_int(count(world, &space, counted))),
        };
        used.insert(resource.clone(), json!(amount.unwrap_or(Quantity::from_int(0)).to_string()));
    }
    world.set_status(&quota, json!({ "hard": hard, "used": used }));
}

/// Adds a pod's requests and limits: the sum of its containers.
fn add_pod(sums: &mut Sums, pod: &Value) {
    for container in array(pod, "/spec/containers") {
        for kind in ["requests", "limits"] {
            let mut own = Sums::new();
            add_quantities(&mut own, container.pointer(&format!("/resources/{kind}")));
            for (resource, amount) in own {
                let named = format!("{kind}.{resource}");
                let sum = sums.get(&named).map_or(amount, |sum| sum.plus(amount));
                sums.insert(named, sum);
            }
        }
    }
}

/// How many objects of a counted resource there are.
fn count(world: &World<'_>, space: &str, resource: &str) -> i64 {
    let services = |kind: &str| {
        let found = world.index.of_kind("", "Service", space);
        found.iter().filter(|service| text(service, "/spec/type") == kind).count()
    };
    let counted = match resource {
        "services.nodeports" => services("NodePort") + services("LoadBalancer"),
        "services.loadbalancers" => services("LoadBalancer"),
        named => {
            let named = named.strip_prefix("count/").unwrap_or(named);
            let (plural, group) = named.split_once('.').unwrap_or((named, ""));
            let Some(kind) = crate::playground::kinds::by_plural(group, plural) else { return 0 };
            let found = world.index.of_kind(kind.group, kind.kind, space);
            let counts = |object: &Value| resource != "pods" || !has_ended(object);
            found.iter().filter(|object| counts(object)).count()
        }
    };
    i64::try_from(counted).unwrap_or(i64::MAX)
}
