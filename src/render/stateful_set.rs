//! StatefulSet: pods with a name and storage of their own, in order.

use serde_json::{Value, json};

use super::{Site, claim, label, object::object, object::put};
use crate::definition::Component;
use crate::model::ComponentName;

pub(super) fn render(site: &Site, name: &ComponentName, component: &Component, template: Value) -> Value {
    let mut set =
        object("apps/v1", "StatefulSet", site.namespace.as_str(), name.as_str(), &label::of_slot(site, name));
    set["spec"] = json!({
        "selector": {"matchLabels": label::selector(site, name)},
        "serviceName": super::service::governing_name(name, component),
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate"},
        // Data is never deleted without a word in Git.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "template": template,
    });
    put(&mut set["spec"], "volumeClaimTemplates", claim::templates(component));
    if let Some(span) = component.min_ready {
        put(&mut set["spec"], "minReadySeconds", span.0.as_secs());
    }
    set
}
