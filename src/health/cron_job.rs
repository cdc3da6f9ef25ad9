//! CronJobs: there is nothing to wait for but the clock; what their Jobs do is the Jobs' health.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    if object.flag("/spec/suspend") {
        return Health::suspended("CronJobSuspended", "the CronJob is suspended");
    }
    match object.text("/status/lastScheduleTime") {
        Some(last) => Health::healthy("Scheduled", format!("last started at {last}")),
        None => Health::healthy("Scheduled", "not started yet"),
    }
}
