//! Pods that were not written as components: those of manifests, and those that a patch has changed.
//! The rules are those for components, read off the rendered object.
//!
//! Source of what the levels forbid: the profiles `baseline` and `restricted` of the Kubernetes Pod
//! Security Standards.

use serde_json::Value;

use super::container::{beyond, filled, summed};
use super::policy::{self, image_faults};
use super::whereabouts::Whereabouts;
use crate::definition::{LimitBounds, PodSecurity, Policy, Strategy};
use crate::diagnostic::{Code, Fault};
use crate::model::{Amounts, Manifest, Quantity};
use crate::render::{self, Site};

/// The pods that an object makes.
pub(super) struct Pod<'a> {
    pub(super) object: &'a Manifest,
    /// Where the pod's spec stands in it.
    pub(super) base: &'static str,
}

/// A container of a pod.
pub(super) struct PodContainer<'a> {
    pub(super) name: &'a str,
    /// Whether it runs beside the others, not before them.
    pub(super) main: bool,
    pub(super) value: &'a Value,
    pub(super) pointer: String,
}

impl<'a> Pod<'a> {
    /// The pods of an object; none if it makes none.
    pub(super) fn of(object: &'a Manifest) -> Option<Self> {
        let base = match (object.group(), object.kind()) {
            ("", "Pod") => "/spec",
            ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch", "Job") => {
                "/spec/template/spec"
            }
            ("batch", "CronJob") => "/spec/jobTemplate/spec/template/spec",
            _ => return None,
        };
        Some(Self { object, base })
    }

    /// A field of the pod's spec.
    pub(super) fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.object.at(&format!("{}{pointer}", self.base))
    }

    fn list(&self, field: &str) -> &'a [Value] {
        self.at(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Every container, those that run before included.
    pub(super) fn containers(&self) -> Vec<PodContainer<'a>> {
        let mut all = Vec::new();
        for (list, main) in [("containers", true), ("initContainers", false)] {
            for (index, value) in self.list(&format!("/{list}")).iter().enumerate() {
                let name = value["name"].as_str().unwrap_or_default();
                // A sidecar: it starts before and stays.
                let main = main || value["restartPolicy"].as_str() == Some("Always");
                let pointer = format!("{}/{list}/{index}", self.base);
                all.push(PodContainer { name, main, value, pointer });
            }
        }
        all
    }

    fn runs(&self) -> bool {
        !matches!(self.object.kind(), "Job" | "CronJob")
    }

    /// Requests and limits of the whole pod, as the cluster counts them.
    pub(super) fn amounts(&self, bounds: &LimitBounds) -> (Amounts, Amounts) {
        let of = |container: &PodContainer| amounts(container.value, bounds);
        let all = self.containers();
        let (main, before): (Vec<_>, Vec<_>) = all.iter().partition(|container| container.main);
        summed(main.into_iter().map(of), before.into_iter().map(of))
    }
}

/// Requests and limits of a container, with what the namespace fills in.
pub(super) fn amounts(container: &Value, bounds: &LimitBounds) -> (Amounts, Amounts) {
    let (requests, limits) = written(container);
    filled(requests, limits, bounds)
}

fn written(container: &Value) -> (Amounts, Amounts) {
    let read = |field: &str| -> Amounts {
        let fields = container["resources"][field].as_object().into_iter().flatten();
        fields.filter_map(|(name, amount)| Some((name.clone(), quantity(amount)?))).collect()
    };
    (read("requests"), read("limits"))
}

fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// What the rules are.
pub(super) struct Rules<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) policy: Option<&'a Policy>,
    pub(super) registries: &'a [String],
}

pub(super) fn check(rules: &Rules, whereabouts: &Whereabouts, faults: &mut Vec<Fault>) {
    let rendered = whereabouts.rendered;
    for object in &rendered.bundle.objects {
        let theirs = rendered.written.contains_key(&object.key()) || whereabouts.is_patched(object);
        let Some(pod) = Pod::of(object).filter(|_| theirs) else { continue };
        let mut here = Here { rules, whereabouts, pod: &pod, faults };
        here.policy();
        here.limits();
        here.security();
        here.host_ports();
    }
}

struct Here<'a, 'f> {
    rules: &'a Rules<'a>,
    whereabouts: &'a Whereabouts<'a>,
    pod: &'a Pod<'a>,
    faults: &'f mut Vec<Fault>,
}

impl Here<'_, '_> {
    fn error(&self, code: Code, pointer: &str, message: &str) -> Fault {
        let object = self.pod.object;
        let message = format!("{} `{}`: {message}", object.kind(), object.name());
        self.whereabouts.error(code, object, (pointer, false), message)
    }

