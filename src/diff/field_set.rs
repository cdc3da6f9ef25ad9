//! Who owns which field of an object: `metadata.managedFields`, read.
//!
//! Source: the format of `FieldsV1` in the Kubernetes API reference (`f:`, `k:`, `v:`, `i:`, `.`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::facts::{Shape, Type};
use crate::model::Manifest;

/// One step of a path, as managed fields write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathElement {
    /// The field of an object.
    Field(String),
    /// The list element with these merge keys, as canonical JSON.
    Key(String),
    /// The element of a list of scalars, as canonical JSON.
    Value(String),
    /// The element of a list at a position.
    Index(usize),
}

impl PathElement {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let canonical = || serde_json::from_str::<Value>(rest).ok().map(|value| value.to_string());
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => canonical().map(Self::Key),
            "v" => canonical().map(Self::Value),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }
}

/// A tree of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Whether the field itself is in the set, beside what it contains (`.`).
    pub is_member: bool,
    /// What the field contains.
    pub children: BTreeMap<PathElement, FieldSet>,
}

impl FieldSet {
    /// Reads a `fieldsV1`; what is not understood is left out.
    pub fn parse(fields: &Value) -> Self {
        let mut set = Self::default();
        for (name, inner) in fields.as_object().into_iter().flatten() {
            if name == "." {
                set.is_member = true;
            } else if let Some(element) = PathElement::parse(name) {
                set.children.insert(element, Self::parse(inner));
            }
        }
        set
    }

    /// Whether nothing below is named, so that the set holds the field as a whole.
    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// What the set says of the field at `path`: the node there, or the leaf above that holds it.
    pub fn covering(&self, path: &[PathElement]) -> Option<&Self> {
        let mut node = self;
        for element in path {
            match node.children.get(element) {
                Some(child) => node = child,
                // The root is no field; a leaf below it stands for all that it contains.
                None if node.is_leaf() && !std::ptr::eq(node, self) => return Some(node),
                None => return None,
            }
        }
        Some(node)
    }

    /// The fields that a value has, told apart as its type says.
    pub(super) fn of(shape: Shape, value: &Value) -> Self {
        let mut set = Self::default();
        match (shape, value) {
            (Shape::One(known), Value::Object(map)) => set.children = fields_of(known, map),
            (Shape::Any, Value::Object(map)) => set.children = fields_of(&super::facts::NONE, map),
            (Shape::Entries | Shape::Quantities, Value::Object(map)) => {
                let leaf = |name: &String| (PathElement::Field(name.clone()), Self::default());
                set.children = map.keys().map(leaf).collect();
            }
            (Shape::ListMap(keys, known), Value::Array(list)) => {
                for element in list {
                    let Some(key) = merge_key(keys, element) else { return Self::default() };
                    let mut inner = Self::of(Shape::One(known), element);
                    inner.is_member = true;
                    set.children.insert(PathElement::Key(key), inner);
                }
            }
            _ => {}
        }
        set
    }
}

fn fields_of(known: &Type, map: &Map<String, Value>) -> BTreeMap<PathElement, FieldSet> {
    map.iter()
        .map(|(name, value)| (PathElement::Field(name.clone()), FieldSet::of(known.field(name), value)))
        .collect()
}

/// A JSON pointer into an object as managed fields write its path.
pub(super) fn elements(shape: Shape, object: &Value, pointer: &str) -> Vec<PathElement> {
    let (mut shape, mut value) = (shape, Some(object));
    let mut path = Vec::new();
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let index = name.parse::<usize>().ok().filter(|_| value.is_some_and(Value::is_array));
        let child = match index {
            Some(index) => value.and_then(|value| value.get(index)),
            None => value.and_then(|value| value.get(name.as_str())),
        };
        let (element, inner) = match (shape, index) {
            (Shape::ListMap(keys, known), Some(index)) => {
                let key = child.and_then(|child| merge_key(keys, child));
                (key.map_or(PathElement::Index(index), PathElement::Key), Shape::One(known))
            }
            (Shape::Set, Some(index)) => {
                let scalar = child.map(Value::to_string);
                (scalar.map_or(PathElement::Index(index), PathElement::Value), Shape::Any)
            }
            (_, Some(index)) => (PathElement::Index(index), Shape::Any),
            (Shape::One(known), None) => (PathElement::Field(name.clone()), known.field(&name)),
            (_, None) => (PathElement::Field(name), Shape::Any),
        };
        path.push(element);
        (shape, value) = (inner, child);
    }
    path
}

/// The merge keys of a list element as canonical JSON; none if one is missing.
pub(super) fn merge_key(keys: &[&str], element: &Value) -> Option<String> {
    let mut key = Map::new();
    for name in keys {
        key.insert((*name).to_owned(), element.get(name)?.clone());
    }
    Some(Value::Object(key).to_string())
}

/// One entry of an object's managed fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The field manager.
    pub manager: String,
    /// Whether it applied the fields (`Apply`), or wrote them in some other way (`Update`).
    pub is_apply: bool,
    /// The subresource that it wrote to; empty for the object itself.
    pub subresource: String,
    /// When it last wrote, as the server put it.
    pub time: Option<String>,
    /// What it owns.
    pub fields: FieldSet,
}

/// Everyone who owns fields of an object as it was read from a cluster.
pub fn owners(live: &Manifest) -> Vec<Owner> {
    let entries = live.at("/metadata/managedFields").and_then(Value::as_array);
    let read = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Owner {
            manager: text("manager"),
            is_apply: text("operation") == "Apply",
            subresource: text("subresource"),
            time: Some(text("time")).filter(|time| !time.is_empty()),
            fields: entry.get("fieldsV1").map(FieldSet::parse).unwrap_or_default(),
        }
    };
    entries.into_iter().flatten().map(read).collect()
}
