//! Where a file lies decides who owns it.

use crate::model::{NameError, TenantName};

/// Who owns a path of the fleet repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// `sluice.yaml`.
    Fleet,
    /// `platform/`.
    Platform,
    /// `templates/`.
    Templates,
    /// `tenants/<tenant>/`.
    Tenant(TenantName),
    /// A folder under `tenants/` whose name is no tenant's.
    Misnamed(NameError),
    /// Anything else: not looked at.
    Nobody,
}

/// The owner of a path.
pub fn owner_of(path: &str) -> Owner {
    let mut parts = path.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("sluice.yaml"), None, _) => Owner::Fleet,
        (Some("platform"), Some(_), _) => Owner::Platform,
        (Some("templates"), Some(_), _) => Owner::Templates,
        (Some("tenants"), Some(tenant), Some(_)) => match tenant.parse() {
            Ok(tenant) => Owner::Tenant(tenant),
            Err(error) => Owner::Misnamed(error),
        },
        _ => Owner::Nobody,
    }
}
