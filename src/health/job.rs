//! Jobs: healthy when complete, degraded when failed; a running Job is on its way.

use super::{Health, Object};

pub(super) fn assess(object: &Object<'_>) -> Health {
    let holds = |name: &str| object.condition(name).filter(|condition| condition.is_true());
    if let Some(failed) = holds("Failed") {
        return Health::degraded(failed.reason_or_name(), failed.message_or_state());
    }
    if holds("Complete").is_some() {
        return Health::healthy("Complete", "the Job is complete");
    }
    if holds("Suspended").is_some() || object.flag("/spec/suspend") {
        return Health::suspended("JobSuspended", "the Job is suspended");
    }
    // Set as soon as the Job can't succeed, while its pods still end.
    if let Some(failing) = holds("FailureTarget") {
        return Health::degraded(failing.reason_or_name(), failing.message_or_state());
    }
    // Both ends stated as not reached: whoever runs this Job calls it current while it works, as
    // kstatus does. The built-in controller states neither before it is reached, so its running
    // Jobs wait below.
    let denied = |name: &str| object.condition(name).is_some_and(|condition| condition.is_false());
    if denied("Failed") && denied("Complete") {
        return Health::healthy("JobInProgress", "the Job runs, neither complete nor failed");
    }
    if object.text("/status/startTime").is_none() {
        return Health::progressing("JobNotStarted", "the Job has not started yet");
    }
    let count = |field: &str| object.count(&format!("/status/{field}"));
    Health::progressing(
        "JobRunning",
        format!("{} active, {} succeeded, {} failed", count("active"), count("succeeded"), count("failed")),
    )
}
