//! Resolving: what a definition says in one place. Overrides, variables, files, names and targets.
//!
//! Overrides are merged into the tree of the document as it was written, before short forms are
//! lifted, and every node keeps its place through all of it. Nothing is rendered here, and nothing is
//! asked of a cluster.

mod document;
mod files;
mod lookup;
mod owner;
mod split;
mod targets;
mod variables;

pub(crate) use document::common_tree;
pub use document::{Resolved, Setting, open_places, resolve, resolve_openly, resolve_tenant};
pub use files::{FileError, Files, Found};
pub(crate) use lookup::overlap;
pub use lookup::{counts_in, pick};
pub use owner::{Owner, owner_of};
pub use split::{SplitError, split, split_replicas};
pub use targets::{Land, is_target, shared_servers};
pub use variables::{Variables, substitute};

#[cfg(test)]
mod tests;
