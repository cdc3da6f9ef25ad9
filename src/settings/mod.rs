//! Settings of the process, each knowing where it came from.
