//! A target cluster, as the engine's worker sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::definition::Access;
use crate::model::{ClusterFacts, ClusterName, Manifest, ObjectKey, Resource};

/// An answer of a cluster, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ClusterError>>;

/// A target cluster. Every call has a deadline of its own and can be dropped while it waits.
pub trait Cluster: Send + Sync {
    /// Asks what the API server serves. Groups that do not answer are left out and named.
    fn discover(&self) -> Answer<'_, Discovery>;

    /// Follows these kinds cluster-wide, by watches, beside those that are followed already.
    /// Returns at once; [`Cluster::is_synced`] tells when a first list is there.
    fn follow(&self, kinds: &BTreeSet<Resource>);

    /// Whether a kind's first list is there and its watch is alive.
    fn is_synced(&self, resource: &Resource) -> bool;

    /// The live object, as the watch last showed it.
    fn live(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>>;

    /// The last state of a Job of which the watch has told that it went. None if the watch did not
    /// see it go, and after a while: then nobody knows how it ended.
    fn departed(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>>;

    /// All live objects of a kind in a namespace (none = everywhere), as the watch last showed them.
    fn live_in(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Arc<Manifest>>;

    /// Resolves when something that is followed has changed since this was asked last.
    fn changed(&self) -> BoxFuture<'_, ()>;

    /// A number that is higher than before once anything may have changed that is followed and
    /// belongs to an app in a namespace: an object that carries the app's label, one in the
    /// namespace that carries no app's, or one outside namespaces. Without an app only the last two
    /// count. None if changes are not counted: then everything may have changed.
    fn changes(&self, _namespace: &str, _app: Option<&str>) -> Option<u64> {
        None
    }

    /// Asks the API server itself for an object.
    fn get<'a>(&'a self, resource: &'a Resource, key: &'a ObjectKey) -> Answer<'a, Option<Manifest>>;

    /// Server-side apply.
    fn apply<'a>(&'a self, resource: &'a Resource, apply: Apply<'a>) -> Answer<'a, Manifest>;

    /// A JSON Patch (RFC 6902).
    fn patch<'a>(&'a self, resource: &'a Resource, patch: Patch<'a>) -> Answer<'a, Manifest>;

    /// Creates an object, or with a `resourceVersion` in it replaces it.
    fn put<'a>(&'a self, resource: &'a Resource, object: &'a Manifest) -> Answer<'a, Manifest>;

    /// Deletes an object. One that is gone already is deleted.
    fn delete<'a>(&'a self, resource: &'a Resource, delete: Delete<'a>) -> Answer<'a, ()>;
}

/// What an API server serves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovery {
    /// What it serves.
    pub facts: ClusterFacts,
    /// Groups that did not answer: nothing of them may be judged absent.
    pub unanswered: Vec<String>,
}

/// A server-side apply.
#[derive(Debug, Clone, Copy)]
pub struct Apply<'a> {
    /// The object. Its `metadata` carries uid and resourceVersion where the write must meet exactly
    /// what was decided on.
    pub object: &'a Manifest,
    /// The field manager.
    pub manager: &'a str,
    /// Take fields over from other managers.
    pub force: bool,
    /// Only ask, change nothing.
    pub dry_run: bool,
    /// The user to impersonate; none = the engine's own identity.
    pub as_user: Option<&'a str>,
}

/// A JSON Patch.
#[derive(Debug, Clone, Copy)]
pub struct Patch<'a> {
    /// Which object.
    pub key: &'a ObjectKey,
    /// The operations (RFC 6902); a `test` of uid and resourceVersion among them fences it.
    pub operations: &'a Value,
    /// The field manager.
    pub manager: &'a str,
    /// The user to impersonate; none = the engine's own identity.
    pub as_user: Option<&'a str>,
}

/// A deletion.
#[derive(Debug, Clone, Copy)]
pub struct Delete<'a> {
    /// Which object.
    pub key: &'a ObjectKey,
    /// Only this very object.
    pub uid: &'a str,
    /// Only while it is as it was.
    pub resource_version: Option<&'a str>,
    /// The user to impersonate; none = the engine's own identity.
    pub as_user: Option<&'a str>,
}

/// Why a cluster did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClusterError {
    /// The object, its namespace or its kind is not there.
    #[error("not found: {0}")]
    NotFound(String),
    /// It is there already.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// It has changed meanwhile, or another manager owns a field.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The engine's identity, or the tenant's, has no right to it.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The credentials are not accepted.
    #[error("the credentials are not accepted: {0}")]
    Unauthorized(String),
    /// The object is refused for what it is: trying again can't help.
    #[error("{0}")]
    Invalid(String),
    /// The API server asks for patience.
    #[error("the API server asks to wait: {message}")]
    Busy {
        /// Its words.
        message: String,
        /// How long.
        after: Duration,
    },
    /// No answer, or one that can't be read. Whether the call took effect is unknown.
    #[error("no answer from the API server: {0}")]
    Unreachable(String),
}

impl ClusterError {
    /// Whether the object is refused for what it is. A missing right may come back, so it is none.
    pub fn is_refusal(&self) -> bool {
        matches!(self, ClusterError::Invalid(_))
    }
}

/// Makes clients of clusters.
pub trait Connect: Send + Sync {
    /// A client of a cluster. Makes no request.
    ///
    /// # Errors
    /// What the definition says of the access can't be used: a missing file, an unknown context.
    fn connect(&self, name: &ClusterName, access: &Access) -> Result<Arc<dyn Cluster>, ClusterError>;
}
