//! From the short form of an App to its full form, on the tree, so that every field keeps its place.
//!
//! An app without `components` is one component of the app's name; a component without `containers`
//! is one container of the component's name; `port`, `health` and `host` stand for what most apps
//! write. Whether fields and values are right is not looked at: what is known to no level stays
//! where it is and is refused there.

use serde_json::Value;

use super::shape::{later, schema_of};
use super::yaml::{Key, Node, NodeValue};
use super::{App, Component, Container};
use crate::diagnostic::{Code, Diagnostic};

/// The short forms, which belong to a component.
const SHORT: &[&str] = &["port", "health", "host"];

/// The port's name that `port` gives.
const PORT: &str = "http";

/// The service port that `port` gives.
const SERVICE_PORT: u16 = 80;

/// Brings the `spec` of the app `app` into its full form.
///
/// Returns a diagnostic for every field of the short form that stands beside the full form.
pub fn lift(spec: &mut Node, app: &str, path: &str) -> Vec<Diagnostic> {
    let mut lift = Lift { path, faults: Vec::new() };
    if spec.as_mapping().is_none() {
        return lift.faults;
    }
    match ["components", "source", "template"].into_iter().find(|name| spec.get(name).is_some()) {
        Some(full) => lift.refuse(spec, full, |name| {
            !is_field::<App>("App", name)
                && (is_component_field(name) || is_field::<Container>("Container", name))
        }),
        None => nest(spec, "components", app, |name| {
            !is_field::<App>("App", name)
                && (is_component_field(name) || is_field::<Container>("Container", name))
        }),
    }
    if let Some(NodeValue::Mapping(components)) = spec.get_mut("components").map(|node| &mut node.value) {
        for (key, component) in components {
            lift.component(&key.text, component);
        }
    }
    lift.faults
}

struct Lift<'a> {
    path: &'a str,
    faults: Vec<Diagnostic>,
}

impl Lift<'_> {
    fn component(&mut self, name: &str, component: &mut Node) {
        if component.value == NodeValue::Null {
            component.value = NodeValue::Mapping(Vec::new());
        }
        if component.as_mapping().is_none() {
            return;
        }
        self.host(component);
        let is_container_field =
            |name: &str| !is_component_field(name) && is_field::<Container>("Container", name);
        if component.get("containers").is_some() {
            let both = |name: &str| is_container_field(name) || matches!(name, "port" | "health");
            return self.refuse(component, "containers", both);
        }
        let port = component.take("port");
        let health = component.take("health");
        nest(component, "containers", name, is_container_field);
        let has_port = port.is_some();
        if let Some((key, port)) = port {
            self.service(component, &key);
            if let Some(container) = container(component, name) {
                self.port(container, &key, port);
            }
        }
        if let (Some((key, health)), Some(container)) = (health, container(component, name)) {
            self.health(container, &key, &health, has_port);
        }
    }

    /// `host: h` is `routes: [{host: h}]`.
    fn host(&mut self, component: &mut Node) {
        let Some((key, host)) = component.take("host") else { return };
        if component.get("routes").is_some() {
            return self.mixed(&key, "routes");
        }
        let (line, column) = (host.line, host.column);
        let route = Node::mapping(vec![(Key::new("host", key.line, key.column), host)], line, column);
        put(
            component,
            Key { text: "routes".to_owned(), ..key },
            Node::new(NodeValue::Sequence(vec![route]), line, column),
        );
    }

    /// `port: n` is the container's port `http`...
    fn port(&mut self, container: &mut Node, key: &Key, port: Node) {
        let (line, column) = (port.line, port.column);
        let ports = child(container, "ports", key);
        if ports.get(PORT).is_some() {
            return self.mixed(key, "ports.http");
        }
        let port = Node::mapping(vec![(key.clone(), port)], line, column);
        put(ports, Key::new(PORT, key.line, key.column), port);
    }

    /// ... and the service's port 80, unless the service says its ports itself.
    fn service(&mut self, component: &mut Node, key: &Key) {
        let service = child(component, "service", key);
        if service.as_mapping().is_none() || service.get("ports").is_some() {
            return;
        }
        let number = Node::from_json(&Value::from(SERVICE_PORT), key.line, key.column);
        let port =
            Node::mapping(vec![(Key::new("port", key.line, key.column), number)], key.line, key.column);
        put(child(service, "ports", key), Key::new(PORT, key.line, key.column), port);
    }

    /// `health: path` is a readiness and a startup probe. Never liveness: it restarts what a slow
    /// dependency holds up.
    fn health(&mut self, container: &mut Node, key: &Key, health: &Node, has_port: bool) {
        let probes = child(container, "probes", key);
        for name in ["readiness", "startup"] {
            if probes.get(name).is_some() {
                self.mixed(key, &format!("probes.{name}"));
                continue;
            }
            let mut fields = vec![(Key::new("http", key.line, key.column), health.clone())];
            if has_port {
                fields.push((Key::new("port", key.line, key.column), Node::text(PORT, key.line, key.column)));
            }
            let probe = Node::mapping(fields, health.line, health.column);
            put(probes, Key::new(name, key.line, key.column), probe);
        }
    }

    /// Refuses the fields of the short form beside the full form, and takes them away.
    fn refuse(&mut self, node: &mut Node, full: &str, is_short: impl Fn(&str) -> bool) {
        let Some(fields) = node.as_mapping_mut() else { return };
        let (short, rest) = std::mem::take(fields).into_iter().partition(|(key, _)| is_short(&key.text));
        *fields = rest;
        let short: Vec<(Key, Node)> = short;
        for (key, _) in short {
            self.mixed(&key, full);
        }
    }

    fn mixed(&mut self, key: &Key, full: &str) {
        let message = format!("`{}` can't stand beside `{full}`", key.text);
        let help = match full {
            "components" | "containers" => format!("move it into one of the `{full}`"),
            "source" | "template" => format!("an app with a `{full}` has no components of its own"),
            _ => "say it once: in the short form or in full".to_owned(),
        };
        self.faults.push(Diagnostic::error(Code::S0304, key.place(self.path), message).help(help));
    }
}