    fn refuse(&mut self, code: Code, pointer: &str, message: &str, help: Option<&str>) {
        let fault = self.error(code, pointer, message);
        self.faults.push(match help {
            Some(help) => fault.help(help),
            None => fault,
        });
    }

    fn policy(&mut self) {
        let Some(policy) = self.rules.policy else { return };
        let defaults = self.rules.site.rules.limits.as_ref().map(|limits| &limits.container);
        for container in self.pod.containers() {
            let (name, pointer) = (container.name, container.pointer.as_str());
            let image = container.value["image"].as_str().unwrap_or_default();
            for (message, help) in image_faults(image, policy, self.rules.registries) {
                self.refuse(Code::S0505, &format!("{pointer}/image"), &message, Some(&help));
            }
            let asked = policy.require_probes && self.pod.runs() && container.main;
            if asked && container.value.get("readinessProbe").is_none() {
                let message = policy::probe_message(name);
                self.refuse(Code::S0506, pointer, &message, Some("write `readinessProbe`"));
            }
            if policy.require_limits {
                let (_, limits) = written(container.value);
                for resource in policy::missing_limits(&limits, defaults) {
                    let message = policy::limit_message(resource, name);
                    let help = format!("write `resources: {{limits: {{{resource}: ...}}}}`");
                    self.refuse(Code::S0506, &format!("{pointer}/resources"), &message, Some(&help));
                }
            }
        }
    }

    /// Requests over limits, and the bounds of the namespace.
    fn limits(&mut self) {
        let bounds = self.rules.site.rules.limits.as_ref();
        for container in self.pod.containers() {
            let pointer = format!("{}/resources", container.pointer);
            let (requests, limits) = written(container.value);
            for (resource, request) in &requests {
                if let Some(limit) = limits.get(resource).filter(|limit| request > *limit) {
                    let message = format!("the {resource} request {request} is over the limit {limit}");
                    self.refuse(Code::S0507, &pointer, &message, None);
                }
            }
            let Some(bounds) = bounds else { continue };
            let (requests, limits) = filled(requests, limits, &bounds.container);
            for message in beyond(&requests, &limits, &bounds.container) {
                let message = format!("container `{}`: {message}", container.name);
                self.refuse(Code::S0507, &pointer, &message, None);
            }
        }
        let Some(bounds) = bounds else { return };
        let (requests, limits) = self.pod.amounts(&bounds.container);
        for message in beyond(&requests, &limits, &bounds.pod) {
            self.refuse(Code::S0507, self.pod.base, &format!("the pod: {message}"), None);
        }
    }

    fn host_ports(&mut self) {
        let open = self.rules.site.rules.pod_security == PodSecurity::Privileged;
        let mut held = is_true(self.pod.at("/hostNetwork"));
        for container in self.pod.containers() {
            for (index, port) in container.value["ports"].as_array().into_iter().flatten().enumerate() {
                if port["hostPort"].as_u64().is_none_or(|port| port == 0) {
                    continue;
                }
                held = true;
                if !open {
                    let pointer = format!("{}/ports/{index}/hostPort", container.pointer);
                    self.refuse(Code::S0510, &pointer, "the namespace forbids ports of the host", None);
                }
            }
        }
        let surges = self.pod.object.kind() == "Deployment"
            && self.rules.site.strategy == Strategy::Rolling
            && self.pod.object.at("/spec/strategy/type").and_then(Value::as_str) != Some("Recreate");
        if held && surges {
            let message =
                "the new pod can't start beside the old one: both listen on the same ports of the node";
            let help = "release it with `strategy: recreate`, or use a DaemonSet";
            self.refuse(Code::S0511, self.pod.base, message, Some(help));
        }
    }

