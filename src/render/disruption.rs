//! PodDisruptionBudget: a setting, applied directly.

use serde_json::{Value, json};

use super::{Site, label, object::object};
use crate::definition::{Component, Disruption, Workload};
use crate::model::{ComponentName, Replicas};

/// The budget of a component; none where one would only block the drain of a node.
pub(super) fn render(
    site: &Site,
    name: &ComponentName,
    component: &Component,
    replicas: Replicas,
) -> Option<Value> {
    if !matches!(component.workload, Workload::Deployment | Workload::StatefulSet) {
        return None;
    }
    let fewest = match replicas {
        Replicas::Fixed(count) => count,
        Replicas::Autoscaled { min, .. } => min,
    };
    let spec = match &component.disruption {
        Some(Disruption { none: true, .. }) => return None,
        Some(Disruption { max_unavailable: Some(most), .. }) => json!({"maxUnavailable": most}),
        Some(Disruption { min_available: Some(least), .. }) => json!({"minAvailable": least}),
        _ if fewest >= 2 => json!({"maxUnavailable": 1}),
        _ => return None,
    };
    let mut budget = object(
        "policy/v1",
        "PodDisruptionBudget",
        site.namespace.as_str(),
        name.as_str(),
        &label::of_slot(site, name),
    );
    budget["spec"] = spec;
    budget["spec"]["selector"] = json!({"matchLabels": label::selector(site, name)});
    Some(budget)
}
