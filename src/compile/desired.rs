//! What Git wants of an environment: the result of a compile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::definition::{Access, Calendar, GrayRelease};
use crate::model::{
    AppKey, ClusterName, EnvironmentName, Manifest, Release, Revision, Settings, TargetKey, TenantName,
};

/// What Git wants of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredState {
    /// The environment.
    pub environment: EnvironmentName,
    /// What it was compiled from.
    pub revision: Revision,
    /// The platform's objects of each target: namespace, quota, limits, rights, network policies.
    pub platform: BTreeMap<TargetKey, Vec<Manifest>>,
    /// The apps.
    pub apps: BTreeMap<AppKey, Desired>,
    /// What could not be read: nothing of it may be removed.
    #[serde(default)]
    pub hidden: Hidden,
    /// When changes may be made.
    #[serde(default)]
    pub calendar: Calendar,
    /// The environment's clusters and how they are reached.
    #[serde(default)]
    pub clusters: BTreeMap<ClusterName, Access>,
    /// Clusters that were never seen: nothing is compiled for them and nothing of them is removed.
    #[serde(default)]
    pub waiting_clusters: BTreeSet<ClusterName>,
}

/// Definitions behind files that can't be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hidden {
    /// A file of the platform: nothing at all may be removed.
    pub platform: bool,
    /// Tenants with such a file: nothing of theirs may be removed.
    pub tenants: BTreeSet<TenantName>,
}

/// What Git wants of an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Desired {
    /// This.
    App(#[serde(with = "shared")] Arc<DesiredApp>),
    /// It has a fault: everything that was accepted stays.
    Refused,
}

/// What Git wants of a sound app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredApp {
    /// Its bundles.
    pub release: Release,
    /// Its settings.
    pub settings: BTreeMap<TargetKey, Settings>,
    /// How it is released.
    pub gray_release: GrayRelease,
    /// The apps that must have committed first.
    #[serde(default)]
    pub after: BTreeSet<AppKey>,
    /// The path of its definition.
    pub path: String,
    /// Targets whose clusters lack a kind: nothing moves there and nothing is removed.
    #[serde(default)]
    pub waiting: BTreeSet<TargetKey>,
}

/// What is shared is written like what is not.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
