//! Probes of a container.

use serde_json::{Value, json};

use crate::definition::{Container, Probe, ProbeCheck};

/// So many failures in a row count: the API's own default.
pub(super) const FAILURES: u32 = 3;

/// So many failures of the startup probe count: with its period of 10 s, five minutes to start.
pub(super) const STARTUP_FAILURES: u32 = 30;

/// The port that a probe asks: the one named, or the only one of the container.
pub fn port<'a>(container: &'a Container, probe: &'a Probe) -> Option<(&'a str, u16)> {
    let named = match probe.check()? {
        ProbeCheck::Tcp(name) => Some(name),
        _ => probe.port.as_deref(),
    };
    match named {
        Some(name) => container.ports.get(name).map(|port| (name, port.port)),
        None if container.ports.len() == 1 => {
            container.ports.iter().next().map(|(name, port)| (name.as_str(), port.port))
        }
        None => None,
    }
}

pub(super) fn render(container: &Container, probe: Option<&Probe>, failures: u32) -> Value {
    let Some(probe) = probe else { return Value::Null };
    let asked = port(container, probe);
    let name = asked.map(|(name, _)| name);
    let mut value = match probe.check() {
        Some(ProbeCheck::Http(path)) => json!({"httpGet": {"path": path, "port": name, "scheme": "HTTP"}}),
        Some(ProbeCheck::Tcp(_)) => json!({"tcpSocket": {"port": name}}),
        Some(ProbeCheck::Exec(command)) => json!({"exec": {"command": command}}),
        // The API takes no name here.
        Some(ProbeCheck::Grpc(service)) => {
            json!({"grpc": {"port": asked.map(|(_, number)| number), "service": service}})
        }
        None => return Value::Null,
    };
    if let Some(span) = probe.initial_delay.filter(|span| !span.0.is_zero()) {
        value["initialDelaySeconds"] = json!(span.0.as_secs());
    }
    value["periodSeconds"] = json!(probe.period.map_or(10, |span| span.0.as_secs().max(1)));
    value["timeoutSeconds"] = json!(probe.timeout.map_or(1, |span| span.0.as_secs().max(1)));
    value["failureThreshold"] = json!(probe.failure_threshold.unwrap_or(failures));
    value
}
