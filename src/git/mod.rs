//! The Git source: fetch into a bare store, read trees from the object database.
//!
//! Nothing is ever checked out, no program is started, no link is followed and no submodule is
//! fetched. What a fetch brings counts only once it is whole: until then every head stays. Fetching
//! speaks the smart protocol itself (`http`), since the library's own transports would bring
//! another TLS provider and follow redirects with credentials.
//!
//! It does not decide: whether rewritten history is followed, and what a fault in the tree hides,
//! is said elsewhere.

mod credentials;
mod directory;
mod http;
mod local;
mod names;
mod objects;
mod pack;
mod packet;
mod reader;
mod store;
mod url;
mod watch;
mod write;

pub use credentials::{Credentials, CredentialsError};
pub use directory::read_directory;
pub use store::{FetchLimits, Store, StoreOptions};
pub use url::{RepositoryUrl, UrlError, UrlPolicy};
pub use watch::{LocalWatch, Poll, Wake, WatchError, watch_directory, watch_repository};
pub use write::{Author, WriteError, commit_files, create_branch, create_repository};

#[cfg(test)]
mod tests;
