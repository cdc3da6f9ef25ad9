//! The namespace's quota against the sum over its apps, with the pods that a release adds.
//!
//! A sum over the quota is an error of the commit and refuses no app: which of them is one too many
//! is for people to say. The cluster itself holds the line.

use std::collections::BTreeMap;

use super::container::pod_amounts;
use super::{Finding, NamespaceQuota, Placed};
use crate::definition::{AccessMode, Component, Strategy, Volume, Workload};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Amounts, Quantity, Replicas, TargetKey};

/// How many of ten pods a rolling update adds: the 25 % of its `maxSurge`, rounded up.
const SURGE_PERCENT: u64 = 25;

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
        let Some(quota) = quotas.get(one.target).filter(|quota| !quota.hard.is_empty()) else { continue };
        let (steady, surge) = of_app(one);
        let sum = uses.entry(one.target).or_default();
        add(&mut sum.steady, &steady, 1);
        for (resource, amount) in surge {
            let most = sum.surge.get(&resource).map_or(amount, |before| amount.max(*before));
            sum.surge.insert(resource, most);
        }
        findings.extend(unmeasured(one, &quota.hard));
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

fn add(to: &mut Amounts, from: &Amounts, times: i64) {
    for (resource, amount) in from {
        let more = amount.times(times);
        let sum = to.get(resource).map_or(more, |before| before.plus(more));
        to.insert(resource.clone(), sum);
    }
}

/// What an app uses at full size, and what a release of it adds.
fn of_app(one: &Placed) -> (Amounts, Amounts) {
    let mut steady = Amounts::new();
    let mut surge = Amounts::new();
    for (name, component) in &one.app.value.components {
        let count = match one.rendered.settings.replicas.get(name) {
            Some(Replicas::Fixed(count)) => *count,
            Some(Replicas::Autoscaled { max, .. }) => *max,
            None => 1,
        };
        let pod = pod_use(one, component);
        add(&mut steady, &pod, i64::from(count));
        let surges = component.workload == Workload::Deployment && one.strategy == Strategy::Rolling;
        if surges && count > 0 {
            let more = (u64::from(count) * SURGE_PERCENT).div_ceil(100);
            add(&mut surge, &pod, i64::try_from(more).unwrap_or(i64::MAX));
        }
        add(&mut steady, &claims(component, count), 1);
    }
    let rendered = one.rendered;
    for object in rendered.bundle.objects.iter().chain(&rendered.settings.objects) {
        let (names, is_new): (Vec<&str>, bool) = match (object.group(), object.kind()) {
            ("", "Service") => (vec!["services", "count/services"], false),
            ("", "ConfigMap") => (vec!["configmaps", "count/configmaps"], true),
            ("", "Secret") => (vec!["secrets", "count/secrets"], true),
            ("apps", "Deployment") => (vec!["count/deployments.apps"], false),
            ("apps", "StatefulSet") => (vec!["count/statefulsets.apps"], false),
            ("batch", "Job") => (vec!["count/jobs.batch"], true),
            ("batch", "CronJob") => (vec!["count/cronjobs.batch"], false),
            _ => continue,
        };
        for name in names {
            let one = Amounts::from([(name.to_owned(), Quantity::from_int(1))]);
            add(&mut steady, &one, 1);
            // A release brings another object and keeps the old one.
            if is_new && object.at("/immutable").is_some() {
                add(&mut surge, &one, 1);
            }
        }
        let node_port = object.at("/spec/type").and_then(|kind| kind.as_str()) == Some("NodePort");
        if node_port {
            let ports = object.at("/spec/ports").and_then(|ports| ports.as_array()).map_or(0, Vec::len);
            let name = "services.nodeports".to_owned();
            let count = Quantity::from_int(i64::try_from(ports).unwrap_or(i64::MAX));
            add(&mut steady, &Amounts::from([(name, count)]), 1);
        }
    }
    (steady, surge)
}

fn pod_use(one: &Placed, component: &Component) -> Amounts {
    let bounds = one.rules.limits.as_ref().map(|limits| limits.container.clone()).unwrap_or_default();
    let (requests, limits) = pod_amounts(component, &bounds);
    let mut all = Amounts::from([
        ("pods".to_owned(), Quantity::from_int(1)),
        ("count/pods".to_owned(), Quantity::from_int(1)),
    ]);
    for (resource, amount) in requests {
        // `cpu` and `memory` of a quota mean requests.
        if resource == "cpu" || resource == "memory" {
            all.insert(resource.clone(), amount);
        }
        all.insert(format!("requests.{resource}"), amount);
    }
    for (resource, amount) in limits {
        all.insert(format!("limits.{resource}"), amount);
    }
    all
}

fn claims(component: &Component, count: u32) -> Amounts {
    let mut all = Amounts::new();
    for volume in component.volumes.values() {
        let Volume::Claim { size, access, .. } = volume else { continue };
        let _: &AccessMode = access;
        let times = if component.workload == Workload::StatefulSet { i64::from(count) } else { 1 };
        let one = Amounts::from([
            ("persistentvolumeclaims".to_owned(), Quantity::from_int(1)),
            ("requests.storage".to_owned(), *size),
        ]);
        add(&mut all, &one, times);
    }
    all
}

/// A quota on a resource refuses pods that do not say how much of it they want.
fn unmeasured(one: &Placed, hard: &Amounts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, component) in &one.app.value.components {
        for (container, definition) in &component.containers {
            let bounds = one.rules.limits.as_ref().map(|limits| limits.container.clone()).unwrap_or_default();
            let (requests, limits) = super::container::effective(definition, &bounds);
            for resource in ["cpu", "memory"] {
                let asks_request =
                    hard.contains_key(resource) || hard.contains_key(&format!("requests.{resource}"));
                let asks_limit = hard.contains_key(&format!("limits.{resource}"));
                let missing = match () {
                    () if asks_request && !requests.contains_key(resource) => "request",
                    () if asks_limit && !limits.contains_key(resource) => "limit",
                    () => continue,
                };
                let at =
                    ["components", name.as_str(), "containers", container, "resources"].map(str::to_owned);
                let message = format!(
                    "the namespace has a quota on {resource}, so container `{container}` needs a {resource} \
                     {missing}"
                );
                let diagnostic = Diagnostic::error(Code::S0508, one.app.place(&at), message);
                findings.push((Some(one.key.clone()), diagnostic));
            }
        }
    }
    findings
}
