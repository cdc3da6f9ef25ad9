//! Names and the keys made of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ContentDigest;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a {0} name must not be empty")]
    Empty(&'static str),
    /// The text is longer than the limit (in bytes).
    #[error("the {kind} name `{name}` has {} characters; at most {limit} are allowed", name.len())]
    TooLong {
        /// What the name stands for.
        kind: &'static str,
        /// The offending text.
        name: String,
        /// The most bytes that such a name may have.
        limit: usize,
    },
    /// The text is no DNS-1123 label.
    #[error(
        "`{name}` is no {kind} name: use lower-case letters, digits and `-`, beginning and ending with a letter or digit"
    )]
    NotDnsLabel {
        /// What the name stands for.
        kind: &'static str,
        /// The offending text.
        name: String,
    },
    /// Two names joined by `/` were expected.
    #[error("`{0}` is no {1}: write it as `{2}`")]
    NotAPair(String, &'static str, &'static str),
}

/// Whether `text` is a DNS-1123 label (RFC 1123 section 2.1, as Kubernetes reads it).
fn is_dns_label(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $limit:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("The most bytes that a ", $kind, " name may have.")]
            pub const LIMIT: usize = $limit;

            #[doc = concat!("Checks `text` as the name of a ", $kind, ".")]
            ///
            /// # Errors
            /// The text is empty, too long or no DNS-1123 label.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let name = text.into();
                if name.is_empty() {
                    return Err(NameError::Empty($kind));
                }
                if name.len() > Self::LIMIT {
                    return Err(NameError::TooLong { kind: $kind, name, limit: Self::LIMIT });
                }
                if !is_dns_label(&name) {
                    return Err(NameError::NotDnsLabel { kind: $kind, name });
                }
                Ok(Self(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type!(
    /// dev, staging, production: a branch and the clusters that it rules.
    EnvironmentName, "environment", 63
);
name_type!(
    /// Who owns a folder under `tenants/` and the namespaces that come of it.
    TenantName, "tenant", 40
);
name_type!(
    /// An app of a tenant.
    AppName, "app", 57
);
name_type!(
    /// A workload of an app, with its service. Room is left for the suffix of the second slot.
    ComponentName, "component", 57
);
name_type!(
    /// A target cluster.
    ClusterName, "cluster", 63
);
name_type!(
    /// A namespace as it is called in the cluster.
    NamespaceName, "namespace", 63
);

macro_rules! pair_key {
    ($(#[$doc:meta])* $name:ident { $a:ident: $at:ty, $b:ident: $bt:ty }, $kind:literal, $form:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            #[doc = concat!("The part before the `/` of `", $form, "`.")]
            pub $a: $at,
            #[doc = concat!("The part behind the `/` of `", $form, "`.")]
            pub $b: $bt,
        }

        impl $name {
            #[doc = concat!("The key `", $form, "`.")]
            pub fn new($a: $at, $b: $bt) -> Self {
                Self { $a, $b }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!("{}/{}", self.$a, self.$b))
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let (a, b) = text
                    .split_once('/')
                    .ok_or_else(|| NameError::NotAPair(text.to_owned(), $kind, $form))?;
                Ok(Self { $a: a.parse()?, $b: b.parse()? })
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> String {
                key.to_string()
            }
        }
    };
}

pair_key!(
    /// An app, everywhere that people name it: `tenant/app`.
    AppKey { tenant: TenantName, app: AppName }, "app", "tenant/app"
);
pair_key!(
    /// One (cluster, namespace) pair: where bundles go.
    TargetKey { cluster: ClusterName, namespace: NamespaceName }, "target", "cluster/namespace"
);

/// Who an object in a cluster belongs to: the platform, or an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Owner {
    /// The platform: namespaces, quotas, rights.
    Platform,
    /// An app.
    App(AppKey),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Platform => f.pad("platform"),
            Owner::App(app) => app.fmt(f),
        }
    }
}

impl FromStr for Owner {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "platform" { Ok(Owner::Platform) } else { Ok(Owner::App(text.parse()?)) }
    }
}

impl TryFrom<String> for Owner {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> String {
        owner.to_string()
    }
}

/// The two permanent places of a component. Stable alternates between them; pods are never
/// relabelled from one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The slot whose workload is called `<name>`.
    Blue,
    /// The slot whose workload is called `<name>-green`.
    Green,
}

impl Slot {
    /// The value of the label `sluice.dev/slot`.
    pub fn as_str(self) -> &'static str {
        match self {
            Slot::Blue => "blue",
            Slot::Green => "green",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Slot::Blue => Slot::Green,
            Slot::Green => Slot::Blue,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A commit of a Git repository, as 40 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// The last digits of what is no commit. Of commits one in 2^64 ends so.
const NO_COMMIT: &str = "0000000000000000";

impl CommitId {
    /// Checks `text` as a full commit id.
    ///
    /// # Errors
    /// The text is not 40 hexadecimal digits.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text: String = text.into().to_ascii_lowercase();
        if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text))
        } else {
            Err(NameError::NotAPair(text, "commit id", "40 hexadecimal digits"))
        }
    }

    /// What stands for a folder that lies in no repository, by the digest of its content.
    pub fn of_folder(content: &ContentDigest) -> Self {
        Self(format!("{}{NO_COMMIT}", &content.to_hex()[..40 - NO_COMMIT.len()]))
    }

    /// Whether it stands for a folder: nothing in a repository can follow it.
    pub fn is_of_folder(&self) -> bool {
        self.0.ends_with(NO_COMMIT)
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for CommitId {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> String {
        id.0
    }
}
