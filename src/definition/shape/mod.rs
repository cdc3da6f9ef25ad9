//! The shape of a definition: its tree against the schema of its type, all faults at once.
//!
//! The schema is made from the same Rust type that serde fills, so the two can't drift apart. The
//! walk finds every unknown field, wrong type, missing field, unknown word and value out of range,
//! with its place; serde then makes the value, and what only it refuses is reported at the place
//! that its path leads to. What a value means beside others (references, quotas) is not known here.

mod choice;
mod later;
mod schema;
mod suggest;
mod walk;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::yaml::Node;
use crate::diagnostic::{Code, Diagnostic, Place};

pub(super) use later::later;
pub use schema::schema;
pub use suggest::nearest;

/// The schemas made so far: making one costs more than the walk.
static SCHEMAS: LazyLock<RwLock<HashMap<TypeId, Arc<Value>>>> = LazyLock::new(RwLock::default);

/// The schema of a type, as it is made from the code.
pub(super) fn schema_of<T: JsonSchema + 'static>() -> Arc<Value> {
    let id = TypeId::of::<T>();
    if let Some(schema) = SCHEMAS.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(schema);
    }
    let schema = Arc::new(schemars::schema_for!(T).to_value());
    SCHEMAS.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&schema));
    schema
}

/// The value of a part of a definition: the node at the JSON pointer `at` of `tree`.
///
/// Variables and overrides are applied before, short forms are lifted. A field set to null counts
/// as not written.
///
/// # Errors
/// Every fault of the shape, each with its place in `path`.
pub fn typed<T>(tree: &Node, path: &str, at: &str) -> Result<T, Vec<Diagnostic>>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let Some(node) = tree.pointer(at) else {
        let name = at.rsplit('/').next().unwrap_or_default();
        let message = format!("the field `{name}` is missing");
        return Err(vec![Diagnostic::error(Code::S0303, tree.find(at).place(path), message)]);
    };
    let schema = schema_of::<T>();
    let value = walk::walk(&schema, node, path)?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => {
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let message = error.inner().to_string();
        vec![Diagnostic::error(Code::S0307, blame(node, &pointer, path), message)]
    })
}

/// Where to point for what serde refused: at a scalar itself, otherwise at the key, which is then
/// what is wrong.
fn blame(node: &Node, pointer: &str, path: &str) -> Place {
    let found = node.find(pointer);
    let Some((parent, name)) = pointer.rsplit_once('/').filter(|_| found.as_mapping().is_some()) else {
        return found.place(path);
    };
    let name = name.replace("~1", "/").replace("~0", "~");
    match node.pointer(parent).and_then(|parent| parent.entry(&name)) {
        Some((key, _)) => key.place(path),
        None => found.place(path),
    }
}

#[cfg(test)]
mod tests;
