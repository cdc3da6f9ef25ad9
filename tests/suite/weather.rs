//! A proxy between the engine and an API server that makes bad weather: it delays, refuses, loses
//! answers, cuts connections, freezes and thins out watches, tells old lists, hides API groups.
//!
//! What befalls a request is chance, given by the seed, the request, and how often it was made
//! before: a seed that fails fails again, as far as the engine asks for the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sluice::cluster::{KubeCluster, Rhythm};
use sluice::port::cluster::Cluster;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Watches that are renewed within seconds, so that no test waits for minutes.
const RHYTHM: Rhythm = Rhythm { watch_secs: 2, relist: Duration::from_secs(6) };

/// What befalls one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It takes so long.
    Delay(Duration),
    /// It is refused with 429, and asked to wait so many seconds.
    Busy(u64),
    /// It is answered with this code and never reaches the API server.
    Refuse(u16),
    /// It takes effect and is answered with this code.
    LoseAnswer(u16),
    /// The connection is cut before it reaches the API server.
    Cut,
    /// It takes effect, and the connection is cut.
    CutAfter,
    /// Of a list: it is told as it was when it was remembered.
    Stale,
    /// Of a watch: it loses every second event.
    Thin,
    /// It is sent twice.
    Duplicate,
}

/// Which requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// What changes something, dry runs left out.
    Writes,
    Lists,
    Watches,
}

/// Some of some requests come to some harm.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub which: Which,
    /// Only those whose path has this in it.
    pub path: &'static str,
    /// Of a hundred.
    pub share: u64,
    pub harm: Harm,
}

impl Rule {
    pub const fn new(which: Which, share: u64, harm: Harm) -> Self {
        Self { which, path: "", share, harm }
    }

    pub const fn on(self, path: &'static str) -> Self {
        Self { path, ..self }
    }
}

/// A request, as it came in.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub at: std::time::Instant,
    /// What befell it.
    pub harm: Option<Harm>,
}

impl Asked {
    fn is(&self, which: Which) -> bool {
        let watches = self.query.contains("watch=");
        match which {
            Which::All => true,
            Which::Writes => self.is_write(),
            Which::Lists => self.method == Method::GET && !watches && self.query.contains("limit="),
            Which::Watches => watches,
        }
    }

    pub fn is_write(&self) -> bool {
        self.method != Method::GET && !self.query.contains("dryRun")
    }
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// API groups that discovery does not tell.
    hidden: BTreeSet<String>,
    asked: Vec<Asked>,
    times: BTreeMap<String, u64>,
    /// The first answer to each list while lists are old.
    old: BTreeMap<String, Bytes>,
    struck: usize,
    connected: usize,
}

struct Sky {
    seed: u64,
    upstream: kube::Client,
    state: Mutex<State>,
    /// What becomes of all watches that are open.
    watches: watch::Sender<Turn>,
}

/// What becomes of open watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// They tell nothing any more and stay open.
    Freeze,
    /// They end.
    End,
}

/// A proxy that is served for as long as it is kept.
pub struct Weather {
    sky: Arc<Sky>,
    address: std::net::SocketAddr,
    serving: AbortHandle,
}

impl Drop for Weather {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

impl Weather {
    /// Fair weather in front of what a client reaches, as the user whose it is.
    pub async fn before(upstream: kube::Client, seed: u64) -> Self {
        let (watches, _) = watch::channel(Turn::End);
        let sky = Arc::new(Sky { seed, upstream, state: Mutex::default(), watches });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(sky.clone(), listener)).abort_handle();
        Self { sky, address, serving }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.sky.state.lock().unwrap()
    }

