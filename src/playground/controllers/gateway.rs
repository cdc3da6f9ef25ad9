//! Gateways and routes: the statuses that a controller of the Gateway API would set.
//!
//! No traffic flows. A class is taken on when it is called `sluice-playground` or names our
//! controller; its gateways are programmed at once, and routes are accepted where a listener takes
//! them and resolved where their backends are there.

use std::sync::Arc;

use serde_json::{Value, json};

use super::object::{Condition, array, count, labels, name, namespace, selects, text};
use super::world::World;
use crate::model::ObjectKey;

/// The group of the Gateway API.
pub(super) const GROUP: &str = "gateway.networking.k8s.io";

/// The class that is always taken on.
const CLASS: &str = "sluice-playground";

/// The name of the controller that is played here.
const CONTROLLER: &str = "sluice.dev/playground";

fn is_ours(class: &Value) -> bool {
    name(class) == CLASS || text(class, "/spec/controllerName") == CONTROLLER
}

/// The name under which statuses are written: the one that the class asks for.
fn controller_of(class: &Value) -> String {
    match text(class, "/spec/controllerName") {
        "" => CONTROLLER.to_owned(),
        named => named.to_owned(),
    }
}

fn put(
    status: &mut Value,
    world: &World<'_>,
    object: &Value,
    kind: &str,
    held: bool,
    reason: &str,
    message: &str,
) {
    let condition =
        Condition { kind, status: if held { "True" } else { "False" }, reason, message: message.to_owned() };
    condition.put(status, world.now);
    for found in status["conditions"].as_array_mut().into_iter().flatten() {
        if text(found, "/type") == kind {
            found["observedGeneration"] = json!(count(object, "/metadata/generation"));
            if found.get("message").is_none() {
                found["message"] = json!("");
            }
        }
    }
}

/// Takes a class on.
pub(super) fn reconcile_class(world: &mut World<'_>, key: &ObjectKey) {
    let Some(class) = world.get(key).filter(|class| is_ours(class)) else { return };
    let mut status = class.get("status").cloned().unwrap_or(json!({}));
    put(&mut status, world, &class, "Accepted", true, "Accepted", "");
    world.set_status(&class, status);
}

fn class_of(world: &World<'_>, gateway: &Value) -> Option<Arc<Value>> {
    let class = world.objects.get(GROUP, "GatewayClass", None, text(gateway, "/spec/gatewayClassName"));
    class.filter(|class| is_ours(class))
}

/// Programs a gateway.
pub(super) fn reconcile_gateway(world: &mut World<'_>, key: &ObjectKey) {
    let Some(gateway) = world.get(key) else { return };
    if class_of(world, &gateway).is_none() {
        return;
    }
    let routes = world.objects.list(GROUP, "HTTPRoute", None);
    let mut status = gateway.get("status").cloned().unwrap_or(json!({}));
    put(&mut status, world, &gateway, "Accepted", true, "Accepted", "");
    put(&mut status, world, &gateway, "Programmed", true, "Programmed", "");
    status["addresses"] = json!([{ "type": "IPAddress", "value": "203.0.113.1" }]);
    let mut listeners = Vec::new();
    for listener in array(&gateway, "/spec/listeners") {
        let named = text(listener, "/name");
        let held = array(&gateway, "/status/listeners").iter().find(|held| text(held, "/name") == named);
        let mut state = json!({
            "name": named, "supportedKinds": [{ "group": GROUP, "kind": "HTTPRoute" }],
            "conditions": held.map_or(json!([]), |held| held["conditions"].clone()),
        });
        let attached = routes.iter().filter(|route| {
            array(route, "/spec/parentRefs").iter().any(|parent| {
                parent_key(route, parent) == *key && takes(world, &gateway, listener, route, parent)
            })
        });
        state["attachedRoutes"] = json!(attached.count());
        for (kind, reason) in
            [("Accepted", "Accepted"), ("Programmed", "Programmed"), ("ResolvedRefs", "ResolvedRefs")]
        {
            put(&mut state, world, &gateway, kind, true, reason, "");
        }
        listeners.push(state);
    }
    status["listeners"] = Value::Array(listeners);
    world.set_status(&gateway, status);
}

/// The gateways that a route names.
pub(super) fn parents(route: &Value) -> Vec<ObjectKey> {
    array(route, "/spec/parentRefs").iter().map(|parent| parent_key(route, parent)).collect()
}

fn parent_key(route: &Value, parent: &Value) -> ObjectKey {
    let space = match text(parent, "/namespace") {
        "" => namespace(route),
        named => named,
    };
    ObjectKey::namespaced(GROUP, "Gateway", space, text(parent, "/name"))
}

