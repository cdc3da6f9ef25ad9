//! A playground: clusters that are served, and how to reach them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::audit::AuditEvent;
use super::control;
use super::controllers::PodBehaviour;
use super::rbac::MASTERS;
use super::request::User;
use super::server::{ApiServer, token_prefix};
use super::status::ApiError;
use super::{Clock, SystemClock};
use super::{Objects, bootstrap};

/// The user as whom the engine works.
pub const ENGINE_USER: &str = "sluice-engine";

/// The largest body of a request, as a real API server limits it.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// How a playground is to be.
#[derive(Clone)]
pub struct Options {
    /// The names of its clusters.
    pub clusters: Vec<String>,
    /// The port of the first cluster, the others following; 0 for free ones, `None` for no sockets.
    pub port: Option<u16>,
    /// How its pods behave.
    pub pods: PodBehaviour,
    /// Where it takes the time from.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// Clusters of these names on free ports, in real time.
    pub fn new<T: Into<String>>(clusters: impl IntoIterator<Item = T>) -> Self {
        Self {
            clusters: clusters.into_iter().map(Into::into).collect(),
            port: Some(0),
            pods: PodBehaviour::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why a playground did not start.
#[derive(Debug, thiserror::Error)]
pub enum PlaygroundError {
    /// A port can't be listened on.
    #[error("could not listen on {address} for the cluster {cluster}")]
    Listen {
        /// The cluster.
        cluster: String,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Several clusters in this process.
pub struct Playground {
    clusters: BTreeMap<String, Cluster>,
    tasks: JoinSet<()>,
}

/// One cluster of a playground.
#[derive(Clone)]
pub struct Cluster {
    name: String,
    address: Option<SocketAddr>,
    admin_token: String,
    engine_token: String,
    server: Arc<ApiServer>,
}

impl Playground {
    /// Starts clusters. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// A port is taken.
    pub async fn start(options: Options) -> Result<Self, PlaygroundError> {
        let mut playground = Self { clusters: BTreeMap::new(), tasks: JoinSet::new() };
        for (index, name) in options.clusters.iter().enumerate() {
            let listener = match options.port {
                None => None,
                Some(base) => Some(listen(name, base, index).await?),
            };
            let cluster = Cluster::new(name, listener.as_ref(), options.clock.clone());
            if let Some(listener) = listener {
                playground.tasks.spawn(serve(cluster.server.clone(), listener));
            }
            playground.tasks.spawn(control::run(cluster.server.clone(), options.pods.clone()));
            playground.clusters.insert(name.clone(), cluster);
        }
        Ok(playground)
    }

    /// A cluster by its name.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.get(name)
    }

    /// All clusters, by name.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.values()
    }

    /// Ends watches, servers and controllers, and waits for them.
    pub async fn shutdown(mut self) {
        for cluster in self.clusters.values() {
            cluster.server.stop();
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn listen(cluster: &str, base: u16, index: usize) -> Result<TcpListener, PlaygroundError> {
    let offset = u16::try_from(index).unwrap_or(u16::MAX);
    let port = if base == 0 { 0 } else { base.saturating_add(offset) };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|source| PlaygroundError::Listen {
        cluster: cluster.to_owned(),
        address,
        source,
    })
}

/// Answers a request whose body is read first.
async fn answer<B>(server: Arc<ApiServer>, request: Request<B>, user: Option<User>) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<axum::BoxError>,
{
    let (parts, body) = request.into_parts();
    let body = match http_body_util::Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            let message = format!("Request entity too large: limit is {BODY_LIMIT}");
            tracing::debug!(%error, "a request's body could not be read");
            let status = ApiError::new(413, "RequestEntityTooLarge", message);
            let mut response = Response::new(Body::from(status.to_value().to_string()));
            *response.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        }
    };
    server.handle(&Request::from_parts(parts, body), user.as_ref())
}

async fn serve(server: Arc<ApiServer>, listener: TcpListener) {
    let handler = server.clone();
    let router = axum::Router::new().fallback(move |request: Request<Body>| {
        let server = handler.clone();
        async move { answer(server, request, None).await }
    });
    let stop = async move { server.stopped().await };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "a playground cluster stopped serving");
    }
}

impl Cluster {
    fn new(name: &str, listener: Option<&TcpListener>, clock: Arc<dyn Clock>) -> Self {
        let token = || uuid::Uuid::new_v4().simple().to_string();
        let (admin_token, engine_token) = (token(), token());
        let tokens = BTreeMap::from([
            (admin_token.clone(), User::new("admin", &[MASTERS])),
            (engine_token.clone(), User::new(ENGINE_USER, &[])),
        ]);
        let server = Arc::new(ApiServer::new(clock, tokens));
        bootstrap::fill(&mut server.store());
        Self {
            name: name.to_owned(),
            address: listener.and_then(|listener| listener.local_addr().ok()),
            admin_token,
            engine_token,
            server,
        }
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of its API server; empty without sockets.
    pub fn url(&self) -> String {
        self.address.map(|address| format!("http://{address}")).unwrap_or_default()
    }

    fn kubeconfig(&self, user: &str, token: &str) -> String {
        // Tokens are not sent over plain HTTP by kubectl, so the address carries it too.
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": self.name,
            "clusters": [{"name": self.name,
                "cluster": {"server": format!("{}{}", self.url(), token_prefix(token))}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": user}}],
            "users": [{"name": user, "user": {"token": token}}],
        });
        format!("{config:#}\n")
    }

    /// A kubeconfig for a user who may do everything.
    pub fn admin_kubeconfig(&self) -> String {
        self.kubeconfig("admin", &self.admin_token)
    }

    /// A kubeconfig for the engine's own user.
    pub fn engine_kubeconfig(&self) -> String {
        self.kubeconfig(ENGINE_USER, &self.engine_token)
    }

    /// What was asked of this cluster so far, oldest first.
    pub fn audit(&self) -> Vec<AuditEvent> {
        self.server.audit.events()
    }

    /// Forgets what was asked so far.
    pub fn clear_audit(&self) {
        self.server.audit.clear();
    }

    /// A client that reaches the API server without sockets, as a user: `admin` may do everything,
    /// others what is bound to them. Works under tokio's paused time.
    pub fn client(&self, user: &str) -> kube::Client {
        let mut groups = vec!["system:authenticated"];
        if user == "admin" {
            groups.push(MASTERS);
        }
        kube::Client::new(
            InProcess { server: self.server.clone(), user: User::new(user, &groups) },
            "default",
        )
    }

    /// Looks at and changes the objects behind the API server's back, as a controller would.
    pub fn with_objects<T>(&self, action: impl FnOnce(&mut dyn Objects) -> T) -> T {
        action(&mut *self.server.store())
    }
}

/// The API server as a service of this process.
#[derive(Clone)]
struct InProcess {
    server: Arc<ApiServer>,
    user: User,
}

impl tower::Service<Request<kube::client::Body>> for InProcess {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let (server, user) = (self.server.clone(), self.user.clone());
        Box::pin(async move { Ok(answer(server, request, Some(user)).await) })
    }
}
