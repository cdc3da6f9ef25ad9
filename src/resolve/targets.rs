//! Placement: which clusters, and what the namespace is called there.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::{Access, Cluster, Namespace, Tenant};
use crate::model::{ClusterName, NameError, NamespaceName, TenantName};

/// A cluster of the environment: its definition and the labels of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Land {
    /// What it offers.
    pub cluster: Cluster,
    /// Its labels, for placement.
    pub labels: BTreeMap<String, String>,
    /// Set where another environment has a cluster on the same API server: its namespaces then end
    /// in the environment's name.
    pub shared: bool,
}

impl Land {
    /// Whether every label asked for is there.
    pub fn has(&self, asked: &BTreeMap<String, String>) -> bool {
        asked.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }

    /// What a tenant's namespace is called here: as it says, the tenant's name for `default`, else
    /// `<tenant>-<name>`.
    ///
    /// # Errors
    /// The name that comes of it is no namespace name.
    pub fn namespace(
        &self,
        tenant: &TenantName,
        name: &str,
        rules: &Namespace,
    ) -> Result<NamespaceName, NameError> {
        let plain = match (&rules.called, name) {
            (Some(called), _) => called.clone(),
            (None, "default") => tenant.to_string(),
            (None, _) => format!("{tenant}-{name}"),
        };
        match self.shared {
            true => NamespaceName::new(format!("{plain}-{}", self.cluster.environment)),
            false => NamespaceName::new(plain),
        }
    }
}

/// The clusters that share an API server with a cluster of another environment.
pub fn shared_servers<'a>(
    clusters: impl IntoIterator<Item = (&'a ClusterName, &'a Cluster)>,
) -> BTreeSet<ClusterName> {
    let mut servers: Vec<(&Access, Vec<(&ClusterName, &Cluster)>)> = Vec::new();
    for (name, cluster) in clusters {
        // Every cluster of the playground has a server of its own.
        if matches!(cluster.access, Access::Playground {}) {
            continue;
        }
        match servers.iter_mut().find(|(access, _)| **access == cluster.access) {
            Some((_, users)) => users.push((name, cluster)),
            None => servers.push((&cluster.access, vec![(name, cluster)])),
        }
    }
    let mixed = |users: &Vec<(&ClusterName, &Cluster)>| {
        users.iter().any(|(_, cluster)| cluster.environment != users[0].1.environment)
    };
    servers
        .into_iter()
        .filter(|(_, users)| mixed(users))
        .flat_map(|(_, users)| users.into_iter().map(|(name, _)| name.clone()))
        .collect()
}

/// Whether a tenant's namespace is on a cluster: the cluster is granted to the tenant and has the
/// namespace's labels and those asked for beside.
pub fn is_target(
    (cluster, land): (&ClusterName, &Land),
    tenant: &Tenant,
    rules: &Namespace,
    asked: &BTreeMap<String, String>,
) -> bool {
    let granted = tenant.clusters.is_empty() || tenant.clusters.contains(cluster);
    granted && land.has(&rules.clusters) && land.has(asked)
}
