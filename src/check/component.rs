//! A component as a whole: what its kind of workload has, its autoscaler, its names.

use super::Component;
use crate::definition::{Exposure, IntOrPercent, Workload};
use crate::diagnostic::{Code, Fault};
use crate::render;

/// What the names of a StatefulSet's and a CronJob's pods leave for the name of the workload.
const NAME_LIMIT: usize = 52;

pub(super) fn check(here: &Component, faults: &mut Vec<Fault>) {
    if here.component.containers.is_empty() {
        let message = format!("component `{}` has no container", here.name);
        faults.push(here.error(Code::S0514, &["containers"], message).help("write at least its `image`"));
    }
    workload(here, faults);
    autoscale(here, faults);
    disruption(here, faults);
    node_ports(here, faults);
    labels(here, faults);
    readiness(here, faults);
    let kind = here.component.workload;
    if matches!(kind, Workload::StatefulSet | Workload::CronJob) && here.name.len() > NAME_LIMIT {
        let message = format!(
            "the {kind:?} `{}` has {} characters; at most {NAME_LIMIT} leave room for the names of its pods",
            here.name,
            here.name.len()
        );
        faults.push(here.error(Code::S0522, &[], message));
    }
}

fn workload(here: &Component, faults: &mut Vec<Fault>) {
    let (component, kind) = (here.component, here.component.workload);
    let scaled = matches!(kind, Workload::Deployment | Workload::StatefulSet);
    let ends = matches!(kind, Workload::Job | Workload::CronJob);
    let mut misplaced = |set: bool, allowed: bool, field: &str| {
        if set && !allowed {
            faults.push(here.error(Code::S0521, &[field], format!("a {kind:?} has no `{field}`")));
        }
    };
    misplaced(component.replicas.is_some(), scaled, "replicas");
    misplaced(component.autoscale.is_some(), scaled, "autoscale");
    misplaced(component.disruption.is_some(), scaled, "disruption");
    misplaced(component.cron.is_some(), kind == Workload::CronJob, "cron");
    misplaced(component.retries.is_some(), ends, "retries");
    misplaced(component.update.is_some(), kind == Workload::DaemonSet, "update");
    misplaced(component.min_ready.is_some(), !ends, "minReady");
    misplaced(!component.routes.is_empty(), !ends, "routes");
    if kind != Workload::CronJob {
        return;
    }
    match component.cron.as_deref() {
        None => {
            let message = "a CronJob needs `cron`, for example `cron: 0 3 * * *`";
            faults.push(here.error(Code::S0521, &["cron"], message));
        }
        Some(text) if !is_schedule(text) => {
            let message = "this is no schedule: five fields (minute, hour, day, month, weekday) are expected";
            faults.push(here.error(Code::S0522, &["cron"], message));
        }
        Some(_) => {}
    }
}

fn is_schedule(text: &str) -> bool {
    let word = |field: &str| field.bytes().all(|b| b.is_ascii_alphanumeric() || b"*/,-?".contains(&b));
    let macros = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    macros.contains(&text) || (text.split_whitespace().count() == 5 && text.split_whitespace().all(word))
}

fn autoscale(here: &Component, faults: &mut Vec<Fault>) {
    let Some(autoscale) = &here.component.autoscale else { return };
    if autoscale.min > autoscale.max {
        let message = format!("`min` {} is over `max` {}", autoscale.min, autoscale.max);
        faults.push(here.error(Code::S0521, &["autoscale", "min"], message));
    }
    if here.component.replicas.is_some() {
        let message = "`replicas` has no effect beside `autoscale`";
        let fault = here.warning(Code::S0521, &["replicas"], message);
        faults.push(fault.help("take it away: the autoscaler decides between `min` and `max`"));
    }
    let defaults = here.site.rules.limits.as_ref().map(|limits| &limits.container.default_request);
    for (resource, _) in render::measures(autoscale) {
        for (name, container) in &here.component.containers {
            let (requests, limits) = render::amounts(&container.resources);
            let given = requests.contains_key(resource)
                || limits.contains_key(resource)
                || defaults.is_some_and(|defaults| defaults.contains_key(resource));
            if !given {
                let message = format!(
                    "the autoscaler measures {resource} against the request, and container `{name}` has none"
                );
                let fault = here.error(Code::S0512, &["containers", name, "resources"], message);
                faults.push(fault.help(format!("write `resources: {{{resource}: ...}}`")));
            }
        }
    }
}

fn disruption(here: &Component, faults: &mut Vec<Fault>) {
    let Some(budget) = &here.component.disruption else { return };
    let said = [budget.none, budget.max_unavailable.is_some(), budget.min_available.is_some()];
    if said.iter().filter(|said| **said).count() > 1 {
        let message = "`maxUnavailable`, `minAvailable` and `none` exclude each other";
        faults.push(here.error(Code::S0521, &["disruption"], message));
    }
    for (field, value) in
        [("maxUnavailable", &budget.max_unavailable), ("minAvailable", &budget.min_available)]
    {
        if let Some(IntOrPercent::Percent(text)) = value {
            let number = text.strip_suffix('%').and_then(|number| number.parse::<u8>().ok());
            if number.is_none_or(|number| number > 100) {
                let message = "a number or a share from `0%` to `100%` is expected";
                faults.push(here.error(Code::S0522, &["disruption", field], message));
            }
        }
    }
    let stuck = matches!(&budget.max_unavailable, Some(IntOrPercent::Int(0)))
        || matches!(&budget.min_available, Some(IntOrPercent::Int(least)) if *least >= here.most_pods());
    if stuck {
        let message = "this budget never lets a pod go, so no node with one can be drained";
        faults.push(here.warning(Code::S0521, &["disruption"], message));
    }
}

fn node_ports(here: &Component, faults: &mut Vec<Fault>) {
    let Some(service) = &here.component.service else { return };
    for (name, port) in &service.ports {
        if port.node_port.is_some() && service.exposure != Exposure::NodePort {
            let message = "a node port needs `exposure: nodePort`";
            faults.push(here.error(Code::S0521, &["service", "ports", name, "nodePort"], message));
        }
    }
}

fn labels(here: &Component, faults: &mut Vec<Fault>) {
    for (key, value) in &here.component.labels {
        let reserved = key.starts_with(render::PREFIX) || key.starts_with("app.kubernetes.io/");
        if reserved {
            let message = format!("`{key}` is written by the engine alone");
            faults.push(here.error(Code::S0602, &["labels", key], message));
        }
        if !super::object::is_label_value(value) {
            let message = "a label's value has at most 63 letters, digits, `-`, `_` and `.`";
            faults.push(here.error(Code::S0522, &["labels", key], message));
        }
    }
}

fn readiness(here: &Component, faults: &mut Vec<Fault>) {
    let runs =
        matches!(here.component.workload, Workload::Deployment | Workload::StatefulSet | Workload::DaemonSet);
    let probed = here.component.containers.values().any(|container| container.probes.readiness.is_some());
    if runs && !probed && !here.component.containers.is_empty() {
        let message = format!("component `{}` has no readiness probe, so no gate can judge it", here.name);
        let fault = here.warning(Code::S0520, &[], message);
        faults.push(fault.help("write `health: /path`, or `probes.readiness`"));
    }
}
