//! References inside an app: volumes, keys, ports, probes and routes.

use std::collections::BTreeSet;

use super::Component;
use crate::definition::{Container, EnvValue, Exposure, Probe, ProbeCheck, nearest};
use crate::diagnostic::{Code, Fault};
use crate::render::{self, Material};

pub(super) fn check(here: &Component, material: &Material, faults: &mut Vec<Fault>) {
    for (list, name, container) in here.containers() {
        let holder = Holder { list, name, container };
        environment(here, holder, material, faults);
        mounts(here, holder, material, faults);
        probes(here, list, name, container, faults);
    }
    ports(here, faults);
    routes(here, faults);
}

/// A container and the field that holds it.
#[derive(Clone, Copy)]
struct Holder<'a> {
    list: &'a str,
    name: &'a str,
    container: &'a Container,
}

fn near<'a>(fault: Fault, word: &str, known: impl IntoIterator<Item = &'a str>) -> Fault {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => fault,
        None => fault.help(format!("there are {}", known.join(", "))),
    }
}

/// Looks a key up in what was found; what was not found at all is reported elsewhere.
fn key(
    fault: impl Fn(String) -> Fault,
    (config, secret): (Option<&str>, Option<&str>),
    key: &str,
    material: &Material,
) -> Option<Fault> {
    let (what, known): (String, Vec<&str>) = match (config, secret) {
        (Some(name), _) => {
            (format!("Config `{name}`"), material.configs.get(name)?.keys().map(String::as_str).collect())
        }
        (None, Some(name)) => {
            let secret = material.secrets.get(name)?;
            (format!("Secret `{name}`"), secret.values.keys().map(String::as_str).collect())
        }
        (None, None) => return None,
    };
    let missing = !known.contains(&key);
    missing.then(|| near(fault(format!("{what} has no key `{key}`")), key, known))
}

/// Which of the sources that exclude each other are named; exactly one must be.
fn one_of(here: &Component, at: &[&str], sources: [(&str, bool); 3], faults: &mut Vec<Fault>) -> bool {
    let one = sources.iter().filter(|(_, said)| *said).count() == 1;
    if !one {
        let [a, b, c] = sources.map(|(name, _)| name);
        let message = format!("exactly one of `{a}`, `{b}` and `{c}` is expected");
        faults.push(here.error(Code::S0514, at, message));
    }
    one
}

fn environment(here: &Component, holder: Holder, material: &Material, faults: &mut Vec<Fault>) {
    for (variable, value) in &holder.container.env {
        let EnvValue::From(source) = value else { continue };
        let at = [holder.list, holder.name, "env", variable.as_str()];
        let sources = [
            ("config", source.config.is_some()),
            ("secret", source.secret.is_some()),
            ("field", source.field.is_some()),
        ];
        if one_of(here, &at, sources, faults) {
            let wanted = source.key.as_deref().unwrap_or(variable);
            let fault = |message: String| here.error(Code::S0514, &at, message);
            faults.extend(key(fault, (source.config.as_deref(), source.secret.as_deref()), wanted, material));
        }
    }
}

fn mounts(here: &Component, holder: Holder, material: &Material, faults: &mut Vec<Fault>) {
    let volumes = &here.component.volumes;
    for (path, mount) in &holder.container.mounts {
        let at = [holder.list, holder.name, "mounts", path.as_str()];
        let sources = [
            ("volume", mount.volume.is_some()),
            ("config", mount.config.is_some()),
            ("secret", mount.secret.is_some()),
        ];
        if !one_of(here, &at, sources, faults) {
            continue;
        }
        if let Some(volume) = mount.volume.as_deref().filter(|name| !volumes.contains_key(*name)) {
            let fault = here.error(Code::S0514, &at, format!("there is no volume `{volume}`"));
            faults.push(near(fault, volume, volumes.keys().map(String::as_str)));
        }
        if let Some(wanted) = &mount.key {
            let fault = |message: String| here.error(Code::S0514, &at, message);
            faults.extend(key(fault, (mount.config.as_deref(), mount.secret.as_deref()), wanted, material));
        }
    }
}

