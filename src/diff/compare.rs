//! Two canonical values side by side: what is wanted must be in what is live.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::facts::{self, Shape, Type};
use super::field_set::{FieldSet, PathElement, merge_key};
use super::path::Path;
use super::{Difference, DifferenceKind};
use crate::model::Quantity;

/// Collects differences, leaving out those below the ignored pointers.
pub(super) struct Comparison<'a> {
    ignore: &'a [String],
    /// What was found, with the path of each.
    pub(super) found: Vec<(Path, Difference)>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(ignore: &'a [String]) -> Self {
        Self { ignore, found: Vec::new() }
    }

    fn add(&mut self, path: &Path, kind: DifferenceKind, wanted: Option<&Value>, live: Option<&Value>) {
        let is_known = || self.found.iter().any(|(known, _)| path.starts_with(known));
        if self.is_ignored(path) || is_known() {
            return;
        }
        let difference = Difference {
            pointer: path.pointer(),
            kind,
            wanted: wanted.cloned(),
            live: live.cloned(),
            manager: None,
            time: None,
        };
        self.found.push((path.clone(), difference));
    }

    fn is_ignored(&self, path: &Path) -> bool {
        self.ignore.iter().any(|pointer| path.is_within(pointer))
    }

    fn changed(&mut self, path: &Path, wanted: &Value, live: &Value) {
        self.add(path, DifferenceKind::Changed, Some(wanted), Some(live));
    }

    /// Everything in `wanted` that is absent or different in `live`.
    pub(super) fn contains(&mut self, shape: Shape, wanted: &Value, live: &Value, path: &Path) {
        if self.is_ignored(path) {
            return;
        }
        match (shape, wanted, live) {
            (Shape::One(known), Value::Object(wanted), Value::Object(live)) => {
                self.object(known, wanted, live, path);
            }
            (Shape::Any | Shape::Entries | Shape::Quantities, Value::Object(w), Value::Object(l)) => {
                let inner = if matches!(shape, Shape::Quantities) { Shape::Quantity } else { Shape::Any };
                self.entries(inner, w, l, path);
            }
            (Shape::ListMap(keys, known), Value::Array(w), Value::Array(l)) => {
                if !self.list_map(keys, known, w, l, path) {
                    self.positions(Shape::One(known), wanted, live, path);
                }
            }
            (Shape::Set, Value::Array(w), Value::Array(l)) => {
                for (index, element) in w.iter().enumerate() {
                    if !l.contains(element) {
                        let path = path.item(PathElement::Value(element.to_string()), index);
                        self.add(&path, DifferenceKind::Missing, Some(element), None);
                    }
                }
            }
            (Shape::Atomic(known), ..) => self.positions(Shape::One(known), wanted, live, path),
            (Shape::Any, Value::Array(_), Value::Array(_)) => self.positions(Shape::Any, wanted, live, path),
            _ if is_equal(shape, wanted, live) => {}
            _ => self.changed(path, wanted, live),
        }
    }

    fn object(&mut self, known: &Type, wanted: &Map<String, Value>, live: &Map<String, Value>, path: &Path) {
        for (name, value) in wanted {
            self.member(known.field(name), value, live.get(name), &path.field(name));
        }
    }

    fn entries(&mut self, inner: Shape, wanted: &Map<String, Value>, live: &Map<String, Value>, path: &Path) {
        for (name, value) in wanted {
            self.member(inner, value, live.get(name), &path.field(name));
        }
    }

    fn member(&mut self, shape: Shape, wanted: &Value, live: Option<&Value>, path: &Path) {
        match live {
            Some(live) => self.contains(shape, wanted, live, path),
            None => self.add(path, DifferenceKind::Missing, Some(wanted), None),
        }
    }

    /// Elements by their merge keys; false if these don't tell them apart.
    fn list_map(
        &mut self,
        keys: &[&str],
        known: &'static Type,
        wanted: &[Value],
        live: &[Value],
        path: &Path,
    ) -> bool {
        let keys_of = |list: &[Value]| -> Option<Vec<String>> {
            list.iter().map(|element| merge_key(keys, element)).collect()
        };
        let (Some(wanted_keys), Some(live_keys)) = (keys_of(wanted), keys_of(live)) else { return false };
        let is_unique = |keys: &[String]| keys.iter().collect::<BTreeSet<_>>().len() == keys.len();
        if !is_unique(&wanted_keys) || !is_unique(&live_keys) {
            return false;
        }
        for (index, (element, key)) in wanted.iter().zip(wanted_keys).enumerate() {
            match live_keys.iter().position(|live_key| *live_key == key) {
                Some(at) => {
                    let path = path.item(PathElement::Key(key), at);
                    self.contains(Shape::One(known), element, &live[at], &path);
                }
                None => {
                    let path = path.item(PathElement::Key(key), index);
                    self.add(&path, DifferenceKind::Missing, Some(element), None);
                }
            }
        }
        true
    }

    /// Elements by position; lists of different length differ as a whole.
    fn positions(&mut self, shape: Shape, wanted: &Value, live: &Value, path: &Path) {
        let (Value::Array(w), Value::Array(l)) = (wanted, live) else {
            return if wanted != live {
                self.changed(path, wanted, live)
            };
        };
        if w.len() != l.len() {
            return self.changed(path, wanted, live);
        }
        for (index, (w, l)) in w.iter().zip(l).enumerate() {
            self.contains(shape, w, l, &path.item(PathElement::Index(index), index));
        }
    }

    /// Everything in `set` that `live` has and `wanted` has not, reported as `kind`.
    ///
    /// A field of a known structure is reported as a whole; of what managers share (metadata, maps
    /// of names, lists with merge keys), each entry.
    pub(super) fn surplus(
        &mut self,
        shape: Shape,
        set: &FieldSet,
        (wanted, live): (Option<&Value>, &Value),
        path: &Path,
        kind: DifferenceKind,
    ) {
        if self.is_ignored(path) {
            return;
        }
        for (element, inner) in &set.children {
            let Some((shape, next, wanted_inner, live_inner)) = step(shape, element, wanted, live, path)
            else {
                continue;
            };
            let is_metadata = *element == PathElement::Field("metadata".to_owned());
            let is_shared = is_metadata || matches!(shape, Shape::Entries | Shape::ListMap(..));
            match wanted_inner {
                Some(_) => self.surplus(shape, inner, (wanted_inner, live_inner), &next, kind),
                None if is_shared && !inner.is_leaf() => {
                    self.surplus(shape, inner, (None, live_inner), &next, kind);
                }
                None => self.add(&next, kind, None, Some(live_inner)),
            }
        }
    }
}

