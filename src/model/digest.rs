//! Digests: SHA-256 of canonical JSON, and Merkle roots of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A text is no digest of the form `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no digest: `sha256:` and 64 hexadecimal digits are expected")]
pub struct ParseDigestError(pub String);

/// SHA-256 (FIPS 180-4) of `bytes`.
pub fn sha256(bytes: &[u8]) -> ContentDigest {
    ContentDigest(Sha256::digest(bytes).into())
}

/// The canonical bytes of a JSON value: object keys sorted by their bytes, no white space, numbers
/// as `serde_json` writes them. Two equal values have equal bytes on every machine.
pub fn canonical_json(value: &Value) -> Vec<u8> {
    // `serde_json::Map` is a `BTreeMap` here (the feature `preserve_order` is off; a test holds
    // it), so its keys come out sorted.
    serde_json::to_vec(value).expect("a JSON value always serializes")
}

/// The Merkle root of digests in the order given: SHA-256 over the count and the digests.
///
/// Callers sort first where the order carries no meaning.
pub fn merkle_root<'a>(leaves: impl IntoIterator<Item = &'a ContentDigest>) -> ContentDigest {
    let mut hasher = Sha256::new();
    let mut count: u64 = 0;
    for leaf in leaves {
        hasher.update(leaf.0);
        count += 1;
    }
    hasher.update(count.to_be_bytes());
    ContentDigest(hasher.finalize().into())
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 32]);

        impl $name {
            /// The digest of a value's canonical JSON.
            pub fn of_json(value: &Value) -> Self {
                Self(sha256(&canonical_json(value)).0)
            }

            /// The first ten hexadecimal digits, for people and for the names of objects.
            pub fn short(&self) -> String {
                hex::encode(&self.0[..5])
            }

            /// All 64 hexadecimal digits.
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }
        }

        impl From<ContentDigest> for $name {
            fn from(digest: ContentDigest) -> Self {
                Self(digest.0)
            }
        }

        digest_type!(@text $name);
    };
    (@text $name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(&self.0[..5]))
            }
        }

        impl FromStr for $name {
            type Err = ParseDigestError;
            fn from_str(text: &str) -> Result<Self, ParseDigestError> {
                let wrong = || ParseDigestError(text.to_owned());
                let digits = text.strip_prefix("sha256:").unwrap_or(text);
                let mut bytes = [0; 32];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| wrong())?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseDigestError;
            fn try_from(text: String) -> Result<Self, ParseDigestError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> String {
                digest.to_string()
            }
        }
    };
}

/// The digest of any content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentDigest([u8; 32]);
digest_type!(@text ContentDigest);

impl ContentDigest {
    /// The digest of a value's canonical JSON.
    pub fn of_json(value: &Value) -> Self {
        sha256(&canonical_json(value))
    }

    /// The first ten hexadecimal digits, for people and for the names of objects.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..5])
    }

    /// All 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

digest_type!(
    /// The digest of a bundle: neutral to slot and API version.
    BundleDigest
);
digest_type!(
    /// The id of a release: the Merkle root of its bundles.
    ReleaseId
);
digest_type!(
    /// What an approval binds: the content of one part of a plan.
    PartDigest
);
digest_type!(
    /// The Merkle root of a plan's parts.
    PlanDigest
);
