//! The words of the product as types: names, keys, manifests, digests, durations.
//!
//! Everything here is plain data that is checked when it is made and trusted afterwards. Nothing
//! here knows how a definition is written, how an object is rendered or where it goes.

mod allocation;
mod digest;
mod duration;
mod manifest;
mod name;
mod part;
mod quantity;
mod release;
mod right;
pub mod schema;
mod strategy;
mod tree;

pub use allocation::{Allocation, MoveKey, Numbered, Place, Size, Slots};
pub use digest::{
    BundleDigest, ContentDigest, ParseDigestError, PartDigest, PlanDigest, ReleaseId, canonical_json,
    merkle_root, sha256,
};
pub use duration::{ParseDurationError, Span, format_duration, parse_duration};
pub use manifest::{Manifest, ManifestError, ObjectKey};
pub use name::{
    AppKey, AppName, ClusterName, CommitId, ComponentName, EnvironmentName, NameError, NamespaceName, Owner,
    Slot, TargetKey, TenantName,
};
pub use part::{ApprovalNeed, Handed, Part, PartKey, Plan, Program, RolloutId, Wave, Work};
pub use quantity::{ParseQuantityError, Quantity};

pub use release::{
    Amounts, Bundle, ClusterFacts, ExtraMetadata, Facts, JsonMap, Release, Replicas, Resource, Revision,
    SEALED_FIELD, Settings, by_object, is_sealed,
};
pub use right::Right;
pub use tree::{FileEntry, SourceTree};

pub use strategy::{ReleaseRules, Rollback, Scope, Strategy, Timeouts};

/// A moment, to the nanosecond, in UTC. The pure core is handed every moment that it needs.
pub type Timestamp = jiff::Timestamp;

/// The manager under which every field of a rendered object is applied, but `spec.replicas`.
pub const FIELD_MANAGER: &str = "sluice";

/// The manager under which `spec.replicas` is applied.
pub const SCALE_MANAGER: &str = "sluice-scale";

/// The namespace of the target cluster that holds the engine's own records.
pub const SYSTEM_NAMESPACE: &str = "sluice-system";

#[cfg(test)]
mod tests;
