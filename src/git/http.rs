//! Fetches over HTTPS: the smart protocol, version 0, which every server speaks
//! (gitprotocol-http, gitprotocol-pack).
//!
//! One look at the references, one request for a pack. No redirect is followed, no proxy of the
//! environment is used, and no error holds an address with a query or a credential.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use git2::{Odb, Oid};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, Url, redirect};
use tokio::time::{Instant, timeout_at};

use crate::port::FetchError;

use super::credentials::Credentials;
use super::pack::{Heads, PackSink};
use super::packet::{FLUSH, Packet, Packets, packet};
use super::store::FetchLimits;
use super::url::is_machine_address;

/// The most bytes of one reference in an advertisement, on average: an id and a long name.
const REFERENCE_BYTES: u64 = 300;

/// The most commits that are told to the server as known: heads are few, one a branch.
const MOST_HAVES: usize = 256;

/// One fetch from one server.
pub(super) struct Session<'a> {
    pub(super) url: &'a Url,
    pub(super) machine_hosts: bool,
    pub(super) credentials: Option<&'a Path>,
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
        let mut references = Advertisement::new(self, branches);
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
        let mut packets = Packets::default();
        let mut sink = PackSink::new(odb, self.limits, self.remote)?;
        let mut ended = false;
        while let Some(bytes) = body.next().await? {
            packets.push(&bytes);
            while let Some(packet) = packets.next().map_err(|error| self.protocol(error.to_string()))? {
                ended |= self.take(&packet, &mut sink)?;
            }
        }
        if !ended || !packets.is_empty() {
            let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ends before the pack does");
            return Err(FetchError::Damaged { remote: self.remote.to_owned(), source: cut.into() });
        }
        sink.finish()
    }

    /// Takes one packet of the answer; says whether it was the last. Band 1 is the pack, 2 talk, 3 a
    /// fatal error; before them stands `NAK`, or `ACK` and what both have.
    fn take(&self, packet: &Packet, sink: &mut PackSink<'_>) -> Result<bool, FetchError> {
        match packet {
            Packet::Flush => return Ok(true),
            Packet::Data(data) => match data.split_first() {
                Some((1, pack)) => sink.append(pack)?,
                Some((2, _)) | None => {}
                Some((3, said)) => return Err(self.protocol(said_text(said))),
                Some(_) if data.starts_with(b"NAK") || data.starts_with(b"ACK ") => {}
                Some(_) => return Err(self.protocol(said_text(data))),
            },
        }
        Ok(false)
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
        self.credentials.map(Credentials::read_for_fetch).transpose()
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
            return Err(FetchError::Denied { remote: self.remote.to_owned(), status: status.as_u16() });
        }
        if !status.is_success() {
            return Err(self.protocol(format!("it answers with status {}", status.as_u16())));
        }
        if response.headers().get("content-type").is_none_or(|found| found != kind) {
            return Err(self.protocol("the answer is of another content type".to_owned()));
        }
        Ok(Body { session: self, response, since: Instant::now(), in_window: 0 })
    }

    fn protocol(&self, what: String) -> FetchError {
        FetchError::Protocol { remote: self.remote.to_owned(), what }
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
    since: Instant,
    in_window: u64,
}

impl Body<'_> {
    /// The next bytes. The clock starts anew only when enough came: a byte now and then is as good
    /// as silence.
    async fn next(&mut self) -> Result<Option<bytes::Bytes>, FetchError> {
        let limits = self.session.limits;
        let deadline = self.since + limits.stall;
        let chunk = timeout_at(deadline, self.response.chunk())
            .await
            .map_err(|_| self.session.too_slow(limits.stall))?
            .map_err(|error| self.session.lost("read from", error))?;
        self.in_window += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.in_window >= limits.least_bytes {
            self.in_window = 0;
            self.since = Instant::now();
        }
        Ok(chunk)
    }
}