fn probes(here: &Component, list: &str, name: &str, container: &Container, faults: &mut Vec<Fault>) {
    let probes = &container.probes;
    let all: [(&str, &Option<Probe>); 3] =
        [("liveness", &probes.liveness), ("readiness", &probes.readiness), ("startup", &probes.startup)];
    for (which, probe) in all {
        let Some(probe) = probe else { continue };
        let at = [list, name, "probes", which];
        if list == "initContainers" {
            faults.push(here.error(Code::S0515, &at, "a container that runs before has no probes"));
            continue;
        }
        match probe.check() {
            None => {
                let message = "exactly one of `http`, `tcp`, `exec`, `grpc` is expected";
                faults.push(here.error(Code::S0515, &at, message));
            }
            Some(ProbeCheck::Exec(_)) => {}
            Some(ProbeCheck::Http(path)) if !path.starts_with('/') => {
                let message = "the path of a probe begins with `/`; a probe asks the container itself";
                faults.push(here.error(Code::S0515, &at, message));
            }
            Some(_) if render::probe_port(container, probe).is_some() => {}
            Some(check) => {
                let known = container.ports.keys().map(String::as_str);
                let wanted = match check {
                    ProbeCheck::Tcp(port) => Some(port),
                    _ => probe.port.as_deref(),
                };
                let message = match wanted {
                    Some(port) => format!("container `{name}` has no port `{port}`"),
                    None => format!("container `{name}` has {} ports; say which", container.ports.len()),
                };
                faults.push(near(here.error(Code::S0514, &at, message), wanted.unwrap_or_default(), known));
            }
        }
    }
}

fn ports(here: &Component, faults: &mut Vec<Fault>) {
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for (list, name, container) in here.containers().filter(|(list, _, _)| *list == "containers") {
        for (port, definition) in &container.ports {
            let at = [list, name, "ports", port.as_str()];
            if !names.insert(port.as_str()) {
                let message = format!("another container of the pod has a port `{port}`");
                faults.push(here.error(Code::S0609, &at, message));
            }
            if !numbers.insert((definition.port, definition.protocol)) {
                let message = format!("the port {} stands twice in the pod", definition.port);
                faults.push(here.error(Code::S0609, &at, message));
            }
        }
    }
    let known = render::container_ports(here.component);
    let mut taken = BTreeSet::new();
    for (name, port) in render::service_ports(here.component) {
        let at = ["service", "ports", name.as_str()];
        let target = port.target.as_deref().unwrap_or(&name);
        let protocol = match known.get(target) {
            Some(target) => target.protocol,
            None => {
                let fault = here.error(Code::S0514, &at, format!("no container has a port `{target}`"));
                faults.push(near(fault, target, known.keys().copied()));
                continue;
            }
        };
        if !taken.insert((port.port, protocol)) {
            let message = format!("the service has the port {} twice", port.port);
            faults.push(here.error(Code::S0609, &at, message));
        }
    }
}

fn routes(here: &Component, faults: &mut Vec<Fault>) {
    for (index, route) in here.component.routes.iter().enumerate() {
        let index = index.to_string();
        let at = ["routes", index.as_str()];
        if !render::has_service(here.component) || render::exposure(here.component) == Exposure::None {
            let message = "a route leads to a service, and this component has none";
            faults.push(here.error(Code::S0514, &at, message).help("write `port:` or `service.ports`"));
            continue;
        }
        if render::service_port(here.component, route).is_none() {
            let ports = render::service_ports(here.component);
            let message = match &route.port {
                Some(port) => format!("the service has no port `{port}`"),
                None => format!("the service has {} ports; say which", ports.len()),
            };
            let wanted = route.port.as_deref().unwrap_or_default();
            let fault = here.error(Code::S0514, &at, message);
            faults.push(near(fault, wanted, ports.keys().map(String::as_str)));
        }
        if !is_host(&route.host) {
            let message = format!("`{}` is no host name", route.host);
            faults.push(here.error(Code::S0522, &["routes", &index, "host"], message));
        }
        if !route.path.starts_with('/') {
            faults.push(here.error(Code::S0522, &["routes", &index, "path"], "a path begins with `/`"));
        }
    }
}

/// A DNS name, or one with `*.` in front.
fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
