//! Webhooks of Git hosts, on a listener of their own: a push there is a look here.
//!
//! A delivery says "look again" and nothing else: not a commit, not a branch and not a URL of it is
//! used for more than to find out which of the known repositories is meant. What is not signed with a
//! secret of this engine, or was delivered before, is refused before it is read.

mod payload;
mod secret;

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::ApiError;
use super::view::ErrorView;
use crate::diagnostic::Code;
use crate::engine::Handle;
use crate::model::{ContentDigest, sha256};
use crate::port::clock::Clock;
use payload::Delivery;

pub use payload::{GitHost, same_repository};

/// Bytes of a delivery. A push of a thousand commits has some hundred KiB.
const BODY_BYTES: usize = 2 << 20;

/// So many deliveries are read at once; the others wait. Bounds memory, with the limit of one.
const AT_ONCE: usize = 16;

/// How long a delivery may wait and take to come. Git hosts give up after ten seconds themselves.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many deliveries are remembered, to know one that comes again.
const REMEMBERED: usize = 10_000;

/// The hooks of an engine.
pub struct Hooks {
    /// The engine.
    pub handle: Handle,
    /// The address of the fleet repository.
    pub fleet: String,
    /// The folder of secrets: a file for each Git host, read anew for each delivery.
    pub secrets: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

struct Inner {
    hooks: Hooks,
    places: Semaphore,
    seen: Mutex<Seen>,
}

/// The last deliveries, by digest.
#[derive(Default)]
struct Seen {
    known: HashSet<ContentDigest>,
    order: VecDeque<ContentDigest>,
}

impl Seen {
    /// Notes one; answers whether it is new.
    fn note(&mut self, digest: ContentDigest) -> bool {
        if !self.known.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

impl Hooks {
    /// Listens; gives the address. Serves until told to stop.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub async fn serve(self, address: SocketAddr, stop: CancellationToken) -> Result<SocketAddr, ApiError> {
        let failed = |source| ApiError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let router = self.routes();
        tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "webhooks are not served any more");
            }
        });
        Ok(bound)
    }

    fn routes(self) -> Router {
        let places = Semaphore::new(AT_ONCE);
        let inner = Arc::new(Inner { hooks: self, places, seen: Mutex::default() });
        let nothing = || async { refuse(StatusCode::NOT_FOUND, None, "there is no such hook") };
        let method = || async { refuse(StatusCode::METHOD_NOT_ALLOWED, None, "a delivery is a POST") };
        Router::new()
            .route("/hooks/{host}", post(deliver))
            .method_not_allowed_fallback(method)
            .fallback(nothing)
            .with_state(inner)
    }
}

fn refuse(status: StatusCode, code: Option<Code>, message: &str) -> Response {
    let error = code.map_or("refused", Code::as_str).to_owned();
    let message = match code {
        Some(code) => format!("{message}; see `sluice explain {code}`"),
        None => message.to_owned(),
    };
    (status, Json(ErrorView { error, message })).into_response()
}

async fn deliver(
    State(inner): State<Arc<Inner>>,
    Path(host): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(host) = host.parse::<GitHost>() else {
        return refuse(StatusCode::NOT_FOUND, None, "there is no such hook");
    };
    let taken = tokio::time::timeout(PATIENCE, async {
        let place = inner.places.acquire().await;
        let read = Limited::new(body, BODY_BYTES).collect().await;
        drop(place);
        read
    });
    let bytes = match taken.await {
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, None, "the delivery took too long"),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("a delivery has at most {BODY_BYTES} bytes");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, Some(Code::S0903), &message);
        }
        Ok(Err(_)) => return refuse(StatusCode::BAD_REQUEST, Some(Code::S0902), "the delivery is cut off"),
        Ok(Ok(read)) => read.to_bytes(),
    };
    inner.take(host, &headers, &bytes)
}

impl Inner {
    fn take(&self, host: GitHost, headers: &HeaderMap, body: &Bytes) -> Response {
        let unsigned = |why: &str| {
            tracing::warn!(host = host.as_str(), why, "a webhook is refused");
            // What exactly is wrong is for the log: whoever has no secret learns nothing.
            refuse(StatusCode::UNAUTHORIZED, Some(Code::S0901), "the delivery is not signed as agreed")
        };
        let secrets = match secret::read(&self.hooks.secrets.join(host.as_str())) {
            Ok(secrets) => secrets,
            Err(error) => return unsigned(&format!("the file of its secret can't be used: {error}")),
        };
        if !secret::is_signed(host, headers, body, &secrets) {
            return unsigned("signature or token is missing or wrong");
        }
        let delivery = match Delivery::read(host, headers, body) {
            Ok(delivery) => delivery,
            Err(why) => return refuse(StatusCode::BAD_REQUEST, Some(Code::S0902), &why),
        };
        if !delivery.is_recent(self.hooks.clock.now()) {
            return unsigned("it was sent long ago or is dated in the future");
        }
        let digest = sha256(&[host.as_str().as_bytes(), b"\0", body].concat());
        if !self.seen.lock().unwrap_or_else(PoisonError::into_inner).note(digest) {
            return unsigned("it was delivered before");
        }
        self.ring(host, &delivery)
    }

    /// Looks at the repositories that are meant; others are nobody's business.
    fn ring(&self, host: GitHost, delivery: &Delivery) -> Response {
        let is_meant = |url: &str| delivery.urls.iter().any(|named| same_repository(named, url));
        let bells = self.hooks.handle.bells();
        let mut looks = bells.ring_tenants(is_meant);
        if is_meant(&self.hooks.fleet) {
            bells.ring_fleet();
            looks += 1;
        }
        tracing::info!(host = host.as_str(), looks, "a webhook was delivered");
        let message = match looks {
            0 => "no repository of this engine is meant: nothing is done",
            _ => "looking now",
        };
        (StatusCode::ACCEPTED, Json(serde_json::json!({"looks": looks, "message": message}))).into_response()
    }
}

#[cfg(test)]
mod tests;
