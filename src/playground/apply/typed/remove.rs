//! Taking fields out of a value.

use serde_json::{Map, Value};

use super::{Atom, atom, entry, item_type, steps};
use crate::playground::apply::field_set::{FieldSet, Step};
use crate::playground::schema::{Schema, Type};

/// `value` without the fields and items of a set. A map or list of which nothing is left is null.
pub(crate) fn without(schema: &Schema, kind: &Type, value: &Value, gone: &FieldSet) -> Value {
    match (atom(schema, kind, value), value) {
        (Atom::Map, Value::Object(fields)) => {
            let mut kept = Map::new();
            for (name, inner) in fields {
                let step = Step::field(name);
                if gone.has(&step) {
                    continue;
                }
                let inner = match gone.below(&step) {
                    Some(below) => without(schema, entry(schema, kind, name).0, inner, below),
                    None => inner.clone(),
                };
                kept.insert(name.clone(), inner);
            }
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        (Atom::List, Value::Array(items)) => {
            let mut kept = Vec::new();
            for (step, inner) in steps(kind, items).into_iter().zip(items) {
                if gone.has(&step) {
                    continue;
                }
                kept.push(match gone.below(&step) {
                    Some(below) => without(schema, item_type(kind), inner, below),
                    None => inner.clone(),
                });
            }
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        _ => value.clone(),
    }
}