/// One step down a field set, in `wanted` and in `live`; none if `live` has nothing there.
fn step<'v>(
    shape: Shape,
    element: &PathElement,
    wanted: Option<&'v Value>,
    live: &'v Value,
    path: &Path,
) -> Option<(Shape, Path, Option<&'v Value>, &'v Value)> {
    match element {
        PathElement::Field(name) => {
            let inner = match shape {
                Shape::One(known) => known.field(name),
                _ => Shape::Any,
            };
            let wanted = wanted.and_then(|wanted| wanted.get(name));
            Some((inner, path.field(name), wanted, live.get(name)?))
        }
        PathElement::Key(key) => {
            let (inner, keys) = match shape {
                Shape::ListMap(_, known) => (Shape::One(known), key),
                _ => (Shape::Any, key),
            };
            let names: Map<String, Value> = serde_json::from_str(keys).ok()?;
            let names: Vec<&str> = names.keys().map(String::as_str).collect();
            let index_in = |list: &Value| {
                let list = list.as_array()?;
                list.iter().position(|element| merge_key(&names, element).as_ref() == Some(key))
            };
            let at = index_in(live)?;
            let wanted = wanted.and_then(|wanted| wanted.get(index_in(wanted)?));
            Some((inner, path.item(element.clone(), at), wanted, live.get(at)?))
        }
        PathElement::Value(text) => {
            let value: Value = serde_json::from_str(text).ok()?;
            let index_in = |list: &Value| list.as_array()?.iter().position(|element| *element == value);
            let at = index_in(live)?;
            let wanted = wanted.and_then(|wanted| wanted.get(index_in(wanted)?));
            Some((Shape::Any, path.item(element.clone(), at), wanted, live.get(at)?))
        }
        PathElement::Index(index) => {
            let wanted = wanted.and_then(|wanted| wanted.get(index));
            Some((Shape::Any, path.item(element.clone(), *index), wanted, live.get(index)?))
        }
    }
}

/// Equal as a server sees it: quantities by their value, whole numbers however they are written.
fn is_equal(shape: Shape, wanted: &Value, live: &Value) -> bool {
    let quantity = |value: &Value| value.as_str().and_then(|text| text.parse::<Quantity>().ok());
    match (shape, wanted, live) {
        (Shape::Quantity, ..) => match (quantity(wanted), quantity(live)) {
            (Some(wanted), Some(live)) => wanted == live,
            _ => wanted == live,
        },
        (_, Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => wanted == live,
    }
}

/// The shape of a whole object.
pub(super) fn root_shape(api_version: &str, kind: &str) -> Shape {
    Shape::One(facts::root(api_version, kind))
}
