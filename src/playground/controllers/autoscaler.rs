//! Horizontal autoscalers: keep a workload within their bounds.
//!
//! No load is simulated: the size wanted is the present one, fitted into the bounds. As with the
//! real one, a workload at 0 is left alone.

use serde_json::{Value, json};

use super::object::{Condition, count, fields_mut, group_of, int, key_of, namespace, stamp, text};
use super::world::World;
use crate::model::ObjectKey;

/// Fits a workload into the bounds of its autoscaler and says how it is.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(scaler) = world.get(key) else { return };
    let mut status = scaler.get("status").cloned().unwrap_or(json!({}));
    fields_mut(&mut status, &[]);
    // `autoscaling/v2` carries no generation of its own.
    if let Some(generation) = int(&scaler, "/metadata/generation") {
        status["observedGeneration"] = json!(generation);
    }
    let reference = &scaler["spec"]["scaleTargetRef"];
    let (kind, named) = (text(reference, "/kind"), text(reference, "/name"));
    let group = group_of(text(reference, "/apiVersion"));
    let target = world.objects.get(group, kind, Some(namespace(&scaler)), named);
    let Some(target) = target else {
        let group_plural = format!("{}s.{group} \"{named}\" not found", kind.to_ascii_lowercase());
        let message =
            format!("the HPA controller was unable to get the target's current scale: {group_plural}");
        put(world, &mut status, "AbleToScale", "False", "FailedGetScale", &message);
        world.set_status(&scaler, status);
        return;
    };
    let size = int(&target, "/spec/replicas").unwrap_or(1);
    let least = int(&scaler, "/spec/minReplicas").unwrap_or(1);
    let most = count(&scaler, "/spec/maxReplicas").max(least);
    put(
        world,
        &mut status,
        "AbleToScale",
        "True",
        "SucceededGetScale",
        "the HPA controller was able to get the target's current scale",
    );
    if size == 0 {
        status["desiredReplicas"] = json!(0);
        let message = "scaling is disabled since the replica count of the target is zero";
        put(world, &mut status, "ScalingActive", "False", "ScalingDisabled", message);
    } else {
        let wanted = size.clamp(least, most);
        status["desiredReplicas"] = json!(wanted);
        put(
            world,
            &mut status,
            "ScalingActive",
            "True",
            "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count",
        );
        let (held, reason, message) = match size {
            size if size < least => {
                ("True", "TooFewReplicas", "the desired replica count is less than the minimum replica count")
            }
            size if size > most => (
                "True",
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            ),
            _ => ("False", "DesiredWithinRange", "the desired count is within the acceptable range"),
        };
        put(world, &mut status, "ScalingLimited", held, reason, message);
        if wanted != size {
            let mut changed = Value::clone(&target);
            changed["spec"]["replicas"] = json!(wanted);
            world.update(&target, changed);
            status["lastScaleTime"] = json!(stamp(world.now));
        }
    }
    let present = world.get(&key_of(&target)).unwrap_or(target);
    status["currentReplicas"] = json!(count(&present, "/status/replicas"));
    world.set_status(&scaler, status);
}

fn put(world: &World<'_>, status: &mut Value, kind: &str, held: &str, reason: &str, message: &str) {
    Condition { kind, status: held, reason, message: message.to_owned() }.put(status, world.now);
}
