//! What the engine asks of the world, as traits.
//!
//! Only the questions stand here, with the pure types of their answers. Nothing here touches a
//! disk, a network or a clock: the adapters (`git`, `cluster`, `ledger`) do.

pub mod clock;
pub mod cluster;
pub mod interpose;
pub mod ledger;
mod repository;

pub use repository::{
    Ancestry, Cause, CommitInfo, FetchError, FetchOutcome, HeadChange, ReadTree, Repository, RepositoryError,
    Sources, TreeLimits,
};
