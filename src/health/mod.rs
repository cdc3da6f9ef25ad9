//! The health of an object, from the object and the time alone: one file per kind.
