//! What an API server's refusals mean.

use std::time::Duration;

use crate::diagnostic::with_causes;
use crate::port::cluster::ClusterError;

/// How long to wait when an API server asks to and does not say how long.
const PATIENCE: Duration = Duration::from_secs(1);

/// The meaning of a client's error.
pub(super) fn from_kube(error: kube::Error) -> ClusterError {
    match error {
        kube::Error::Api(status) => from_status(&status),
        other => ClusterError::Unreachable(with_causes(&other)),
    }
}

fn from_status(status: &kube::core::Status) -> ClusterError {
    let message = status.message.clone();
    match (status.code, status.reason.as_str()) {
        (404, _) => ClusterError::NotFound(message),
        (409, "AlreadyExists") => ClusterError::AlreadyExists(message),
        (409, _) => ClusterError::Conflict(message),
        // A namespace that is being deleted takes nothing new; it will be gone and may come again.
        (403, _) if message.contains("because it is being terminated") => ClusterError::Conflict(message),
        // What a quota refuses today it may take tomorrow.
        (403, _) if message.contains("exceeded quota") => ClusterError::Conflict(message),
        // A webhook that denies judges the object, not the right to write it.
        (403, _) if message.contains("denied the request") => ClusterError::Invalid(message),
        (403, _) => ClusterError::Forbidden(message),
        (401, _) => ClusterError::Unauthorized(message),
        (400 | 405 | 413 | 415 | 422, _) => ClusterError::Invalid(message),
        // Neither is an outage: the object itself can't be read or is too large, now and ever.
        (500, _) if message.contains("failed to create typed patch object") => ClusterError::Invalid(message),
        (500, _) if message.contains("request is too large") => ClusterError::Invalid(message),
        (429, _) => {
            let seconds = status
                .details
                .as_ref()
                .map(|details| details.retry_after_seconds)
                .filter(|seconds| *seconds > 0);
            let after = seconds.map_or(PATIENCE, |seconds| Duration::from_secs(u64::from(seconds)));
            ClusterError::Busy { message, after }
        }
        _ => ClusterError::Unreachable(message),
    }
}
