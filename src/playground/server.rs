//! The API server of one cluster: who asks, whether they may, and what they are answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Clock;
use super::audit::{Audit, AuditEvent};
use super::discovery::{self, openapi};
use super::protobuf;
use super::rbac;
use super::request::{Call, User};
use super::rest::{self, Reply};
use super::status::ApiError;
use super::store::Store;
use crate::model::Timestamp;

/// The start of a path that carries a token. kubectl sends no credentials over plain HTTP, so its
/// kubeconfig names the token in the server's address instead.
const TOKEN_PATH: &str = "/as/";

/// The API server of one cluster.
pub(crate) struct ApiServer {
    store: Mutex<Store>,
    clock: Arc<dyn Clock>,
    pub(crate) audit: Audit,
    tokens: BTreeMap<String, User>,
    stop: watch::Sender<bool>,
}

impl ApiServer {
    pub(crate) fn new(clock: Arc<dyn Clock>, tokens: BTreeMap<String, User>) -> Self {
        Self {
            store: Mutex::new(Store::new(clock.clone())),
            clock,
            audit: Audit::default(),
            tokens,
            stop: watch::Sender::new(false),
        }
    }

    /// The store, locked. Nothing waits while it holds the lock.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends all watches and the controllers.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until the server is stopped.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        while !*stop.borrow_and_update() {
            if stop.changed().await.is_err() {
                return;
            }
        }
    }

    /// Answers a request. `user` is who asks in-process; else the request's token says it.
    pub(crate) fn handle(self: &Arc<Self>, request: &Request<Bytes>, user: Option<&User>) -> Response<Body> {
        let (prefix, path, token) = split_token(request.uri().path());
        let user = match user {
            Some(user) => Ok(user.clone()),
            None => self.authenticate(request, token),
        };
        let answer = user.and_then(|user| self.answer(request, &prefix, &path, user));
        match answer {
            Ok(reply) => respond(reply),
            Err(error) => respond_error(&error),
        }
    }

    fn authenticate(&self, request: &Request<Bytes>, path_token: Option<&str>) -> Result<User, ApiError> {
        let held = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = held.and_then(|held| held.strip_prefix("Bearer ")).or(path_token);
        let mut user = match token {
            Some(token) => self.tokens.get(token.trim()).cloned().ok_or_else(ApiError::unauthorized)?,
            None => return Ok(User::new("system:anonymous", &["system:unauthenticated"])),
        };
        user.groups.push("system:authenticated".into());
        Ok(user)
    }

    fn answer(
        self: &Arc<Self>,
        request: &Request<Bytes>,
        prefix: &str,
        path: &str,
        user: User,
    ) -> Result<Reply, ApiError> {
        let real = user.name.clone();
        let user = self.impersonate(request, user)?;
        if !is_resource_path(path) {
            return self.answer_path(request, prefix, path, &user);
        }
        let impersonated = (real != user.name).then(|| user.name.clone());
        if let Some(review) = self.answer_review(request, path, &user) {
            return review;
        }
        let call = Call::parse(&self.store(), path, request, user)?;
        let before = self.store().revision();
        let reply = self.authorize(&call).and_then(|()| rest::dispatch(self, &call));
        let code = match &reply {
            Ok(Reply::Object { code, .. }) => *code,
            Ok(_) => 200,
            Err(error) => error.code,
        };
        let reads = matches!(call.verb, "get" | "list" | "watch");
        self.audit.record(AuditEvent {
            user: real,
            impersonated,
            verb: call.verb.to_owned(),
            group: call.kind.group.to_owned(),
            resource: call.resource(),
            namespace: call.namespace.clone(),
            name: call.name.clone(),
            code,
            dry_run: call.is_dry_run(),
            changed: !reads && !call.is_dry_run() && is_newer(&reply, before),
        });
        reply
    }

    fn authorize(&self, call: &Call) -> Result<(), ApiError> {
        let resource = call.resource();
        let request = rbac::Request {
            verb: call.verb,
            group: call.kind.group,
            resource: &resource,
            namespace: &call.namespace,
            name: &call.name,
        };
        rbac::authorize(&self.store(), &call.user, &request)
    }

    /// The user as whom a request is to be answered.
    fn impersonate(&self, request: &Request<Bytes>, user: User) -> Result<User, ApiError> {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = request.headers();
        let groups: Vec<String> = headers.get_all("impersonate-group").iter().map(text).collect();
        let Some(name) = headers.get("impersonate-user").map(text) else {
            if groups.is_empty() {
                return Ok(user);
            }
            return Err(ApiError::bad_request("requested groups without impersonating a user"));
        };
        let account = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        let (resource, namespace, target) = match account {
            Some((namespace, account)) => ("serviceaccounts", namespace, account),
            None => ("users", "", name.as_str()),
        };
        let mut asked = vec![(resource, namespace, target)];
        asked.extend(groups.iter().map(|group| ("groups", "", group.as_str())));
        for (resource, namespace, name) in asked {
            let request = rbac::Request { verb: "impersonate", group: "", resource, namespace, name };
            rbac::authorize(&self.store(), &user, &request)?;
        }
        let mut groups = groups;
        if let Some((namespace, _)) = account {
            groups.push("system:serviceaccounts".into());
            groups.push(format!("system:serviceaccounts:{namespace}"));
        }
        groups.push("system:authenticated".into());
        Ok(User { name, groups })
    }

    /// Paths that are no resources: health, version, discovery, schemas.
    fn answer_path(
        &self,
        request: &Request<Bytes>,
        prefix: &str,
        path: &str,
        user: &User,
    ) -> Result<Reply, ApiError> {
        if !rbac::is_path_allowed(&self.store(), user, path) {
            let message = format!(
                "forbidden: User {:?} cannot {} path {path:?}",
                user.name,
                request.method().as_str().to_lowercase()
            );
            return Err(ApiError::new(403, "Forbidden", message));
        }
        let accept =
            request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
        let aggregated = accept.contains("as=APIGroupDiscoveryList") && accept.contains("v=v2");
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let value = match segments.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => return Ok(Reply::Text("ok".into())),
            ["version"] => Some(discovery::version()),
            ["api"] if aggregated => Some(discovery::aggregated(&self.store(), true)),
            ["apis"] if aggregated => Some(discovery::aggregated(&self.store(), false)),
            ["api"] => Some(discovery::core_versions()),
            ["apis"] => Some(discovery::group_list(&self.store())),
            ["apis", group] => discovery::group(&self.store(), group),
            ["api", version] => discovery::resource_list(&self.store(), "", version),
            ["apis", group, version] => discovery::resource_list(&self.store(), group, version),
            ["openapi", "v3"] => Some(openapi::index(&self.store(), prefix)),
            ["openapi", "v3", rest @ ..] => openapi::document(&self.store(), &rest.join("/")),
            _ => None,
        };
        value
            .map(|value| Reply::Object { code: 200, value, warnings: Vec::new() })
            .ok_or_else(ApiError::no_such_path)
    }

    /// Questions about oneself.
    fn answer_review(
        &self,
        request: &Request<Bytes>,
        path: &str,
        user: &User,
    ) -> Option<Result<Reply, ApiError>> {
        let (_, kind, plural) = discovery::REVIEWS
            .iter()
            .find(|(group, _, plural)| path == format!("/apis/{group}/v1/{plural}"))?;
        if request.method() != Method::POST {
            return Some(Err(ApiError::method_not_allowed()));
        }
        let read = match request.headers().get(header::CONTENT_TYPE) {
            Some(media) if media == protobuf::MEDIA_TYPE => protobuf::decode(request.body()),
            _ => serde_json::from_slice(request.body()).ok(),
        };
        let Some(mut review) = read.filter(Value::is_object) else {
            return Some(Err(ApiError::bad_request(format!("error decoding {kind}"))));
        };
        match *plural {
            "selfsubjectreviews" => {
                review["status"] = json!({"userInfo": {"username": user.name, "groups": user.groups}});
            }
            "selfsubjectrulesreviews" => {
                let namespace = review.pointer("/spec/namespace").and_then(Value::as_str).unwrap_or_default();
                review["status"] = rbac::rules_review(&self.store(), user, namespace);
            }
            "subjectaccessreviews" => {
                if let Err(error) = self.check_review(user) {
                    return Some(Err(error));
                }
                let subject = subject_of(&review["spec"]);
                review["status"] = json!({"allowed": self.reviewed(&review["spec"], &subject)});
            }
            _ => review["status"] = json!({"allowed": self.reviewed(&review["spec"], user)}),
        }
        Some(Ok(Reply::Object { code: 201, value: review, warnings: Vec::new() }))
    }

    /// Asking about others is a right of its own.
    fn check_review(&self, user: &User) -> Result<(), ApiError> {
        let group = "authorization.k8s.io";
        let request = rbac::Request {
            verb: "create",
            group,
            resource: "subjectaccessreviews",
            namespace: "",
            name: "",
        };
        rbac::authorize(&self.store(), user, &request)
    }

    fn reviewed(&self, spec: &Value, user: &User) -> bool {
        let store = self.store();
        if let Some(path) = spec.pointer("/nonResourceAttributes/path").and_then(Value::as_str) {
            return rbac::is_path_allowed(&store, user, path);
        }
        let attributes = &spec["resourceAttributes"];
        let text = |field: &str| attributes[field].as_str().unwrap_or_default();
        let resource = match text("subresource") {
            "" => text("resource").to_owned(),
            subresource => format!("{}/{subresource}", text("resource")),
        };
        let request = rbac::Request {
            verb: text("verb"),
            group: text("group"),
            resource: &resource,
            namespace: text("namespace"),
            name: text("name"),
        };
        rbac::is_allowed(&store, user, &request)
    }
}

