//! Containers: requests against limits and the namespace's bounds, names, secrets in plain text.

use super::{Component, secret};
use crate::definition::{Container, EnvValue, LimitBounds};
use crate::diagnostic::{Code, Fault};
use crate::model::{Amounts, Quantity};
use crate::render;

/// The most characters of a container port's name.
const PORT_NAME_LIMIT: usize = 15;

pub(super) fn check(here: &Component, faults: &mut Vec<Fault>) {
    for (list, name, container) in here.containers() {
        let at = [list, name];
        amounts(here, &at, container, faults);
        names(here, &at, container, faults);
        for (variable, value) in &container.env {
            if let EnvValue::Literal(text) = value
                && secret::is_plain(variable, text)
            {
                let message = format!("`{variable}` looks like a secret and stands here in plain text");
                let fault = here.error(Code::S0513, &[list, name, "env", variable], message);
                faults.push(
                    fault.help(format!("encrypt it in a Secret and write `{variable}: {{secret: name}}`")),
                );
            }
        }
    }
    pod(here, faults);
}

fn names(here: &Component, at: &[&str; 2], container: &Container, faults: &mut Vec<Fault>) {
    let [list, name] = *at;
    if crate::model::ComponentName::new(name).is_err() {
        let message = format!("`{name}` is no container's name: lower-case letters, digits and `-`");
        faults.push(here.error(Code::S0522, &[list, name], message));
    }
    for port in container.ports.keys() {
        let legal = port.len() <= PORT_NAME_LIMIT
            && port.bytes().any(|b| b.is_ascii_lowercase())
            && port.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !port.starts_with('-')
            && !port.ends_with('-')
            && !port.contains("--");
        if !legal {
            let message = format!(
                "`{port}` is no port's name: at most {PORT_NAME_LIMIT} lower-case letters, digits and single `-`"
            );
            faults.push(here.error(Code::S0522, &[list, name, "ports", port], message));
        }
    }
    for path in container.files.keys().chain(container.mounts.keys()) {
        if !path.starts_with('/') || path.contains(':') {
            let message = format!("`{path}` is no absolute path in a container");
            let field = if container.files.contains_key(path) { "files" } else { "mounts" };
            faults.push(here.error(Code::S0522, &[list, name, field, path], message));
        }
        if container.files.contains_key(path) && container.mounts.contains_key(path) {
            let message = format!("`{path}` stands in `files` and in `mounts`");
            faults.push(here.error(Code::S0609, &[list, name, "mounts", path], message));
        }
    }
    for variable in container.env.keys() {
        if variable.is_empty() || variable.contains('=') || !variable.bytes().all(|b| b.is_ascii_graphic()) {
            let message = format!("`{variable}` is no name of a variable");
            faults.push(here.error(Code::S0522, &[list, name, "env", variable], message));
        }
    }
}

fn amounts(here: &Component, at: &[&str; 2], container: &Container, faults: &mut Vec<Fault>) {
    let [list, name] = *at;
    let at = [list, name, "resources"];
    let (requests, limits) = render::amounts(&container.resources);
    for (resource, request) in &requests {
        if let Some(limit) = limits.get(resource).filter(|limit| request > *limit) {
            let message = format!("the {resource} request {request} is over the limit {limit}");
            faults.push(here.error(Code::S0507, &at, message));
        }
    }
    for (resource, amount) in requests.iter().chain(&limits) {
        if amount.nano() < 0 {
            faults.push(here.error(Code::S0507, &at, format!("{resource} is negative")));
        }
    }
    let memory = requests.get("memory").or_else(|| limits.get("memory"));
    // `512m` of memory is half a byte: somebody meant `512Mi`.
    if memory.is_some_and(|memory| memory.nano() > 0 && *memory < Quantity::from_int(1 << 20)) {
        let message = "less than 1Mi of memory";
        faults.push(here.warning(Code::S0507, &at, message).help("units of memory are `Mi` and `Gi`"));
    }
    if let Some(bounds) = &here.site.rules.limits {
        let (requests, limits) = effective(container, &bounds.container);
        for message in beyond(&requests, &limits, &bounds.container) {
            let message = format!("container `{name}`: {message}");
            faults.push(here.error(Code::S0507, &at, message));
        }
    }
}

