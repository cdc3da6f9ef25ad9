//! The requests for resources: read, list, watch, write, patch, delete, and the subresources.

mod delete;
mod get;
mod patch;
mod scale;
mod special;
mod watch;
mod write;

use axum::body::Body;
use serde_json::Value;

use super::request::Call;
use super::server::ApiServer;
use super::status::ApiError;

/// An answer.
pub(crate) enum Reply {
    /// An object or a list, with the HTTP status and warnings.
    Object { code: u16, value: Value, warnings: Vec<String> },
    /// Text.
    Text(String),
    /// A stream of JSON lines.
    Stream(Body),
}

impl Reply {
    fn ok(value: Value) -> Self {
        Self::Object { code: 200, value, warnings: Vec::new() }
    }
}

/// Answers a request that was authorized.
pub(crate) fn dispatch(server: &std::sync::Arc<ApiServer>, call: &Call) -> Result<Reply, ApiError> {
    if call.kind.namespaced && call.namespace.is_empty() && !matches!(call.verb, "list" | "watch") {
        // Reviews and the like have no name; objects of namespaced kinds need a namespace.
        return Err(ApiError::no_such_path());
    }
    match call.subresource.as_str() {
        "" => {}
        "status" if call.kind.status => {}
        "scale" if call.kind.scale => return scale::handle(server, call),
        "finalize" if call.kind.kind == "Namespace" => {}
        "log" | "eviction" | "binding" | "token" => return special::handle(server, call),
        _ => return Err(ApiError::no_such_path()),
    }
    match call.verb {
        "get" => get::get(server, call),
        "list" => get::list(server, call),
        "watch" => watch::watch(server, call),
        "create" if call.name.is_empty() => write::create(server, call),
        "update" => write::update(server, call),
        "patch" => patch::patch(server, call),
        "delete" => delete::delete(server, call),
        "deletecollection" => delete::delete_collection(server, call),
        _ => Err(ApiError::method_not_allowed()),
    }
}
