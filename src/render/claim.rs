//! PersistentVolumeClaim: one for all pods of a component, or a template for each pod of a set.

use serde_json::{Value, json};

use super::pod::claim_name;
use super::{Site, label, object::object, object::put};
use crate::definition::{AccessMode, Component, Volume, Workload};
use crate::model::{ComponentName, Quantity};

fn spec(size: &Quantity, class: Option<&str>, access: AccessMode) -> Value {
    let mut spec = json!({
        "accessModes": [access],
        "resources": {"requests": {"storage": size}},
        "volumeMode": "Filesystem",
    });
    put(&mut spec, "storageClassName", class);
    spec
}

/// The claims of a component that is no StatefulSet.
pub(super) fn render(site: &Site, name: &ComponentName, component: &Component) -> Vec<Value> {
    if component.workload == Workload::StatefulSet {
        return Vec::new();
    }
    component
        .volumes
        .iter()
        .filter_map(|(volume, what)| {
            let Volume::Claim { size, class, access } = what else { return None };
            let mut claim = object(
                "v1",
                "PersistentVolumeClaim",
                site.namespace.as_str(),
                &claim_name(name, volume),
                &label::of_app(site, Some(name)),
            );
            claim["spec"] = spec(size, class.as_deref(), *access);
            Some(claim)
        })
        .collect()
}

/// The claim templates of a StatefulSet, with the defaults that the API fills in: the list is
/// compared as a whole.
pub(super) fn templates(component: &Component) -> Vec<Value> {
    component
        .volumes
        .iter()
        .filter_map(|(volume, what)| {
            let Volume::Claim { size, class, access } = what else { return None };
            Some(json!({
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": volume},
                "spec": spec(size, class.as_deref(), *access),
            }))
        })
        .collect()
}