/// Moves the fields that `belongs` names into `<into>.<name>`.
fn nest(node: &mut Node, into: &str, name: &str, belongs: impl Fn(&str) -> bool) {
    let (line, column) = (node.line, node.column);
    let Some(fields) = node.as_mapping_mut() else { return };
    let (inner, outer): (Vec<_>, Vec<_>) =
        std::mem::take(fields).into_iter().partition(|(key, _)| belongs(&key.text));
    *fields = outer;
    let inner = Node::mapping(inner, line, column);
    let named = Node::mapping(vec![(Key::new(name, line, column), inner)], line, column);
    fields.push((Key::new(into, line, column), named));
}

/// The field `name` of a mapping, made at the place of `key` where there is none.
fn child<'a>(node: &'a mut Node, name: &str, key: &Key) -> &'a mut Node {
    if node.get(name).is_none_or(|field| field.value == NodeValue::Null) {
        node.take(name);
        put(node, Key::new(name, key.line, key.column), Node::mapping(Vec::new(), key.line, key.column));
    }
    match node.value {
        NodeValue::Mapping(ref mut fields) => {
            let index = fields.iter().position(|(key, _)| key.text == name).unwrap_or_default();
            &mut fields[index].1
        }
        _ => node,
    }
}

/// Adds a field to a mapping; anything else is left as it is, to be refused for its type.
fn put(node: &mut Node, key: Key, value: Node) {
    if let Some(fields) = node.as_mapping_mut() {
        fields.push((key, value));
    }
}

fn container<'a>(component: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    component.get_mut("containers")?.get_mut(name)
}

/// Whether a type has a field, now or later.
fn is_field<T: schemars::JsonSchema + 'static>(type_name: &str, name: &str) -> bool {
    schema_of::<T>()["properties"].get(name).is_some() || later(type_name).contains(&name)
}

fn is_component_field(name: &str) -> bool {
    SHORT.contains(&name) || is_field::<Component>("Component", name)
}
