//! Tenants' own repositories: a store each, with the tenant's credentials.
//!
//! Which repository it is stands in the fleet repository, and the credentials stand in a folder of this
//! machine: `<tenant>` for HTTPS, with the one host that they are for; `<tenant>.key` for ssh.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{TenantName, sha256};
use crate::port::{Cause, Repository, Sources};

use super::ssh::SshOptions;
use super::store::{Store, StoreOptions};
use super::url::{RepositoryUrl, UrlPolicy};

/// The digits of a URL's digest in the name of its store.
const DIGITS: usize = 16;

/// Where stores and credentials of tenants are.
#[derive(Debug, Clone)]
pub struct TenantSources {
    /// The folder of the stores.
    pub stores: PathBuf,
    /// The folder of credentials; without it only public repositories can be read.
    pub credentials: Option<PathBuf>,
    /// The file of known hosts.
    pub known_hosts: Option<PathBuf>,
    /// Certificates and limits; what is of one repository alone is set for each.
    pub options: StoreOptions,
    /// Which addresses are allowed.
    pub policy: UrlPolicy,
}

impl Sources for TenantSources {
    fn open(&self, tenant: &TenantName, url: &str) -> Result<Arc<dyn Repository>, Cause> {
        let url = RepositoryUrl::parse(url, self.policy)?;
        let at = |name: String| self.credentials.as_ref().map(|folder| folder.join(name));
        let ssh = at(format!("{tenant}.key")).zip(self.known_hosts.clone());
        let options = StoreOptions {
            credentials: at(tenant.to_string()),
            tenant_credentials: true,
            ssh: ssh.map(|(key, known_hosts)| SshOptions::new(key, known_hosts)),
            mount: Some(format!("tenants/{tenant}")),
            ..self.options.clone()
        };
        // Another URL is another history: it gets a store of its own.
        let digest = sha256(url.to_string().as_bytes()).to_hex();
        let folder = self.stores.join(format!("{tenant}-{}.git", &digest[..DIGITS]));
        Ok(Arc::new(Store::open(&folder, url, options)?))
    }
}