/// The references that a server shows, of which only the asked ones are kept.
struct Advertisement<'a> {
    session: &'a Session<'a>,
    branches: &'a [String],
    packets: Packets,
    heads: Heads,
    bytes: u64,
    lines: u64,
    flushes: u32,
}

impl<'a> Advertisement<'a> {
    fn new(session: &'a Session<'a>, branches: &'a [String]) -> Self {
        let packets = Packets::default();
        Self { session, branches, packets, heads: Heads::new(), bytes: 0, lines: 0, flushes: 0 }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.bytes += bytes.len() as u64;
        let limit = self.session.limits.references;
        if self.bytes > (limit + 2).saturating_mul(REFERENCE_BYTES) + 2_000 {
            return Err(self.too_many(limit));
        }
        self.packets.push(bytes);
        while let Some(packet) =
            self.packets.next().map_err(|error| self.session.protocol(error.to_string()))?
        {
            match packet {
                Packet::Flush => self.flushes += 1,
                Packet::Data(line) => self.line(&line)?,
            }
        }
        Ok(())
    }

    /// `<id> <name>`, the first with capabilities behind a NUL.
    fn line(&mut self, line: &[u8]) -> Result<(), FetchError> {
        if line.starts_with(b"# service=") {
            return Ok(());
        }
        if let Some(said) = line.strip_prefix(b"ERR ") {
            return Err(self.session.protocol(said_text(said)));
        }
        self.lines += 1;
        let limit = self.session.limits.references;
        if self.lines > limit {
            return Err(self.too_many(limit));
        }
        let text = String::from_utf8_lossy(line);
        let mut halves = text.splitn(2, '\0');
        let reference = halves.next().unwrap_or_default().trim_end();
        if let Some(capabilities) = halves.next() {
            let has = |wanted: &str| capabilities.split_whitespace().any(|found| found == wanted);
            if has("object-format=sha256") {
                return Err(self
                    .session
                    .protocol("repositories with SHA-256 are not supported yet".to_owned()));
            }
            if !reference.ends_with("capabilities^{}") && !has("side-band-64k") {
                return Err(self.session.protocol("it lacks `side-band-64k`".to_owned()));
            }
        }
        let Some((id, name)) = reference.split_once(' ') else {
            return Err(self.session.protocol("a reference has no name".to_owned()));
        };
        if let Some(branch) =
            name.strip_prefix("refs/heads/").filter(|name| self.branches.iter().any(|b| b == name))
        {
            let id =
                Oid::from_str(id).map_err(|_| self.session.protocol("a reference has no id".to_owned()))?;
            self.heads.insert(branch.to_owned(), id);
        }
        Ok(())
    }

    fn too_many(&self, limit: u64) -> FetchError {
        FetchError::TooBig { remote: self.session.remote.to_owned(), what: "references", limit }
    }

    /// The list counts only when its end came: cut off, branches would seem gone.
    fn finish(self) -> Result<Heads, FetchError> {
        if self.flushes < 2 || !self.packets.is_empty() {
            return Err(self.session.protocol("the list of references is cut off".to_owned()));
        }
        Ok(self.heads)
    }
}

/// The request for a pack: what is wanted, what is there already.
fn wanted(heads: &Heads, known: &[Oid]) -> String {
    let mut ids: Vec<&Oid> = heads.values().collect();
    ids.sort();
    ids.dedup();
    let mut body = String::new();
    for (index, id) in ids.iter().enumerate() {
        let capabilities = if index == 0 { " side-band-64k ofs-delta agent=git/sluice" } else { "" };
        body.push_str(&packet(&format!("want {id}{capabilities}\n")));
    }
    body.push_str(FLUSH);
    for id in known.iter().take(MOST_HAVES) {
        body.push_str(&packet(&format!("have {id}\n")));
    }
    body.push_str(&packet("done\n"));
    body
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

/// What a server said, short and on one line: it is shown to people.
fn said_text(said: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(said).chars().filter(|c| !c.is_control()).take(200).collect();
    format!("it says `{}`", text.trim())
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
