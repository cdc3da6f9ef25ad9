//! What is asked of new and changed objects beyond their own form: a namespace's bounds and quotas.
//!
//! As in the API server, the quota's own status is what an object is measured by, and is written at
//! once; the controller counts anew what went. Admission webhooks and policies are not simulated.

mod bounds;
pub(crate) mod usage;

use serde_json::{Value, json};

use super::kinds::{self, Kind};
use super::status::ApiError;
use super::store::{Store, text_at};
use crate::model::Quantity;
use usage::Sums;

/// Admits an object that is about to be stored in place of `old` (or anew). Fills in a namespace's
/// default requests and limits, and counts the object into the namespace's quotas.
///
/// # Errors
/// It is out of bounds, or a quota has no room for it.
pub(crate) fn admit(
    store: &mut Store,
    kind: &Kind,
    old: Option<&Value>,
    object: &mut Value,
    dry_run: bool,
) -> Result<(), ApiError> {
    if !kind.namespaced {
        return Ok(());
    }
    let namespace = text_at(object, "/metadata/namespace").to_owned();
    if matches!(kind.kind, "Pod" | "PersistentVolumeClaim") && old.is_none() {
        for range in of_namespace(store, "LimitRange", &namespace) {
            bounds::fill(&range, kind, object);
        }
        for range in of_namespace(store, "LimitRange", &namespace) {
            let faults = bounds::check(&range, kind, object);
            if !faults.is_empty() {
                let why = if let [only] = faults.as_slice() {
                    only.clone()
                } else {
                    format!("[{}]", faults.join(", "))
                };
                return Err(ApiError::forbidden(kind, text_at(object, "/metadata/name"), &why));
            }
        }
    }
    for quota in of_namespace(store, "ResourceQuota", &namespace) {
        charge(store, kind, &quota, (old, object), dry_run)?;
    }
    Ok(())
}

fn of_namespace(store: &Store, kind: &str, namespace: &str) -> Vec<std::sync::Arc<Value>> {
    kinds::by_kind("", kind).map(|kind| store.scan(kind, Some(namespace))).unwrap_or_default()
}

fn amount(map: &Value, resource: &str) -> Option<Quantity> {
    map.get(resource)?.as_str()?.parse().ok()
}

/// Takes from a quota what an object needs more than before.
fn charge(
    store: &mut Store,
    kind: &Kind,
    quota: &Value,
    (old, object): (Option<&Value>, &Value),
    dry_run: bool,
) -> Result<(), ApiError> {
    let (name, hard) = (text_at(quota, "/metadata/name"), &quota["spec"]["hard"]);
    let of = |object: &Value| -> Sums {
        if usage::is_in_scope(quota, kind, object) { usage::of(kind, object) } else { Sums::new() }
    };
    let (before, after) = (old.map(of).unwrap_or_default(), of(object));
    let zero = Quantity::from_int(0);
    let mut wanted: Vec<(String, Quantity)> = Vec::new();
    for resource in hard.as_object().into_iter().flatten().map(|(resource, _)| resource) {
        let now = after.get(resource).copied().unwrap_or(zero);
        let more = now.plus(before.get(resource).copied().unwrap_or(zero).times(-1));
        if more > zero {
            wanted.push((resource.clone(), more));
        }
    }
    let forbidden = |why: &str| ApiError::forbidden(kind, text_at(object, "/metadata/name"), why);
    if kind.kind == "Pod" && old.is_none() && !after.is_empty() {
        let missing = usage::unstated(hard, object);
        if !missing.is_empty() {
            return Err(forbidden(&format!("failed quota: {name}: must specify {missing}")));
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let Some(used) = quota.pointer("/status/used").filter(|used| used.is_object()) else {
        return Err(forbidden(&format!("status unknown for quota: {name}, resources: {}", named(&wanted))));
    };
    let sum = |resource: &str, more: Quantity| amount(used, resource).unwrap_or(zero).plus(more);
    let over: Vec<&(String, Quantity)> = wanted
        .iter()
        .filter(|(resource, more)| amount(hard, resource).is_some_and(|most| sum(resource, *more) > most))
        .collect();
    if !over.is_empty() {
        let list = |value: &dyn Fn(&str, Quantity) -> String| -> String {
            let parts = over.iter().map(|(resource, more)| format!("{resource}={}", value(resource, *more)));
            parts.collect::<Vec<_>>().join(",")
        };
        let held = |map: &Value, resource: &str| amount(map, resource).unwrap_or(zero).to_string();
        return Err(forbidden(&format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            list(&|_, more| more.to_string()),
            list(&|resource, _| held(used, resource)),
            list(&|resource, _| held(hard, resource)),
        )));
    }
    if !dry_run && let Some(kind) = kinds::by_kind("", "ResourceQuota") {
        let mut changed = quota.clone();
        for (resource, more) in &wanted {
            changed["status"]["used"][resource] = json!(sum(resource, *more).to_string());
        }
        store.put(kind, changed);
    }
    Ok(())
}

fn named(wanted: &[(String, Quantity)]) -> String {
    wanted.iter().map(|(resource, _)| resource.as_str()).collect::<Vec<_>>().join(",")
}
