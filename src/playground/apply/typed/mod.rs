//! Values with their types: how they differ, merge, and lose fields.
//!
//! Follows the rules of Kubernetes' structured merge: structs and maps merge field by field unless
//! they are atomic, atomic lists are one field, lists that are maps go by their keys, sets by their
//! items, and what has no schema is deduced from the value. A null is a value that accepts whatever
//! form the other side has. Items that share a key are tolerated in what is stored already and
//! count as one field; a configuration must not have them.

mod check;
mod compare;
mod merge;
mod ownership;
mod remove;

use serde_json::{Map, Value};

use super::field_set::{FieldSet, Step};
use crate::playground::schema::{ListMerge, Schema, Type};

pub(crate) use check::check;
pub(crate) use compare::compare;
pub(crate) use merge::merge;
pub(crate) use ownership::{field_set, named_members, reconciled};
pub(crate) use remove::without;

/// How two values differ.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

impl Comparison {
    /// Whether nothing differs.
    pub(crate) fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Leaves out fields with all that is below them.
    pub(crate) fn excluding(self, fields: &FieldSet) -> Self {
        if fields.is_empty() {
            return self;
        }
        Self {
            added: self.added.without_below(fields),
            modified: self.modified.without_below(fields),
            removed: self.removed.without_below(fields),
        }
    }
}

/// A value can't be read by its type; the text names the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeError(pub String);

/// What a type makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Atom {
    /// One field, whatever is in it.
    Leaf,
    /// Fields of their own.
    Map,
    /// Items of their own.
    List,
}

/// The atom of a type for a value; without a type, the value's own form. Null is taken for a map
/// there, as it may stand for one.
fn atom(schema: &Schema, kind: &Type, value: &Value) -> Atom {
    if schema.is_atomic(kind) {
        return Atom::Leaf;
    }
    match (kind, value) {
        (Type::Any, Value::Object(_) | Value::Null) => Atom::Map,
        (Type::Any, _) => Atom::Leaf,
        (Type::List { .. }, _) => Atom::List,
        (Type::Map { .. } | Type::Named(_), _) => Atom::Map,
        _ => Atom::Leaf,
    }
}

/// The atom by which two sides are taken together. Where a deduced form changed, the new one counts.
fn joint_atom(schema: &Schema, kind: &Type, old: Option<&Value>, new: Option<&Value>) -> Atom {
    match (old, new) {
        (Some(old), Some(Value::Null)) => atom(schema, kind, old),
        (Some(old), None) => atom(schema, kind, old),
        (_, Some(new)) => atom(schema, kind, new),
        (None, None) => Atom::Leaf,
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => true,
    }
}

fn fields_of(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn items_of(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The names in two maps, each once, in order.
fn names<'a>(
    old: Option<&'a Map<String, Value>>,
    new: Option<&'a Map<String, Value>>,
) -> impl Iterator<Item = &'a String> {
    let of_old = old.into_iter().flat_map(Map::keys);
    let of_new = new.into_iter().flat_map(Map::keys);
    of_old.chain(of_new.filter(move |name| old.is_none_or(|old| !old.contains_key(*name))))
}

/// The type of a map's or struct's entry, and whether the struct declares it.
fn entry<'a>(schema: &'a Schema, kind: &'a Type, name: &str) -> (&'a Type, bool) {
    if let Type::Map { value, .. } = kind {
        return (value, false);
    }
    schema.field(kind, name).unwrap_or((&Type::Any, false))
}

fn item_type(kind: &Type) -> &Type {
    match kind {
        Type::List { item, .. } => item,
        _ => &Type::Any,
    }
}

/// The step that names an item of a list. Keys that are left out and have no default don't count, as
/// long as one is there.
fn item_step(kind: &Type, item: &Value) -> Result<Step, String> {
    let Type::List { merge: ListMerge::Keys(keys), .. } = kind else {
        return match item {
            Value::Null => Err("associative list without keys has an element that's an explicit null".into()),
            item => Ok(Step::Item(canonical(item))),
        };
    };
    if !item.is_object() {
        let found = if item.is_null() { "a null" } else { "non-map" };
        return Err(format!("associative list with keys may not have {found} element"));
    }
    let mut held: Vec<(String, String)> = keys
        .iter()
        .filter_map(|(key, default)| {
            let value = item.get(key).or(default.as_ref())?;
            Some((key.clone(), canonical(value)))
        })
        .collect();
    match (held.is_empty(), keys.as_slice()) {
        (false, _) => {
            held.sort();
            Ok(Step::Key(held))
        }
        (true, [(key, _)]) => Err(format!(
            "associative list with keys has an element that omits key field {key:?} (and doesn't have default value)"
        )),
        (true, keys) => {
            let names: Vec<String> = keys.iter().map(|(key, _)| format!("{key:?}")).collect();
            Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                names.join(" ")
            ))
        }
    }
}

/// A key's text: whole numbers are one number, however they are written.
fn canonical(value: &Value) -> String {
    let whole = value.as_f64().filter(|number| value.is_f64() && number.fract() == 0.0);
    whole.map_or_else(|| value.to_string(), |whole| format!("{whole:.0}"))
}

/// The steps of a list's items, by place. An item that has none goes by its whole value.
fn steps(kind: &Type, items: &[Value]) -> Vec<Step> {
    items.iter().map(|item| item_step(kind, item).unwrap_or_else(|_| Step::Item(item.to_string()))).collect()
}

/// Takes out null fields.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, inner| !inner.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
