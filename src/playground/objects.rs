//! What the workload controllers see of the store.

use std::sync::Arc;

use serde_json::Value;

use super::kinds::Kind;

/// Why the store refused a write of a controller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectsError {
    /// There is no such object.
    #[error("not found")]
    NotFound,
    /// There is such an object already.
    #[error("already exists")]
    AlreadyExists,
    /// The object was changed since it was read, or is another one.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The namespace's bounds or quotas have no room for the object; in the API server's words.
    #[error("{0}")]
    Forbidden(String),
    /// The object can't be stored.
    #[error("invalid: {0}")]
    Invalid(String),
}

/// What controllers see of the store. Synchronous; the time is the store's clock.
///
/// Kinds are named by group and kind; namespaces are `None` for cluster-scoped objects (when
/// listing: for all namespaces).
pub trait Objects {
    /// One object.
    fn get(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>>;

    /// The kind of a group by its name, built in or custom.
    fn kind_named(&self, group: &str, kind: &str) -> Option<&'static Kind>;

    /// All objects of a kind, sorted by namespace and name.
    fn list(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>>;

    /// Stores a new object: sets uid, creationTimestamp, generation; honours generateName.
    ///
    /// # Errors
    /// The name is taken, or the object has no known kind or no name.
    fn create(&mut self, object: Value) -> Result<Arc<Value>, ObjectsError>;

    /// Replaces the whole object but its status. The resourceVersion is checked when present.
    ///
    /// # Errors
    /// The object is not there, was changed since, or has no known kind.
    fn update(&mut self, object: Value) -> Result<Arc<Value>, ObjectsError>;

    /// Replaces only the status. The resourceVersion is checked when present.
    ///
    /// # Errors
    /// The object is not there, was changed since, or has no known kind.
    fn update_status(&mut self, object: Value) -> Result<Arc<Value>, ObjectsError>;

    /// Deletes an object: sets deletionTimestamp while finalizers or a pod's grace remain, else
    /// removes it. Pods go at once with a grace of 0.
    ///
    /// # Errors
    /// The object is not there or has another uid.
    fn delete(
        &mut self,
        group: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        uid: Option<&str>,
        grace_seconds: Option<i64>,
    ) -> Result<(), ObjectsError>;
}
