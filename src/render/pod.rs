//! The pod template: the same for every kind of workload.

use serde_json::{Value, json};

use super::{Site, config::Named, container, label, object::put, security, volume};
use crate::definition::{Component, Spread, Workload};
use crate::model::ComponentName;

/// The claim of a volume that all pods of a component share.
pub fn claim_name(component: &ComponentName, volume: &str) -> String {
    format!("{component}-{volume}")
}

/// The longest that a pod of the component may take to get ready by its own probes, in seconds.
pub fn start_secs(component: &Component) -> u64 {
    let probe_secs = |probe: &crate::definition::Probe, threshold: u32| {
        let period = probe.period.map_or(10, |span| span.0.as_secs());
        probe.initial_delay.map_or(0, |span| span.0.as_secs())
            + period * u64::from(probe.failure_threshold.unwrap_or(threshold))
    };
    let of = |container: &crate::definition::Container| {
        let probes = &container.probes;
        probes.startup.as_ref().map_or(0, |probe| probe_secs(probe, super::probe::STARTUP_FAILURES))
            + probes
                .readiness
                .as_ref()
                .map_or(0, |probe| probe.initial_delay.map_or(0, |span| span.0.as_secs()))
    };
    component.containers.values().map(of).max().unwrap_or(0)
}

/// The pod template of a component, in the form of the blue slot.
pub(super) fn template(site: &Site, name: &ComponentName, component: &Component, named: &Named) -> Value {
    let level = site.rules.pod_security;
    let containers = |all: &std::collections::BTreeMap<String, crate::definition::Container>| {
        all.iter().map(|(id, one)| container::render(id, one, level, named)).collect::<Vec<_>>()
    };
    let mut spec = json!({
        "automountServiceAccountToken": false,
        "containers": containers(&component.containers),
    });
    put(&mut spec, "initContainers", containers(&component.init_containers));
    put(&mut spec, "volumes", volume::render(name, component, named));
    let pull: Vec<Value> = named.pull_secrets.iter().map(|name| json!({"name": name})).collect();
    put(&mut spec, "imagePullSecrets", pull);
    let mut nodes = component.nodes.clone();
    // The namespace's word counts more: it keeps the tenant on its nodes.
    nodes.extend(site.rules.nodes.clone());
    put(&mut spec, "nodeSelector", json!(nodes));
    put(&mut spec, "securityContext", security::pod(level));
    put(&mut spec, "dnsPolicy", component.dns_policy.map(|policy| json!(policy)).unwrap_or_default());
    if component.host_network {
        spec["hostNetwork"] = json!(true);
    }
    if let Some(span) = component.termination_grace {
        spec["terminationGracePeriodSeconds"] = json!(span.0.as_secs());
    }
    if let Some(spread) = component.spread {
        spec["topologySpreadConstraints"] = json!([{
            "maxSkew": 1,
            "topologyKey": match spread {
                Spread::Hosts => "kubernetes.io/hostname",
                Spread::Zones => "topology.kubernetes.io/zone",
            },
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": label::selector(site, name)},
        }]);
    }
    if matches!(component.workload, Workload::Job | Workload::CronJob) {
        spec["restartPolicy"] = json!("Never");
    }
    let mut labels = component.labels.clone();
    labels.extend(label::of_slot(site, name));
    json!({"metadata": {"labels": labels}, "spec": spec})
}
