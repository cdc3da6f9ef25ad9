//! One owner per object: no two definitions render the same one, so ownership never goes to and fro.

use std::collections::BTreeMap;

use super::{Finding, Placed, PlatformOwner};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{ClusterName, Manifest, ObjectKey};

pub(super) fn check(placed: &[Placed], platform: &[PlatformOwner]) -> Vec<Finding> {
    let mut owners: BTreeMap<(&ClusterName, ObjectKey), Vec<&Placed>> = BTreeMap::new();
    for one in placed {
        let rendered = one.rendered;
        for object in rendered.bundle.objects.iter().chain(&rendered.settings.objects) {
            owners.entry((&one.target.cluster, Manifest::key(object))).or_default().push(one);
        }
    }
    let of_platform: BTreeMap<(&ClusterName, &ObjectKey), &str> =
        platform.iter().map(|owner| ((&owner.cluster, &owner.object), owner.path.as_str())).collect();
    let mut findings = Vec::new();
    for ((cluster, object), users) in &owners {
        let others: Vec<&str> = of_platform.get(&(*cluster, object)).into_iter().copied().collect();
        if users.len() + others.len() < 2 {
            continue;
        }
        for (index, user) in users.iter().enumerate() {
            let other = match others.first() {
                Some(path) => (*path).to_owned(),
                None => {
                    let other = users[if index == 0 { 1 } else { 0 }];
                    match other.key == user.key {
                        true => format!("{} a second time", other.app.path),
                        false => format!("{} (app `{}`)", other.app.path, other.key),
                    }
                }
            };
            let at: Vec<String> = match user.rendered.origins.get(object) {
                Some(component) => vec!["components".to_owned(), component.to_string()],
                None => Vec::new(),
            };
            let message = format!("{object} of cluster `{cluster}` is rendered by {other} too");
            let diagnostic = Diagnostic::error(Code::S0501, user.app.place(&at), message);
            findings.push((Some(user.key.clone()), diagnostic.help("give one of them another name")));
        }
    }
    findings
}
