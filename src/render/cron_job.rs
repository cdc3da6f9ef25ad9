//! CronJob: pods that end, by the clock.

use serde_json::{Value, json};

use super::{Site, job, label, object::object};
use crate::definition::{Component, RunState};
use crate::model::ComponentName;

pub(super) fn render(
    site: &Site,
    name: &ComponentName,
    component: &Component,
    state: RunState,
    template: Value,
) -> Value {
    let mut cron =
        object("batch/v1", "CronJob", site.namespace.as_str(), name.as_str(), &label::of_slot(site, name));
    cron["spec"] = json!({
        "schedule": component.cron.as_deref().unwrap_or_default(),
        // Two runs of one job at once are a surprise; whoever wants them patches it.
        "concurrencyPolicy": "Forbid",
        "suspend": state == RunState::Stopped,
        "jobTemplate": {
            "metadata": {"labels": label::of_slot(site, name)},
            "spec": job::spec(component, template),
        },
    });
    cron
}
