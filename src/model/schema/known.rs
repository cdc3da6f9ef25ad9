//! A schema by its digest: what facts record, while the schema itself is stored once.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Schema, builtin, builtin_digest};
use crate::model::ContentDigest;

/// A schema by its digest, and itself where it is at hand. Written as the digest alone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "ContentDigest", into = "ContentDigest")]
pub struct KnownSchema {
    digest: ContentDigest,
    held: Option<Arc<Schema>>,
}

impl KnownSchema {
    /// A schema at hand.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { digest: schema.digest(), held: Some(schema) }
    }

    /// The schema of the built-in kinds.
    pub fn builtin() -> Self {
        builtin_digest().into()
    }

    /// What it is stored by: SHA-256 of its text.
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// The schema, if it is at hand.
    pub fn schema(&self) -> Option<&Arc<Schema>> {
        self.held.as_ref()
    }

    /// Takes the schema that was stored by this digest; another is left alone.
    pub fn take(&mut self, schema: Arc<Schema>) {
        if schema.digest() == self.digest {
            self.held = Some(schema);
        }
    }
}

impl From<ContentDigest> for KnownSchema {
    fn from(digest: ContentDigest) -> Self {
        let held = (digest == builtin_digest()).then(|| Arc::clone(builtin()));
        Self { digest, held }
    }
}

impl From<KnownSchema> for ContentDigest {
    fn from(known: KnownSchema) -> Self {
        known.digest
    }
}

impl PartialEq for KnownSchema {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl fmt::Debug for KnownSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KnownSchema").field(&self.digest).finish()
    }
}
