//! Target clusters: how to reach them and what they offer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Freeze;
use crate::model::EnvironmentName;

/// A target cluster, in a file under `platform/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// The environment that rules it.
    #[schemars(with = "String")]
    pub environment: EnvironmentName,
    /// How the engine reaches its API server.
    pub access: Access,
    /// Variables, `${cluster.vars.X}`.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
    /// The network zone.
    #[serde(default)]
    pub zone: Zone,
    /// How traffic gets to components with routes.
    #[serde(default)]
    pub traffic: Traffic,
    /// Whether network policies are enforced; without it a warning says that isolation is void.
    #[serde(default = "yes")]
    pub network_policy: bool,
    /// The storage classes that claims may name; empty = any.
    #[serde(default)]
    pub storage_classes: Vec<String>,
    /// Node ports that may be used.
    #[serde(default)]
    pub node_ports: NodePorts,
    /// Somebody works on the cluster: nothing is written to it meanwhile, and what moves there stands
    /// still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Freeze>,
    /// No change begins there meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
}

fn yes() -> bool {
    true
}

/// How the engine reaches a cluster's API server: exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Access {
    /// A kubeconfig file on the engine's machine: `file`, `context` or both.
    Kubeconfig {
        /// The path of the file; a relative one is taken from the folder of the engine's `kubeconfig`
        /// setting. Without it that setting's own file. The variable KUBECONFIG is not looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// The context; without it the current one of `file`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// The cluster that the engine runs in, by its service account.
    InCluster {},
    /// A cluster of the playground, by the name of this definition.
    Playground {},
}

/// The network zone of a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Zone {
    /// Inside.
    #[default]
    Core,
    /// Between the firewalls.
    Dmz,
    /// Outside.
    Internet,
}

/// How traffic from outside gets to components with routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Traffic {
    /// Who routes.
    pub provider: TrafficProvider,
    /// Gateway API: the Gateway that routes attach to, as `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The namespaces of the pods that bring the traffic in, let through by isolation; without them
    /// the Gateway's own, or `ingress-nginx`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Ingress: the class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress_class: Option<String>,
}

/// Who routes traffic from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TrafficProvider {
    /// Gateway API `HTTPRoute`.
    GatewayApi,
    /// `Ingress`, for ingress-nginx.
    Nginx,
    /// Nobody: a component with routes is refused here.
    #[default]
    Replicas,
}

/// Node ports of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct NodePorts {
    /// First and last allowed.
    pub range: (u16, u16),
    /// Ports that something else on the nodes listens on.
    pub reserved: Vec<u16>,
}

impl Default for NodePorts {
    fn default() -> Self {
        Self { range: (30000, 32767), reserved: Vec::new() }
    }
}
