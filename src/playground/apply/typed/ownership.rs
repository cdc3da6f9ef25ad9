//! The fields that a value sets, and sets of fields in the light of a type.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Atom, atom, entry, item_type, steps};
use crate::playground::apply::field_set::{FieldSet, Step};
use crate::playground::schema::{Schema, Type};

/// The fields that a value sets.
pub(crate) fn field_set(schema: &Schema, kind: &Type, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(schema, kind, value, &mut Vec::new(), &mut set);
    set
}

fn collect(schema: &Schema, kind: &Type, value: &Value, path: &mut Vec<Step>, set: &mut FieldSet) {
    match (atom(schema, kind, value), value) {
        (Atom::Leaf, _) => set.insert(path),
        (Atom::Map, Value::Object(fields)) => {
            for (name, inner) in fields {
                let (inner_kind, declared) = entry(schema, kind, name);
                path.push(Step::field(name));
                collect(schema, inner_kind, inner, path, set);
                let bare = inner.is_null() || inner.as_object().is_some_and(Map::is_empty);
                if bare || !declared {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Atom::List, Value::Array(items)) => {
            let steps = steps(kind, items);
            let mut times: HashMap<&Step, u32> = HashMap::new();
            for step in &steps {
                *times.entry(step).or_default() += 1;
            }
            for (step, inner) in steps.iter().zip(items) {
                path.push(step.clone());
                if times.get(step).copied() == Some(1) {
                    collect(schema, item_type(kind), inner, path, set);
                }
                set.insert(path);
                path.pop();
            }
        }
        // Null, where a map or a list could be.
        _ => {}
    }
}

/// The same set where every declared field on the way to a member is a member too. Entries of maps
/// and items of lists are not added: their membership means that somebody owns them.
pub(crate) fn named_members(schema: &Schema, kind: &Type, set: &FieldSet) -> FieldSet {
    let mut result = FieldSet::default();
    for step in set.members() {
        result.insert(std::slice::from_ref(step));
    }
    for (step, child) in set.children() {
        let inner = match step {
            Step::Field(name) => {
                let (inner, declared) = entry(schema, kind, name);
                if declared {
                    result.insert(std::slice::from_ref(step));
                }
                inner
            }
            Step::Key(_) => item_type(kind),
            _ => &Type::Any,
        };
        result.adopt(step, named_members(schema, inner, child));
    }
    result
}

/// A set in the light of a type that may have changed since it was written: who owned parts of what
/// is atomic now owns the whole of it. None where nothing changes.
pub(crate) fn reconciled(schema: &Schema, kind: &Type, set: &FieldSet) -> Option<FieldSet> {
    let mut result = FieldSet::default();
    let mut changed = false;
    for step in set.members() {
        result.insert(std::slice::from_ref(step));
    }
    for (step, child) in set.children() {
        let inner_kind = match step {
            Step::Field(name) => entry(schema, kind, name).0,
            Step::Key(_) => item_type(kind),
            _ => &Type::Any,
        };
        let is_whole = matches!(inner_kind, Type::Map { .. } | Type::List { .. } | Type::Named(_));
        if is_whole && schema.is_atomic(inner_kind) {
            result.insert(std::slice::from_ref(step));
            changed = true;
            continue;
        }
        match reconciled(schema, inner_kind, child) {
            Some(inner) => {
                changed = true;
                result.adopt(step, inner);
            }
            None => result.adopt(step, child.clone()),
        }
    }
    changed.then_some(result)
}
