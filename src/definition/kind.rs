//! The kinds of definitions.

use std::fmt;
use std::str::FromStr;

use super::shape::nearest;

/// The kind of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The whole fleet.
    Fleet,
    /// A target cluster.
    Cluster,
    /// A tenant with its namespaces.
    Tenant,
    /// An app.
    App,
    /// Configuration.
    Config,
    /// Encrypted values.
    Secret,
    /// How releases move.
    GrayRelease,
}

/// Kinds that are designed and not built.
const LATER: &[&str] =
    &["GateTemplate", "HealthRule", "Notifier", "AppTemplate", "TrafficPolicy", "Failover"];

/// Why a text is no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownKind {
    /// Designed and not built.
    #[error("the kind `{0}` is not supported yet")]
    Later(String),
    /// Not designed either.
    #[error("there is no kind `{0}`")]
    Unknown(String),
}

impl Kind {
    /// Every kind that is built.
    pub const ALL: &[Kind] =
        &[Kind::Fleet, Kind::Cluster, Kind::Tenant, Kind::App, Kind::Config, Kind::Secret, Kind::GrayRelease];

    /// The word in definitions.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Fleet => "Fleet",
            Kind::Cluster => "Cluster",
            Kind::Tenant => "Tenant",
            Kind::App => "App",
            Kind::Config => "Config",
            Kind::Secret => "Secret",
            Kind::GrayRelease => "GrayRelease",
        }
    }

    /// The kind nearest to a text that is none.
    pub fn nearest(text: &str) -> Option<&'static str> {
        nearest(text, Self::ALL.iter().map(|kind| kind.as_str()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        match Self::ALL.iter().find(|kind| kind.as_str() == text) {
            Some(kind) => Ok(*kind),
            None if LATER.contains(&text) => Err(UnknownKind::Later(text.to_owned())),
            None => Err(UnknownKind::Unknown(text.to_owned())),
        }
    }
}
