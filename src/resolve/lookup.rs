//! Finding what a name means in an environment.

use std::sync::Arc;

use crate::definition::Definition;
use crate::model::EnvironmentName;

/// The environments that a definition counts in, as written; empty = all.
fn environments(definition: &Definition) -> Vec<&str> {
    let listed = definition.tree.pointer("/spec/environments").and_then(|node| node.as_sequence());
    listed.into_iter().flatten().filter_map(|node| node.as_str()).collect()
}

/// Whether a definition with `environments` counts in this one.
pub fn counts_in(definition: &Definition, environment: &EnvironmentName) -> bool {
    let listed = environments(definition);
    listed.is_empty() || listed.contains(&environment.as_str())
}

/// The definition among those of one name that counts in an environment.
pub fn pick<'a>(definitions: &'a [Arc<Definition>], environment: &EnvironmentName) -> Option<&'a Definition> {
    definitions.iter().map(AsRef::as_ref).find(|definition| counts_in(definition, environment))
}

/// Two definitions of one name that both count somewhere.
pub(crate) fn overlap(a: &Definition, b: &Definition) -> bool {
    let (a, b) = (environments(a), environments(b));
    a.is_empty() || b.is_empty() || a.iter().any(|name| b.contains(name))
}