    fn security(&mut self) {
        let level = self.rules.site.rules.pod_security;
        if level == PodSecurity::Privileged {
            return;
        }
        let base = self.pod.base;
        for (field, what) in
            [("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "interprocess communication")]
        {
            if is_true(self.pod.at(&format!("/{field}"))) {
                let message = format!("the namespace forbids the host's {what}");
                self.refuse(Code::S0510, &format!("{base}/{field}"), &message, None);
            }
        }
        for (index, volume) in self.pod.list("/volumes").iter().enumerate() {
            let pointer = format!("{base}/volumes/{index}");
            if volume.get("hostPath").is_some() {
                let help = "use a claim; only `podSecurity: privileged` allows `hostPath`";
                self.refuse(Code::S0510, &pointer, "the namespace forbids folders of the node", Some(help));
            } else if level == PodSecurity::Restricted
                && let Some(kind) = volume
                    .as_object()
                    .into_iter()
                    .flat_map(|map| map.keys())
                    .find(|key| *key != "name" && !RESTRICTED_VOLUMES.contains(&key.as_str()))
            {
                let message = format!("the namespace forbids volumes of the kind `{kind}`");
                self.refuse(Code::S0510, &pointer, &message, None);
            }
        }
        let of_pod = self.pod.at("/securityContext").unwrap_or(&Value::Null);
        self.context(of_pod, &format!("{base}/securityContext"));
        for container in self.pod.containers() {
            let own = &container.value["securityContext"];
            let pointer = format!("{}/securityContext", container.pointer);
            self.context(own, &pointer);
            self.capabilities(own, &pointer);
            if level == PodSecurity::Restricted {
                self.restricted(of_pod, own, &pointer);
            }
        }
    }

    /// What no security context may say, of a pod or of a container.
    fn context(&mut self, context: &Value, pointer: &str) {
        if is_true(context.get("privileged")) {
            self.refuse(
                Code::S0510,
                &format!("{pointer}/privileged"),
                "the namespace forbids privileged containers",
                None,
            );
        }
        let said = |field: &str| context.pointer(field).and_then(Value::as_str);
        let wrong: [(&str, bool); 6] = [
            ("/procMount", said("/procMount").is_some_and(|mount| mount != "Default")),
            ("/seccompProfile/type", said("/seccompProfile/type") == Some("Unconfined")),
            ("/appArmorProfile/type", said("/appArmorProfile/type") == Some("Unconfined")),
            ("/seLinuxOptions/user", said("/seLinuxOptions/user").is_some_and(|user| !user.is_empty())),
            ("/seLinuxOptions/role", said("/seLinuxOptions/role").is_some_and(|role| !role.is_empty())),
            ("/windowsOptions/hostProcess", is_true(context.pointer("/windowsOptions/hostProcess"))),
        ];
        for (field, _) in wrong.into_iter().filter(|(_, wrong)| *wrong) {
            let name = super::shape::dotted(field);
            let message = format!("the namespace forbids this value of `securityContext.{name}`");
            self.refuse(Code::S0510, &format!("{pointer}{field}"), &message, None);
        }
        for (index, control) in context["sysctls"].as_array().into_iter().flatten().enumerate() {
            let name = control["name"].as_str().unwrap_or_default();
            if !SAFE_SYSCTLS.contains(&name) {
                let message = format!("the namespace forbids the kernel parameter `{name}`");
                self.refuse(Code::S0510, &format!("{pointer}/sysctls/{index}"), &message, None);
            }
        }
    }

    fn capabilities(&mut self, context: &Value, pointer: &str) {
        let Some(allowed) = render::addable_capabilities(self.rules.site.rules.pod_security) else { return };
        let added = context.pointer("/capabilities/add").and_then(Value::as_array);
        for (index, capability) in added.into_iter().flatten().enumerate() {
            let name = capability.as_str().unwrap_or_default();
            if !allowed.contains(&name) {
                let message = format!("the namespace forbids the capability `{name}`");
                let help = format!("allowed here: {}", allowed.join(", "));
                self.refuse(
                    Code::S0510,
                    &format!("{pointer}/capabilities/add/{index}"),
                    &message,
                    Some(&help),
                );
            }
        }
    }

    /// What `restricted` asks for beyond what `baseline` forbids.
    fn restricted(&mut self, of_pod: &Value, own: &Value, pointer: &str) {
        let said = |field: &str| own.pointer(field).or_else(|| of_pod.pointer(field));
        let drops = own.pointer("/capabilities/drop").and_then(Value::as_array);
        let drops_all = drops.is_some_and(|all| all.iter().any(|one| one.as_str() == Some("ALL")));
        let profile = said("/seccompProfile/type").and_then(Value::as_str);
        let root = said("/runAsUser").and_then(Value::as_i64) == Some(0);
        let missing: [(bool, &str); 5] = [
            (own["allowPrivilegeEscalation"].as_bool() == Some(false), "allowPrivilegeEscalation: false"),
            (said("/runAsNonRoot").and_then(Value::as_bool) == Some(true), "runAsNonRoot: true"),
            (!root, "a `runAsUser` other than 0"),
            (drops_all, "capabilities: {drop: [ALL]}"),
            (
                matches!(profile, Some("RuntimeDefault" | "Localhost")),
                "seccompProfile: {type: RuntimeDefault}",
            ),
        ];
        for (_, wanted) in missing.into_iter().filter(|(there, _)| !there) {
            let message = format!("the namespace is restricted and asks for `securityContext` with {wanted}");
            self.refuse(Code::S0510, pointer, &message, None);
        }
    }
}

/// Volumes that `restricted` allows.
const RESTRICTED_VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Kernel parameters that `baseline` allows.
const SAFE_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

fn is_true(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool) == Some(true)
}
