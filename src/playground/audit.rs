//! What was asked of a cluster, for tests that count writes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many requests are remembered: more than any test makes, and bounded for long runs.
const LIMIT: usize = 100_000;

/// One request for a resource, with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Who asked.
    pub user: String,
    /// As whom, if not as themselves.
    pub impersonated: Option<String>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, with its subresource behind a slash.
    pub resource: String,
    /// The namespace; empty for cluster-scoped resources and for all namespaces.
    pub namespace: String,
    /// The name; empty for collections.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u16,
    /// Whether nothing was to be stored.
    pub dry_run: bool,
    /// Whether the answer changed the store. A write that changed nothing was needless.
    pub changed: bool,
}

impl AuditEvent {
    /// Whether this was meant to write: neither a read nor a dry run.
    pub fn is_write(&self) -> bool {
        !self.dry_run && !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// The requests of a cluster, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Audit(Mutex<VecDeque<AuditEvent>>);

impl Audit {
    pub(crate) fn record(&self, event: AuditEvent) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == LIMIT {
            events.pop_front();
        }
        events.push_back(event);
    }

    pub(crate) fn events(&self) -> Vec<AuditEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
