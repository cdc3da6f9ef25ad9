//! One object in several versions: as it is kept, and as a path shows it.
//!
//! Versions of custom kinds differ in their `apiVersion` alone. Of the built-in kinds two are shown
//! in a second form: autoscalers of `autoscaling/v1`, and events of `events.k8s.io/v1`.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::kinds::Kind;

/// Pairs of fields: as an event is kept, and as `events.k8s.io` calls it.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn renamed(mut object: Value, pairs: impl Iterator<Item = (&'static str, &'static str)>) -> Value {
    if let Some(fields) = object.as_object_mut() {
        for (from, to) in pairs {
            if let Some(value) = fields.remove(from) {
                fields.insert(to.to_owned(), value);
            }
        }
    }
    object
}

/// Moves the one metric that the first version of autoscalers knows. Others are left out there.
fn first_autoscaler(mut object: Value) -> Value {
    let metrics = object["spec"].as_object_mut().and_then(|spec| spec.remove("metrics"));
    let is_cpu = |metric: &&Value| metric.pointer("/resource/name") == Some(&json!("cpu"));
    let cpu = metrics.as_ref().and_then(Value::as_array).and_then(|metrics| metrics.iter().find(is_cpu));
    if let Some(percent) = cpu.and_then(|metric| metric.pointer("/resource/target/averageUtilization")) {
        object["spec"]["targetCPUUtilizationPercentage"] = percent.clone();
    }
    for (part, fields) in [("spec", &["behavior"][..]), ("status", &["conditions", "currentMetrics"])] {
        if let Some(part) = object.get_mut(part).and_then(Value::as_object_mut) {
            fields.iter().for_each(|field| drop(part.remove(*field)));
        }
    }
    object
}

fn second_autoscaler(mut object: Value) -> Value {
    let percent =
        object["spec"].as_object_mut().and_then(|spec| spec.remove("targetCPUUtilizationPercentage"));
    if let Some(percent) = percent {
        object["spec"]["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": percent}}}]);
    }
    object
}

/// An object as it is kept, in the version of a path.
pub(crate) fn shown<'a>(kept: &Kind, view: &Kind, object: &'a Value) -> Cow<'a, Value> {
    if std::ptr::eq(kept, view) || kept == view {
        return Cow::Borrowed(object);
    }
    let mut shown = object.clone();
    shown["apiVersion"] = json!(view.api_version());
    Cow::Owned(match (view.group, view.kind) {
        ("events.k8s.io", "Event") => renamed(shown, EVENT_FIELDS.into_iter()),
        ("autoscaling", "HorizontalPodAutoscaler") => first_autoscaler(shown),
        _ => shown,
    })
}

/// An object in the version of a path, as it is kept.
pub(crate) fn kept(kept: &Kind, view: &Kind, mut object: Value) -> Value {
    if kept == view {
        return object;
    }
    object["apiVersion"] = json!(kept.api_version());
    match (view.group, view.kind) {
        ("events.k8s.io", "Event") => {
            renamed(object, EVENT_FIELDS.into_iter().map(|(kept, shown)| (shown, kept)))
        }
        ("autoscaling", "HorizontalPodAutoscaler") => second_autoscaler(object),
        _ => object,
    }
}
