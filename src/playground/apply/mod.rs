//! Server-side apply: merging by schema, and the ownership of fields.

pub(crate) mod field_set;
pub(crate) mod managed;
pub(crate) mod strategic;
pub(crate) mod typed;
pub(crate) mod update;

#[cfg(test)]
mod tests;