/// Whether a listener takes a route: by section, namespace and host.
fn takes(world: &World<'_>, gateway: &Value, listener: &Value, route: &Value, parent: &Value) -> bool {
    let section = text(parent, "/sectionName");
    let from_there = match text(listener, "/allowedRoutes/namespaces/from") {
        "All" => true,
        "Selector" => {
            let home = world.objects.get("", "Namespace", None, namespace(route));
            let selector = &listener["allowedRoutes"]["namespaces"]["selector"];
            home.is_some_and(|home| selects(selector, &labels(&home)))
        }
        _ => namespace(gateway) == namespace(route),
    };
    (section.is_empty() || section == text(listener, "/name"))
        && from_there
        && hosts_meet(text(listener, "/hostname"), array(route, "/spec/hostnames"))
}

fn hosts_meet(listener: &str, hosts: &[Value]) -> bool {
    let meets = |host: &str| match (listener.strip_prefix("*."), host.strip_prefix("*.")) {
        (Some(suffix), _) => host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
        (None, Some(suffix)) => listener.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')),
        (None, None) => listener == host,
    };
    listener.is_empty() || hosts.is_empty() || hosts.iter().filter_map(Value::as_str).any(meets)
}

/// Says for each of a route's gateways that are ours how it stands.
pub(super) fn reconcile_route(world: &mut World<'_>, key: &ObjectKey) {
    let Some(route) = world.get(key) else { return };
    let mut parents: Vec<Value> = array(&route, "/status/parents").to_vec();
    let references = array(&route, "/spec/parentRefs");
    let mut ours = Vec::new();
    for reference in references {
        let Some(gateway) = world.get(&parent_key(&route, reference)) else { continue };
        let Some(class) = class_of(world, &gateway) else { continue };
        let controller = controller_of(&class);
        let held = parents
            .iter()
            .find(|held| held["parentRef"] == *reference && text(held, "/controllerName") == controller);
        let mut state = json!({
            "parentRef": reference, "controllerName": controller,
            "conditions": held.map_or(json!([]), |held| held["conditions"].clone()),
        });
        let (accepted, reason, message) = acceptance(world, &gateway, &route, reference);
        put(&mut state, world, &route, "Accepted", accepted, reason, message);
        let missing = missing_backend(world, &route);
        let (resolved, reason) =
            if missing.is_some() { (false, "BackendNotFound") } else { (true, "ResolvedRefs") };
        put(&mut state, world, &route, "ResolvedRefs", resolved, reason, &missing.unwrap_or_default());
        ours.push(state);
    }
    // What other controllers wrote stays; what we wrote for a parent that is gone does not.
    parents.retain(|held| {
        !ours.iter().any(|own| own["controllerName"] == held["controllerName"])
            && text(held, "/controllerName") != CONTROLLER
    });
    parents.extend(ours);
    if !parents.is_empty() || !array(&route, "/status/parents").is_empty() {
        world.set_status(&route, json!({ "parents": parents }));
    }
}

fn acceptance(
    world: &World<'_>,
    gateway: &Value,
    route: &Value,
    parent: &Value,
) -> (bool, &'static str, &'static str) {
    let listeners = array(gateway, "/spec/listeners");
    if listeners.iter().any(|listener| takes(world, gateway, listener, route, parent)) {
        return (true, "Accepted", "");
    }
    let section = text(parent, "/sectionName");
    if !section.is_empty() && !listeners.iter().any(|listener| text(listener, "/name") == section) {
        return (false, "NoMatchingParent", "no listener of that name");
    }
    let by_host = |listener: &Value| hosts_meet(text(listener, "/hostname"), array(route, "/spec/hostnames"));
    if !listeners.iter().any(by_host) {
        return (false, "NoMatchingListenerHostname", "no listener of a hostname that the route has");
    }
    (false, "NotAllowedByListeners", "no listener takes routes of this namespace")
}

/// A backend that is not there, in words.
fn missing_backend(world: &World<'_>, route: &Value) -> Option<String> {
    let rules = array(route, "/spec/rules").iter();
    let backends = rules.flat_map(|rule| array(rule, "/backendRefs"));
    for backend in backends {
        let space = match text(backend, "/namespace") {
            "" => namespace(route),
            named => named,
        };
        let kind = text(backend, "/kind");
        if !matches!(kind, "" | "Service") {
            continue;
        }
        if world.objects.get("", "Service", Some(space), text(backend, "/name")).is_none() {
            return Some(format!("service \"{}\" not found", text(backend, "/name")));
        }
    }
    None
}
