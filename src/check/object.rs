//! Limits of the API server on objects.

use serde_json::Value;

use crate::diagnostic::{Code, Fault};
use crate::model::{Manifest, canonical_json};
use crate::render::{ConfigData, Rendered};

/// What etcd takes in one write.
const OBJECT_LIMIT: usize = 1_500_000;

/// What a ConfigMap or Secret may hold.
const DATA_LIMIT: usize = 1 << 20;

const NAME_LIMIT: usize = 253;

pub(super) fn check(rendered: &Rendered, faults: &mut Vec<Fault>) {
    for object in rendered.bundle.objects.iter().chain(&rendered.settings.objects) {
        let size = canonical_json(object.as_value()).len();
        if size > OBJECT_LIMIT {
            let message = format!("{} has {size} bytes; at most {OBJECT_LIMIT} are taken", object.key());
            faults.push(Fault::error(Code::S0517, &[], message));
        } else if matches!(object.kind(), "ConfigMap" | "Secret") {
            let held = data_size(object);
            if held > DATA_LIMIT {
                let message = format!("{} holds {held} bytes; at most {DATA_LIMIT} are taken", object.key());
                faults.push(Fault::error(Code::S0517, &[], message));
            }
        }
        if object.name().len() > NAME_LIMIT {
            let message = format!("the name of {} has more than {NAME_LIMIT} characters", object.key());
            faults.push(Fault::error(Code::S0517, &[], message));
        }
        let labels = object.at("/metadata/labels").and_then(Value::as_object);
        for (key, value) in labels.into_iter().flatten() {
            if value.as_str().is_some_and(|value| !is_label_value(value)) {
                let message = format!("the label `{key}` of {} has no legal value", object.key());
                faults.push(Fault::error(Code::S0517, &[], message));
            }
        }
    }
}

fn data_size(object: &Manifest) -> usize {
    ["/data", "/binaryData"]
        .iter()
        .filter_map(|pointer| object.at(pointer)?.as_object())
        .flatten()
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum()
}

/// At most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit; or
/// nothing.
pub(super) fn is_label_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

/// Whether a text can be a key of a ConfigMap or Secret.
pub(super) fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= NAME_LIMIT
        && key != "."
        && key != ".."
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Checks the keys of a Config.
pub fn keys(data: &ConfigData) -> Vec<Fault> {
    data.keys()
        .filter(|key| !is_key(key))
        .map(|key| {
            let message = format!("`{key}` is no key of a ConfigMap: letters, digits, `-`, `_` and `.`");
            Fault::error(Code::S0522, &["values", key], message)
        })
        .collect()
}
