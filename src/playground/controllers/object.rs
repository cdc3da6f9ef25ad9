//! Reading and writing the common parts of objects: owners, labels, conditions, moments.
//!
//! Fields are read leniently: what is missing or of the wrong type counts as absent, since the
//! store has checked objects before they come here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::model::{ObjectKey, Timestamp};

/// The text at a pointer; empty where there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The whole number at a pointer.
pub fn int(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The whole number at a pointer; 0 where there is none.
pub fn count(object: &Value, pointer: &str) -> i64 {
    int(object, pointer).unwrap_or(0)
}

/// Whether `true` stands at a pointer.
pub fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
}

/// The list at a pointer; empty where there is none.
pub fn array<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The moment at a pointer.
pub fn moment(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// A moment as Kubernetes writes it: to the second.
pub fn stamp(moment: Timestamp) -> String {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment).to_string()
}

/// The group of an `apiVersion`.
pub fn group_of(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

/// The key of an object.
pub fn key_of(object: &Value) -> ObjectKey {
    let namespace = text(object, "/metadata/namespace");
    ObjectKey {
        group: group_of(text(object, "/apiVersion")).to_owned(),
        kind: text(object, "/kind").to_owned(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        name: text(object, "/metadata/name").to_owned(),
    }
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`; empty for cluster-scoped objects.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// Whether deletion was asked for.
pub fn deleting(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null())
}

/// An annotation's value.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// The map at a pointer, for example of labels; empty where there is none.
pub fn fields(object: &Value, pointer: &str) -> Map<String, Value> {
    object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The map at a top-level path of an object to change, made where it is missing.
pub fn fields_mut<'a>(object: &'a mut Value, path: &[&str]) -> &'a mut Map<String, Value> {
    let mut at = object;
    for part in path {
        if !at[*part].is_object() {
            at[*part] = json!({});
        }
        at = &mut at[*part];
    }
    at.as_object_mut().expect("was just made a map")
}

/// The entry of `ownerReferences` that controls the object.
pub fn controller_of(object: &Value) -> Option<&Value> {
    array(object, "/metadata/ownerReferences").iter().find(|owner| flag(owner, "/controller"))
}

/// The uid of the object's controller; empty where it has none.
pub fn controller_uid(object: &Value) -> &str {
    controller_of(object).map_or("", |owner| text(owner, "/uid"))
}

/// The key of the object's controller, taken to be in the object's namespace.
pub fn controller_key(object: &Value) -> Option<ObjectKey> {
    let owner = controller_of(object)?;
    let space = namespace(object);
    Some(ObjectKey {
        group: group_of(text(owner, "/apiVersion")).to_owned(),
        kind: text(owner, "/kind").to_owned(),
        namespace: (!space.is_empty()).then(|| space.to_owned()),
        name: text(owner, "/name").to_owned(),
    })
}

/// An entry of `ownerReferences` that makes `owner` the controller.
pub fn controlled_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The condition of a type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    array(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)
}

/// Whether the condition of a type is `True`.
pub fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| text(condition, "/status") == "True")
}

/// A condition to put into a status.
#[derive(Debug, Clone)]
pub struct Condition<'a> {
    /// Its type.
    pub kind: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// A word for machines; left out where empty.
    pub reason: &'a str,
    /// A sentence for people; left out where empty.
    pub message: String,
}

impl Condition<'_> {
    /// The condition as JSON, with the time of transition of `before` where the status is the same.
    pub fn to_json(&self, before: Option<&Value>, now: Timestamp) -> Value {
        let kept = before
            .filter(|before| text(before, "/status") == self.status)
            .and_then(|before| before.get("lastTransitionTime").cloned());
        let mut condition = json!({
            "type": self.kind, "status": self.status,
            "lastTransitionTime": kept.unwrap_or_else(|| json!(stamp(now))),
        });
        if !self.reason.is_empty() {
            condition["reason"] = json!(self.reason);
        }
        if !self.message.is_empty() {
            condition["message"] = json!(self.message);
        }
        condition
    }

    /// Puts the condition into `status.conditions`, in the place of one of the same type.
    pub fn put(&self, status: &mut Value, now: Timestamp) {
        if !status["conditions"].is_array() {
            status["conditions"] = json!([]);
        }
        let Some(conditions) = status["conditions"].as_array_mut() else { return };
        match conditions.iter_mut().find(|condition| text(condition, "/type") == self.kind) {
            Some(place) => *place = self.to_json(Some(place), now),
            None => conditions.push(self.to_json(None, now)),
        }
    }
}

/// Takes the condition of a type out of a status.
pub fn drop_condition(status: &mut Value, kind: &str) {
    if let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| text(condition, "/type") != kind);
    }
}

/// A number or a percentage of `total`, as in `maxSurge`.
pub fn scaled(value: &Value, total: i64, round_up: bool) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let percent: i64 = value.as_str()?.strip_suffix('%')?.parse().ok()?;
    let product = percent.saturating_mul(total);
    Some(if round_up { (product + 99).div_euclid(100) } else { product.div_euclid(100) })
}

/// Whether labels meet a `LabelSelector`; an empty selector meets everything.
pub fn selects(selector: &Value, labels: &Map<String, Value>) -> bool {
    let value = |key: &str| labels.get(key).and_then(Value::as_str);
    let equal = fields(selector, "/matchLabels").iter().all(|(key, want)| value(key) == want.as_str());
    equal && array(selector, "/matchExpressions").iter().all(|expression| meets(expression, labels))
}

/// Whether labels meet one expression of a selector. Also of a node selector (`Gt`, `Lt`).
pub fn meets(expression: &Value, labels: &Map<String, Value>) -> bool {
    let value = labels.get(text(expression, "/key")).and_then(Value::as_str);
    let values = array(expression, "/values");
    let within = |value: &str| values.iter().any(|want| want.as_str() == Some(value));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = number(values.first().and_then(Value::as_str));
    match text(expression, "/operator") {
        "In" => value.is_some_and(within),
        "NotIn" => !value.is_some_and(within),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => matches!((number(value), bound), (Some(value), Some(bound)) if value > bound),
        "Lt" => matches!((number(value), bound), (Some(value), Some(bound)) if value < bound),
        _ => false,
    }
}

/// Whether a Service's selector names an object. Copies nothing: it is asked for every pod.
pub fn serves(service: &Value, object: &Value) -> bool {
    let Some(selector) = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty())
    else {
        return false;
    };
    let labels = &object["metadata"]["labels"];
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The labels of an object.
pub fn labels(object: &Value) -> Map<String, Value> {
    fields(object, "/metadata/labels")
}

/// Letters and digits that make no words, as Kubernetes uses in names.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A short name part for a number: the same number, the same part.
pub fn short_name(number: u64) -> String {
    number.to_string().bytes().map(|digit| char::from(SAFE[usize::from(digit) % SAFE.len()])).collect()
}

/// A number derived from bytes (FNV-1a, which spreads short inputs well enough for names).
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The hash part of a template's name. A collision counter salts it.
pub fn template_hash(template: &Value, collisions: i64) -> String {
    let mut bytes = crate::model::canonical_json(template);
    bytes.extend(collisions.to_be_bytes());
    let digest = hash(&bytes);
    short_name((digest ^ (digest >> 32)) & 0xffff_ffff)
}

/// Sums of quantities by resource.
pub type Sums = BTreeMap<String, crate::model::Quantity>;

/// Adds the quantities of a `requests` or `limits` map to sums.
pub fn add_quantities(sums: &mut Sums, quantities: Option<&Value>) {
    for (resource, amount) in quantities.and_then(Value::as_object).into_iter().flatten() {
        let Ok(amount) = serde_json::from_value::<crate::model::Quantity>(amount.clone()) else { continue };
        let sum = sums.get(resource).map_or(amount, |sum| sum.plus(amount));
        sums.insert(resource.clone(), sum);
    }
}

/// A label's value.
pub fn label_of<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}
