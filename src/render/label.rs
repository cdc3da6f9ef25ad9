//! Labels: what follows from an app's identity, and selectors.
//!
//! No version, release, commit or time is ever among them, and selectors can't change later: they
//! hold the app, the component and the slot from the first commit.

use std::collections::BTreeMap;

use super::Site;
use crate::model::{ComponentName, Slot};

/// What keys of labels and annotations of the engine begin with.
pub const PREFIX: &str = "sluice.dev/";

/// The label that tells the slots of a component apart.
pub const SLOT_LABEL: &str = "sluice.dev/slot";

/// The annotation that names the definition that an object came from.
pub const PATH_ANNOTATION: &str = "sluice.dev/path";

/// The label by which an object says whose it is.
pub const APP_LABEL: &str = "sluice.dev/app";

const COMPONENT: &str = "app.kubernetes.io/component";
const TENANT: &str = "sluice.dev/tenant";

pub(super) type Labels = BTreeMap<String, String>;

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The labels of an object that both slots share.
pub(super) fn of_app(site: &Site, component: Option<&ComponentName>) -> Labels {
    let name = component.map_or(site.app.as_str(), ComponentName::as_str);
    let mut all = labels([
        ("app.kubernetes.io/name", name),
        ("app.kubernetes.io/instance", site.app.as_str()),
        ("app.kubernetes.io/part-of", site.app.as_str()),
        ("app.kubernetes.io/managed-by", "sluice"),
        (TENANT, site.tenant.as_str()),
        (APP_LABEL, site.app.as_str()),
    ]);
    if let Some(component) = component {
        all.insert(COMPONENT.to_owned(), component.to_string());
    }
    all
}

/// The labels of an object of one slot, and of its pods.
pub(super) fn of_slot(site: &Site, component: &ComponentName) -> Labels {
    let mut all = of_app(site, Some(component));
    all.insert(SLOT_LABEL.to_owned(), Slot::Blue.to_string());
    all
}

/// What selects the pods of a component in the blue slot.
pub(super) fn selector(site: &Site, component: &ComponentName) -> Labels {
    labels([
        (APP_LABEL, site.app.as_str()),
        (COMPONENT, component.as_str()),
        (SLOT_LABEL, Slot::Blue.as_str()),
    ])
}

/// The labels of an object of the platform that serves a tenant.
pub(super) fn of_tenant(tenant: &str) -> Labels {
    labels([("app.kubernetes.io/managed-by", "sluice"), (TENANT, tenant)])
}

/// Whether rendering alone writes this key of labels or annotations.
pub(super) fn is_reserved(key: &str) -> bool {
    let suffix = |prefix: &str| {
        key.split_once('/').is_some_and(|(domain, _)| {
            domain == prefix || domain.strip_suffix(prefix).is_some_and(|rest| rest.ends_with('.'))
        })
    };
    suffix("sluice.dev")
        || ["name", "instance", "component", "part-of", "managed-by"]
            .iter()
            .any(|word| key.strip_prefix("app.kubernetes.io/") == Some(word))
}
