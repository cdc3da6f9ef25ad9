//! HorizontalPodAutoscalers, by their conditions; version 1 of the API keeps them in an annotation.

use serde_json::Value;

use super::object::{Condition, conditions};
use super::{Health, Object};

const V1_CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// Reasons for which no measure comes yet; a fresh autoscaler passes through them.
const TRANSIENT: [&str; 4] =
    ["FailedGetResourceMetric", "FailedGetContainerResourceMetric", "FailedUpdateScale", "BackoffBoth"];

pub(super) fn assess(object: &Object<'_>) -> Health {
    let annotated = object
        .at("/metadata/annotations")
        .and_then(|annotations| annotations.get(V1_CONDITIONS))
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let all: Vec<Condition<'_>> = object.conditions().chain(conditions(annotated.as_ref())).collect();
    let find = |name: &str| all.iter().find(|condition| condition.name == name);
    if all.is_empty() {
        return Health::progressing("NotObserved", "the autoscaler has not measured yet");
    }
    for name in ["AbleToScale", "ScalingActive"] {
        let Some(condition) = find(name).filter(|condition| condition.is_false()) else { continue };
        // At zero replicas the autoscaler is off; that is how an idle slot looks.
        if condition.reason == "ScalingDisabled" {
            return Health::healthy(condition.reason, condition.message_or_state());
        }
        let (reason, message) = (condition.reason_or_name(), condition.message_or_state());
        if TRANSIENT.contains(&condition.reason) {
            return Health::progressing(reason, message);
        }
        return Health::degraded(reason, message);
    }
    match find("AbleToScale") {
        Some(able) if able.is_true() => Health::healthy(able.reason_or_name(), able.message_or_state()),
        _ => Health::progressing("NotObserved", "the autoscaler has not measured yet"),
    }
}
