//! App: components or a source, where they run and how they differ from place to place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definition::Component;
use crate::model::{AppKey, ClusterName, ComponentName, EnvironmentName};

/// An app in its full form: components by name, or a source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct App {
    /// The tenant's namespace that it runs in; not needed where the tenant has one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A word for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Stopped: everything stays, with no replicas.
    pub state: RunState,
    /// Workloads with their services, by name.
    #[schemars(with = "BTreeMap<String, Component>")]
    pub components: BTreeMap<ComponentName, Component>,
    /// Objects from files instead of components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Apps (`tenant/app`, or `app` of the same tenant) that must have committed first.
    #[schemars(with = "Vec<String>")]
    pub depends_on: Vec<AppRef>,
    /// Where it runs; without it on every cluster of the namespace.
    pub placement: Placement,
    /// The GrayRelease by which it is released; without it rolling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gray_release: Option<String>,
    /// Differences by environment and cluster, applied in order.
    pub overrides: Vec<Override>,
    /// Changes to rendered objects, the last word.
    pub patches: Vec<ObjectPatch>,
    /// Fields that somebody else owns.
    pub owned_elsewhere: Vec<OwnedElsewhere>,
    /// Nothing of it is changed while set; drift is still reported.
    pub suspend: bool,
}

/// Another app: `tenant/app`, or `app` of the same tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppRef(pub String);

impl AppRef {
    /// The app that is meant, seen from `tenant`.
    ///
    /// # Errors
    /// The text is neither an app's name nor `tenant/app`.
    pub fn resolve(&self, tenant: &crate::model::TenantName) -> Result<AppKey, crate::model::NameError> {
        match self.0.contains('/') {
            true => self.0.parse(),
            false => Ok(AppKey::new(tenant.clone(), self.0.parse()?)),
        }
    }
}

/// Whether an app runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// It does.
    #[default]
    Running,
    /// Every workload has no replicas.
    Stopped,
}

/// Objects from files instead of components: exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Source {
    /// Files or folders of Kubernetes manifests, relative to the definition's file.
    Manifests(Vec<String>),
}

/// Where an app runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Placement {
    /// Labels of the clusters; none = every cluster of the namespace.
    pub clusters: BTreeMap<String, String>,
    /// What `replicas` means.
    pub replicas: PlacementReplicas,
}

/// What `replicas` means.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlacementReplicas {
    /// That many on each cluster.
    #[default]
    Each,
    /// That many in all, split over the clusters. Components with an autoscaler, DaemonSets and Jobs
    /// are on each cluster all the same.
    Split(Split),
}

/// How pods are split over clusters: by weight and the largest remainder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Split {
    /// How many pods of a component there are in all, unless the component has `replicas` of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// The weight of each cluster; one that is not named gets no pods. Without any all weigh the same.
    #[schemars(with = "BTreeMap<String, u32>")]
    pub weights: BTreeMap<ClusterName, u32>,
}

/// A difference that counts in some places: a JSON Merge Patch (RFC 7386) of the definition as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Override {
    /// Where it counts: all that is given must hold.
    #[serde(default)]
    pub when: When,
    /// What is merged into `spec`.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub merge: serde_json::Value,
}

/// Where an override counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct When {
    /// Any of these environments; none = all.
    #[schemars(with = "Vec<String>")]
    pub environments: Vec<EnvironmentName>,
    /// Any of these clusters; none = all.
    #[schemars(with = "Vec<String>")]
    pub clusters: Vec<ClusterName>,
}

/// A JSON Patch (RFC 6902) of rendered objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ObjectPatch {
    /// Which objects: at least one must match.
    pub target: PatchTarget,
    /// The operations, in order.
    pub ops: Vec<JsonPatchOp>,
}

/// Which rendered objects a patch changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PatchTarget {
    /// The kind.
    pub kind: String,
    /// The name; without it every object of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One operation of a JSON Patch (RFC 6902).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub enum JsonPatchOp {
    /// Put a value in.
    Add {
        /// Where (RFC 6901).
        path: String,
        /// What.
        value: serde_json::Value,
    },
    /// Take a value away.
    Remove {
        /// Where (RFC 6901).
        path: String,
    },
    /// Put another value in its place.
    Replace {
        /// Where (RFC 6901).
        path: String,
        /// What.
        value: serde_json::Value,
    },
    /// Move a value.
    Move {
        /// From where (RFC 6901).
        from: String,
        /// To where (RFC 6901).
        path: String,
    },
    /// Copy a value.
    Copy {
        /// From where (RFC 6901).
        from: String,
        /// To where (RFC 6901).
        path: String,
    },
    /// Refuse unless this value stands there.
    Test {
        /// Where (RFC 6901).
        path: String,
        /// What.
        value: serde_json::Value,
    },
}

impl JsonPatchOp {
    /// The field that it changes; none where it only looks.
    pub fn changes(&self) -> Option<&str> {
        match self {
            JsonPatchOp::Add { path, .. }
            | JsonPatchOp::Remove { path }
            | JsonPatchOp::Replace { path, .. }
            | JsonPatchOp::Move { path, .. }
            | JsonPatchOp::Copy { path, .. } => Some(path),
            JsonPatchOp::Test { .. } => None,
        }
    }
}

/// Fields of rendered objects that somebody else owns: never written, never drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OwnedElsewhere {
    /// Which objects.
    pub target: PatchTarget,
    /// JSON pointers (RFC 6901) of the fields.
    pub fields: Vec<String>,
}
