//! The API server's audit log: who asked for what, and what came of it.
//!
//! What the control plane's own parts read, and all that the simulated kubelet does, is not in it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ADMIN, ControlPlane};

/// How many requests are made at most to see one of them in the log.
const MARKS_AT_MOST: u32 = 100;

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Who asked.
    pub user: String,
    /// As whom, where that is somebody else.
    pub impersonated: Option<String>,
    /// The Kubernetes verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, ...
    pub verb: String,
    /// API group, empty for the core group and for what is no resource.
    pub group: String,
    /// Plural name, empty for what is no resource.
    pub resource: String,
    /// Such as `status` or `scale`; mostly empty.
    pub subresource: String,
    /// Empty for what lies in no namespace.
    pub namespace: String,
    /// Empty for lists.
    pub name: String,
    /// HTTP status code of the answer.
    pub code: u16,
    /// When the request came in.
    pub received_at: jiff::Timestamp,
    /// Path and query.
    pub uri: String,
}

impl AuditEvent {
    /// Whether the request asked for nothing to be stored.
    pub fn is_dry_run(&self) -> bool {
        self.uri.split_once('?').is_some_and(|(_, query)| query.split('&').any(|pair| pair == "dryRun=All"))
    }

    /// Whether the request was to change what is stored and was granted. Reviews of rights are
    /// created and not stored, so they don't count.
    pub fn is_write(&self) -> bool {
        let changes = matches!(&*self.verb, "create" | "update" | "patch" | "delete" | "deletecollection");
        let is_review = matches!(&*self.group, "authorization.k8s.io" | "authentication.k8s.io");
        changes && !is_review && !self.is_dry_run() && self.code < 400
    }

    fn parse(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        let text =
            |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        if text("/stage") != "ResponseComplete" && text("/stage") != "ResponseStarted" {
            return None;
        }
        Some(Self {
            user: text("/user/username"),
            impersonated: Some(text("/impersonatedUser/username")).filter(|user| !user.is_empty()),
            verb: text("/verb"),
            group: text("/objectRef/apiGroup"),
            resource: text("/objectRef/resource"),
            subresource: text("/objectRef/subresource"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            code: event.pointer("/responseStatus/code")?.as_u64()?.try_into().ok()?,
            received_at: text("/requestReceivedTimestamp").parse().ok()?,
            uri: text("/requestURI"),
        })
    }
}

impl ControlPlane {
    /// Everything that was answered until now, oldest answer first. The log only grows, so what is
    /// new since a moment is what follows the number of events there were then.
    ///
    /// # Panics
    /// If the log can't be read or doesn't keep up.
    pub fn audit(&self) -> Vec<AuditEvent> {
        // An event is written right after its answer, so one's own later request being in the log
        // shows that those before it are.
        let mark = format!("/version?mark={}-{}", std::process::id(), self.next_number());
        for _ in 0..MARKS_AT_MOST {
            self.kubectl_as(ADMIN, &["get", "--raw", &mark]);
            let log = std::fs::read_to_string(&self.report.audit_log).expect("there is an audit log");
            if let Some(end) = log.find(&mark) {
                return log[..end].lines().filter_map(AuditEvent::parse).collect();
            }
        }
        panic!("{MARKS_AT_MOST} requests later the first is not in the audit log");
    }

    /// The granted writes of a user, in its own name or another's.
    pub fn writes_by(&self, user: &str) -> Vec<AuditEvent> {
        self.audit().into_iter().filter(|event| event.user == user && event.is_write()).collect()
    }

    /// The granted writes of a user that a tenant is concerned by: those into its namespace, and those
    /// of objects that have its name in theirs.
    pub fn writes_about(&self, tenant: &str, user: &str) -> Vec<String> {
        self.writes_by(user)
            .into_iter()
            .filter(|event| event.namespace == tenant || event.name.contains(tenant))
            .map(|event| format!("{} {} {}/{}", event.verb, event.resource, event.namespace, event.name))
            .collect()
    }

    /// How often a user wrote each kind of object, by (verb, resource): what a failed test shows.
    pub fn count_writes_by(&self, user: &str) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for event in self.writes_by(user) {
            *counts.entry((event.verb, event.resource)).or_default() += 1;
        }
        counts
    }
}
