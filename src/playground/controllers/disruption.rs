//! Disruption budgets: how many pods may be evicted now.

use serde_json::{Value, json};

use super::object::{Condition, controller_key, count, int, labels, namespace, scaled, selects};
use super::replica_set::{has_ended, is_ready};
use super::world::World;
use crate::model::ObjectKey;

/// Brings the status of a budget up to date.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(budget) = world.get(key) else { return };
    let mut pods = world.index.of_kind("", "Pod", namespace(&budget));
    pods.retain(|pod| !has_ended(pod) && selects(&budget["spec"]["selector"], &labels(pod)));
    let healthy = pods.iter().filter(|pod| is_ready(pod) && !super::object::deleting(pod)).count();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let total = i64::try_from(pods.len()).unwrap_or(i64::MAX);
    let (expected, desired) = if let Some(most) = budget.pointer("/spec/maxUnavailable") {
        let expected = owners_size(world, &pods);
        (expected, (expected - scaled(most, expected, true).unwrap_or(0)).max(0))
    } else {
        match budget.pointer("/spec/minAvailable") {
            Some(least) if least.is_string() => {
                let expected = owners_size(world, &pods);
                (expected, scaled(least, expected, true).unwrap_or(0))
            }
            least => (total, least.and_then(Value::as_i64).unwrap_or(1)),
        }
    };
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let mut status = json!({
        "observedGeneration": count(&budget, "/metadata/generation"), "currentHealthy": healthy,
        "desiredHealthy": desired, "expectedPods": expected, "disruptionsAllowed": allowed,
    });
    if let Some(conditions) = budget.pointer("/status/conditions") {
        status["conditions"] = conditions.clone();
    }
    let (held, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    Condition { kind: "DisruptionAllowed", status: held, reason, message: String::new() }
        .put(&mut status, world.now);
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["observedGeneration"] = json!(count(&budget, "/metadata/generation"));
        if condition.get("message").is_none() {
            condition["message"] = json!("");
        }
    }
    world.set_status(&budget, status);
}

/// The sum of the sizes that the pods' controllers ask for.
fn owners_size(world: &World<'_>, pods: &[std::sync::Arc<Value>]) -> i64 {
    let mut owners = std::collections::BTreeSet::new();
    for pod in pods {
        let Some(owner) = controller_key(pod) else { continue };
        // A replica set's size is its Deployment's while that rolls.
        let above = world.get(&owner).and_then(|owner| controller_key(&owner));
        owners.insert(above.unwrap_or(owner));
    }
    owners
        .iter()
        .filter_map(|owner| world.get(owner))
        .map(|owner| {
            int(&owner, "/spec/replicas")
                .or_else(|| int(&owner, "/status/desiredNumberScheduled"))
                .unwrap_or(1)
        })
        .sum()
}
