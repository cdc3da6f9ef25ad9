//! Resource quotas: how much of each is used.
//!
//! Admission counts what comes; here all is counted anew, so that what went is given back.

use serde_json::{Map, Value, json};

use super::world::World;
use crate::model::{ObjectKey, Quantity};
use crate::playground::admission::usage::{self, Sums};

/// Brings the status of a quota up to date.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(quota) = world.get(key) else { return };
    let hard = super::object::fields(&quota, "/spec/hard");
    let space = key.namespace.clone().unwrap_or_default();
    let mut sums = Sums::new();
    for (key, object) in world.index.contents(&space) {
        let Some(kind) = world.objects.kind_named(&key.group, &key.kind) else { continue };
        if !usage::is_in_scope(&quota, kind, object) {
            continue;
        }
        for (resource, amount) in usage::of(kind, object) {
            if hard.contains_key(&resource) {
                let sum = sums.get(&resource).map_or(amount, |sum| sum.plus(amount));
                sums.insert(resource, sum);
            }
        }
    }
    let used: Map<String, Value> = hard
        .keys()
        .map(|resource| {
            let amount = sums.get(resource).copied().unwrap_or(Quantity::from_int(0));
            (resource.clone(), json!(amount.to_string()))
        })
        .collect();
    world.set_status(&quota, json!({ "hard": hard, "used": used }));
}