    /// A client of the API server behind it.
    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(kube::Config::new(format!("http://{}", self.address).parse().unwrap()))
            .unwrap()
    }

    /// What connects the engine: a client of its own each time.
    pub fn connect(&self) -> Arc<dyn Cluster> {
        self.sky.state.lock().unwrap().connected += 1;
        Arc::new(KubeCluster::with_rhythm(self.client(), RHYTHM))
    }

    /// How often the engine has made a client.
    pub fn connected(&self) -> usize {
        self.state().connected
    }

    /// From now on this weather.
    pub fn becomes(&self, rules: &[Rule]) {
        self.state().rules = rules.to_vec();
        // Those that are open come under it too.
        if rules.iter().any(|rule| rule.which == Which::Watches) {
            self.sky.watches.send_replace(Turn::End);
        }
    }

    /// Remembers the lists of these paths as they are now: what [`Harm::Stale`] tells later.
    pub async fn remember(&self, uris: &[&str]) {
        for uri in uris {
            let request = Request::get(*uri).body(Vec::new()).unwrap();
            let list: Value = self.sky.upstream.request(request).await.unwrap();
            self.state().old.insert((*uri).to_owned(), Bytes::from(list.to_string()));
        }
    }

    /// Hides API groups from discovery.
    pub fn hide(&self, groups: &[&str]) {
        self.state().hidden = groups.iter().map(|group| (*group).to_owned()).collect();
    }

    /// Every watch that is open tells nothing any more and stays open.
    pub fn freeze(&self) {
        self.sky.watches.send_replace(Turn::Freeze);
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many requests came to harm.
    pub fn struck(&self) -> usize {
        self.state().struck
    }
}

