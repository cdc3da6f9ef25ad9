//! Checks over the whole commit.
