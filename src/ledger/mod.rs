//! The append-only record on a local directory, and one in memory.
//!
//! [`LocalLedger`] keeps each stream in a file of chained frames (`frame`), objects by digest and
//! snapshots beside them. One process at a time may write. What the events mean is their owners'
//! business, and nothing here ever rewrites one.

mod files;
mod frame;
mod local;
mod memory;
mod stream;

pub use local::LocalLedger;
pub use memory::{Crash, MemoryLedger};

/// The most bytes of one batch or one object. What a release renders to is far below; more is a
/// mistake that must not fill the disk or the memory of who reads it.
pub const SIZE_LIMIT: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
