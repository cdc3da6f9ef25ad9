//! What an app holds on one target at a moment, numbered: which bundle is in which slot, and how
//! large.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AppKey, BundleDigest, ComponentName, NameError, Slot, TargetKey};

/// An app on a target: what a release moves. Written `tenant/app@cluster/namespace`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MoveKey {
    /// The app.
    pub app: AppKey,
    /// The target.
    pub target: TargetKey,
}

impl MoveKey {
    /// An app on a target.
    pub fn new(app: AppKey, target: TargetKey) -> Self {
        Self { app, target }
    }
}

impl fmt::Display for MoveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.app, self.target))
    }
}

impl FromStr for MoveKey {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let form = "tenant/app@cluster/namespace";
        let (app, target) =
            text.split_once('@').ok_or_else(|| NameError::NotAPair(text.to_owned(), "move", form))?;
        Ok(Self { app: app.parse()?, target: target.parse()? })
    }
}

impl TryFrom<String> for MoveKey {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<MoveKey> for String {
    fn from(key: MoveKey) -> String {
        key.to_string()
    }
}

/// What an app holds on one target. Every change has a higher number; evidence that was gathered
/// under a lower one opens nothing.
///
/// `Default` is an app that was never there: number 0 and nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allocation {
    /// The number, rising.
    pub number: u64,
    /// The bundle that a failure goes back to. Moved by a commit or a completed way back alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<BundleDigest>,
    /// Each component's place.
    pub components: BTreeMap<ComponentName, Slots>,
    /// A bundle whose additions (configuration, services, budgets; no workload) are held too,
    /// before its workloads are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparing: Option<BundleDigest>,
    /// A bundle whose objects are kept beside, until the last soak is over or the way back is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained: Option<BundleDigest>,
}

impl Allocation {
    /// Every bundle that the allocation names.
    pub fn bundles(&self) -> impl Iterator<Item = BundleDigest> + '_ {
        self.components
            .values()
            .flat_map(|slots| slots.bundles())
            .chain(self.stable)
            .chain(self.preparing)
            .chain(self.retained)
    }
}

/// The places of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Slots {
    /// One bundle in one slot.
    Steady(Place),
    /// The workload's own rolling update from one bundle to another, in its slot.
    InPlace {
        /// What ran before; none on a first release.
        from: Option<BundleDigest>,
        /// What runs after.
        to: BundleDigest,
        /// The slot, the same before and after.
        slot: Slot,
    },
    /// A StatefulSet between two bundles: pods from this ordinal on run `to`.
    Ordinal {
        /// What ran before; none on a first release.
        from: Option<BundleDigest>,
        /// What runs after.
        to: BundleDigest,
        /// The first ordinal that runs `to`.
        partition: u32,
        /// Going back: pods of the bundle that is left are deleted, the highest ordinal first.
        retire: bool,
    },
}

impl Slots {
    /// The bundles that are named, the newest first.
    pub fn bundles(&self) -> Vec<BundleDigest> {
        match self {
            Slots::Steady(place) => vec![place.bundle],
            Slots::InPlace { from, to, .. } | Slots::Ordinal { from, to, .. } => {
                std::iter::once(*to).chain(*from).collect()
            }
        }
    }

    /// The bundle whose workload object is rendered.
    pub fn workload_bundle(&self) -> BundleDigest {
        match self {
            Slots::Steady(place) => place.bundle,
            Slots::InPlace { to, .. } | Slots::Ordinal { to, .. } => *to,
        }
    }
}

/// A bundle in a slot, at a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The bundle.
    pub bundle: BundleDigest,
    /// The slot.
    pub slot: Slot,
    /// The size.
    pub size: Size,
}

/// The size of a place. Replicas are worked out from it and the settings in force, so that an
/// emergency scale-up needs no rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Size {
    /// As many as the settings say.
    Full,
    /// None.
    Zero,
}

/// A value and the number of the change that brought it, rising.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbered<T> {
    /// The number.
    pub number: u64,
    /// The value.
    pub value: T,
}
