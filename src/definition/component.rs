//! Component: a workload with its service, routes and rules.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definition::Container;
use crate::model::{Quantity, Span};

/// A workload with its service, in full form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Component {
    /// The kind of workload.
    pub workload: Workload,
    /// How many pods; 1 where neither this nor `autoscale` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 10000))]
    pub replicas: Option<u32>,
    /// CronJob: when, in the five fields of cron.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Job: how often a failed pod is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// The containers by name.
    pub containers: BTreeMap<String, Container>,
    /// Containers that run before, in the order of their names.
    pub init_containers: BTreeMap<String, Container>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, Volume>,
    /// The service; without it every container port is a service port of its own number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Routes from outside.
    pub routes: Vec<Route>,
    /// Autoscaling; replicas then belong to the autoscaler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    /// The disruption budget; by default one pod may be away where there are two or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disruption: Option<Disruption>,
    /// Spread pods over hosts or zones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Labels of the nodes to run on.
    pub nodes: BTreeMap<String, String>,
    /// Labels on the workload and its pods.
    pub labels: BTreeMap<String, String>,
    /// Use the host's network.
    pub host_network: bool,
    /// How long a pod may take to stop; 30 s by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace: Option<Span>,
    /// How long a new pod must be ready to count as available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ready: Option<Span>,
    /// The DNS policy of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_policy: Option<DnsPolicy>,
    /// DaemonSet only: how its pods are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<DaemonUpdate>,
}

/// The kind of workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Workload {
    /// Pods without a name of their own.
    #[default]
    Deployment,
    /// Pods with a name and storage of their own, in order.
    StatefulSet,
    /// One pod on every node.
    DaemonSet,
    /// Pods that end.
    Job,
    /// Pods that end, by the clock.
    CronJob,
}

/// How a DaemonSet's pods are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DaemonUpdate {
    /// By the DaemonSet's own rolling update.
    RollingUpdate,
}

/// The DNS policy of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DnsPolicy {
    /// The cluster's name service first.
    ClusterFirst,
    /// The same on the host's network.
    ClusterFirstWithHostNet,
    /// The node's.
    Default,
}

/// A volume: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Volume {
    /// Empty when the pod starts, gone when it ends.
    EmptyDir {
        /// The most that it may hold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_limit: Option<Quantity>,
    },
    /// A claim of its own: per pod for a StatefulSet, one for all pods otherwise. Never deleted
    /// with the app.
    Claim {
        /// How much.
        size: Quantity,
        /// The storage class; without it the cluster's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Who may mount it.
        #[serde(default)]
        access: AccessMode,
    },
    /// A claim that exists already.
    ExistingClaim {
        /// Its name.
        name: String,
    },
    /// A folder of the node; only where the namespace's pod security is `privileged`.
    HostPath {
        /// Its path.
        path: String,
    },
}

/// Who may mount a claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// One node.
    #[default]
    ReadWriteOnce,
    /// Many nodes, to read.
    ReadOnlyMany,
    /// Many nodes.
    ReadWriteMany,
    /// One pod.
    ReadWriteOncePod,
}

/// The service of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Service {
    /// Ports by name; without them every container port is a service port of its own number.
    pub ports: BTreeMap<String, ServicePort>,
    /// Keep a client on one pod.
    pub session_affinity: SessionAffinity,
    /// Who reaches it.
    pub exposure: Exposure,
}

/// A service port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServicePort {
    /// The number that clients use.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The name of the container port; by default the name of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The port on every node, with `exposure: nodePort`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

/// A port's protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum PortProtocol {
    /// TCP.
    #[default]
    TCP,
    /// UDP.
    UDP,
    /// SCTP.
    SCTP,
}

/// Whether a client stays on one pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SessionAffinity {
    /// No.
    #[default]
    None,
    /// By its address.
    ClientIp,
}

/// Who reaches a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Exposure {
    /// Everybody in the cluster, by one address.
    #[default]
    Cluster,
    /// Everybody in the cluster, pod by pod.
    Headless,
    /// Everybody who reaches a node, by a port of it.
    NodePort,
    /// Nobody: there is no service.
    None,
}

/// A route from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Route {
    /// The host name.
    pub host: String,
    /// The path prefix.
    #[serde(default = "root")]
    pub path: String,
    /// The name of the service port; not needed where there is one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Ingress only: the name of the TLS secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
}

fn root() -> String {
    "/".to_owned()
}

/// Autoscaling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Autoscale {
    /// The fewest pods.
    #[schemars(range(min = 1))]
    pub min: u32,
    /// The most pods.
    #[schemars(range(min = 1, max = 10000))]
    pub max: u32,
    /// The average CPU use aimed at, in percent of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cpu_percent: Option<u32>,
    /// The average memory use aimed at, in percent of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub memory_percent: Option<u32>,
}

/// A number, or a share of all pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum IntOrPercent {
    /// That many.
    Int(u32),
    /// `25%`.
    Percent(String),
}

/// A disruption budget: at most one of the two; `none: true` = no budget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Disruption {
    /// The most pods that may be away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrPercent>,
    /// The fewest pods that must be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<IntOrPercent>,
    /// No budget at all.
    pub none: bool,
}

/// Spread pods, as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Spread {
    /// Over hosts.
    Hosts,
    /// Over zones.
    Zones,
}
