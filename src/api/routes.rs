//! The routes: reads for everybody who gets here, commands over the Unix socket alone.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;

use super::view::{ErrorView, PlanView, RolloutView, StatusView};
use super::{Api, MeterError};
use crate::engine::command::{Command, CommandError};
use crate::engine::comparison::{LiveDifferences, Selection};
use crate::engine::environment::EnvironmentStatus;
use crate::engine::history;
use crate::model::{AppKey, ClusterName, EnvironmentName};

/// Bytes of a request: a command is a few names.
const BODY_LIMIT: usize = 64 * 1024;

/// So many rollouts are listed; the ledger has the others.
const ROLLOUTS: usize = 200;

/// Characters of the name of who commands.
const BY_CHARS: usize = 128;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The Unix socket, whose permissions are the login.
    Socket,
    /// A TCP listener, open to every program of the machine.
    Tcp,
}

/// The routes of a door.
pub(super) fn routes(api: Arc<Api>, door: Door) -> Router {
    let commands = match door {
        Door::Socket => post(command),
        Door::Tcp => post(refuse_command),
    };
    // What shows configuration, or makes the engine work, is for those who may command.
    let private = match door {
        Door::Socket => Router::new()
            .route("/api/v1/environments/{environment}/plan", get(plan))
            .route("/api/v1/environments/{environment}/differences", get(differences)),
        Door::Tcp => Router::new(),
    };
    private
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/environments/{environment}", get(environment))
        .route("/api/v1/rollouts", get(rollouts))
        .route("/api/v1/rollouts/{rollout}", get(rollout))
        .route("/api/v1/commands", commands)
        .method_not_allowed_fallback(|| async {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "this path has another method")
        })
        .fallback(|| async { Refusal::new(StatusCode::NOT_FOUND, "notFound", "there is no such path") })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(api)
}

/// Why a request is not answered.
pub(super) struct Refusal {
    status: StatusCode,
    view: ErrorView,
}

impl Refusal {
    fn new(status: StatusCode, error: &str, message: impl Into<String>) -> Self {
        Self { status, view: ErrorView { error: error.to_owned(), message: message.into() } }
    }

    fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", message)
    }

    fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a request could not be answered");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.view)).into_response()
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        let (status, word) = match &error {
            CommandError::NotFound(_) => (StatusCode::NOT_FOUND, "notFound"),
            CommandError::Refused(_) => (StatusCode::CONFLICT, "refused"),
            CommandError::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        };
        Self::new(status, word, error.to_string())
    }
}

async fn ready(State(api): State<Arc<Api>>) -> Result<&'static str, Refusal> {
    // An engine that has read its ledger heals, with or without Git.
    let source = api.handle.source().fleet;
    if !api.handle.environments().is_empty() || (source.looks > 0 && source.problems.is_empty()) {
        return Ok("ready\n");
    }
    let reason = source.problem().unwrap_or_else(|| "the repository was not read yet".to_owned());
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "notReady", reason))
}

async fn metrics(State(api): State<Arc<Api>>) -> Result<Response, Refusal> {
    let text = blocking(move || api.measure()).await?.map_err(|error| Refusal::failed(&error))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn status(State(api): State<Arc<Api>>) -> Json<StatusView> {
    let environments = api.handle.environments();
    Json(StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source: api.handle.source(),
        environments: environments.into_iter().map(|(name, status)| (name, (*status).clone())).collect(),
    })
}

async fn environment(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Json<EnvironmentStatus>, Refusal> {
    let environments = api.handle.environments();
    let status = environments.iter().find(|(known, _)| known.as_str() == name);
    match status {
        Some((_, status)) => Ok(Json((**status).clone())),
        None => Err(Refusal::not_found("there is no such environment")),
    }
}

async fn plan(
    State(api): State<Arc<Api>>,
    Path(name): Path<EnvironmentName>,
) -> Result<Json<PlanView>, Refusal> {
    let snapshot = api.handle.snapshot(&name).await?;
    let view = blocking(move || {
        let changes = snapshot.changes();
        PlanView { plan: snapshot.plan, admissions: snapshot.admissions, changes }
    });
    Ok(Json(view.await?))
}

/// What is compared.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compared {
    app: Option<AppKey>,
    cluster: Option<ClusterName>,
}

async fn differences(
    State(api): State<Arc<Api>>,
    Path(name): Path<EnvironmentName>,
    query: Result<Query<Compared>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<LiveDifferences>, Refusal> {
    let Query(Compared { app, cluster }) =
        query.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "badRequest", error.body_text()))?;
    Ok(Json(api.handle.differences(&name, &Selection { app, cluster }).await?))
}

