//! Rendering: typed definitions in, Kubernetes objects out, one file per kind.
//!
//! Objects stand in the form of the blue slot, canonical, without `spec.replicas`, versions, commits
//! or times. Rendering looks at one app on one target, or at one namespace of a tenant; what holds
//! between apps is for `check`. Nothing is read here: configuration, ciphertexts and files come in
//! as [`Material`].

mod app;
mod autoscaler;
mod canonical;
mod claim;
mod config;
mod container;
mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
mod http_route;
mod ingress;
mod job;
mod label;
mod manifests;
mod network_policy;
mod object;
mod patch;
mod pod;
mod probe;
mod rbac;
mod security;
mod service;
mod stateful_set;
mod tenant;
mod version;
mod volume;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::definition::yaml::Node;
use crate::definition::{Cluster, Namespace, PatchTarget, SecretType, Strategy};
use crate::diagnostic::{Fault, Place};
use crate::model::{
    AppName, Bundle, ClusterFacts, ClusterName, ComponentName, Manifest, NamespaceName, ObjectKey, Settings,
    TenantName,
};

pub use app::render_app;
pub use autoscaler::measures;
pub use canonical::canonicalize;
pub use container::amounts;
pub use http_route::service_port;
pub use label::{APP_LABEL, PATH_ANNOTATION, PREFIX, SLOT_LABEL};
pub use manifests::{Source, SourceFile, USUAL_KINDS, tenant_kinds};
pub use pod::{claim_name, start_secs};
pub use probe::port as probe_port;
pub use security::addable_capabilities;
pub use service::{container_ports, exposure, has_service, ports as service_ports};
pub use tenant::{TenantSite, render_namespace};
pub use version::assumed_facts;

/// Where an app is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Whose app it is.
    pub tenant: &'a TenantName,
    /// Its name.
    pub app: &'a AppName,
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// What the cluster offers.
    pub offers: &'a Cluster,
    /// What the cluster serves.
    pub facts: &'a ClusterFacts,
    /// The namespace as it is called in the cluster.
    pub namespace: &'a NamespaceName,
    /// The rules of the namespace.
    pub rules: &'a Namespace,
    /// How pods are replaced.
    pub strategy: Strategy,
    /// The path of the app's definition.
    pub path: &'a str,
    /// Labels of the app's definition.
    pub labels: &'a BTreeMap<String, String>,
    /// Annotations of the app's definition.
    pub annotations: &'a BTreeMap<String, String>,
    /// Kinds that the tenant's manifests may have beyond the usual ones.
    pub allowed_kinds: &'a [String],
}

/// What an app's definition refers to, as found for one target.
#[derive(Debug, Clone, Default)]
pub struct Material {
    /// Configs by name.
    pub configs: BTreeMap<String, ConfigData>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, SealedSecret>,
    /// Files named in `files` of containers, by the path as written.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// The files of `source.manifests`, in order of their paths.
    pub source: Vec<SourceFile>,
}

/// The content of a Config: keys and their bytes.
pub type ConfigData = BTreeMap<String, Arc<[u8]>>;

/// A Secret, its values still encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// The type of the Kubernetes Secret.
    pub secret_type: SecretType,
    /// Keys and their ciphertexts.
    pub values: BTreeMap<String, String>,
    /// The encrypted document whole.
    pub document: String,
}

/// What an app comes to on one target.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// What replaces pods.
    pub bundle: Bundle,
    /// What is applied directly.
    pub settings: Settings,
    /// Kinds (`Kind` or `Kind.group`) among the objects that the cluster does not serve.
    pub missing: BTreeSet<String>,
    /// The component that each object came from.
    pub origins: BTreeMap<ObjectKey, ComponentName>,
    /// The manifest that each object of a source was written as.
    pub written: BTreeMap<ObjectKey, Written>,
    /// Faults and remarks; with an error the rest must not be used.
    pub faults: Vec<Fault>,
}

impl Rendered {
    /// Whether a patch is meant for a rendered object. A Job answers to the name that it had before
    /// its digest was put behind it.
    pub fn is_target(&self, target: &PatchTarget, object: &Manifest) -> bool {
        let named = |name: &str| {
            let before = self.bundle.workloads.iter().find(|(_, key)| **key == object.key());
            name == object.name() || before.is_some_and(|(component, _)| component.as_str() == name)
        };
        target.kind == object.kind() && target.name.as_deref().is_none_or(named)
    }
}

/// A manifest as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The path of its file in the repository.
    pub path: String,
    /// The object, every field with its place.
    pub node: Arc<Node>,
}

impl Written {
    /// The place of a field (a JSON pointer) or of what is nearest to it; with `key` that of its name.
    pub fn place(&self, pointer: &str, key: bool) -> Place {
        if key && let Some((parent, name)) = pointer.rsplit_once('/') {
            let name = name.replace("~1", "/").replace("~0", "~");
            if let Some((key, _)) = self.node.pointer(parent).and_then(|node| node.entry(&name)) {
                return key.place(&self.path);
            }
        }
        self.node.find(pointer).place(&self.path)
    }
}

#[cfg(test)]
mod tests;
