//! A container of a pod template.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{config::Named, object::put, probe, security, volume};
use crate::definition::{Container, EnvValue, PodSecurity, Resources};
use crate::model::Amounts;

pub(super) fn render(name: &str, container: &Container, level: PodSecurity, named: &Named) -> Value {
    let mut value = json!({
        "name": name,
        "image": container.image,
        // The last lines of the log are the container's own words on why it ended.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    put(&mut value, "command", json!(container.command));
    put(&mut value, "args", json!(container.args));
    put(&mut value, "workingDir", container.working_dir.clone());
    put(&mut value, "ports", ports(container));
    put(&mut value, "env", environment(container, named));
    put(&mut value, "resources", resources(&container.resources));
    put(&mut value, "volumeMounts", volume::mounts(name, container));
    if let Some(command) = &container.pre_stop {
        value["lifecycle"] = json!({"preStop": {"exec": {"command": command}}});
    }
    let probes = &container.probes;
    put(&mut value, "livenessProbe", probe::render(container, probes.liveness.as_ref(), probe::FAILURES));
    put(&mut value, "readinessProbe", probe::render(container, probes.readiness.as_ref(), probe::FAILURES));
    put(
        &mut value,
        "startupProbe",
        probe::render(container, probes.startup.as_ref(), probe::STARTUP_FAILURES),
    );
    put(&mut value, "securityContext", security::container(level, &container.security));
    value
}

fn ports(container: &Container) -> Vec<Value> {
    container
        .ports
        .iter()
        .map(|(name, port)| {
            let mut entry = json!({"name": name, "containerPort": port.port, "protocol": port.protocol});
            put(&mut entry, "hostPort", port.host_port);
            entry
        })
        .collect()
}

/// Variables by name, but those that refer to others (`$(NAME)`) last: Kubernetes replaces only what
/// stands before.
fn environment(container: &Container, named: &Named) -> Vec<Value> {
    let refers = |value: &EnvValue| matches!(value, EnvValue::Literal(text) if text.contains("$("));
    let mut all: Vec<_> = container.env.iter().collect();
    all.sort_by_key(|(name, value)| (refers(value), name.as_str()));
    all.into_iter()
        .map(|(name, value)| match value {
            EnvValue::Literal(text) => json!({"name": name, "value": text}),
            EnvValue::From(source) => {
                let key = source.key.as_deref().unwrap_or(name);
                let from = if let Some(config) = &source.config {
                    json!({"configMapKeyRef": {"name": named.config(config), "key": key}})
                } else if let Some(secret) = &source.secret {
                    json!({"secretKeyRef": {"name": named.secret(secret), "key": key}})
                } else {
                    json!({"fieldRef": {"apiVersion": "v1", "fieldPath": source.field}})
                };
                json!({"name": name, "valueFrom": from})
            }
        })
        .collect()
}

/// Requests and limits in full: `cpu` and `memory` are requests, with memory as the limit too.
pub fn amounts(resources: &Resources) -> (Amounts, Amounts) {
    let short =
        |name: &str, amount: &Option<crate::model::Quantity>| amount.map(|amount| (name.to_owned(), amount));
    let mut requests: Amounts = BTreeMap::new();
    requests.extend(short("cpu", &resources.cpu));
    requests.extend(short("memory", &resources.memory));
    requests.extend(resources.requests.clone());
    let mut limits: Amounts = BTreeMap::new();
    limits.extend(short("memory", &resources.memory));
    limits.extend(resources.limits.clone());
    (requests, limits)
}

fn resources(resources: &Resources) -> Value {
    let (requests, limits) = amounts(resources);
    let mut value = json!({});
    put(&mut value, "requests", json!(requests));
    put(&mut value, "limits", json!(limits));
    value
}
