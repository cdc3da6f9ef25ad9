//! HorizontalPodAutoscaler: a setting, applied directly.

use serde_json::{Value, json};

use super::{Site, label, object::object};
use crate::definition::{Autoscale, Workload};
use crate::model::ComponentName;

/// The average CPU use aimed at where the definition names no measure.
const CPU_PERCENT: u32 = 80;

pub(super) fn render(site: &Site, name: &ComponentName, kind: Workload, autoscale: &Autoscale) -> Value {
    let mut scaler = object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        site.namespace.as_str(),
        name.as_str(),
        &label::of_slot(site, name),
    );
    scaler["spec"] = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": format!("{kind:?}"), "name": name.as_str()},
        "minReplicas": autoscale.min,
        "maxReplicas": autoscale.max,
        "metrics": measures(autoscale).into_iter().map(|(resource, percent)| json!({
            "type": "Resource",
            "resource": {
                "name": resource,
                "target": {"type": "Utilization", "averageUtilization": percent},
            },
        })).collect::<Vec<_>>(),
    });
    scaler
}

/// What an autoscaler looks at: resources and the share of the request aimed at.
pub fn measures(autoscale: &Autoscale) -> Vec<(&'static str, u32)> {
    let mut all: Vec<(&'static str, u32)> = Vec::new();
    all.extend(autoscale.cpu_percent.map(|percent| ("cpu", percent)));
    all.extend(autoscale.memory_percent.map(|percent| ("memory", percent)));
    if all.is_empty() {
        all.push(("cpu", CPU_PERCENT));
    }
    all
}
