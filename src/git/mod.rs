//! The Git source: fetch into a bare store, read trees from the object database.
//!
//! Nothing is ever checked out, no program but `ssh` is started, no link is followed and no submodule
//! is fetched. What a fetch brings counts only once it is whole: until then every head stays. Fetching
//! speaks the smart protocol itself (`negotiation`, over `http` and `ssh`), since the library's own
//! transports would bring another TLS provider and follow redirects with credentials.
//!
//! It does not decide: whether rewritten history is followed, and what a fault in the tree hides,
//! is said elsewhere.

mod credentials;
mod directory;
mod history;
mod http;
mod local;
mod names;
mod negotiation;
mod objects;
mod pace;
mod pack;
mod packet;
mod reader;
mod ssh;
mod store;
mod tenants;
mod url;
mod watch;
mod write;

pub use credentials::{Credentials, CredentialsError};
pub use directory::read_directory;
pub use ssh::SshOptions;
pub use store::{FetchLimits, Store, StoreOptions};
pub use tenants::TenantSources;
pub use url::{RepositoryUrl, UrlError, UrlPolicy};
pub use watch::{LocalWatch, Poll, Wake, WatchError, watch_directory, watch_repository};
pub use write::{Author, WriteError, commit_files, create_branch, create_repository};

#[cfg(test)]
mod tests;
