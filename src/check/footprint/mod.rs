//! What an app takes up on a target: its objects, ports of the nodes, hosts and paths, and its part
//! of the quota. Worked out for each app alone; the checks between apps look at nothing else of it.

mod component;
mod manifest;

use super::whereabouts::Whereabouts;
use crate::definition::{App, Cluster, Namespace, PortProtocol, Strategy, Tenant};
use crate::diagnostic::{Code, Diagnostic, Fault, Place};
use crate::model::{Amounts, AppKey, ObjectKey, Quantity, TargetKey};
use crate::render::Rendered;
use crate::resolve::Resolved;

/// How many of a hundred pods a rolling update adds: the 25 % of its `maxSurge`, rounded up.
pub(super) const SURGE_PERCENT: u64 = 25;

/// What an app takes up on a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Footprint {
    /// Its objects, each with the place of what it comes from.
    pub objects: Vec<(ObjectKey, Place)>,
    /// Ports of the nodes.
    pub ports: Vec<Claim<(u16, PortProtocol)>>,
    /// Hosts and paths that lead to it.
    pub hosts: Vec<Claim<(String, String)>>,
    /// What it uses at full size, by resource name of a quota.
    pub steady: Amounts,
    /// What a release of it adds for a while.
    pub surge: Amounts,
}

/// A claim on something that only one can have.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim<T> {
    /// What.
    pub what: T,
    /// Where it is claimed.
    pub place: Place,
    /// The component or object that claims.
    pub who: String,
}

/// An app on a target, as rendered.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The app.
    pub key: &'a AppKey,
    /// The target.
    pub target: &'a TargetKey,
    /// Its definition there.
    pub app: &'a Resolved<App>,
    /// What it comes to.
    pub rendered: &'a Rendered,
    /// What the cluster offers.
    pub cluster: &'a Cluster,
    /// Whose it is.
    pub tenant: &'a Tenant,
    /// The rules of the namespace.
    pub rules: &'a Namespace,
    /// How pods are replaced.
    pub strategy: Strategy,
}

/// What an app takes up, and what of it the cluster, the tenant's grant or the quota does not allow.
pub fn footprint(standing: &Standing) -> (Footprint, Vec<Diagnostic>) {
    let rendered = standing.rendered;
    let mut draft = Draft { standing: *standing, footprint: Footprint::default(), diagnostics: Vec::new() };
    for object in rendered.bundle.objects.iter().chain(&rendered.settings.objects) {
        let key = object.key();
        let place = match (rendered.written.get(&key), rendered.origins.get(&key)) {
            (Some(written), _) => written.place("/metadata/name", false),
            (None, Some(component)) => standing.app.place(&["components".to_owned(), component.to_string()]),
            (None, None) => standing.app.place(&[]),
        };
        draft.footprint.objects.push((key, place));
        draft.count(object);
    }
    component::take(&mut draft);
    manifest::take(&mut draft);
    (draft.footprint, draft.diagnostics)
}

