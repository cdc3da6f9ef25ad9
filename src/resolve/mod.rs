//! From definitions as written to definitions as meant in one place: overrides, variables, placement.
