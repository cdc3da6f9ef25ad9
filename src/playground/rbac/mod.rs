//! Who may do what: the roles and bindings in the store, as the RBAC authorizer reads them.

pub(crate) mod builtin;

use serde_json::{Value, json};

use super::kinds::{self, Kind};
use super::request::{Call, User};
use super::status::ApiError;
use super::store::{Store, text_at};

const GROUP: &str = "rbac.authorization.k8s.io";

/// The group that may do everything.
pub(crate) const MASTERS: &str = "system:masters";

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    /// With the subresource behind a slash.
    pub resource: &'a str,
    /// Empty at the cluster scope.
    pub namespace: &'a str,
    pub name: &'a str,
}

fn texts<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    value.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a rule allows a request.
fn allows(rule: &Value, request: &Request<'_>) -> bool {
    let has = |field: &str, wanted: &str| texts(rule, field).any(|held| held == "*" || held == wanted);
    let subresource = request.resource.split_once('/').map(|(_, rest)| format!("*/{rest}"));
    let mut names = texts(rule, "resourceNames").peekable();
    has("verbs", request.verb)
        && has("apiGroups", request.group)
        && (has("resources", request.resource) || subresource.is_some_and(|any| has("resources", &any)))
        && (names.peek().is_none() || names.any(|name| name == request.name))
}

fn is_subject(subject: &Value, user: &User, binding_namespace: &str) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => name == user.name,
        Some("Group") => user.groups.iter().any(|group| group == name),
        Some("ServiceAccount") => {
            let namespace = subject["namespace"].as_str().unwrap_or(binding_namespace);
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
        _ => false,
    }
}

fn kind(name: &str) -> Option<&'static Kind> {
    kinds::by_kind(GROUP, name)
}

/// The rules of the role that a binding refers to.
fn role_rules(store: &Store, role_ref: &Value, namespace: &str) -> Vec<Value> {
    let role_kind = role_ref["kind"].as_str().unwrap_or_default();
    let namespace = if role_kind == "Role" { namespace } else { "" };
    let name = role_ref["name"].as_str().unwrap_or_default();
    let role = kind(role_kind).and_then(|kind| store.read(kind, namespace, name));
    role.and_then(|role| role.get("rules")).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// All rules that hold for a user: cluster-wide ones, and those of a namespace.
fn rules_for(store: &Store, user: &User, namespace: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    let bindings = kind("ClusterRoleBinding").map(|kind| store.scan(kind, None)).unwrap_or_default();
    let local = if namespace.is_empty() {
        Vec::new()
    } else {
        kind("RoleBinding").map(|kind| store.scan(kind, Some(namespace))).unwrap_or_default()
    };
    for binding in bindings.iter().chain(&local) {
        let own = text_at(binding, "/metadata/namespace");
        let subjects = binding.get("subjects").and_then(Value::as_array);
        if subjects.into_iter().flatten().any(|subject| is_subject(subject, user, own)) {
            rules.extend(role_rules(store, &binding["roleRef"], own));
        }
    }
    rules
}

/// The status of a SelfSubjectRulesReview: what a user may do in a namespace.
pub(crate) fn rules_review(store: &Store, user: &User, namespace: &str) -> Value {
    let mut rules = rules_for(store, user, namespace);
    let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    rules.push(json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": reviews}));
    rules.push(json!({"verbs": ["get"], "nonResourceURLs":
        ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
            "/version", "/version/"]}));
    if user.groups.iter().any(|group| group == MASTERS) {
        rules.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        rules.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
    }
    let (paths, resources): (Vec<Value>, Vec<Value>) =
        rules.into_iter().partition(|rule| rule.get("nonResourceURLs").is_some());
    json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
}

/// Whether a user may do something.
pub(crate) fn is_allowed(store: &Store, user: &User, request: &Request<'_>) -> bool {
    user.groups.iter().any(|group| group == MASTERS)
        || rules_for(store, user, request.namespace).iter().any(|rule| allows(rule, request))
}

/// Whether a user may read a path that is no resource.
pub(crate) fn is_path_allowed(store: &Store, user: &User, path: &str) -> bool {
    // What the built-in roles system:discovery and system:public-info-viewer give to everybody.
    let public = ["/healthz", "/livez", "/readyz", "/version"];
    let discovery = ["/api", "/apis", "/openapi"];
    let known = user.groups.iter().any(|group| group == "system:authenticated");
    public.iter().any(|open| path.trim_end_matches('/') == *open)
        || (known && discovery.iter().any(|open| path == *open || path.starts_with(&format!("{open}/"))))
        || user.groups.iter().any(|group| group == MASTERS)
        || rules_for(store, user, "").iter().any(|rule| {
            texts(rule, "nonResourceURLs").any(|held| {
                held == "*"
                    || held == path
                    || held.strip_suffix('*').is_some_and(|start| path.starts_with(start))
            })
        })
}

/// The refusal of a request, as the API server words it.
pub(crate) fn refusal(user: &User, request: &Request<'_>) -> ApiError {
    let plural = request.resource.split('/').next().unwrap_or(request.resource);
    let full =
        if request.group.is_empty() { plural.to_owned() } else { format!("{plural}.{}", request.group) };
    let scope = if request.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", request.namespace)
    };
    let object = if request.name.is_empty() { full } else { format!("{full} {:?}", request.name) };
    let message = format!(
        "{object} is forbidden: User {:?} cannot {} resource {:?} in API group {:?} {scope}",
        user.name, request.verb, request.resource, request.group
    );
    let mut error = ApiError::new(403, "Forbidden", message);
    let mut details = json!({"kind": plural});
    if !request.name.is_empty() {
        details["name"] = json!(request.name);
    }
    if !request.group.is_empty() {
        details["group"] = json!(request.group);
    }
    error.details = Some(details);
    error
}

