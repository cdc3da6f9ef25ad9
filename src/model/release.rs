//! What an app comes to on its targets: bundles, releases, settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::schema::{KnownSchema, Schema};
use super::{
    BundleDigest, CommitId, ComponentName, ContentDigest, Manifest, ObjectKey, Quantity, ReleaseId,
    TargetKey, TenantName, merkle_root,
};

/// What an environment is compiled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit of the trunk: `sluice.yaml` and `platform/`.
    pub trunk: CommitId,
    /// The commit of the environment's own branch.
    pub branch: CommitId,
    /// The commits of tenants' own repositories.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<TenantName, CommitId>,
}

/// What replaces pods on one target: pod templates, configuration, secrets (as ciphertext), service
/// ports, routes, policies and claims of an app.
///
/// Objects stand in the form of the blue slot, with the labels that follow from the app's identity
/// alone, without `spec.replicas`; other labels, annotations and replicas are [`Settings`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The digest of the rest: neutral to slot and API version.
    pub digest: BundleDigest,
    /// The workload object of each component.
    pub workloads: BTreeMap<ComponentName, ObjectKey>,
    /// All objects, sorted by key.
    pub objects: Vec<Manifest>,
}

impl Bundle {
    /// A bundle of these objects; sorts them and works out the digest.
    pub fn new(workloads: BTreeMap<ComponentName, ObjectKey>, mut objects: Vec<Manifest>) -> Self {
        objects.sort_by_key(Manifest::key);
        let neutral: Vec<Value> = objects
            .iter()
            .map(|object| {
                let mut value = object.as_value().clone();
                // The group stays, the version goes: another version of the same object after an
                // upgrade of the cluster is no release.
                value["apiVersion"] = Value::String(object.group().to_owned());
                value
            })
            .collect();
        let digest = BundleDigest::of_json(&json!({
            "format": 1,
            "workloads": workloads.iter().map(|(name, key)| (name.to_string(), key.to_string())).collect::<BTreeMap<_, _>>(),
            "objects": neutral,
        }));
        Self { digest, workloads, objects }
    }

    /// The object with this key.
    pub fn object(&self, key: &ObjectKey) -> Option<&Manifest> {
        self.objects.iter().find(|object| object.key() == *key)
    }

    /// The keys of all objects.
    pub fn keys(&self) -> BTreeSet<ObjectKey> {
        self.objects.iter().map(Manifest::key).collect()
    }
}

/// An app's bundles for all its targets. Immutable; its id is their Merkle root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The Merkle root of the bundles, by target.
    pub id: ReleaseId,
    /// The bundle of each target.
    pub bundles: BTreeMap<TargetKey, Bundle>,
}

impl Release {
    /// A release of these bundles; works out the id.
    pub fn new(bundles: BTreeMap<TargetKey, Bundle>) -> Self {
        let leaves: Vec<ContentDigest> = bundles
            .iter()
            .map(|(target, bundle)| ContentDigest::of_json(&json!([target.to_string(), bundle.digest])))
            .collect();
        Self { id: merkle_root(&leaves).into(), bundles }
    }
}

/// What is applied to a target directly and never waits for a rollout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Replicas of each component that has them.
    pub replicas: BTreeMap<ComponentName, Replicas>,
    /// Autoscalers and disruption budgets, in the form of the blue slot.
    pub objects: Vec<Manifest>,
    /// Labels and annotations of objects (of the bundle and of these) beyond those in their
    /// manifests.
    #[serde(with = "by_object")]
    pub metadata: BTreeMap<ObjectKey, ExtraMetadata>,
    /// Fields (JSON pointers) of objects that somebody else owns.
    #[serde(with = "by_object")]
    pub owned_elsewhere: BTreeMap<ObjectKey, BTreeSet<String>>,
    /// Nothing of the app is changed while set.
    pub suspended: bool,
}

/// How many pods a component has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Replicas {
    /// That many; 0 when stopped.
    Fixed(u32),
    /// An autoscaler decides, within bounds.
    Autoscaled {
        /// The fewest.
        min: u32,
        /// The most.
        max: u32,
    },
}

/// Labels and annotations of an object beyond those in its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraMetadata {
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Maps by [`ObjectKey`] as lists of pairs, since JSON has text keys only.
pub mod by_object {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::model::ObjectKey;

    /// Writes the pairs in order.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(
        map: &BTreeMap<ObjectKey, T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter())
    }

    /// Reads the pairs.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<ObjectKey, T>, D::Error> {
        Ok(Vec::<(ObjectKey, T)>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// What is known of the clusters: the last that each said of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// By cluster. A cluster that is not here was never seen: nothing is compiled for it.
    pub clusters: BTreeMap<crate::model::ClusterName, ClusterFacts>,
}

/// What one cluster serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// The server's version, `v1.36.3`.
    pub version: String,
    /// What it serves, in the order of discovery (preferred versions first).
    pub resources: Vec<Resource>,
    /// The shape of the kinds; none where the API server does not publish it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<KnownSchema>,
}

/// One resource type of an API server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resource {
    /// The API group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The plural in paths.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

impl ClusterFacts {
    /// The preferred resource of a kind, whatever the version.
    pub fn find(&self, group: &str, kind: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.group == group && resource.kind == kind)
    }

    /// The shape of the kinds, where it is known and at hand.
    pub fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()?.schema().map(AsRef::as_ref)
    }
}

/// The field of a rendered Secret that holds the encrypted document whole; the worker opens it
/// right before it is applied. `data` then holds `sealed:` and the digest of each ciphertext.
pub const SEALED_FIELD: &str = "sealed";

/// Whether a rendered object is a Secret whose values are still encrypted.
pub fn is_sealed(manifest: &Manifest) -> bool {
    manifest.fields().contains_key(SEALED_FIELD)
}

/// An amount per resource name, `cpu`, `memory`.
pub type Amounts = BTreeMap<String, Quantity>;

/// A JSON object.
pub type JsonMap = Map<String, Value>;
