//! Secrets in a diff: which keys changed, never what they hold.

use serde_json::{Map, Value};

use super::canonical::LAST_APPLIED;
use super::{Difference, DifferenceKind};
use crate::model::Manifest;

const HIDDEN: &str = "***";
const BEFORE: &str = "*** (before)";
const AFTER: &str = "*** (after)";

/// The fields of a Secret that hold values.
const VALUE_FIELDS: [&str; 2] = ["data", "stringData"];

pub(super) fn is_secret(object: &Manifest) -> bool {
    object.kind() == "Secret" && object.group().is_empty()
}

/// Both sides of a Secret with every value hidden: `*** (before)` and `*** (after)` where both
/// sides have the key and its value differs, `***` everywhere else. Other kinds stay as they are.
///
/// Whatever the type of the Secret, values are hidden whole, those inside the annotation of
/// `kubectl apply` too.
pub fn mask_secret(
    wanted: Option<&Manifest>,
    live: Option<&Manifest>,
) -> (Option<Manifest>, Option<Manifest>) {
    (wanted.map(|wanted| mask(wanted, live, AFTER)), live.map(|live| mask(live, wanted, BEFORE)))
}

fn mask(object: &Manifest, other: Option<&Manifest>, changed: &str) -> Manifest {
    let mut masked = object.clone();
    if !is_secret(object) {
        return masked;
    }
    let Some(fields) = masked.as_value_mut().as_object_mut() else { return masked };
    for name in VALUE_FIELDS {
        if let Some(values) = fields.get_mut(name) {
            let other = other.and_then(|other| other.fields().get(name));
            *values = mask_values(values, other, changed);
        }
    }
    let annotations = fields.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(applied) = annotations.and_then(|annotations| annotations.get_mut(LAST_APPLIED)) {
        *applied = Value::from(HIDDEN);
    }
    masked
}

/// A map of values key by key; anything else as one.
fn mask_values(values: &Value, other: Option<&Value>, changed: &str) -> Value {
    let hide = |value: &Value, other: Option<&Value>| match other {
        Some(other) if other != value => Value::from(changed),
        _ => Value::from(HIDDEN),
    };
    match values {
        Value::Null => Value::Null,
        Value::Object(map) => {
            let masked: Map<String, Value> = map
                .iter()
                .map(|(key, value)| (key.clone(), hide(value, other.and_then(|other| other.get(key)))))
                .collect();
            Value::Object(masked)
        }
        value => hide(value, other),
    }
}

/// Hides the values of one difference of a Secret.
pub(super) fn mask_difference(difference: &mut Difference) {
    let field = difference.pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
    let is_whole = !difference.pointer.trim_start_matches('/').contains('/');
    if !VALUE_FIELDS.contains(&field) {
        return;
    }
    let (wanted, live) = (difference.wanted.take(), difference.live.take());
    let is_changed = difference.kind == DifferenceKind::Changed;
    let hide = |value: &Value, other: Option<&Value>, word: &str| {
        if is_whole {
            return mask_values(value, other, word);
        }
        Value::from(if is_changed { word } else { HIDDEN })
    };
    difference.wanted = wanted.as_ref().map(|value| hide(value, live.as_ref(), AFTER));
    difference.live = live.as_ref().map(|value| hide(value, wanted.as_ref(), BEFORE));
}
