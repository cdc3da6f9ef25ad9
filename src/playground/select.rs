//! Label and field selectors.

use serde_json::Value;

use super::kinds::Kind;
use super::request::Call;

/// What a requirement of a label selector asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

/// A label selector; the empty one matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<(String, Operator)>);

impl LabelSelector {
    /// Reads `a=b,c!=d,e in (f,g),h,!i`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for part in split_outside_parentheses(text) {
            let part = part.trim();
            if !part.is_empty() {
                requirements.push(parse_requirement(part)?);
            }
        }
        Ok(Self(requirements))
    }

    /// Reads a `LabelSelector` object.
    pub(crate) fn of_object(selector: &Value) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push((key.clone(), Operator::In(vec![value])));
        }
        for expression in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            let values = expression["values"].as_array().into_iter().flatten();
            let values = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
            let operator = match expression["operator"].as_str() {
                Some("In") => Operator::In(values),
                Some("NotIn") => Operator::NotIn(values),
                Some("Exists") => Operator::Exists,
                Some("DoesNotExist") => Operator::DoesNotExist,
                other => return Err(format!("{other:?} is not a valid label selector operator")),
            };
            requirements.push((key, operator));
        }
        Ok(Self(requirements))
    }

    /// Whether labels (an object, or null) match.
    pub(crate) fn matches(&self, labels: &Value) -> bool {
        self.0.iter().all(|(key, operator)| {
            let value = labels.get(key).and_then(Value::as_str);
            match operator {
                Operator::In(values) => value.is_some_and(|value| values.iter().any(|held| held == value)),
                Operator::NotIn(values) => value.is_none_or(|value| values.iter().all(|held| held != value)),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(part: &str) -> Result<(String, Operator), String> {
    let owned = |text: &str| text.trim().to_owned();
    if let Some((key, list)) = part.split_once(" notin ").or_else(|| part.split_once(" notin(")) {
        return Ok((owned(key), Operator::NotIn(parse_values(list))));
    }
    if let Some((key, list)) = part.split_once(" in ").or_else(|| part.split_once(" in(")) {
        return Ok((owned(key), Operator::In(parse_values(list))));
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok((owned(key), Operator::NotIn(vec![owned(value)])));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok((owned(key), Operator::In(vec![owned(value)])));
    }
    if let Some(key) = part.strip_prefix('!') {
        return Ok((owned(key), Operator::DoesNotExist));
    }
    if part.contains(char::is_whitespace) {
        return Err(format!(
            "unable to parse requirement: found '{part}', expected: in, notin, =, ==, !=, gt, lt"
        ));
    }
    Ok((owned(part), Operator::Exists))
}

fn parse_values(list: &str) -> Vec<String> {
    list.trim().trim_matches(['(', ')']).split(',').map(|value| value.trim().to_owned()).collect()
}

/// A field selector: equalities and inequalities of known fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<(String, bool, String)>);

impl FieldSelector {
    /// Reads `metadata.name=a,status.phase!=Running`.
    pub(crate) fn parse(call: &Call, text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (field, true, value)
            } else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            let declared = call
                .custom
                .as_ref()
                .is_some_and(|version| version.selectable.iter().any(|held| held == field));
            if !declared && !is_selectable(call.kind, field) {
                return Err(format!("field label not supported: {field}"));
            }
            terms.push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(Self(terms))
    }

    /// Whether an object matches.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, equal, value)| {
            let pointer = format!("/{}", field.replace('.', "/"));
            let held = match object.pointer(&pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            (held == *value) == *equal
        })
    }
}

fn is_selectable(kind: &Kind, field: &str) -> bool {
    if matches!(field, "metadata.name" | "metadata.namespace") {
        return true;
    }
    match kind.kind {
        "Pod" => matches!(
            field,
            "spec.nodeName"
                | "spec.restartPolicy"
                | "spec.schedulerName"
                | "spec.serviceAccountName"
                | "status.phase"
                | "status.podIP"
                | "status.nominatedNodeName"
                | "spec.hostNetwork"
        ),
        "Event" => {
            field.starts_with("involvedObject.")
                || field.starts_with("regarding.")
                || matches!(field, "reason" | "reportingComponent" | "source" | "type")
        }
        "Secret" => field == "type",
        "Namespace" => field == "status.phase",
        "Node" => field == "spec.unschedulable",
        "ReplicaSet" => field == "status.replicas",
        "Job" => field == "status.successful",
        _ => false,
    }
}
