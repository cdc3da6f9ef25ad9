//! How two values of a type differ.

use std::collections::HashMap;

use serde_json::Value;

use super::{Atom, Comparison, entry, fields_of, is_empty, item_type, items_of, joint_atom, names, steps};
use crate::playground::apply::field_set::Step;
use crate::playground::schema::{Schema, Type};

/// What changed from `old` to `new`.
pub(crate) fn compare(schema: &Schema, kind: &Type, old: &Value, new: &Value) -> Comparison {
    let mut walk = Walk { schema, path: Vec::new(), out: Comparison::default() };
    walk.value(kind, Some(old), Some(new));
    walk.out
}

struct Walk<'a> {
    schema: &'a Schema,
    path: Vec<Step>,
    out: Comparison,
}

impl Walk<'_> {
    fn value(&mut self, kind: &Type, old: Option<&Value>, new: Option<&Value>) {
        // What is equal has nothing to say; most of an object mostly is.
        if old == new {
            return;
        }
        let atom = joint_atom(self.schema, kind, old, new);
        if atom == Atom::Leaf || (is_empty(old) && is_empty(new)) {
            match (old, new) {
                (None, _) => self.out.added.insert(&self.path),
                (_, None) => self.out.removed.insert(&self.path),
                _ => self.out.modified.insert(&self.path),
            }
            // A deduced map that became something else is gone as a map.
            if let (Some(Value::Object(_)), Some(_), Type::Any) = (old, new, kind) {
                self.fields(kind, old, None);
            }
            return;
        }
        if atom == Atom::Map {
            self.fields(kind, old, new);
        } else {
            self.items(kind, old, new);
        }
        match (old, new) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            // A deduced scalar or list that became a map was changed itself.
            (Some(old), _) if *kind == Type::Any && !old.is_null() && !old.is_object() => {
                self.out.modified.insert(&self.path);
            }
            _ => {}
        }
    }

    fn fields(&mut self, kind: &Type, old: Option<&Value>, new: Option<&Value>) {
        let (old, new) = (fields_of(old), fields_of(new));
        for name in names(old, new) {
            let (before, after) = (old.and_then(|old| old.get(name)), new.and_then(|new| new.get(name)));
            if before == after {
                continue;
            }
            self.path.push(Step::field(name));
            self.value(entry(self.schema, kind, name).0, before, after);
            self.path.pop();
        }
    }

    fn items(&mut self, kind: &Type, old: Option<&Value>, new: Option<&Value>) {
        let (old, new) = (items_of(old), items_of(new));
        let mut order: Vec<Step> = Vec::new();
        let mut sides: HashMap<Step, (Vec<&Value>, Vec<&Value>)> = HashMap::new();
        let labelled = steps(kind, old).into_iter().zip(old).map(|(step, item)| (step, item, false));
        let of_new = steps(kind, new).into_iter().zip(new).map(|(step, item)| (step, item, true));
        for (step, item, is_new) in labelled.chain(of_new) {
            let side = sides.entry(step.clone()).or_insert_with(|| {
                order.push(step);
                (Vec::new(), Vec::new())
            });
            if is_new { side.1.push(item) } else { side.0.push(item) }
        }
        for step in order {
            let Some((before, after)) = sides.remove(&step) else { continue };
            self.path.push(step);
            self.item(item_type(kind), &before, &after);
            self.path.pop();
        }
    }

    /// The items of one key. Several are one field: nobody owns what is inside them.
    fn item(&mut self, kind: &Type, old: &[&Value], new: &[&Value]) {
        match (old, new) {
            ([] | [_], [] | [_]) => self.value(kind, old.first().copied(), new.first().copied()),
            ([_, _, ..], [_, _, ..]) => {
                if old != new {
                    self.out.modified.insert(&self.path);
                }
            }
            ([_, _, ..], _) => {
                if let Some(one) = new.first() {
                    self.value(kind, None, Some(one));
                }
                self.out.removed.insert(&self.path);
            }
            (_, _) => {
                if let Some(one) = old.first() {
                    self.value(kind, Some(one), None);
                }
                self.out.added.insert(&self.path);
            }
        }
    }
}