async fn serve(sky: Arc<Sky>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let sky = sky.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| sky.clone().answer(request));
            // A connection that ends badly is what this is for.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Sky {
    /// What befalls a request, by the seed.
    fn judge(&self, method: &Method, path: &str, query: &str) -> Option<Harm> {
        let mut state = self.state.lock().unwrap();
        let mut asked = Asked {
            method: method.clone(),
            path: path.to_owned(),
            query: query.to_owned(),
            at: std::time::Instant::now(),
            harm: None,
        };
        let name = format!("{method} {path}");
        let times = state.times.entry(name.clone()).or_default();
        *times += 1;
        let times = *times;
        let chance = |number: usize| {
            let text = format!("{} {number} {name} {times}", self.seed);
            let digits = sluice::model::sha256(text.as_bytes()).to_hex();
            u64::from_str_radix(&digits[..8], 16).unwrap() % 100
        };
        asked.harm = state
            .rules
            .iter()
            .enumerate()
            .find(|(number, rule)| {
                asked.is(rule.which) && path.contains(rule.path) && chance(*number) < rule.share
            })
            .map(|(_, rule)| rule.harm);
        let harm = asked.harm;
        state.struck += usize::from(harm.is_some());
        state.asked.push(asked);
        harm
    }

    /// Answers a request; an error cuts the connection.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, std::io::Error> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let harm = self.judge(&parts.method, &path, &query);
        let cut = || std::io::Error::other("the connection is cut");
        match harm {
            Some(Harm::Delay(by)) => tokio::time::sleep(by).await,
            Some(Harm::Busy(seconds)) => return Ok(busy(seconds)),
            Some(Harm::Refuse(code)) => return Ok(refusal(code)),
            Some(Harm::Cut) => return Err(cut()),
            Some(Harm::Stale) => {
                let old = self.state.lock().unwrap().old.get(&path).cloned();
                if let Some(old) = old {
                    return Ok(whole(StatusCode::OK, old));
                }
            }
            Some(Harm::Duplicate) => {
                self.pass(&parts, &body).await?.into_body().collect().await?;
            }
            _ => {}
        }
        let answer = self.pass(&parts, &body).await?;
        match harm {
            Some(Harm::LoseAnswer(code)) => {
                answer.into_body().collect().await?;
                Ok(refusal(code))
            }
            Some(Harm::CutAfter) => {
                answer.into_body().collect().await?;
                Err(cut())
            }
            _ if query.contains("watch=") => Ok(self.weathered(answer, harm == Some(Harm::Thin))),
            _ if path == "/apis" => self.without_hidden(answer).await,
            _ => Ok(answer),
        }
    }

    async fn pass(&self, parts: &http::request::Parts, body: &Bytes) -> Result<Answer, std::io::Error> {
        const OWN: [HeaderName; 4] =
            [header::HOST, header::CONTENT_LENGTH, header::ACCEPT_ENCODING, header::CONNECTION];
        let mut request = Request::builder().method(parts.method.clone()).uri(parts.uri.clone());
        for (name, value) in parts.headers.iter().filter(|(name, _)| !OWN.contains(name)) {
            request = request.header(name, value);
        }
        let request = request.body(kube::client::Body::from(body.to_vec())).unwrap();
        let answer = self.upstream.send(request).await.map_err(std::io::Error::other)?;
        let (mut parts, body) = answer.into_parts();
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            parts.headers.remove(name);
        }
        Ok(Response::from_parts(parts, body.map_err(std::io::Error::other).boxed_unsync()))
    }

    /// A watch that may freeze, and where `thin` loses every second event.
    fn weathered(&self, answer: Answer, thin: bool) -> Answer {
        let (parts, body) = answer.into_parts();
        let state = (Lines::of(body), self.watches.subscribe(), 0_u64);
        let frames = futures::stream::unfold(state, move |(mut lines, mut turns, mut number)| async move {
            loop {
                let line = tokio::select! {
                    biased;
                    _ = turns.changed() => {
                        let freezes = *turns.borrow() == Turn::Freeze;
                        if freezes {
                            // Whatever comes now is never told, nor is the end.
                            std::future::pending::<()>().await;
                        }
                        return None;
                    }
                    line = lines.next() => line?,
                };
                let is_event = line.as_ref().is_ok_and(|line| !line.starts_with(b"{\"type\":\"BOOKMARK\""));
                number += u64::from(is_event);
                if thin && is_event && number % 2 == 1 {
                    continue;
                }
                return Some((line.map(Frame::data), (lines, turns, number)));
            }
        });
        Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
    }

    async fn without_hidden(&self, answer: Answer) -> Result<Answer, std::io::Error> {
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let hidden = self.state.lock().unwrap().hidden.clone();
        let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
            return Ok(Response::from_parts(parts, full(bytes)));
        };
        if let Some(items) = value["items"].as_array_mut() {
            items.retain(|item| !item["metadata"]["name"].as_str().is_some_and(|name| hidden.contains(name)));
        }
        Ok(Response::from_parts(parts, full(Bytes::from(value.to_string()))))
    }
}

/// The lines of a body as they come, each with its end.
struct Lines {
    body: UnsyncBoxBody<Bytes, std::io::Error>,
    read: Vec<u8>,
}

impl Lines {
    fn of(body: UnsyncBoxBody<Bytes, std::io::Error>) -> Self {
        Self { body, read: Vec::new() }
    }

    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                return Some(Ok(Bytes::from(std::mem::replace(&mut self.read, rest))));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Some(Err(error)),
                None => return None,
            }
        }
    }
}

fn full(bytes: Bytes) -> UnsyncBoxBody<Bytes, std::io::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn whole(code: StatusCode, bytes: Bytes) -> Answer {
    let answer = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    answer.body(full(bytes)).unwrap()
}

/// The words of an API server that refuses.
fn refusal(code: u16) -> Answer {
    let reason = match code {
        401 => "Unauthorized",
        410 => "Expired",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": format!("bad weather: {reason}"),
    });
    whole(StatusCode::from_u16(code).unwrap(), Bytes::from(status.to_string()))
}

fn busy(seconds: u64) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 429,
        "reason": "TooManyRequests", "message": "bad weather: too many requests",
        "details": {"retryAfterSeconds": seconds},
    });
    let mut answer = whole(StatusCode::TOO_MANY_REQUESTS, Bytes::from(status.to_string()));
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}
