//! The HTTP API of a running engine.
//!
//! It is served on a Unix socket, whose permissions are the login, and for reads also on a TCP
//! listener. It decides nothing: it shows the engine's status and hands commands on.

mod hooks;
mod meter;
mod routes;
mod socket;
mod view;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::engine::Handle;
use crate::engine::environment::RecordError;
use crate::engine::history;
use crate::engine::source::RepositoryStatus;
use crate::model::EnvironmentName;
use crate::port::ledger::{Ledger, Sequence};
use crate::telemetry::Metrics;

pub use hooks::{GitHost, Hooks, same_repository};
pub use meter::Metered;
use routes::{Door, routes};
pub use view::{CommandRequest, ErrorView, PlanView, RolloutView, StatusView};

/// How live clusters differ from what was accepted.
pub use crate::engine::comparison::LiveDifferences as LiveView;

/// What the API shows and commands.
pub struct Api {
    handle: Handle,
    ledger: Arc<dyn Ledger>,
    metrics: Arc<Metrics>,
    /// How far each environment's stream was counted.
    counted: Mutex<BTreeMap<EnvironmentName, Sequence>>,
}

/// Why the API can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The Unix socket can't be made.
    #[error("can't listen on the socket {}", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Why something can't be measured.
#[derive(Debug, thiserror::Error)]
enum MeterError {
    #[error("the process is ending")]
    Gone,
    #[error("the ledger can't be read")]
    Ledger(#[from] RecordError),
}

/// An API that is served.
pub struct Serving {
    /// Where the TCP listener is, if there is one.
    pub address: Option<SocketAddr>,
    tasks: JoinSet<std::io::Result<()>>,
    socket: socket::Socket,
}

impl Serving {
    /// Waits until it is told to stop and every request is answered.
    pub async fn ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
        drop(self.socket);
    }
}

impl Api {
    /// The API of an engine.
    pub fn new(handle: Handle, ledger: Arc<dyn Ledger>, metrics: Arc<Metrics>) -> Self {
        Self { handle, ledger, metrics, counted: Mutex::default() }
    }

    /// Serves until told to stop. The caller holds the ledger, so a socket that was left behind is
    /// nobody's.
    ///
    /// # Errors
    /// The socket or the address can't be listened on.
    pub async fn serve(
        self,
        socket: &Path,
        listen: Option<SocketAddr>,
        stop: CancellationToken,
    ) -> Result<Serving, ApiError> {
        let api = Arc::new(self);
        let made = socket::Socket::make(socket)
            .map_err(|source| ApiError::Socket { path: socket.to_owned(), source })?;
        let mut tasks = JoinSet::new();
        let (listener, socket) = made;
        let router = routes(api.clone(), Door::Socket);
        let over = stop.clone().cancelled_owned();
        tasks.spawn(async move { axum::serve(listener, router).with_graceful_shutdown(over).await });
        let mut bound = None;
        if let Some(address) = listen {
            let failed = |source| ApiError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            bound = Some(listener.local_addr().map_err(failed)?);
            let router = routes(api, Door::Tcp);
            let over = stop.cancelled_owned();
            tasks.spawn(async move { axum::serve(listener, router).with_graceful_shutdown(over).await });
        }
        Ok(Serving { address: bound, tasks, socket })
    }

    /// Brings the metrics up to date; gives them as text.
    fn measure(&self) -> Result<String, MeterError> {
        let source = self.handle.source();
        let fails = |repository: &RepositoryStatus| !repository.problems.is_empty();
        let failing = fails(&source.fleet) || source.tenants.values().any(fails);
        self.metrics.source(source.fleet.looks, failing);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        self.metrics.clear();
        for (name, status) in self.handle.environments() {
            let environment = name.as_str();
            for (cluster, status) in &status.clusters {
                self.metrics.cluster(environment, cluster.as_str(), status.reachable);
            }
            for app in status.apps.values() {
                self.metrics.app(environment, &format!("{:?}", app.sync));
            }
            self.metrics.open_rollouts(environment, status.rollouts.len());
            let after = counted.get(&name).copied().unwrap_or_default();
            let (ended, last) = history::outcomes(self.ledger.as_ref(), &name, after)?;
            for outcome in ended {
                self.metrics.rollout_ended(environment, &outcome.to_string());
            }
            counted.insert(name, last);
        }
        Ok(self.metrics.text())
    }
}
