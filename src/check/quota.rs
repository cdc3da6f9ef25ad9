//! The namespace's quota against the sum over its apps, with the pods that a release adds.
//!
//! A sum over the quota is an error of the commit and refuses no app: which of them is one too many
//! is for people to say. The cluster itself holds the line.

use std::collections::BTreeMap;

use super::footprint::add;
use super::{Finding, NamespaceQuota, Placed};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Amounts, Quantity, TargetKey};

/// What apps use, and what the largest release adds to it for a while.
#[derive(Default)]
struct Use {
    steady: Amounts,
    surge: Amounts,
}

pub(super) fn check(placed: &[Placed], quotas: &BTreeMap<TargetKey, NamespaceQuota>) -> Vec<Finding> {
    let mut uses: BTreeMap<&TargetKey, Use> = BTreeMap::new();
    let mut findings = Vec::new();
    for one in placed {
        if quotas.get(one.target).is_none_or(|quota| quota.hard.is_empty()) {
            continue;
        }
        let sum = uses.entry(one.target).or_default();
        add(&mut sum.steady, &one.footprint.steady, 1);
        for (resource, amount) in &one.footprint.surge {
            let most = sum.surge.get(resource).map_or(*amount, |before| *amount.max(before));
            sum.surge.insert(resource.clone(), most);
        }
    }
    for (target, used) in uses {
        let quota = &quotas[target];
        for (resource, hard) in &quota.hard {
            let steady = used.steady.get(resource).copied().unwrap_or(Quantity::from_int(0));
            let peak = steady.plus(used.surge.get(resource).copied().unwrap_or(Quantity::from_int(0)));
            let place = quota.place.clone();
            if steady > *hard {
                let message =
                    format!("the apps of {target} come to {resource} {steady}, the quota is {hard}");
                findings.push((None, Diagnostic::error(Code::S0508, place, message)));
            } else if peak > *hard {
                let message = format!(
                    "the apps of {target} come to {resource} {steady}, while a release runs to {peak}; the \
                     quota is {hard}"
                );
                let help = "a release may wait for room; enlarge the quota, or release with `recreate`";
                findings.push((None, Diagnostic::warning(Code::S0508, place, message).help(help)));
            }
        }
    }
    findings
}
