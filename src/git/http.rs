//! Fetches over HTTPS: the smart protocol, version 0, which every server speaks
//! (gitprotocol-http, gitprotocol-pack).
//!
//! One look at the references, one request for a pack. No redirect is followed, no proxy of the
//! environment is used, and no error holds an address with a query or a credential.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use git2::{Odb, Oid};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, Url, redirect};
use tokio::time::timeout_at;

use crate::port::FetchError;

use super::credentials::Credentials;
use super::negotiation::{Advertisement, PackAnswer, protocol, wanted};
use super::pace::Pace;
use super::pack::Heads;
use super::store::FetchLimits;
use super::url::is_machine_address;

/// One fetch from one server.
pub(super) struct Session<'a> {
    pub(super) url: &'a Url,
    pub(super) machine_hosts: bool,
    pub(super) credentials: Option<&'a Path>,
    pub(super) tenant_credentials: bool,
    pub(super) certificates: Option<&'a Path>,
    pub(super) limits: FetchLimits,
    pub(super) remote: &'a str,
}

impl Session<'_> {
    /// Brings the objects of the branches in and says where their heads are.
    ///
    /// # Errors
    /// The server can't be reached, is too slow, sends too much or what is no pack.
    pub(super) fn fetch(
        &self,
        branches: &[String],
        known: &[Oid],
        odb: &Odb<'_>,
    ) -> Result<(Heads, u64), FetchError> {
        // A runtime of its own: the libraries for Git block, so does this call, and a hung server
        // then holds up nobody else.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.unreachable("start a connection to", error))?;
        let whole = self.limits.total;
        runtime
            .block_on(async { tokio::time::timeout(whole, self.exchange(branches, known, odb)).await })
            .unwrap_or_else(|_| Err(self.too_slow(whole)))
    }

    async fn exchange(
        &self,
        branches: &[String],
        known: &[Oid],
        odb: &Odb<'_>,
    ) -> Result<(Heads, u64), FetchError> {
        let client = self.client()?;
        let credentials = self.read_credentials()?;
        let heads = self.look(&client, credentials.as_ref(), branches).await?;
        if heads.values().all(|id| known.contains(id)) {
            return Ok((heads, 0));
        }
        let received = self.receive(&client, credentials.as_ref(), &heads, known, odb).await?;
        Ok((heads, received))
    }

    /// Asks for the references.
    async fn look(
        &self,
        client: &Client,
        credentials: Option<&Credentials>,
        branches: &[String],
    ) -> Result<Heads, FetchError> {
        let address = format!("{}/info/refs?service=git-upload-pack", self.url);
        let request = authorized(client.get(address), credentials);
        let mut body = self.send(request, "application/x-git-upload-pack-advertisement").await?;
        // The name of the service ends with a flush of its own.
        let mut references = Advertisement::new(self.remote, branches, &self.limits, 2);
        while let Some(bytes) = body.next().await? {
            references.take(&bytes)?;
        }
        references.finish()
    }

    /// Asks for the pack and takes it.
    async fn receive(
        &self,
        client: &Client,
        credentials: Option<&Credentials>,
        heads: &Heads,
        known: &[Oid],
        odb: &Odb<'_>,
    ) -> Result<u64, FetchError> {
        let address = format!("{}/git-upload-pack", self.url);
        let request = authorized(client.post(address), credentials)
            .header("content-type", "application/x-git-upload-pack-request")
            .body(wanted(heads, known));
        let mut body = self.send(request, "application/x-git-upload-pack-result").await?;
        let mut answer = PackAnswer::new(odb, self.limits, self.remote)?;
        while let Some(bytes) = body.next().await? {
            answer.take(&bytes)?;
        }
        answer.finish()
    }

    fn client(&self) -> Result<Client, FetchError> {
        // Another part of the program may have chosen the provider already: the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .user_agent(concat!("git/sluice-", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.limits.stall);
        if !self.machine_hosts {
            builder = builder.dns_resolver(Arc::new(OtherMachines));
        }
        if let Some(path) = self.certificates {
            let pem =
                std::fs::read(path).map_err(|error| self.unreachable("read the certificates for", error))?;
            let found = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| self.unreachable("read the certificates for", error))?;
            builder = builder.tls_certs_merge(found);
        }
        builder.build().map_err(|error| self.unreachable("prepare a connection to", error))
    }

    fn read_credentials(&self) -> Result<Option<Credentials>, FetchError> {
        let Some(path) = self.credentials else { return Ok(None) };
        if self.tenant_credentials && !path.exists() {
            return Ok(None);
        }
        let credentials = Credentials::read_for_fetch(path)?;
        let host = self.url.host_str().unwrap_or_default();
        // Whoever may name a repository must not have the credentials of another sent to it.
        if credentials.is_for(host, self.tenant_credentials) {
            return Ok(Some(credentials));
        }
        let needs = format!("a line `host={host}` in its credentials file");
        Err(FetchError::Unready { remote: self.remote.to_owned(), needs })
    }

    /// Sends a request and looks at the head of the answer.
    async fn send(&self, request: reqwest::RequestBuilder, kind: &str) -> Result<Body<'_>, FetchError> {
        let stall = self.limits.stall;
        let response = tokio::time::timeout(stall, request.send())
            .await
            .map_err(|_| self.too_slow(stall))?
            .map_err(|error| self.lost("reach", error))?;
        let status = response.status();
        if status.is_redirection() {
            let target = response.headers().get("location").and_then(|value| value.to_str().ok());
            let host = target
                .and_then(|target| self.url.join(target).ok())
                .and_then(|target| target.host_str().map(str::to_owned));
            return Err(FetchError::Redirected {
                remote: self.remote.to_owned(),
                host: host.unwrap_or_else(|| "unknown".to_owned()),
            });
        }
        if matches!(status.as_u16(), 401 | 403) {
            let why = format!("status {}", status.as_u16());
            return Err(FetchError::Denied { remote: self.remote.to_owned(), why });
        }
        if !status.is_success() {
            return Err(protocol(self.remote, format!("it answers with status {}", status.as_u16())));
        }
        if response.headers().get("content-type").is_none_or(|found| found != kind) {
            return Err(protocol(self.remote, "the answer is of another content type"));
        }
        Ok(Body { session: self, response, pace: Pace::new(&self.limits) })
    }

    fn too_slow(&self, within: Duration) -> FetchError {
        FetchError::TooSlow { remote: self.remote.to_owned(), within }
    }

    fn lost(&self, attempted: &'static str, error: reqwest::Error) -> FetchError {
        if error.is_timeout() {
            return self.too_slow(self.limits.stall);
        }
        self.unreachable(attempted, error.without_url())
    }

    fn unreachable(&self, attempted: &'static str, error: impl Into<crate::port::Cause>) -> FetchError {
        FetchError::Unreachable { attempted, remote: self.remote.to_owned(), source: error.into() }
    }
}

/// The body of an answer, which must come at a least pace.
struct Body<'a> {
    session: &'a Session<'a>,
    response: Response,
    pace: Pace,
}

impl Body<'_> {
    async fn next(&mut self) -> Result<Option<bytes::Bytes>, FetchError> {
        let chunk = timeout_at(self.pace.deadline(), self.response.chunk())
            .await
            .map_err(|_| self.session.too_slow(self.session.limits.stall))?
            .map_err(|error| self.session.lost("read from", error))?;
        self.pace.came(chunk.as_ref().map_or(0, bytes::Bytes::len));
        Ok(chunk)
    }
}

fn authorized(
    request: reqwest::RequestBuilder,
    credentials: Option<&Credentials>,
) -> reqwest::RequestBuilder {
    match credentials {
        Some(credentials) => request.header("authorization", credentials.header()),
        None => request,
    }
}

/// Resolves names, and leaves this machine and its link out: a name may point anywhere, and may
/// point elsewhere at the next look.
pub(super) struct OtherMachines;

impl Resolve for OtherMachines {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| !is_machine_address(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(
                    "the host is this machine or its link; allow it in the settings if that is meant".into(),
                );
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
