//! Reads what a request asks for out of its path, query and headers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, header};
use serde_json::Value;

use super::custom::Version;
use super::kinds::{self, Kind};
use super::status::ApiError;
use super::store::Store;
use super::view;

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct User {
    pub name: String,
    pub groups: Vec<String>,
}

impl User {
    pub(crate) fn new(name: &str, groups: &[&str]) -> Self {
        Self { name: name.to_owned(), groups: groups.iter().map(|&group| group.to_owned()).collect() }
    }
}

/// A request for a resource.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub user: User,
    pub verb: &'static str,
    /// The kind as its objects are kept.
    pub kind: &'static Kind,
    /// The kind in the version of the path.
    pub view: &'static Kind,
    /// The version of the path, of a custom kind.
    pub custom: Option<Arc<Version>>,
    /// Empty for cluster-scoped kinds and for all namespaces.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    pub subresource: String,
    pub query: BTreeMap<String, String>,
    pub accept: String,
    pub content_type: String,
    pub user_agent: String,
    pub body: Bytes,
}

impl Call {
    /// Reads a request below `/api/v1` or `/apis/GROUP/VERSION`.
    pub(crate) fn parse(
        store: &Store,
        path: &str,
        request: &http::Request<Bytes>,
        user: User,
    ) -> Result<Self, ApiError> {
        let segments: Vec<String> =
            path.split('/').filter(|part| !part.is_empty()).map(percent_decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(ApiError::no_such_path()),
        };
        let (namespace, plural, name, subresource) = match rest {
            ["namespaces", namespace, plural, more @ ..] if !matches!(*plural, "status" | "finalize") => {
                (*namespace, *plural, more.first().copied().unwrap_or(""), &more[more.len().min(1)..])
            }
            [plural, more @ ..] => {
                ("", *plural, more.first().copied().unwrap_or(""), &more[more.len().min(1)..])
            }
            [] => return Err(ApiError::no_such_path()),
        };
        let (kind, view, custom) =
            resource(store, group, version, plural).ok_or_else(ApiError::no_such_path)?;
        let query = query_of(request.uri().query().unwrap_or(""));
        let header = |name: header::HeaderName| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned()
        };
        let watch = matches!(query.get("watch").map(String::as_str), Some("true" | "1" | ""));
        let verb = match (request.method(), name.is_empty()) {
            (&Method::GET, false) => "get",
            (&Method::GET, true) if watch => "watch",
            (&Method::GET, true) => "list",
            (&Method::POST, _) => "create",
            (&Method::PUT, false) => "update",
            (&Method::PATCH, false) => "patch",
            (&Method::DELETE, false) => "delete",
            (&Method::DELETE, true) => "deletecollection",
            _ => return Err(ApiError::method_not_allowed()),
        };
        Ok(Self {
            user,
            verb,
            kind,
            view,
            custom,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: subresource.join("/"),
            query,
            accept: header(header::ACCEPT),
            content_type: header(header::CONTENT_TYPE),
            user_agent: header(header::USER_AGENT),
            body: request.body().clone(),
        })
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// Whether nothing is to be stored.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.parameter("dryRun") == "All"
    }

    /// The field manager: named in the query, or the program's name.
    pub(crate) fn manager(&self) -> &str {
        let named = self.parameter("fieldManager");
        if !named.is_empty() {
            return named;
        }
        let program = self.user_agent.split('/').next().unwrap_or("");
        if program.is_empty() { "unknown" } else { program }
    }

    /// The `apiVersion` under which the call's writes are recorded.
    pub(crate) fn recorded_version(&self) -> String {
        if self.custom.is_some() { self.view.api_version() } else { self.kind.api_version() }
    }

    /// An object as it is kept, in the version of the path.
    pub(crate) fn shown<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        view::shown(self.kind, self.view, object)
    }

    /// An object in the version of the path, as it is kept.
    pub(crate) fn kept(&self, object: Value) -> Value {
        view::kept(self.kind, self.view, object)
    }

    /// The resource with its subresource: `pods/log`.
    pub(crate) fn resource(&self) -> String {
        if self.subresource.is_empty() {
            self.kind.plural.to_owned()
        } else {
            format!("{}/{}", self.kind.plural, self.subresource)
        }
    }
}

/// The kind of a path, as it is kept and as the path has it.
type Found = (&'static Kind, &'static Kind, Option<Arc<Version>>);

fn resource(store: &Store, group: &str, version: &str, plural: &str) -> Option<Found> {
    if let Some(kind) = kinds::by_plural(group, plural).filter(|kind| kind.version == version) {
        return Some((kind, kind, None));
    }
    let is_view =
        |(view, _): &&(Kind, _)| (view.group, view.version, view.plural) == (group, version, plural);
    if let Some((view, (group, kind))) = kinds::VIEWS.iter().find(is_view) {
        return Some((kinds::by_kind(group, kind)?, view, None));
    }
    let definition = store.definitions().by_plural(group, plural)?;
    let version = definition.version(version).filter(|version| version.served)?;
    Some((definition.kind, version.kind, Some(version.clone())))
}

/// The parameters of a query string.
pub(crate) fn query_of(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (percent_decoded(name), percent_decoded(&value.replace('+', " ")))
        })
        .collect()
}

/// Text with its percent escapes resolved; broken escapes stay.
pub(crate) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escape = (bytes[index] == b'%').then(|| text.get(index + 1..index + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                index += 3;
            }
            None => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
