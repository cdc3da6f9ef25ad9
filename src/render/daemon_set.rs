//! DaemonSet: one pod on every node, replaced by its own rolling update.

use serde_json::{Value, json};

use super::{Site, label, object::object, object::put};
use crate::definition::Component;
use crate::model::ComponentName;

pub(super) fn render(site: &Site, name: &ComponentName, component: &Component, template: Value) -> Value {
    let mut set =
        object("apps/v1", "DaemonSet", site.namespace.as_str(), name.as_str(), &label::of_slot(site, name));
    set["spec"] = json!({
        "selector": {"matchLabels": label::selector(site, name)},
        "updateStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
        },
        "template": template,
    });
    if let Some(span) = component.min_ready {
        put(&mut set["spec"], "minReadySeconds", span.0.as_secs());
    }
    set
}
