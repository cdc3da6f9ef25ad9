//! Config and Secret: what becomes content-named ConfigMaps and Secrets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definition::Override;
use crate::model::EnvironmentName;

/// Configuration: rendered as a ConfigMap named by its content, so that a change of it is a release.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// Keys and the files beside the definition that they hold.
    pub files: BTreeMap<String, ConfigFile>,
    /// Keys and their text.
    pub values: BTreeMap<String, String>,
    /// Where it counts; empty = everywhere.
    #[schemars(with = "Vec<String>")]
    pub environments: Vec<EnvironmentName>,
    /// Differences by environment and cluster.
    pub overrides: Vec<Override>,
}

/// A path relative to the definition's file.
pub type ConfigFile = String;

/// A secret, its values encrypted by SOPS with age. The document carries SOPS' own `sops` field
/// beside `spec`; a value that is not encrypted is an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Secret {
    /// The type of the Kubernetes Secret.
    #[serde(rename = "type")]
    pub secret_type: SecretType,
    /// Keys and their encrypted values.
    pub values: BTreeMap<String, String>,
    /// Where it counts; empty = everywhere.
    #[schemars(with = "Vec<String>")]
    pub environments: Vec<EnvironmentName>,
}

/// The type of a Kubernetes Secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SecretType {
    /// Any keys.
    #[default]
    Opaque,
    /// The key `.dockerconfigjson`: added to every pod of the tenant as a pull secret.
    #[serde(rename = "kubernetes.io/dockerconfigjson")]
    DockerConfigJson,
    /// The keys `tls.crt` and `tls.key`.
    #[serde(rename = "kubernetes.io/tls")]
    Tls,
}
