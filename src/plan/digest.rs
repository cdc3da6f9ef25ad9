//! The digests of parts: what an approval binds.
//!
//! They cover rendered content (secrets by their ciphertext), strategy and order; not live state,
//! time, commit, parent or other parts, so that neither another app's merge nor the end of an
//! earlier rollout voids an approval.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::compile::DesiredState;
use crate::model::{ContentDigest, Manifest, ObjectKey, PartDigest, PartKey, TargetKey};

/// Raised when the form of what is digested changes: an approval never carries over by accident.
const FORMAT: u32 = 1;

/// The digest of a part with this content.
pub(super) fn part(
    desired: &DesiredState,
    key: &PartKey,
    content: Value,
    after: &BTreeSet<PartKey>,
) -> PartDigest {
    PartDigest::of_json(&json!({
        "format": FORMAT,
        "environment": desired.environment,
        "key": key,
        "content": content,
        "after": after,
    }))
}

pub(super) fn objects(objects: &[Manifest]) -> Value {
    let digests: BTreeMap<String, ContentDigest> =
        objects.iter().map(|object| (object.key().to_string(), object.digest())).collect();
    json!({ "objects": digests })
}

pub(super) fn deletions(targets: &BTreeMap<TargetKey, BTreeSet<ObjectKey>>) -> Value {
    let keys: BTreeMap<&TargetKey, Vec<String>> = targets
        .iter()
        .map(|(target, keys)| (target, keys.iter().map(ObjectKey::to_string).collect()))
        .collect();
    json!({ "deletes": keys })
}