/// Requests and limits of a container as the cluster fills them in.
pub(super) fn effective(container: &Container, bounds: &LimitBounds) -> (Amounts, Amounts) {
    let (requests, limits) = render::amounts(&container.resources);
    filled(requests, limits, bounds)
}

/// Requests and limits as the cluster fills them in: a request from the limit, then the defaults of
/// the LimitRange.
pub(super) fn filled(mut requests: Amounts, mut limits: Amounts, bounds: &LimitBounds) -> (Amounts, Amounts) {
    let fill = |to: &mut Amounts, from: &Amounts| {
        for (name, amount) in from {
            to.entry(name.clone()).or_insert(*amount);
        }
    };
    fill(&mut requests, &limits);
    let mut default = bounds.default.clone();
    fill(&mut default, &bounds.max);
    let mut default_request = bounds.default_request.clone();
    fill(&mut default_request, &default);
    fill(&mut default_request, &bounds.min);
    fill(&mut limits, &default);
    fill(&mut requests, &default_request);
    (requests, limits)
}

/// What a LimitRange would refuse.
pub(super) fn beyond(requests: &Amounts, limits: &Amounts, bounds: &LimitBounds) -> Vec<String> {
    let mut all = Vec::new();
    for (resource, least) in &bounds.min {
        match requests.get(resource) {
            Some(request) if request < least => {
                all.push(format!("the {resource} request {request} is under the namespace's least, {least}"));
            }
            Some(_) => {}
            None => all.push(format!("the namespace asks for a {resource} request of at least {least}")),
        }
    }
    for (resource, most) in &bounds.max {
        let over =
            limits.get(resource).into_iter().chain(requests.get(resource)).find(|amount| *amount > most);
        if let Some(amount) = over {
            all.push(format!("{resource} {amount} is over the namespace's most, {most}"));
        }
    }
    for (resource, most) in &bounds.max_limit_request_ratio {
        let (Some(limit), Some(request)) = (limits.get(resource), requests.get(resource)) else { continue };
        // limit / request > most, without dividing.
        let nano = 1_000_000_000_i128;
        if request.nano() > 0
            && limit.nano().saturating_mul(nano) > most.nano().saturating_mul(request.nano())
        {
            all.push(format!("the {resource} limit {limit} is more than {most} times the request {request}"));
        }
    }
    all
}

/// The bounds of whole pods.
fn pod(here: &Component, faults: &mut Vec<Fault>) {
    let Some(bounds) = &here.site.rules.limits else { return };
    let (requests, limits) = pod_amounts(here.component, &bounds.container);
    for message in beyond(&requests, &limits, &bounds.pod) {
        faults.push(here.error(Code::S0507, &["containers"], format!("the pod: {message}")));
    }
}

/// What one pod of a component asks for.
pub(super) fn pod_amounts(
    component: &crate::definition::Component,
    bounds: &LimitBounds,
) -> (Amounts, Amounts) {
    let of = |container: &Container| effective(container, bounds);
    summed(component.containers.values().map(of), component.init_containers.values().map(of))
}

/// What one pod asks for: the sum over its containers, or the largest container that runs before
/// them where that is more.
pub(super) fn summed(
    main: impl Iterator<Item = (Amounts, Amounts)>,
    before: impl Iterator<Item = (Amounts, Amounts)>,
) -> (Amounts, Amounts) {
    let mut sum = (Amounts::new(), Amounts::new());
    let mut join = |(requests, limits): (Amounts, Amounts), join: fn(Quantity, Quantity) -> Quantity| {
        for (to, from) in [(&mut sum.0, requests), (&mut sum.1, limits)] {
            for (name, amount) in from {
                let joined = to.get(&name).map_or(amount, |held| join(*held, amount));
                to.insert(name, joined);
            }
        }
    };
    main.for_each(|amounts| join(amounts, |held, more| held.plus(more)));
    before.for_each(|amounts| join(amounts, Quantity::max));
    sum
}
