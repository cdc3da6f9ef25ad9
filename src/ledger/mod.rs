//! The append-only record on a local directory.
