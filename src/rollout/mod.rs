//! The state machine of one release.