/// Checks that a user may do something.
pub(crate) fn authorize(store: &Store, user: &User, request: &Request<'_>) -> Result<(), ApiError> {
    if is_allowed(store, user, request) { Ok(()) } else { Err(refusal(user, request)) }
}

/// An apply of an object that is not there creates it, which is a right of its own.
pub(crate) fn check_apply_creates(store: &Store, call: &Call) -> Result<(), ApiError> {
    let resource = call.resource();
    let request = Request {
        verb: "create",
        group: call.kind.group,
        resource: &resource,
        namespace: &call.namespace,
        name: &call.name,
    };
    authorize(store, &call.user, &request)
}

/// Nobody hands out rights that they don't have, but with the verbs `escalate` and `bind`.
pub(crate) fn check_escalation(
    store: &Store,
    user: &User,
    kind: &Kind,
    old: Option<&Value>,
    object: &Value,
) -> Result<(), ApiError> {
    if kind.group != GROUP || user.groups.iter().any(|group| group == MASTERS) {
        return Ok(());
    }
    let (namespace, name) = (text_at(object, "/metadata/namespace"), text_at(object, "/metadata/name"));
    let (verb, resource, target, rules) = match kind.kind {
        "Role" | "ClusterRole" => {
            if old.is_some_and(|old| old.get("rules") == object.get("rules")) {
                return Ok(());
            }
            let rules = object.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
            ("escalate", kind.plural, name, rules)
        }
        _ => {
            if old.is_some_and(|old| old.get("subjects") == object.get("subjects")) {
                return Ok(());
            }
            let role_ref = &object["roleRef"];
            let resource = if role_ref["kind"] == "Role" { "roles" } else { "clusterroles" };
            let target = role_ref["name"].as_str().unwrap_or_default();
            ("bind", resource, target, role_rules(store, role_ref, namespace))
        }
    };
    let exempt = Request { verb, group: GROUP, resource, namespace, name: target };
    if is_allowed(store, user, &exempt) {
        return Ok(());
    }
    let held = rules_for(store, user, namespace);
    let missing: Vec<String> =
        rules.iter().filter(|rule| !is_covered(rule, &held)).map(describe_rule).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let groups: Vec<String> = user.groups.iter().map(|group| format!("{group:?}")).collect();
    let why = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        missing.join("\n")
    );
    Err(ApiError::forbidden(kind, name, &why))
}

/// Whether held rules allow all that a rule allows.
fn is_covered(rule: &Value, held: &[Value]) -> bool {
    let names: Vec<&str> = texts(rule, "resourceNames").collect();
    let names = if names.is_empty() { vec![""] } else { names };
    let covers = |request: &Request<'_>| held.iter().any(|own| allows(own, request));
    texts(rule, "nonResourceURLs").next().is_none()
        && texts(rule, "verbs").all(|verb| {
            texts(rule, "apiGroups").all(|group| {
                texts(rule, "resources").all(|resource| {
                    names.iter().all(|name| covers(&Request { verb, group, resource, namespace: "", name }))
                })
            })
        })
}

fn describe_rule(rule: &Value) -> String {
    let list =
        |field: &str| texts(rule, field).map(|text| format!("{text:?}")).collect::<Vec<String>>().join(" ");
    let mut text = format!(
        "{{APIGroups:[{}], Resources:[{}]",
        list("apiGroups").replace(' ', ", "),
        list("resources").replace(' ', ", ")
    );
    if rule.get("resourceNames").is_some() {
        text = format!("{text}, ResourceNames:[{}]", list("resourceNames").replace(' ', ", "));
    }
    format!("{text}, Verbs:[{}]}}", list("verbs").replace(' ', ", "))
}
