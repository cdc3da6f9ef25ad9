//! Merging a configuration into what is live.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{Atom, entry, fields_of, is_empty, item_type, items_of, joint_atom, names, steps};
use crate::playground::apply::field_set::Step;
use crate::playground::schema::{Schema, Type};

/// `live` with `config` merged in.
pub(crate) fn merge(schema: &Schema, kind: &Type, live: &Value, config: &Value) -> Value {
    merged(schema, kind, Some(live), Some(config)).unwrap_or(Value::Null)
}

/// The configuration's side wins where both are leaves; none if nothing is left.
fn merged(schema: &Schema, kind: &Type, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
    let atom = joint_atom(schema, kind, live, config);
    if atom == Atom::Leaf || (is_empty(live) && is_empty(config)) {
        return config.or(live).cloned();
    }
    if atom == Atom::List {
        let out = merge_items(schema, kind, items_of(live), items_of(config));
        return (!out.is_empty()).then_some(Value::Array(out));
    }
    let (held, given) = (fields_of(live), fields_of(config));
    let mut out = Map::new();
    for name in names(held, given) {
        let (before, after) = (held.and_then(|held| held.get(name)), given.and_then(|given| given.get(name)));
        if let Some(value) = merged(schema, entry(schema, kind, name).0, before, after) {
            out.insert(name.clone(), value);
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// The items of live by their steps; those that share one have no value that could be merged with.
fn singles<'a>(steps: &'a [Step], items: &'a [Value]) -> HashMap<&'a Step, Option<&'a Value>> {
    let mut found: HashMap<&Step, Option<&Value>> = HashMap::new();
    for (step, item) in steps.iter().zip(items) {
        found.entry(step).and_modify(|held| *held = None).or_insert(Some(item));
    }
    found
}

/// Items in the order of the configuration, with items that only live has kept near their place.
fn merge_items(schema: &Schema, kind: &Type, live: &[Value], config: &[Value]) -> Vec<Value> {
    let (held, given) = (steps(kind, live), steps(kind, config));
    let (live_by_step, wanted) = (singles(&held, live), singles(&given, config));
    let join = |step: &Step, item: &Value| {
        let before = live_by_step.get(step).copied().flatten();
        merged(schema, item_type(kind), before, Some(item))
    };
    let mut shared = given.iter().filter(|step| live_by_step.contains_key(step)).peekable();
    let mut out = Vec::new();
    let mut done: HashSet<&Step> = HashSet::new();
    let (mut left, mut right) = (0, 0);
    while left < held.len() || right < given.len() {
        if left < held.len() && right < given.len() {
            let step = &held[left];
            if *step == given[right] {
                out.extend(join(step, &config[right]));
                done.insert(step);
                left += 1;
                right += 1;
                shared.next();
                continue;
            }
            if wanted.contains_key(step) && shared.peek().is_some_and(|next| *next != step) {
                left += 1;
                continue;
            }
        }
        if left < held.len() {
            let step = &held[left];
            if !wanted.contains_key(step) {
                out.push(live[left].clone());
                left += 1;
                continue;
            }
            if done.contains(step) {
                left += 1;
            }
        }
        if right < given.len() {
            let step = &given[right];
            out.extend(join(step, &config[right]));
            done.insert(step);
            right += 1;
            if shared.peek().is_some_and(|next| *next == step) {
                shared.next();
            }
        }
    }
    out
}