/// Which rollouts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    environment: Option<EnvironmentName>,
    app: Option<AppKey>,
}

async fn rollouts(
    State(api): State<Arc<Api>>,
    query: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<RolloutView>>, Refusal> {
    let Query(which) =
        query.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "badRequest", error.body_text()))?;
    let mut found = all(api, which).await?;
    found.truncate(ROLLOUTS);
    Ok(Json(found))
}

async fn rollout(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Json<RolloutView>, Refusal> {
    let found = all(api, Which::default()).await?;
    let view = found.into_iter().find(|view| view.summary.id.as_str() == id);
    view.map(Json).ok_or_else(|| Refusal::not_found("there is no such rollout"))
}

/// The rollouts that are meant, the newest first.
async fn all(api: Arc<Api>, which: Which) -> Result<Vec<RolloutView>, Refusal> {
    let statuses = api.handle.environments();
    let found = blocking(move || {
        let mut found = Vec::new();
        for (name, status) in &statuses {
            if which.environment.as_ref().is_some_and(|wanted| wanted != name) {
                continue;
            }
            for summary in history::rollouts(api.ledger.as_ref(), name)? {
                if which.app.as_ref().is_none_or(|app| *app == summary.app) {
                    let now = status.rollouts.get(&summary.id).filter(|_| summary.ended.is_none()).cloned();
                    found.push(RolloutView { summary, now });
                }
            }
        }
        found.sort_by_key(|view| std::cmp::Reverse(view.summary.started));
        Ok::<_, crate::engine::environment::RecordError>(found)
    });
    found.await?.map_err(|error| Refusal::failed(&error))
}

async fn refuse_command() -> Refusal {
    let message = "commands are taken over the Unix socket in the state folder only";
    Refusal::new(StatusCode::FORBIDDEN, "forbidden", message)
}

async fn command(State(api): State<Arc<Api>>, body: Bytes) -> Result<Response, Refusal> {
    let (command, by) =
        read_command(&body).map_err(|words| Refusal::new(StatusCode::BAD_REQUEST, "badRequest", words))?;
    tracing::info!(by, ?command, "a person commands");
    let answer = api.handle.command(&command, &by).await?;
    Ok(Json(answer).into_response())
}

fn read_command(body: &[u8]) -> Result<(Command, String), String> {
    let mut value: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    let fields = value.as_object_mut().ok_or("a command is a JSON object")?;
    let by = match fields.remove("by") {
        Some(Value::String(by)) if !by.trim().is_empty() => by,
        _ => return Err("`by` says who commands".to_owned()),
    };
    if by.chars().count() > BY_CHARS || by.chars().any(char::is_control) {
        return Err(format!("`by` has at most {BY_CHARS} characters, none of them a control character"));
    }
    let command = serde_json::from_value(value).map_err(|error| error.to_string())?;
    Ok((command, by))
}

/// Runs what reads the ledger off the threads that serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::failed(&MeterError::Gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_strictly() {
        let check = |body: &str, expected: Result<(), &str>| match (read_command(body.as_bytes()), expected) {
            (Ok(_), Ok(())) => {}
            (Err(found), Err(part)) => assert!(found.contains(part), "{body}: {found}"),
            (found, expected) => panic!("{body}: {found:?}, expected {expected:?}"),
        };
        check(r#"{"command": "sync", "by": "ada"}"#, Ok(()));
        check(r#"{"command": "suspend", "app": "shop/web", "by": "ada"}"#, Ok(()));
        check(
            r#"{"command": "approve", "environment": "dev", "part": "prune:shop/web", "by": "ada"}"#,
            Ok(()),
        );
        check("", Err("no JSON"));
        check("[]", Err("JSON object"));
        check(r#"{"command": "sync"}"#, Err("who commands"));
        check(r#"{"command": "sync", "by": " "}"#, Err("who commands"));
        check(r#"{"command": "sync", "by": "a\nb"}"#, Err("control character"));
        check(r#"{"command": "destroy", "by": "ada"}"#, Err("unknown variant"));
        check(r#"{"command": "suspend", "by": "ada"}"#, Err("missing field `app`"));
        check(r#"{"command": "suspend", "app": "shop", "by": "ada"}"#, Err("tenant/app"));
        check(r#"{"command": "suspend", "app": "shop/web", "extra": 1, "by": "ada"}"#, Err("unknown field"));
    }
}
