//! What containers say themselves about why they can't start or stay up.
//!
//! A fault is there within seconds, where a Deployment's own deadline takes minutes. Only what a
//! kubelet or the scheduler reported is repeated, in their words.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Health, HealthStatus, Object, assess};
use crate::model::{Manifest, Timestamp};

/// Why a container does not run. Sorted by how surely it will never run as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FaultKind {
    /// Its image can't be fetched.
    ImagePull,
    /// Its configuration can't be put together: a reference leads nowhere, a mount is refused.
    ConfigError,
    /// The runtime can't start it.
    RunError,
    /// It used more memory than it may and was killed.
    OutOfMemory,
    /// It ends again and again.
    CrashLoop,
    /// It ended with an error and will not be started again.
    Exited,
    /// No node takes the pod. Judged by the deadline only: a node may be on its way.
    Unschedulable,
}

impl FaultKind {
    /// Whether a gate may judge by it at once, before any deadline.
    ///
    /// Not `Unschedulable`, which an added node mends, and not `Exited`: how many failed pods a Job
    /// bears is counted by the Job.
    pub fn is_early(self) -> bool {
        !matches!(self, Self::Unschedulable | Self::Exited)
    }
}

/// One container that does not run, in its own words, as `kubectl describe` shows them.
///
/// Written as `container web: ImagePullBackOff: back-off pulling image "…"`, or as
/// `container web: CrashLoopBackOff, exit code 1 (Error), 3 restarts: back-off 40s …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerFault {
    /// The container's name; empty if the fault is the whole pod's.
    pub container: String,
    /// Why it does not run.
    pub kind: FaultKind,
    /// The word the kubelet or scheduler used, such as `ImagePullBackOff`. Of a container that ends
    /// again and again `CrashLoopBackOff`, also in the moments when it has just ended or is up.
    pub reason: String,
    /// The sentences that the container left and that the kubelet or scheduler used.
    pub message: String,
    /// How it ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<ContainerExit>,
    /// How often the container was started again.
    pub restarts: u32,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerExit {
    /// Its exit code.
    pub code: i64,
    /// The runtime's word for it: `Error`, `OOMKilled`.
    pub reason: String,
}

impl ContainerFault {
    /// How it ended and how often it was started again: `exit code 1 (Error), 3 restarts`.
    fn counts(&self) -> String {
        let exit = self.exit.as_ref().map(|exit| match exit.reason == self.reason {
            true => format!("exit code {}", exit.code),
            false => format!("exit code {} ({})", exit.code, exit.reason),
        });
        let restarts = match self.restarts {
            0 => None,
            1 => Some("1 restart".to_owned()),
            many => Some(format!("{many} restarts")),
        };
        exit.into_iter().chain(restarts).collect::<Vec<_>>().join(", ")
    }

    /// All that is known beside the reason: `exit code 1 (Error), 3 restarts: back-off 40s …`.
    pub fn details(&self) -> String {
        let counts = self.counts();
        match (counts.is_empty(), self.message.is_empty()) {
            (true, _) => self.message.clone(),
            (false, true) => counts,
            (false, false) => format!("{counts}: {}", self.message),
        }
    }
}

impl fmt::Display for ContainerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.container.is_empty() {
            write!(f, "container {}: ", self.container)?;
        }
        f.write_str(&self.reason)?;
        let details = self.details();
        match (details.is_empty(), self.counts().is_empty()) {
            (true, _) => Ok(()),
            (false, true) => write!(f, ": {details}"),
            (false, false) => write!(f, ", {details}"),
        }
    }
}

/// What the kubelet says while it can't fetch an image.
const IMAGE_REASONS: [&str; 7] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// What the kubelet says while it can't put a container's configuration together.
const CONFIG_REASONS: [&str; 3] =
    ["CreateContainerConfigError", "CreateContainerError", "CreatePodSandboxError"];

/// What the kubelet says while it holds a container back that ends again and again.
const CRASH_LOOP: &str = "CrashLoopBackOff";

/// From how many restarts on a container that is up but not ready counts as crashing. The kubelet
/// starts a container again at once the first time, so one restart may be chance; by the third the
/// back-off is what keeps it waiting most of the time.
const CRASH_LOOP_RESTARTS: u32 = 3;

