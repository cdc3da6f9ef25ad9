//! Tenants: people, namespaces and what these may use.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definition::Override;
use crate::model::ClusterName;

/// A tenant, in a file under `platform/`. What it owns lies under `tenants/<name>/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tenant {
    /// Who works here.
    #[serde(default)]
    pub members: Vec<Member>,
    /// The tenant's namespaces by name.
    pub namespaces: BTreeMap<String, Namespace>,
    /// The clusters that the tenant may use; none named = all.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub clusters: Vec<ClusterName>,
    /// Prefixes of images that the tenant may use, beside what the fleet's policy allows; empty = no further limit.
    #[serde(default)]
    pub registries: Vec<String>,
    /// Node ports that the tenant may publish; empty = none.
    #[serde(default)]
    pub node_ports: Vec<u16>,
    /// Kinds allowed in manifests, charts and kustomizations beyond the usual ones of an app.
    #[serde(default)]
    pub kinds: TenantKinds,
}

/// Kinds allowed beyond the usual ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct TenantKinds {
    /// `Kind` or `Kind.group`, for example `Certificate.cert-manager.io`.
    pub allow: Vec<String>,
}

/// A user or a group, and what they may do in the tenant's namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Member {
    /// The user's name, as the cluster knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group's name, as the cluster knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What they may do.
    pub role: Role,
}

/// Who a member is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A user.
    User(String),
    /// A group.
    Group(String),
}

/// What a member may do in the tenant's namespaces: the cluster's `admin`, `edit`, `view`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Everything but quota.
    Admin,
    /// Workloads and configuration.
    Developer,
    /// Look.
    Viewer,
}

/// One namespace of a tenant, on some clusters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Namespace {
    /// What it is called in the cluster, where not `<tenant>-<name>`.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Labels of the clusters that have it; none = all that the tenant may use.
    pub clusters: BTreeMap<String, String>,
    /// The most that it may use: resource names as in a ResourceQuota, `{requests.cpu: 4, pods: 20}`.
    pub quota: BTreeMap<String, crate::model::Quantity>,
    /// Bounds and defaults for containers and pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Labels of the nodes that its pods must run on.
    pub nodes: BTreeMap<String, String>,
    /// Who may talk to its pods.
    pub network: Network,
    /// The Pod Security Standard that is enforced.
    pub pod_security: PodSecurity,
    /// Labels on the Namespace.
    pub labels: BTreeMap<String, String>,
    /// Differences by environment and cluster.
    pub overrides: Vec<Override>,
}

/// Bounds and defaults, as in a LimitRange.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Limits {
    /// Per container.
    pub container: LimitBounds,
    /// Per pod; `default` and `defaultRequest` do not apply.
    pub pod: LimitBounds,
}

/// Bounds and defaults of one scope, by resource name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct LimitBounds {
    /// Limits where none are given.
    pub default: BTreeMap<String, crate::model::Quantity>,
    /// Requests where none are given.
    pub default_request: BTreeMap<String, crate::model::Quantity>,
    /// The least.
    pub min: BTreeMap<String, crate::model::Quantity>,
    /// The most.
    pub max: BTreeMap<String, crate::model::Quantity>,
    /// The most that limit divided by request may be.
    pub max_limit_request_ratio: BTreeMap<String, crate::model::Quantity>,
}

/// Who may talk to a namespace's pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Network {
    /// What is true where no policy speaks.
    pub default: NetworkDefault,
    /// Other namespaces that may come in, as they are called in the cluster.
    pub allow: Vec<String>,
}

/// What is true where no policy speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkDefault {
    /// Pods of the namespace and the gateway come in, everything goes out.
    #[default]
    Isolated,
    /// The same, and only name service and the namespace itself go out.
    DenyAll,
    /// No policies.
    Open,
}

/// The Pod Security Standard that a namespace enforces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PodSecurity {
    /// No restriction.
    Privileged,
    /// Known escalations are closed.
    #[default]
    Baseline,
    /// Current hardening practice.
    Restricted,
}
