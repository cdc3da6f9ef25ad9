//! Watches: a stream of events from a resourceVersion on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Reply;
use super::get::{Filter, Form, metadata_only};
use crate::playground::request::Call;
use crate::playground::server::ApiServer;
use crate::playground::status::ApiError;
use crate::playground::store::{Change, Event};
use crate::playground::table;

/// How often an idle watch says how far it is, as a real API server does.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// How long a watch lasts that sets no limit: a real server chooses between 30 and 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(45 * 60);

struct Watch {
    server: Arc<ApiServer>,
    call: Call,
    filter: Filter,
    form: Form,
    notice: tokio::sync::watch::Receiver<u64>,
    position: u64,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    pending: VecDeque<Bytes>,
    sent_columns: bool,
    ended: bool,
}

impl Watch {
    fn push(&mut self, kind: &str, object: &Value) {
        let object = match self.form {
            Form::Whole if kind == "BOOKMARK" || kind == "ERROR" => object.clone(),
            Form::Whole => self.call.shown(object).into_owned(),
            _ if kind == "ERROR" => object.clone(),
            Form::Metadata => metadata_only(object),
            Form::Table => {
                let columns = !std::mem::replace(&mut self.sent_columns, true);
                let objects = if kind == "BOOKMARK" { vec![] } else { vec![Arc::new(object.clone())] };
                let revision = object["metadata"]["resourceVersion"].as_str().unwrap_or("0");
                table::table(&self.call, &objects, revision, self.server.now(), columns)
            }
        };
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        self.pending.push_back(Bytes::from(line));
    }

    fn push_bookmark(&mut self, initial_events_end: bool) {
        let mut bookmark = json!({"kind": self.call.view.kind, "apiVersion": self.call.view.api_version(),
            "metadata": {"resourceVersion": self.position.to_string(), "creationTimestamp": null}});
        if initial_events_end {
            bookmark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        self.push("BOOKMARK", &bookmark);
    }

    fn push_expired(&mut self, oldest: u64) {
        let message = format!("too old resource version: {} ({oldest})", self.position);
        self.push("ERROR", &ApiError::expired(&message).to_value());
        self.ended = true;
    }

    /// Sends what is there already.
    fn push_initial(&mut self) {
        let server = self.server.clone();
        let (objects, revision) = {
            let store = server.store();
            (store.scan(self.call.kind, None), store.revision())
        };
        for object in objects.iter().filter(|object| self.filter.matches(object)).cloned().collect::<Vec<_>>()
        {
            self.push("ADDED", &object);
        }
        self.position = revision;
    }

    /// Sends what happened since the last look.
    fn push_events(&mut self) {
        let server = self.server.clone();
        let (events, revision) = {
            let store = server.store();
            let revision = store.revision();
            let events = store.events_after(self.position).map(|events| {
                events
                    .filter(|event| event.kind.same_resource(self.call.kind))
                    .cloned()
                    .collect::<Vec<Event>>()
            });
            (events, revision)
        };
        let Ok(events) = events else { return self.push_expired(revision) };
        for event in &events {
            let now = self.filter.matches(&event.object) && event.change != Change::Deleted;
            let before = event.previous.as_ref().is_some_and(|previous| self.filter.matches(previous));
            match (before, now) {
                (false, true) => self.push("ADDED", &event.object),
                (true, true) => self.push("MODIFIED", &event.object),
                (true, false) => self.push("DELETED", &event.object),
                (false, false) => {}
            }
        }
        self.position = revision;
    }

    /// The next line, or the end.
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Some((Ok(line), self));
            }
            if self.ended || Instant::now() >= self.deadline || self.server.is_stopped() {
                return None;
            }
            self.notice.borrow_and_update();
            self.push_events();
            if !self.pending.is_empty() {
                continue;
            }
            if self.bookmarks && Instant::now() >= self.next_bookmark {
                self.next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
                self.push_bookmark(false);
                continue;
            }
            let wake = if self.bookmarks { self.deadline.min(self.next_bookmark) } else { self.deadline };
            tokio::select! {
                changed = self.notice.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                () = self.server.stopped() => return None,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }
}

pub(super) fn watch(server: &Arc<ApiServer>, call: &Call) -> Result<Reply, ApiError> {
    let now = Instant::now();
    let timeout = match call.parameter("timeoutSeconds").parse::<u64>() {
        Ok(seconds) if seconds > 0 => Duration::from_secs(seconds),
        _ => DEFAULT_TIMEOUT,
    };
    let revision = call.parameter("resourceVersion");
    let position = match revision {
        "" => 0,
        text => text.parse::<u64>().map_err(|_| {
            ApiError::bad_request(format!(
                "invalid resource version {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        })?,
    };
    let send_initial = call.parameter("sendInitialEvents") == "true";
    let mut watch = Watch {
        filter: Filter::of_call(call)?,
        form: Form::of_call(call),
        notice: server.store().subscribe(),
        server: server.clone(),
        call: call.clone(),
        position,
        bookmarks: call.parameter("allowWatchBookmarks") == "true",
        next_bookmark: now + BOOKMARK_INTERVAL,
        deadline: now + timeout,
        pending: VecDeque::new(),
        sent_columns: false,
        ended: false,
    };
    if send_initial || position == 0 {
        watch.push_initial();
        if send_initial {
            watch.push_bookmark(true);
        }
    }
    Ok(Reply::Stream(Body::from_stream(futures::stream::unfold(watch, Watch::next))))
}
