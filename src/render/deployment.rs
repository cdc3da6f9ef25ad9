//! Deployment: pods without a name of their own.

use serde_json::{Value, json};

use super::{Site, label, object::object, object::put, pod};
use crate::definition::{Component, Strategy};
use crate::model::ComponentName;

/// How long without progress until the cluster calls a Deployment stuck, on top of the time that
/// its pods need: the API's own default.
const PROGRESS_DEADLINE_SECS: u64 = 600;

pub(super) fn render(site: &Site, name: &ComponentName, component: &Component, template: Value) -> Value {
    let mut deployment =
        object("apps/v1", "Deployment", site.namespace.as_str(), name.as_str(), &label::of_slot(site, name));
    let min_ready = component.min_ready.map_or(0, |span| span.0.as_secs());
    deployment["spec"] = json!({
        "selector": {"matchLabels": label::selector(site, name)},
        "progressDeadlineSeconds": PROGRESS_DEADLINE_SECS + min_ready + pod::start_secs(component),
        "strategy": match site.strategy {
            Strategy::Rolling => json!({
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
            }),
            Strategy::Recreate => json!({"type": "Recreate"}),
        },
        "template": template,
    });
    if min_ready > 0 {
        put(&mut deployment["spec"], "minReadySeconds", min_ready);
    }
    deployment
}
