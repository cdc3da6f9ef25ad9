//! Job: pods that end. Its name ends in its template's digest, since a template can't change and an
//! ended Job is never made again.

use serde_json::{Value, json};

use super::{Site, label, object::object};
use crate::definition::{Component, RunState};
use crate::model::{ComponentName, ContentDigest};

/// How often a failed pod is tried again where the definition does not say: the API's own default.
const RETRIES: u32 = 6;

pub(super) fn render(
    site: &Site,
    name: &ComponentName,
    component: &Component,
    state: RunState,
    template: Value,
) -> Value {
    let mut job =
        object("batch/v1", "Job", site.namespace.as_str(), name.as_str(), &label::of_slot(site, name));
    job["spec"] = spec(component, template);
    if state == RunState::Stopped {
        job["spec"]["suspend"] = json!(true);
    }
    job
}

/// The spec of a Job, also of those that a CronJob makes.
pub(super) fn spec(component: &Component, template: Value) -> Value {
    json!({"backoffLimit": component.retries.unwrap_or(RETRIES), "template": template})
}

/// The name of a Job, once its template is final.
pub(super) fn name(component: &ComponentName, job: &Value) -> String {
    let template = ContentDigest::of_json(&job["spec"]["template"]).short();
    // Room for the suffix of its pods.
    format!("{}-{template}", component.as_str().chars().take(45).collect::<String>().trim_end_matches('-'))
}
