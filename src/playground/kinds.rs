//! The kinds that a playground cluster serves: the built-in ones, and those it was taught.

use std::sync::{Mutex, PoisonError};

/// A kind with its place in the API.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The served version.
    pub version: &'static str,
    /// The kind's name, singular and in camel case.
    pub kind: &'static str,
    /// The resource's name in paths.
    pub plural: &'static str,
    /// Short names that kubectl takes.
    pub short_names: &'static [&'static str],
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it has the subresource `status`.
    pub status: bool,
    /// Whether it has the subresource `scale`.
    pub scale: bool,
    /// Whether `metadata.generation` counts the changes of its spec.
    pub generation: bool,
    /// Whether `kubectl get all` shows it.
    pub in_all: bool,
    /// Whether a CustomResourceDefinition made it.
    pub custom: bool,
}

impl Kind {
    /// `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, `pods`: what error messages call the resource.
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Deployment.apps`, `Pod`: what error messages call the kind.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// The resource's singular name.
    pub fn singular(&self) -> String {
        self.kind.to_ascii_lowercase()
    }

    /// Whether this is the same resource, in whatever version.
    pub fn same_resource(&self, other: &Self) -> bool {
        self.group == other.group && self.plural == other.plural
    }

    /// Whether this is the kind of a group.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }
}

/// Flags of a table row: n = namespaced, t = status, s = scale, g = generation, a = `all`.
const fn row(
    (group, version): (&'static str, &'static str),
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    flags: &str,
) -> Kind {
    let mut row = Kind {
        group,
        version,
        kind,
        plural,
        short_names,
        namespaced: false,
        status: false,
        scale: false,
        generation: false,
        in_all: false,
        custom: false,
    };
    let flags = flags.as_bytes();
    let mut index = 0;
    while index < flags.len() {
        match flags[index] {
            b'n' => row.namespaced = true,
            b't' => row.status = true,
            b's' => row.scale = true,
            b'g' => row.generation = true,
            _ => row.in_all = true,
        }
        index += 1;
    }
    row
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const BATCH: (&str, &str) = ("batch", "v1");
const AUTOSCALING: (&str, &str) = ("autoscaling", "v2");
const POLICY: (&str, &str) = ("policy", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");
const NETWORKING: (&str, &str) = ("networking.k8s.io", "v1");
const DISCOVERY: (&str, &str) = ("discovery.k8s.io", "v1");
const GATEWAY: (&str, &str) = ("gateway.networking.k8s.io", "v1");
const STORAGE: (&str, &str) = ("storage.k8s.io", "v1");
const COORDINATION: (&str, &str) = ("coordination.k8s.io", "v1");
const EXTENSIONS: (&str, &str) = ("apiextensions.k8s.io", "v1");
const EVENTS: (&str, &str) = ("events.k8s.io", "v1");
const SCHEDULING: (&str, &str) = ("scheduling.k8s.io", "v1");

/// Every kind that is served, by group in the order of discovery.
pub static KINDS: &[Kind] = &[
    row(CORE, "Namespace", "namespaces", &["ns"], "t"),
    row(CORE, "Node", "nodes", &["no"], "t"),
    row(CORE, "Pod", "pods", &["po"], "ntga"),
    row(CORE, "Service", "services", &["svc"], "nta"),
    row(CORE, "Endpoints", "endpoints", &["ep"], "n"),
    row(CORE, "ConfigMap", "configmaps", &["cm"], "n"),
    row(CORE, "Secret", "secrets", &[], "n"),
    row(CORE, "ServiceAccount", "serviceaccounts", &["sa"], "n"),
    row(CORE, "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"], "nt"),
    row(CORE, "PersistentVolume", "persistentvolumes", &["pv"], "t"),
    row(CORE, "ResourceQuota", "resourcequotas", &["quota"], "nt"),
    row(CORE, "LimitRange", "limitranges", &["limits"], "n"),
    row(CORE, "Event", "events", &["ev"], "n"),
    row(APPS, "Deployment", "deployments", &["deploy"], "ntsga"),
    row(APPS, "ReplicaSet", "replicasets", &["rs"], "ntsga"),
    row(APPS, "StatefulSet", "statefulsets", &["sts"], "ntsga"),
    row(APPS, "DaemonSet", "daemonsets", &["ds"], "ntga"),
    row(APPS, "ControllerRevision", "controllerrevisions", &[], "n"),
    row(BATCH, "Job", "jobs", &[], "ntga"),
    row(BATCH, "CronJob", "cronjobs", &["cj"], "ntga"),
    row(AUTOSCALING, "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], "nta"),
    row(POLICY, "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], "ntg"),
    row(RBAC, "Role", "roles", &[], "n"),
    row(RBAC, "RoleBinding", "rolebindings", &[], "n"),
    row(RBAC, "ClusterRole", "clusterroles", &[], ""),
    row(RBAC, "ClusterRoleBinding", "clusterrolebindings", &[], ""),
    row(NETWORKING, "Ingress", "ingresses", &["ing"], "ntg"),
    row(NETWORKING, "NetworkPolicy", "networkpolicies", &["netpol"], "ng"),
    row(NETWORKING, "IngressClass", "ingressclasses", &[], "g"),
    row(DISCOVERY, "EndpointSlice", "endpointslices", &[], "ng"),
    row(GATEWAY, "GatewayClass", "gatewayclasses", &["gc"], "tg"),
    row(GATEWAY, "Gateway", "gateways", &["gtw"], "ntg"),
    row(GATEWAY, "HTTPRoute", "httproutes", &[], "ntg"),
    row(STORAGE, "StorageClass", "storageclasses", &["sc"], ""),
    row(COORDINATION, "Lease", "leases", &[], "n"),
    row(EXTENSIONS, "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"], "tg"),
    row(SCHEDULING, "PriorityClass", "priorityclasses", &["pc"], "g"),
];

/// Other forms in which built-in kinds are served, each with the form in which they are kept.
pub static VIEWS: &[(Kind, (&str, &str))] = &[
    (
        row(("autoscaling", "v1"), "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], "nta"),
        ("autoscaling", "HorizontalPodAutoscaler"),
    ),
    (row(EVENTS, "Event", "events", &["ev"], "n"), ("", "Event")),
];

/// What a CustomResourceDefinition says of a kind in one version.
#[derive(Debug, Clone, Copy)]
pub struct CustomKind<'a> {
    /// The API group.
    pub group: &'a str,
    /// The version.
    pub version: &'a str,
    /// The kind's name.
    pub kind: &'a str,
    /// The resource's name in paths.
    pub plural: &'a str,
    /// Short names that kubectl takes.
    pub short_names: &'a [String],
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it has the subresource `status`.
    pub status: bool,
    /// Whether it has the subresource `scale`.
    pub scale: bool,
    /// Whether `kubectl get all` shows it.
    pub in_all: bool,
}

/// The custom kinds that any cluster of this process was ever taught. They are never forgotten:
/// some hundred bytes each, and equal ones are one, so that clusters may come and go.
static CUSTOM: Mutex<Vec<&'static Kind>> = Mutex::new(Vec::new());

/// The kind that a CustomResourceDefinition describes; the same one for the same description.
pub fn custom(said: CustomKind<'_>) -> &'static Kind {
    let mut known = CUSTOM.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |held: &&&'static Kind| {
        (held.group, held.version, held.kind, held.plural)
            == (said.group, said.version, said.kind, said.plural)
            && (held.namespaced, held.status, held.scale, held.in_all)
                == (said.namespaced, said.status, said.scale, said.in_all)
            && held.short_names.iter().eq(said.short_names.iter())
    };
    if let Some(held) = known.iter().find(is_same) {
        return held;
    }
    let keep = |text: &str| -> &'static str { String::leak(text.to_owned()) };
    let short_names: Vec<&'static str> = said.short_names.iter().map(|name| keep(name)).collect();
    let kind: &'static Kind = Box::leak(Box::new(Kind {
        group: keep(said.group),
        version: keep(said.version),
        kind: keep(said.kind),
        plural: keep(said.plural),
        short_names: Vec::leak(short_names),
        namespaced: said.namespaced,
        status: said.status,
        scale: said.scale,
        generation: true,
        in_all: said.in_all,
        custom: true,
    }));
    known.push(kind);
    kind
}

/// The kind of a group by its name.
pub fn by_kind(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|row| row.group == group && row.kind == kind)
}

/// The kind of a group by its name in paths.
pub fn by_plural(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|row| row.group == group && row.plural == plural)
}

/// The kind of an object, by its `apiVersion` and `kind`.
pub fn of_object(object: &serde_json::Value) -> Option<&'static Kind> {
    let api_version = object.get("apiVersion")?.as_str()?;
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    by_kind(group, object.get("kind")?.as_str()?)
}
