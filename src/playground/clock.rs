//! Moments as Kubernetes writes them.

use crate::model::Timestamp;

/// A moment as Kubernetes writes it: RFC 3339 in UTC, whole seconds.
pub(crate) fn kubernetes_time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