/// The faults of a pod's init, sidecar and ordinary containers, and of the pod as a whole.
///
/// A pod that is ready, being deleted or has succeeded has none.
pub fn pod_faults(pod: &Manifest) -> Vec<ContainerFault> {
    of_pod(&Object::new(pod.as_value()))
}

/// The health of a workload, made `Degraded` early by what the containers of `pods` say.
///
/// `pods` are those that the caller wants judged: while going back, only those of the release that
/// is meant, since the pods of the failed one stay for a while. The reason and the message are the
/// container's own. A workload that is being deleted or suspended stays what it is.
pub fn assess_workload<'a>(
    workload: &Manifest,
    pods: impl IntoIterator<Item = &'a Manifest>,
    now: Timestamp,
) -> Health {
    let health = assess(workload, now);
    let is_leaving = workload.at("/metadata/deletionTimestamp").is_some();
    if is_leaving || matches!(health.status, HealthStatus::Degraded | HealthStatus::Suspended) {
        return health;
    }
    let mut faults: Vec<(ContainerFault, String)> = Vec::new();
    let mut pods_at_fault = 0_usize;
    for pod in pods {
        let early: Vec<_> = pod_faults(pod).into_iter().filter(|fault| fault.kind.is_early()).collect();
        pods_at_fault += usize::from(!early.is_empty());
        faults.extend(early.into_iter().map(|fault| (fault, pod.name().to_owned())));
    }
    let Some((fault, pod)) = faults
        .into_iter()
        .min_by(|(a, pod_a), (b, pod_b)| (a.kind, b.restarts, pod_a).cmp(&(b.kind, a.restarts, pod_b)))
    else {
        return health;
    };
    let more = match pods_at_fault.saturating_sub(1) {
        0 => String::new(),
        1 => ", and 1 more pod".to_owned(),
        many => format!(", and {many} more pods"),
    };
    Health::degraded(&fault.reason, format!("pod {pod}: {fault}{more}"))
}

pub(super) fn of_pod(pod: &Object<'_>) -> Vec<ContainerFault> {
    let is_leaving = pod.at("/metadata/deletionTimestamp").is_some();
    let is_ready = pod.condition("Ready").is_some_and(|ready| ready.is_true());
    if is_leaving || is_ready || pod.text("/status/phase") == Some("Succeeded") {
        return Vec::new();
    }
    let restarts_never = pod.text("/spec/restartPolicy") == Some("Never");
    let mut faults: Vec<_> = container_statuses(pod)
        .filter_map(|container| {
            of_waiting(&container)
                .or_else(|| of_terminated(&container, restarts_never))
                .or_else(|| of_running(&container))
        })
        .collect();
    if let Some(scheduled) =
        pod.condition("PodScheduled").filter(|c| c.is_false() && c.reason == "Unschedulable")
    {
        faults.push(ContainerFault {
            container: String::new(),
            kind: FaultKind::Unschedulable,
            reason: scheduled.reason.to_owned(),
            message: scheduled.message_or_state(),
            exit: None,
            restarts: 0,
        });
    }
    faults
}

/// The containers of a pod that ended with an error, whatever becomes of them.
pub(super) fn ended_containers(pod: &Object<'_>) -> Vec<ContainerFault> {
    container_statuses(pod)
        .filter_map(|container| {
            let ended = Ended::read(container.0.pointer("/state/terminated")?)?;
            let kind = if ended.is_out_of_memory() { FaultKind::OutOfMemory } else { FaultKind::Exited };
            Some(container.end(kind, &ended))
        })
        .collect()
}

/// One entry of the pod's container statuses.
struct ContainerStatus<'a>(&'a Value);

fn container_statuses<'a>(pod: &Object<'a>) -> impl Iterator<Item = ContainerStatus<'a>> {
    let init = pod.list("/status/initContainerStatuses");
    init.iter().chain(pod.list("/status/containerStatuses")).map(ContainerStatus)
}

