//! Counts changes by where they were seen, so that nobody else need look.
//!
//! What changed is not told, only that something did: who is concerned looks again.

use std::collections::BTreeMap;

use crate::model::Manifest;
use crate::render::APP_LABEL;

/// When what was seen to change: each change has the next number.
#[derive(Debug, Default)]
pub struct Changes {
    newest: u64,
    /// The newest outside namespaces, or of which it is not known where.
    everywhere: u64,
    /// The newest in each namespace, by the label of the app.
    within: BTreeMap<(String, String), u64>,
}

impl Changes {
    /// Counts a change of which it is not known where.
    pub fn everywhere(&mut self) {
        self.newest += 1;
        self.everywhere = self.newest;
    }

    /// Counts a change of an object.
    pub fn of(&mut self, object: &Manifest) {
        let Some(namespace) = object.namespace() else { return self.everywhere() };
        self.newest += 1;
        let app = object.label(APP_LABEL).unwrap_or_default();
        self.within.insert((namespace.to_owned(), app.to_owned()), self.newest);
    }

    /// The newest change that may concern an app in a namespace; without an app, the newest that
    /// belongs to no app.
    pub fn newest(&self, namespace: &str, app: Option<&str>) -> u64 {
        let of = |app: &str| self.within.get(&(namespace.to_owned(), app.to_owned())).copied();
        let all = [Some(self.everywhere), of(""), app.and_then(of)];
        all.into_iter().flatten().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(namespace: Option<&str>, app: Option<&str>) -> Manifest {
        let mut value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        if let Some(namespace) = namespace {
            value["metadata"]["namespace"] = json!(namespace);
        }
        if let Some(app) = app {
            value["metadata"]["labels"] = json!({APP_LABEL: app});
        }
        Manifest::new(value).unwrap()
    }

    /// Whom of `shop/web`, `shop/api`, the platform in `shop` and `bank/web` a change concerns.
    #[track_caller]
    fn check(changed: &Manifest, expected: [bool; 4]) {
        let mut changes = Changes::default();
        changes.everywhere();
        let all = [("shop", Some("web")), ("shop", Some("api")), ("shop", None), ("bank", Some("web"))];
        let before = all.map(|(namespace, app)| changes.newest(namespace, app));
        changes.of(changed);
        let after = all.map(|(namespace, app)| changes.newest(namespace, app));
        let found: Vec<bool> = before.iter().zip(after).map(|(before, after)| after > *before).collect();
        assert_eq!(found, expected, "{changed:?}");
    }

    #[test]
    fn a_change_concerns_its_app_or_everybody_who_may_own_it() {
        check(&object(Some("shop"), Some("web")), [true, false, false, false]);
        check(&object(Some("shop"), None), [true, true, true, false]);
        check(&object(None, None), [true, true, true, true]);
        check(&object(Some("other"), Some("web")), [false, false, false, false]);
    }
}
