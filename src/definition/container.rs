//! Container: image, ports, environment, files, probes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::definition::PortProtocol;
use crate::model::{Quantity, Span};

/// A container, in full form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(extend("required" = ["image"]))]
pub struct Container {
    /// The image, with a tag or a digest.
    pub image: String,
    /// The command, instead of the image's.
    pub command: Vec<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// The working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// CPU and memory.
    pub resources: Resources,
    /// Ports by name.
    pub ports: BTreeMap<String, ContainerPort>,
    /// Environment variables.
    pub env: BTreeMap<String, EnvValue>,
    /// Files beside the definition, by the path in the container. They become a content-named ConfigMap.
    pub files: BTreeMap<String, String>,
    /// Mounts by the path in the container.
    pub mounts: BTreeMap<String, Mount>,
    /// A command run before the container is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_stop: Option<Vec<String>>,
    /// Probes.
    pub probes: Probes,
    /// Security.
    pub security: Security,
}

/// A container port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContainerPort {
    /// The number.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The protocol.
    #[serde(default)]
    pub protocol: PortProtocol,
    /// The same port of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
}

/// CPU and memory. `cpu` and `memory` are requests, with memory as the limit too; `requests` and
/// `limits` say it in full.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Resources {
    /// CPU request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory request and limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Requests by resource name.
    pub requests: BTreeMap<String, Quantity>,
    /// Limits by resource name.
    pub limits: BTreeMap<String, Quantity>,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EnvValue {
    /// A text.
    Literal(String),
    /// From somewhere else.
    From(EnvSource),
}

/// Where an environment variable comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct EnvSource {
    /// A Config of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// A Secret of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The key in it; by default the variable's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A field of the pod, for example `status.podIP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// What is mounted: exactly one of `volume`, `config`, `secret`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Mount {
    /// A volume of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// A Config of the tenant, as a folder or, with `key`, as a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// A Secret of the tenant, as a folder or, with `key`, as a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// One key of the Config or Secret only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A folder or file inside the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    /// Not to be written.
    pub read_only: bool,
}

/// Probes of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Probes {
    /// Failing restarts the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
    /// Failing takes the pod out of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
    /// Until it passes the others wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<Probe>,
}

/// A probe: exactly one of `http`, `tcp`, `exec`, `grpc`, and its timing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Probe {
    /// GET this path; 200 to 399 passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Open a connection to this port's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Run this command; exit code 0 passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Vec<String>>,
    /// Ask the gRPC health service of this name (empty = the whole server).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
    /// http and grpc: the name of the port; not needed where there is one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Wait this long before the first time (default 0 s).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_delay: Option<Span>,
    /// How often (default 10 s).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-minimum" = "1s"))]
    pub period: Option<Span>,
    /// How long an answer may take (default 1 s).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-minimum" = "1s"))]
    pub timeout: Option<Span>,
    /// So many failures in a row count (default 3; 30 for startup).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub failure_threshold: Option<u32>,
}

/// What a probe asks: the checked form of [`Probe`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeCheck<'a> {
    /// GET this path.
    Http(&'a str),
    /// Open a connection to this port's name.
    Tcp(&'a str),
    /// Run this command.
    Exec(&'a [String]),
    /// Ask the gRPC health service of this name.
    Grpc(&'a str),
}

impl Probe {
    /// What the probe asks; none unless exactly one of the four is given.
    pub fn check(&self) -> Option<ProbeCheck<'_>> {
        match (&self.http, &self.tcp, &self.exec, &self.grpc) {
            (Some(path), None, None, None) => Some(ProbeCheck::Http(path)),
            (None, Some(port), None, None) => Some(ProbeCheck::Tcp(port)),
            (None, None, Some(command), None) => Some(ProbeCheck::Exec(command)),
            (None, None, None, Some(service)) => Some(ProbeCheck::Grpc(service)),
            _ => None,
        }
    }
}

/// Security of a container. What the namespace's standard asks is filled in unasked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Security {
    /// The user id to run as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_user: Option<i64>,
    /// Refuse to run as root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,
    /// Nothing outside volumes can be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_root: Option<bool>,
    /// Capabilities beyond the namespace's standard.
    pub add_capabilities: Vec<String>,
}
