//! Names, labels and annotations.

use serde_json::{Value, json};

use crate::playground::kinds::Kind;
use crate::playground::status::Cause;
use crate::playground::store::text_at;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// The most bytes that all annotations of an object may have.
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

fn is_label(text: &str) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|held| held.is_ascii_lowercase() || held.is_ascii_digit());
    let bytes = text.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|held| held.is_ascii_lowercase() || held.is_ascii_digit() || *held == b'-')
}

fn is_label_value(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|held| held.is_ascii_alphanumeric() || b"-_.".contains(held))
}

/// What is wrong with a name, if anything.
fn check_name(kind: &Kind, name: &str) -> Option<String> {
    match kind.kind {
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => {
            if name.contains('/') || name.contains('%') || name == "." || name == ".." {
                return Some("may not contain '/' or '%'".into());
            }
            None
        }
        "Service" => {
            let good = is_label(name) && name.starts_with(|first: char| first.is_ascii_lowercase());
            if name.len() > 63 {
                return Some("must be no more than 63 characters".into());
            }
            (!good).then(|| LABEL_1035.to_owned())
        }
        "Namespace" => {
            if name.len() > 63 {
                return Some("must be no more than 63 bytes".into());
            }
            (!is_label(name)).then(|| LABEL.to_owned())
        }
        "CronJob" if name.len() > 52 => Some("must be no more than 52 characters".into()),
        _ => {
            if name.len() > 253 {
                return Some("must be no more than 253 bytes".into());
            }
            (!name.split('.').all(is_label)).then(|| SUBDOMAIN.to_owned())
        }
    }
}

pub(super) fn check(kind: &Kind, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = text_at(object, "/metadata/name");
    if name.is_empty() {
        causes.push(Cause::required_because("metadata.name", "name or generateName is required"));
    } else if let Some(detail) = check_name(kind, name) {
        causes.push(Cause::invalid("metadata.name", &json!(name), detail));
    }
    if let Some(labels) = object.pointer("/metadata/labels").and_then(Value::as_object) {
        for (key, value) in labels {
            let text = value.as_str().unwrap_or_default();
            if !is_label_value(text) {
                let detail = if text.len() > 63 { "must be no more than 63 bytes" } else { LABEL_VALUE };
                causes.push(Cause::invalid("metadata.labels", value, detail));
            }
            causes.extend(check_key("metadata.labels", key));
        }
    }
    if let Some(annotations) = object.pointer("/metadata/annotations").and_then(Value::as_object) {
        let size: usize =
            annotations.iter().map(|(key, value)| key.len() + value.as_str().unwrap_or_default().len()).sum();
        if size > ANNOTATIONS_LIMIT {
            causes.push(Cause {
                reason: "FieldValueTooLong",
                message: format!("Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"),
                field: "metadata.annotations".into(),
            });
        }
        causes.extend(
            annotations.keys().filter_map(|key| check_key("metadata.annotations", &key.to_lowercase())),
        );
    }
    for (index, owner) in object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                causes.push(Cause::invalid(
                    format!("metadata.ownerReferences[{index}].{field}"),
                    &json!(""),
                    "must not be empty",
                ));
            }
        }
    }
    causes
}

/// A qualified name: an optional DNS prefix, a slash, a name.
fn check_key(field: &str, key: &str) -> Option<Cause> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let good = !name.is_empty()
        && is_label_value(name)
        && prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_label));
    (!good).then(|| {
        Cause::invalid(
            field,
            &json!(key),
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        )
    })
}