impl<'a> ContainerStatus<'a> {
    fn text(&self, pointer: &str) -> &'a str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn restarts(&self) -> u32 {
        let count = self.0.get("restartCount").and_then(Value::as_u64).unwrap_or(0);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn last_end(&self) -> Option<Ended<'a>> {
        Ended::read(self.0.pointer("/lastState/terminated")?)
    }

    fn fault(&self, kind: FaultKind, reason: &str, message: &str) -> ContainerFault {
        ContainerFault {
            container: self.text("/name").to_owned(),
            kind,
            reason: reason.to_owned(),
            message: message.to_owned(),
            exit: None,
            restarts: self.restarts(),
        }
    }

    /// A fault that shows in how the container ended. What the kubelet says while it waits follows
    /// what the container itself has left.
    fn end(&self, kind: FaultKind, ended: &Ended<'_>) -> ContainerFault {
        let reason = if kind == FaultKind::CrashLoop { CRASH_LOOP } else { ended.reason };
        let waits = self.text("/state/waiting/message");
        let words = [ended.message, waits].into_iter().filter(|words| !words.is_empty());
        let message = words.collect::<Vec<_>>().join("; ");
        let exit = Some(ContainerExit { code: ended.code, reason: ended.reason.to_owned() });
        ContainerFault { exit, ..self.fault(kind, reason, &message) }
    }
}

/// How a container ended, if with an error.
struct Ended<'a> {
    reason: &'a str,
    message: &'a str,
    code: i64,
}

impl<'a> Ended<'a> {
    fn read(terminated: &'a Value) -> Option<Self> {
        let text = |field: &str| terminated.get(field).and_then(Value::as_str).unwrap_or_default();
        let ended = Self {
            reason: if text("reason").is_empty() { "Error" } else { text("reason") },
            message: text("message").trim(),
            code: terminated.get("exitCode").and_then(Value::as_i64).unwrap_or(0),
        };
        (ended.code != 0 || ended.is_out_of_memory()).then_some(ended)
    }

    fn is_out_of_memory(&self) -> bool {
        self.reason == "OOMKilled"
    }

    /// The runtime never got as far as running it.
    fn never_ran(&self) -> bool {
        matches!(self.reason, "StartError" | "ContainerCannotRun")
    }
}

fn of_waiting(container: &ContainerStatus<'_>) -> Option<ContainerFault> {
    let reason = container.text("/state/waiting/reason");
    let message = container.text("/state/waiting/message");
    let kind = if IMAGE_REASONS.contains(&reason) {
        FaultKind::ImagePull
    } else if CONFIG_REASONS.contains(&reason) {
        FaultKind::ConfigError
    } else if reason == CRASH_LOOP {
        return Some(of_crash_loop(container, message));
    } else if reason.ends_with("Error") || reason.starts_with("Err") || reason.ends_with("BackOff") {
        FaultKind::RunError
    } else {
        return None;
    };
    Some(container.fault(kind, reason, message))
}

/// A back-off says how long the kubelet waits; why is in how the container last ended.
fn of_crash_loop(container: &ContainerStatus<'_>, message: &str) -> ContainerFault {
    match container.last_end() {
        Some(ended) if ended.is_out_of_memory() => container.end(FaultKind::OutOfMemory, &ended),
        Some(ended) if ended.never_ran() => container.end(FaultKind::RunError, &ended),
        Some(ended) => container.end(FaultKind::CrashLoop, &ended),
        None => container.fault(FaultKind::CrashLoop, CRASH_LOOP, message),
    }
}

/// A container that has just ended and is about to be started again, or never will be.
fn of_terminated(container: &ContainerStatus<'_>, restarts_never: bool) -> Option<ContainerFault> {
    let ended = Ended::read(container.0.pointer("/state/terminated")?)?;
    let kind = if ended.is_out_of_memory() {
        FaultKind::OutOfMemory
    } else if ended.never_ran() {
        FaultKind::RunError
    } else if restarts_never {
        FaultKind::Exited
    } else if container.restarts() > 0 {
        FaultKind::CrashLoop
    } else {
        return None;
    };
    Some(container.end(kind, &ended))
}

/// A container that is up for the moment, but has ended before and is not ready again.
fn of_running(container: &ContainerStatus<'_>) -> Option<ContainerFault> {
    container.0.pointer("/state/running")?;
    if container.0.get("ready").and_then(Value::as_bool).unwrap_or(false) {
        return None;
    }
    let ended = container.last_end()?;
    if ended.is_out_of_memory() {
        return Some(container.end(FaultKind::OutOfMemory, &ended));
    }
    (container.restarts() >= CRASH_LOOP_RESTARTS).then(|| container.end(FaultKind::CrashLoop, &ended))
}
