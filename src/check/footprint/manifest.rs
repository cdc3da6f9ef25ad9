//! What objects of manifests take up.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Draft;
use crate::check::pod::{self, Pod};
use crate::definition::{PortProtocol, Strategy};
use crate::diagnostic::{Code, Place};
use crate::model::{Manifest, Quantity, Replicas};
use crate::render::Written;

pub(super) fn take(draft: &mut Draft) {
    let rendered = draft.standing.rendered;
    for object in &rendered.bundle.objects {
        let Some(written) = rendered.written.get(&object.key()) else { continue };
        let here = Here { object, written };
        match (object.group(), object.kind()) {
            ("", "Service") => here.service(draft),
            ("", "PersistentVolumeClaim") => here.claim(object.at("/spec"), 1, draft),
            ("networking.k8s.io", "Ingress") => here.ingress(draft),
            ("gateway.networking.k8s.io", "HTTPRoute") => here.http_route(draft),
            _ => {}
        }
        if let Some(pod) = Pod::of(object) {
            here.pods(&pod, draft);
        }
    }
}

struct Here<'a> {
    object: &'a Manifest,
    written: &'a Written,
}

fn items(value: Option<&Value>) -> impl Iterator<Item = (usize, &Value)> {
    value.and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn port_of(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

fn protocol(value: &Value) -> PortProtocol {
    serde_json::from_value(value.clone()).unwrap_or(PortProtocol::TCP)
}

impl Here<'_> {
    fn place(&self, pointer: &str) -> Place {
        self.written.place(pointer, false)
    }

    fn who(&self, draft: &Draft) -> String {
        format!("{}/{}", draft.standing.key, self.object.name())
    }

    fn service(&self, draft: &mut Draft) {
        for (index, port) in items(self.object.at("/spec/ports")) {
            if let Some(number) = port_of(&port["nodePort"]) {
                let place = self.place(&format!("/spec/ports/{index}/nodePort"));
                draft.node_port(number, protocol(&port["protocol"]), place, self.who(draft));
            }
        }
    }

    fn claim(&self, spec: Option<&Value>, times: i64, draft: &mut Draft) {
        let size = spec.and_then(|spec| spec.pointer("/resources/requests/storage"));
        let size: Option<Quantity> = size.and_then(Value::as_str).and_then(|size| size.parse().ok());
        draft.claims(size.unwrap_or(Quantity::from_int(0)), times);
    }

    fn ingress(&self, draft: &mut Draft) {
        let mut seen = BTreeSet::new();
        for (index, rule) in items(self.object.at("/spec/rules")) {
            let Some(host) = rule["host"].as_str() else { continue };
            for (number, path) in items(rule.pointer("/http/paths")) {
                let path = path["path"].as_str().unwrap_or("/");
                if seen.insert((host.to_owned(), path.to_owned())) {
                    let place = self.place(&format!("/spec/rules/{index}/http/paths/{number}"));
                    draft.host(host, path, place, self.who(draft));
                }
            }
        }
    }

    /// Only rules that match by path alone: others share a path with a purpose.
    fn http_route(&self, draft: &mut Draft) {
        let mut seen = BTreeSet::new();
        for (_, host) in items(self.object.at("/spec/hostnames")) {
            let Some(host) = host.as_str() else { continue };
            for (index, rule) in items(self.object.at("/spec/rules")) {
                for (number, found) in items(rule.get("matches")) {
                    let others = ["headers", "queryParams", "method"];
                    let path = found.pointer("/path/value").and_then(Value::as_str).unwrap_or("/");
                    let plain = !others.iter().any(|other| found.get(other).is_some());
                    if plain && seen.insert((host.to_owned(), path.to_owned())) {
                        let place = self.place(&format!("/spec/rules/{index}/matches/{number}"));
                        draft.host(host, path, place, self.who(draft));
                    }
                }
            }
        }
    }

    fn pods(&self, pod: &Pod, draft: &mut Draft) {
        let standing = draft.standing;
        let bounds =
            standing.rules.limits.as_ref().map(|limits| limits.container.clone()).unwrap_or_default();
        let key = self.object.key();
        let workloads = &standing.rendered.bundle.workloads;
        let component = workloads.iter().find(|(_, held)| **held == key).map(|(name, _)| name);
        let count = match component.and_then(|name| standing.rendered.settings.replicas.get(name)) {
            Some(Replicas::Fixed(count)) => *count,
            Some(Replicas::Autoscaled { max, .. }) => *max,
            None => {
                let parallel = self.object.at("/spec/parallelism").and_then(Value::as_u64).unwrap_or(1);
                u32::try_from(parallel).unwrap_or(u32::MAX)
            }
        };
        let surges = self.object.kind() == "Deployment" && standing.strategy == Strategy::Rolling;
        draft.pods(pod.amounts(&bounds), count, surges);
        for (_, template) in items(self.object.at("/spec/volumeClaimTemplates")) {
            self.claim(template.get("spec"), i64::from(count), draft);
        }
        let on_host = pod.at("/hostNetwork").and_then(Value::as_bool) == Some(true);
        for container in pod.containers().into_iter().filter(|container| container.main) {
            let (requests, limits) = pod::amounts(container.value, &bounds);
            for (resource, missing) in draft.unmeasured(&requests, &limits) {
                let message = format!(
                    "the namespace has a quota on {resource}, so container `{}` needs a {resource} {missing}",
                    container.name
                );
                let pointer = format!("{}/resources", container.pointer);
                let whereabouts = draft.whereabouts();
                let fault = whereabouts.error(Code::S0508, self.object, (&pointer, false), message);
                draft.diagnose(fault);
            }
            for (index, port) in items(container.value.get("ports")) {
                let field = if on_host { "containerPort" } else { "hostPort" };
                if let Some(number) = port_of(&port[field]) {
                    let place = self.place(&format!("{}/ports/{index}", container.pointer));
                    draft.port(number, protocol(&port["protocol"]), place, self.who(draft));
                }
            }
        }
    }
}
