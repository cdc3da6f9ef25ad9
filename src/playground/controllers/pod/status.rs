//! The status of a simulated pod, in the kubelet's words.

use serde_json::{Map, Value, json};

use super::container::{Exit, Run, Stage};
use super::{PodRun, is_sidecar};
use crate::playground::controllers::behaviour::PodBehaviour;
use crate::playground::controllers::object::{
    Condition, array, condition, flag, name, namespace, stamp, text, uid,
};
use crate::playground::controllers::world::World;

/// Where a node without an address is taken to be.
const HOST_ADDRESS: &str = "172.18.0.2";

/// The address of the node that a pod is on.
pub(super) fn host_address(world: &World<'_>, pod: &Value) -> String {
    let node = world.objects.get("", "Node", None, text(pod, "/spec/nodeName"));
    let found = node.and_then(|node| {
        let addresses = array(&node, "/status/addresses").iter();
        let internal = addresses.clone().find(|address| text(address, "/type") == "InternalIP");
        internal.map(|address| text(address, "/address").to_owned())
    });
    found.unwrap_or_else(|| HOST_ADDRESS.to_owned())
}

/// The quality of service class, from requests and limits of CPU and memory.
pub(super) fn quality(pod: &Value) -> &'static str {
    let (mut any, mut all) = (false, true);
    for container in array(pod, "/spec/containers") {
        for resource in ["cpu", "memory"] {
            let limit = container.pointer("/resources/limits").and_then(|limits| limits.get(resource));
            let request = container.pointer("/resources/requests").and_then(|wanted| wanted.get(resource));
            any |= limit.is_some() || request.is_some();
            all &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// The whole status.
pub(super) fn build(world: &World<'_>, pod: &Value, run: &PodRun) -> Value {
    let host = host_address(world, pod);
    let statuses = |runs: &[Run], specs: &str| -> Vec<Value> {
        let pairs = runs.iter().zip(array(pod, specs));
        pairs.map(|(one, spec)| container_status(world.behaviour, pod, run, one, spec)).collect()
    };
    let init = statuses(&run.init, "/spec/initContainers");
    let containers = statuses(&run.containers, "/spec/containers");
    let phase = phase(pod, run);
    let mut status = json!({
        "phase": phase, "qosClass": quality(pod), "hostIP": host, "hostIPs": [{ "ip": host }],
        "startTime": stamp(run.started), "conditions": conditions(world, pod, run, phase),
        "containerStatuses": containers,
    });
    if !init.is_empty() {
        status["initContainerStatuses"] = json!(init);
    }
    let sandboxed = run.init.iter().chain(&run.containers).any(|one| one.stage != Stage::Creating);
    if sandboxed || !text(pod, "/status/podIP").is_empty() {
        status["podIP"] = json!(run.address);
        status["podIPs"] = json!([{ "ip": run.address }]);
    }
    status
}

fn phase(pod: &Value, run: &PodRun) -> &'static str {
    let sidecars: Vec<bool> = array(pod, "/spec/initContainers").iter().map(is_sidecar).collect();
    let failed_init =
        run.init.iter().zip(&sidecars).any(|(one, sidecar)| !sidecar && one.is_over() && failed(one));
    if failed_init {
        return "Failed";
    }
    if run.containers.iter().all(Run::is_over) {
        return if run.containers.iter().any(failed) { "Failed" } else { "Succeeded" };
    }
    let started = |one: &Run| matches!(one.stage, Stage::Running { .. } | Stage::Ended | Stage::BackOff);
    // A pod is pending until every container was started once.
    if run.initialized && run.containers.iter().all(started) { "Running" } else { "Pending" }
}

fn failed(one: &Run) -> bool {
    one.exit.is_some_and(|exit| exit.code != 0)
}

fn conditions(world: &World<'_>, pod: &Value, run: &PodRun, phase: &str) -> Value {
    let over = matches!(phase, "Succeeded" | "Failed");
    let unready = |runs: &[Run]| -> Vec<String> {
        let waiting = runs.iter().filter(|one| one.stage != Stage::Running { ready: true });
        waiting.map(|one| one.name().to_owned()).collect()
    };
    let not_ready = unready(&run.containers);
    let (reason, message) = match (phase, not_ready.is_empty()) {
        ("Succeeded", _) => ("PodCompleted", String::new()),
        ("Failed", _) => ("PodFailed", String::new()),
        (_, true) => ("", String::new()),
        (_, false) => {
            ("ContainersNotReady", format!("containers with unready status: [{}]", not_ready.join(" ")))
        }
    };
    let ready = if !over && not_ready.is_empty() { "True" } else { "False" };
    let waiting_init = unready_init(pod, run);
    let (initialized, init_reason, init_message) = if run.initialized {
        ("True", if phase == "Succeeded" { "PodCompleted" } else { "" }, String::new())
    } else {
        let message = format!("containers with incomplete status: [{}]", waiting_init.join(" "));
        ("False", "ContainersNotInitialized", message)
    };
    let sandbox = if over { "False" } else { "True" };
    let list = [
        Condition { kind: "PodReadyToStartContainers", status: sandbox, reason: "", message: String::new() },
        Condition { kind: "Initialized", status: initialized, reason: init_reason, message: init_message },
        Condition { kind: "Ready", status: ready, reason, message: message.clone() },
        Condition { kind: "ContainersReady", status: ready, reason, message },
        Condition { kind: "PodScheduled", status: "True", reason: "", message: String::new() },
    ];
    let list = list.iter().map(|one| {
        let mut one = one.to_json(condition(pod, one.kind), world.now);
        one["lastProbeTime"] = Value::Null;
        one
    });
    Value::Array(list.collect())
}

fn unready_init(pod: &Value, run: &PodRun) -> Vec<String> {
    let pairs = run.init.iter().zip(array(pod, "/spec/initContainers"));
    pairs
        .filter(|(one, spec)| !one.lets_pass(is_sidecar(spec)))
        .map(|(one, _)| one.name().to_owned())
        .collect()
}

fn container_status(behaviour: &PodBehaviour, pod: &Value, run: &PodRun, one: &Run, spec: &Value) -> Value {
    let image = text(spec, "/image");
    let identity = format!("{}/{}", uid(pod), one.name());
    let container_id = |restarts: u32| {
        let digest = digest_hex(&format!("{identity}/{restarts}"));
        format!("containerd://{digest}")
    };
    let pulled = !matches!(one.stage, Stage::Creating | Stage::PullFailed | Stage::PullBackOff);
    let is_init = run.init.iter().any(|init| std::ptr::eq(init, one));
    let is_ready = match &one.stage {
        Stage::Running { ready } => *ready,
        Stage::Ended => is_init && !failed(one) && !is_sidecar(spec),
        _ => false,
    };
    let mut status = json!({
        "name": one.name(), "image": image, "ready": is_ready, "restartCount": one.restarts,
        "started": matches!(one.stage, Stage::Running { .. }), "imageID": "", "lastState": {},
        "state": state(behaviour, pod, run, one, image),
    });
    if pulled && !matches!(one.stage, Stage::Unconfigured(_)) {
        status["imageID"] = json!(image_id(image));
        status["containerID"] = json!(container_id(one.restarts));
    }
    let shows_exit = one.stage != Stage::Ended || one.restarts > 0;
    if let Some(exit) = one.exit.as_ref().filter(|_| shows_exit && one.stage != Stage::Ended) {
        let before = if one.stage == Stage::BackOff { one.restarts } else { one.restarts.saturating_sub(1) };
        status["lastState"] = terminated(exit, &container_id(before));
    }
    if let (Stage::Ended, Some(exit)) = (&one.stage, &one.exit) {
        status["state"] = terminated(exit, &container_id(one.restarts));
    }
    status
}

fn image_id(image: &str) -> String {
    let named = image.split_once('@').map_or(image, |(named, _)| named);
    format!("{named}@sha256:{}", digest_hex(image))
}

fn digest_hex(text: &str) -> String {
    let digest = crate::model::sha256(text.as_bytes()).to_string();
    digest.trim_start_matches("sha256:").to_owned()
}

fn terminated(exit: &Exit, container_id: &str) -> Value {
    json!({ "terminated": {
        "exitCode": exit.code, "reason": exit.reason, "startedAt": stamp(exit.started),
        "finishedAt": stamp(exit.finished), "containerID": container_id,
    } })
}

fn state(behaviour: &PodBehaviour, pod: &Value, run: &PodRun, one: &Run, image: &str) -> Value {
    let waiting = |reason: &str, message: String| {
        let mut waiting = Map::new();
        waiting.insert("reason".to_owned(), json!(reason));
        if !message.is_empty() {
            waiting.insert("message".to_owned(), json!(message));
        }
        json!({ "waiting": waiting })
    };
    let pull_error = format!(
        "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
    );
    match &one.stage {
        Stage::Creating if !run.initialized => waiting("PodInitializing", String::new()),
        Stage::Creating => waiting("ContainerCreating", String::new()),
        Stage::Unconfigured(message) => waiting("CreateContainerConfigError", message.clone()),
        Stage::PullFailed => {
            waiting("ErrImagePull", format!("rpc error: code = NotFound desc = {pull_error}"))
        }
        Stage::PullBackOff => waiting(
            "ImagePullBackOff",
            format!(
                "Back-off pulling image \"{image}\": ErrImagePull: rpc error: code = NotFound desc = {pull_error}"
            ),
        ),
        Stage::Running { .. } => json!({ "running": { "startedAt": stamp(one.started) } }),
        Stage::BackOff => {
            let wait = behaviour.back_off_after(one.restarts.saturating_sub(1));
            waiting("CrashLoopBackOff", back_off_message(pod, one.name(), wait))
        }
        // Filled in by the caller, who knows the container's id.
        Stage::Ended => json!({}),
    }
}

fn back_off_message(pod: &Value, container: &str, wait: std::time::Duration) -> String {
    // As Go writes a duration: 1m20s, and 5m0s.
    let (minutes, seconds) = (wait.as_secs() / 60, wait.as_secs() % 60);
    let wait = if minutes > 0 { format!("{minutes}m{seconds}s") } else { format!("{seconds}s") };
    format!(
        "back-off {wait} restarting failed container={container} pod={}_{}({})",
        name(pod),
        namespace(pod),
        uid(pod)
    )
}

/// What a container refers to in its environment and is not there, in the kubelet's words.
pub(super) fn missing_reference(world: &World<'_>, pod: &Value, container: &Value) -> Option<String> {
    let space = namespace(pod);
    let look = |kind: &str, reference: &Value, key: Option<&str>| -> Option<String> {
        if flag(reference, "/optional") {
            return None;
        }
        let named = text(reference, "/name");
        let Some(found) = world.objects.get("", kind, Some(space), named) else {
            return Some(format!("{} \"{named}\" not found", kind.to_ascii_lowercase()));
        };
        let key = key?;
        let holds = |field: &str| found.get(field).and_then(|data| data.get(key)).is_some();
        (!holds("data") && !holds("binaryData"))
            .then(|| format!("couldn't find key {key} in {kind} {space}/{named}"))
    };
    for source in array(container, "/envFrom") {
        for (field, kind) in [("/configMapRef", "ConfigMap"), ("/secretRef", "Secret")] {
            if let Some(message) = source.pointer(field).and_then(|reference| look(kind, reference, None)) {
                return Some(message);
            }
        }
    }
    for variable in array(container, "/env") {
        for (field, kind) in
            [("/valueFrom/configMapKeyRef", "ConfigMap"), ("/valueFrom/secretKeyRef", "Secret")]
        {
            let reference = variable.pointer(field);
            let missing = reference.and_then(|found| look(kind, found, Some(text(found, "/key"))));
            if missing.is_some() {
                return missing;
            }
        }
    }
    None
}

/// Whether a volume's ConfigMap or Secret is missing: its pod waits, its containers being created.
pub(super) fn missing_volume(world: &World<'_>, pod: &Value) -> bool {
    let absent = |kind: &str, reference: &Value, field: &str| {
        let named = text(reference, field);
        !flag(reference, "/optional") && world.objects.get("", kind, Some(namespace(pod)), named).is_none()
    };
    let source_absent = |source: &Value| {
        source.get("configMap").is_some_and(|reference| absent("ConfigMap", reference, "/name"))
            || source.get("secret").is_some_and(|reference| {
                let field = if reference.get("secretName").is_some() { "/secretName" } else { "/name" };
                absent("Secret", reference, field)
            })
    };
    array(pod, "/spec/volumes")
        .iter()
        .any(|volume| source_absent(volume) || array(volume, "/projected/sources").iter().any(source_absent))
}