/// Whom a SubjectAccessReview asks about.
fn subject_of(spec: &Value) -> User {
    let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: groups.map(str::to_owned).collect(),
    }
}

/// Whether an answer shows a write after `revision`: an object of a newer version, or a removal.
fn is_newer(reply: &Result<Reply, ApiError>, revision: u64) -> bool {
    let Ok(Reply::Object { value, .. }) = reply else { return false };
    let held = value.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    held.and_then(|held| held.parse::<u64>().ok()).is_none_or(|held| held > revision)
}

/// Splits a path into the prefix that carries a token, the rest, and the token. Clients that put
/// the prefix before a path that has it already are understood.
fn split_token(path: &str) -> (String, String, Option<&str>) {
    let (mut prefix, mut rest, mut token) = (String::new(), path, None);
    while let Some(after) = rest.strip_prefix(TOKEN_PATH) {
        let (held, below) = after.split_once('/').unwrap_or((after, ""));
        prefix = format!("{TOKEN_PATH}{held}");
        token = Some(held);
        rest = &rest[rest.len() - below.len() - usize::from(after.contains('/'))..];
    }
    let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    (prefix, rest, token)
}

/// The path before the API that authenticates with a token.
pub(crate) fn token_prefix(token: &str) -> String {
    format!("{TOKEN_PATH}{token}")
}

fn is_resource_path(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match segments.first() {
        Some(&"api") => segments.len() > 2,
        Some(&"apis") => segments.len() > 3,
        _ => false,
    }
}

fn respond(reply: Reply) -> Response<Body> {
    let (code, content, body, warnings) = match reply {
        Reply::Object { code, value, warnings } => {
            let content = match value["kind"].as_str() {
                Some("APIGroupDiscoveryList") => {
                    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                }
                _ => "application/json",
            };
            (code, content, Body::from(value.to_string()), warnings)
        }
        Reply::Text(text) => (200, "text/plain", Body::from(text), Vec::new()),
        Reply::Stream(body) => (200, "application/json", body, Vec::new()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
    response
}

fn respond_error(error: &ApiError) -> Response<Body> {
    let mut response = Response::new(Body::from(error.to_value().to_string()));
    *response.status_mut() =
        http::StatusCode::from_u16(error.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