/// A footprint while it is taken.
struct Draft<'a> {
    standing: Standing<'a>,
    footprint: Footprint,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Draft<'a> {
    fn whereabouts(&self) -> Whereabouts<'a> {
        Whereabouts { app: &self.standing.app.value, rendered: self.standing.rendered }
    }

    fn place(&self, at: &[&str]) -> Place {
        let at: Vec<String> = at.iter().map(|part| (*part).to_owned()).collect();
        self.standing.app.place(&at)
    }

    fn diagnose(&mut self, fault: Fault) {
        self.diagnostics.push(self.standing.app.diagnose(fault));
    }

    /// Counts an object itself against quotas on numbers of objects.
    fn count(&mut self, object: &crate::model::Manifest) {
        let (names, is_new): (&[&str], bool) = match (object.group(), object.kind()) {
            ("", "Service") => (&["services", "count/services"], false),
            ("", "ConfigMap") => (&["configmaps", "count/configmaps"], true),
            ("", "Secret") => (&["secrets", "count/secrets"], true),
            ("apps", "Deployment") => (&["count/deployments.apps"], false),
            ("apps", "StatefulSet") => (&["count/statefulsets.apps"], false),
            ("batch", "Job") => (&["count/jobs.batch"], true),
            ("batch", "CronJob") => (&["count/cronjobs.batch"], false),
            _ => return,
        };
        for name in names {
            let one = Amounts::from([((*name).to_owned(), Quantity::from_int(1))]);
            add(&mut self.footprint.steady, &one, 1);
            // A release brings another object and keeps the old one.
            if is_new && object.at("/immutable").is_some() {
                add(&mut self.footprint.surge, &one, 1);
            }
        }
        if object.at("/spec/type").and_then(|kind| kind.as_str()) == Some("NodePort") {
            let ports = object.at("/spec/ports").and_then(|ports| ports.as_array()).map_or(0, Vec::len);
            let count = Quantity::from_int(i64::try_from(ports).unwrap_or(i64::MAX));
            let ports = Amounts::from([("services.nodeports".to_owned(), count)]);
            add(&mut self.footprint.steady, &ports, 1);
        }
    }

    /// Counts the pods of a workload, each with these requests and limits.
    fn pods(&mut self, (requests, limits): (Amounts, Amounts), count: u32, surges: bool) {
        let pod = pod_use(requests, limits);
        add(&mut self.footprint.steady, &pod, i64::from(count));
        if surges && count > 0 {
            let more = (u64::from(count) * SURGE_PERCENT).div_ceil(100);
            add(&mut self.footprint.surge, &pod, i64::try_from(more).unwrap_or(i64::MAX));
        }
    }

    /// Counts claims of one size.
    fn claims(&mut self, size: Quantity, times: i64) {
        let one = Amounts::from([
            ("persistentvolumeclaims".to_owned(), Quantity::from_int(1)),
            ("requests.storage".to_owned(), size),
        ]);
        add(&mut self.footprint.steady, &one, times);
    }

    /// A quota on a resource refuses pods that do not say how much of it they want: the resources
    /// that a container lacks, and of which amount.
    fn unmeasured(&self, requests: &Amounts, limits: &Amounts) -> Vec<(&'static str, &'static str)> {
        let hard = &self.standing.rules.quota;
        ["cpu", "memory"]
            .into_iter()
            .filter_map(|resource| {
                let asks_request =
                    hard.contains_key(resource) || hard.contains_key(&format!("requests.{resource}"));
                let asks_limit = hard.contains_key(&format!("limits.{resource}"));
                match () {
                    () if asks_request && !requests.contains_key(resource) => Some((resource, "request")),
                    () if asks_limit && !limits.contains_key(resource) => Some((resource, "limit")),
                    () => None,
                }
            })
            .collect()
    }

    /// Claims a node port; it must lie in the cluster's range and be granted to the tenant.
    fn node_port(&mut self, number: u16, protocol: PortProtocol, place: Place, who: String) {
        let Standing { cluster, tenant, target, key, .. } = self.standing;
        let (first, last) = cluster.node_ports.range;
        if !(first..=last).contains(&number) {
            let message =
                format!("node port {number} is outside of {first}-{last}, the range of `{}`", target.cluster);
            self.diagnostics.push(Diagnostic::error(Code::S0502, place.clone(), message));
        }
        if !tenant.node_ports.contains(&number) {
            let message = format!("node port {number} is not granted to tenant `{}`", key.tenant);
            let help = "the platform team grants it with `nodePorts` of the Tenant; a route needs none";
            self.diagnostics.push(Diagnostic::error(Code::S0502, place.clone(), message).help(help));
        }
        self.port(number, protocol, place, who);
    }

    /// Claims a port of the nodes.
    fn port(&mut self, number: u16, protocol: PortProtocol, place: Place, who: String) {
        let Standing { cluster, target, .. } = self.standing;
        if cluster.node_ports.reserved.contains(&number) {
            let message = format!("port {number} is reserved on the nodes of cluster `{}`", target.cluster);
            self.diagnostics.push(Diagnostic::error(Code::S0502, place.clone(), message));
        }
        self.footprint.ports.push(Claim { what: (number, protocol), place, who });
    }

    /// Claims a host and path.
    fn host(&mut self, host: &str, path: &str, place: Place, who: String) {
        let path = match path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        let what = (host.to_ascii_lowercase(), path.to_owned());
        self.footprint.hosts.push(Claim { what, place, who });
    }
}

pub(super) fn add(to: &mut Amounts, from: &Amounts, times: i64) {
    for (resource, amount) in from {
        let more = amount.times(times);
        let sum = to.get(resource).map_or(more, |before| before.plus(more));
        to.insert(resource.clone(), sum);
    }
}

fn pod_use(requests: Amounts, limits: Amounts) -> Amounts {
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
