//! One owner per object: no two definitions render the same one, so ownership never goes to and fro.

use std::collections::HashMap;

use super::{Finding, Placed, PlatformOwner};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{ClusterName, ObjectKey};

pub(super) fn check(placed: &[Placed], platform: &[PlatformOwner]) -> Vec<Finding> {
    let mut owners: HashMap<(&ClusterName, &ObjectKey), Vec<(&Placed, &Place)>> = HashMap::new();
    for one in placed {
        for (object, place) in &one.footprint.objects {
            owners.entry((&one.target.cluster, object)).or_default().push((one, place));
        }
    }
    let of_platform: HashMap<(&ClusterName, &ObjectKey), &str> =
        platform.iter().map(|owner| ((&owner.cluster, &owner.object), owner.path.as_str())).collect();
    let mut findings = Vec::new();
    for (thing, users) in &owners {
        let other_path = of_platform.get(thing);
        if users.len() + usize::from(other_path.is_some()) < 2 {
            continue;
        }
        let (cluster, object) = thing;
        for (index, (user, place)) in users.iter().enumerate() {
            let other = match other_path {
                Some(path) => (*path).to_owned(),
                None => {
                    let (other, _) = users[if index == 0 { 1 } else { 0 }];
                    match other.key == user.key {
                        true => format!("{} a second time", other.path),
                        false => format!("{} (app `{}`)", other.path, other.key),
                    }
                }
            };
            let message = format!("{object} of cluster `{cluster}` is rendered by {other} too");
            let diagnostic = Diagnostic::error(Code::S0501, (*place).clone(), message);
            findings.push((Some(user.key.clone()), diagnostic.help("give one of them another name")));
        }
    }
    findings.sort();
    findings
}
