//! What the namespace's Pod Security Standard asks of pods, filled in unasked.
//!
//! Source: the profiles `baseline` and `restricted` of the Kubernetes Pod Security Standards.
//! `baseline` asks for nothing that is off by default; what does not hinder a common image is closed
//! there too. Running as root and the default capabilities stay open there, since many images need
//! them to start.

use serde_json::{Value, json};

use super::object::put;
use crate::definition::{PodSecurity, Security};

pub(super) fn pod(level: PodSecurity) -> Value {
    match level {
        PodSecurity::Privileged => Value::Null,
        PodSecurity::Baseline => json!({"seccompProfile": {"type": "RuntimeDefault"}}),
        PodSecurity::Restricted => {
            json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}})
        }
    }
}

pub(super) fn container(level: PodSecurity, security: &Security) -> Value {
    let mut value = json!({});
    put(&mut value, "runAsUser", security.run_as_user);
    put(&mut value, "runAsNonRoot", security.run_as_non_root);
    put(&mut value, "readOnlyRootFilesystem", security.read_only_root);
    let mut capabilities = json!({});
    let mut added = security.add_capabilities.clone();
    added.sort();
    added.dedup();
    put(&mut capabilities, "add", json!(added));
    if level == PodSecurity::Restricted {
        capabilities["drop"] = json!(["ALL"]);
    }
    put(&mut value, "capabilities", capabilities);
    if level != PodSecurity::Privileged {
        value["allowPrivilegeEscalation"] = json!(false);
    }
    value
}

/// The capabilities that a container may add at a level; none = any.
pub fn addable_capabilities(level: PodSecurity) -> Option<&'static [&'static str]> {
    match level {
        PodSecurity::Privileged => None,
        PodSecurity::Baseline => Some(&[
            "AUDIT_WRITE",
            "CHOWN",
            "DAC_OVERRIDE",
            "FOWNER",
            "FSETID",
            "KILL",
            "MKNOD",
            "NET_BIND_SERVICE",
            "SETFCAP",
            "SETGID",
            "SETPCAP",
            "SETUID",
            "SYS_CHROOT",
        ]),
        PodSecurity::Restricted => Some(&["NET_BIND_SERVICE"]),
    }
}
