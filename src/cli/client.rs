//! Talks to the running engine through its Unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::args;
use super::failure::Failure;
use super::settings;
use crate::api::{CommandRequest, ErrorView, LiveView, PlanView, RolloutView, StatusView};
use crate::engine::command::{Answer, Command};
use crate::model::{AppKey, ClusterName, EnvironmentName};

/// The deadline of one request: the engine answers from memory, after one durable write, or after it
/// has asked its clusters, each of which it gives half of this.
const DEADLINE: Duration = Duration::from_secs(60);

/// The largest answer that is taken.
const ANSWER_BYTES: usize = 256 << 20;

/// A way to the running engine.
pub struct Client {
    socket: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// A client of the engine that is meant. Makes no request.
    ///
    /// # Errors
    /// The settings are wrong.
    pub fn new(args: &args::Client) -> Result<Self, Failure> {
        let socket = settings::of_client(args)?.socket_path();
        Ok(Self { socket, runtime: runtime()? })
    }

    /// Everything that the engine says of itself.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&self) -> Result<StatusView, Failure> {
        self.ask("GET", "/api/v1/status", Vec::new())
    }

    /// The one environment that is meant.
    ///
    /// # Errors
    /// The engine does not answer, there is none of that name, or none was named and there are
    /// several.
    pub fn environment(&self, named: Option<&EnvironmentName>) -> Result<EnvironmentName, Failure> {
        super::fleet::choose(self.status()?.environments.keys(), named)
    }

    /// The plan of an environment as it stands, with what it changes.
    ///
    /// # Errors
    /// The engine does not answer, or knows no such environment.
    pub fn plan(&self, environment: &EnvironmentName) -> Result<PlanView, Failure> {
        self.ask("GET", &format!("/api/v1/environments/{environment}/plan"), Vec::new())
    }

    /// How an environment's clusters differ from what was accepted.
    ///
    /// # Errors
    /// The engine does not answer, or knows no such environment.
    pub fn differences(
        &self,
        environment: &EnvironmentName,
        app: Option<&AppKey>,
        cluster: Option<&ClusterName>,
    ) -> Result<LiveView, Failure> {
        let app = app.map(|app| format!("app={}%2F{}", app.tenant, app.app));
        let cluster = cluster.map(|cluster| format!("cluster={cluster}"));
        let query: Vec<String> = app.into_iter().chain(cluster).collect();
        let path = format!("/api/v1/environments/{environment}/differences?{}", query.join("&"));
        self.ask("GET", &path, Vec::new())
    }

    /// The rollouts, the newest first.
    ///
    /// # Errors
    /// It does not answer.
    pub fn rollouts(&self) -> Result<Vec<RolloutView>, Failure> {
        self.ask("GET", "/api/v1/rollouts", Vec::new())
    }

    /// One rollout.
    ///
    /// # Errors
    /// It does not answer, or there is no such rollout.
    pub fn rollout(&self, id: &str) -> Result<RolloutView, Failure> {
        self.ask("GET", &format!("/api/v1/rollouts/{id}"), Vec::new())
    }

    /// Gives a command in the name of the user of this process.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub fn command(&self, command: Command) -> Result<Answer, Failure> {
        let request = CommandRequest { by: user(), command };
        let body = serde_json::to_vec(&request)
            .map_err(|error| Failure::world("the command is no JSON").because(error))?;
        self.ask("POST", "/api/v1/commands", body)
    }

    fn ask<T: DeserializeOwned>(&self, method: &str, path: &str, body: Vec<u8>) -> Result<T, Failure> {
        let asked = self.runtime.block_on(async {
            match tokio::time::timeout(DEADLINE, ask(&self.socket, method, path, body)).await {
                Ok(answer) => answer,
                Err(_) => {
                    Err(Failure::world(format!("the engine did not answer in {} s", DEADLINE.as_secs())))
                }
            }
        });
        let (status, bytes) = asked?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| {
                Failure::world("the engine's answer can't be read: is it of another version?").because(error)
            });
        }
        let message = match serde_json::from_slice::<ErrorView>(&bytes) {
            Ok(view) => view.message,
            Err(_) => format!("the engine answers with status {status}"),
        };
        Err(if status.is_client_error() { Failure::no(message) } else { Failure::world(message) })
    }
}

/// A runtime for a few requests.
///
/// # Errors
/// The system gives none.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::world("can't start").because(error))
}

async fn ask(
    socket: &Path,
    method: &str,
    path: &str,
    body: Vec<u8>,
) -> Result<(http::StatusCode, Bytes), Failure> {
    let stream = UnixStream::connect(socket).await.map_err(|error| nobody(socket, error))?;
    let broken = |error: hyper::Error| Failure::world("the engine broke off").because(error);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(async move {
        // How it ended shows in the answer.
        let _ = connection.await;
    });
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, "sluice")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| Failure::usage("this is no name that can be asked for").because(error))?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| Failure::world("the engine's answer broke off").because(error))?;
    Ok((status, body.to_bytes()))
}

/// Why there is no engine to talk to, and what to do.
fn nobody(socket: &Path, error: std::io::Error) -> Failure {
    let shown = socket.display();
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        let failure =
            Failure::world(format!("the engine at {shown} does not let this user in")).because(error);
        return failure.help("who may open its socket may command: ask as the user that runs it");
    }
    let failure = Failure::world(format!("no engine answers at {shown}")).because(error);
    failure.help("start one with `sluice run`, or name its folder with --state-folder")
}

/// Who commands, as the ledger will tell it.
fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let named =
        named.map(|name| name.chars().filter(|letter| !letter.is_control()).take(64).collect::<String>());
    let number = || {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self")
            .map_or("unknown".to_owned(), |process| format!("uid {}", process.uid()))
    };
    named.into_iter().find(|name| !name.trim().is_empty()).unwrap_or_else(number)
}
