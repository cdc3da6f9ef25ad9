//! Cron jobs: a job whenever the schedule says so.

mod schedule;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use self::schedule::Schedule;
use super::job::is_over;
use super::object::{
    controlled_by, deleting, fields_mut, flag, holds, int, moment, name, namespace, stamp, text, uid,
};
use super::world::{World, later_secs};
use crate::model::{ObjectKey, Timestamp};
use crate::playground::ObjectsError;

/// The annotation that keeps the moment for which a job was made.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// How many missed moments are looked through for the newest.
const MISSED_LIMIT: usize = 1000;

/// Starts what is due and tidies up what is over.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(cron) = world.get(key) else { return };
    if deleting(&cron) {
        return;
    }
    let mut jobs = world.index.children(uid(&cron), "Job");
    jobs.sort_by(|a, b| {
        let age = |job: &Value| (text(job, "/metadata/creationTimestamp").to_owned(), name(job).to_owned());
        age(a).cmp(&age(b))
    });
    clean_up(world, &cron, &jobs);
    let zone = match text(&cron, "/spec/timeZone") {
        "" | "UTC" | "Etc/UTC" => TimeZone::UTC,
        named => jiff::tz::db().get(named).unwrap_or(TimeZone::UTC),
    };
    let due = Schedule::parse(text(&cron, "/spec/schedule"))
        .filter(|_| !flag(&cron, "/spec/suspend"))
        .and_then(|schedule| newest_due(world, key, &cron, &schedule, &zone));
    let started = due.filter(|due| start(world, &cron, &jobs, *due));
    sync(world, &cron, started);
}

/// The newest moment that is due and was not served; asks to be woken for the one after now.
fn newest_due(
    world: &mut World<'_>,
    key: &ObjectKey,
    cron: &Value,
    schedule: &Schedule,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let last = moment(cron, "/status/lastScheduleTime")
        .or_else(|| moment(cron, "/metadata/creationTimestamp"))
        .unwrap_or(world.now);
    if let Some(next) = schedule.next(world.now, zone) {
        world.wake(key, next);
    }
    let mut newest = None;
    let mut from = last;
    for _ in 0..MISSED_LIMIT {
        let Some(next) = schedule.next(from, zone).filter(|next| *next <= world.now) else { break };
        newest = Some(next);
        from = next;
    }
    let late = int(cron, "/spec/startingDeadlineSeconds");
    newest.filter(|due| late.is_none_or(|late| later_secs(*due, late) >= world.now))
}

/// Makes the job of a moment, as the policy for those still running allows. Whether it was made.
fn start(world: &mut World<'_>, cron: &Arc<Value>, jobs: &[Arc<Value>], due: Timestamp) -> bool {
    let running: Vec<_> = jobs.iter().filter(|job| !is_over(job) && !deleting(job)).collect();
    match text(cron, "/spec/concurrencyPolicy") {
        "Forbid" if !running.is_empty() => return false,
        "Replace" => running.into_iter().for_each(|job| world.delete(job, None)),
        _ => {}
    }
    let template = &cron["spec"]["jobTemplate"];
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": template.get("metadata").cloned().unwrap_or(json!({})), "spec": template["spec"],
    });
    let metadata = fields_mut(&mut job, &["metadata"]);
    // Named by the minute, so that the same moment never gives two jobs.
    metadata.insert("name".to_owned(), json!(format!("{}-{}", name(cron), due.as_second() / 60)));
    metadata.insert("namespace".to_owned(), json!(namespace(cron)));
    metadata.insert("ownerReferences".to_owned(), json!([controlled_by(cron)]));
    metadata.remove("creationTimestamp");
    fields_mut(&mut job, &["metadata", "annotations"]).insert(SCHEDULED.to_owned(), json!(stamp(due)));
    match world.create(job) {
        Ok(_) | Err(ObjectsError::AlreadyExists) => true,
        Err(_) => {
            world.wake_after(&super::object::key_of(cron), std::time::Duration::from_secs(5));
            false
        }
    }
}

/// Deletes the oldest jobs that are over, beyond the limits of the history.
fn clean_up(world: &mut World<'_>, cron: &Value, jobs: &[Arc<Value>]) {
    for (end, limit, default) in
        [("Complete", "/spec/successfulJobsHistoryLimit", 3), ("Failed", "/spec/failedJobsHistoryLimit", 1)]
    {
        let over: Vec<_> = jobs.iter().filter(|job| holds(job, end) && !deleting(job)).collect();
        let keep = usize::try_from(int(cron, limit).unwrap_or(default)).unwrap_or(0);
        for job in over.iter().take(over.len().saturating_sub(keep)) {
            world.delete(job, None);
        }
    }
}

fn sync(world: &mut World<'_>, cron: &Arc<Value>, started: Option<Timestamp>) {
    let mut status = cron.get("status").cloned().unwrap_or(json!({}));
    let jobs = world.index.children(uid(cron), "Job");
    let active: Vec<_> = jobs.iter().filter(|job| !is_over(job) && !deleting(job)).collect();
    if active.is_empty() {
        fields_mut(&mut status, &[]).remove("active");
    } else {
        let refer = |job: &&Arc<Value>| {
            json!({
                "apiVersion": "batch/v1", "kind": "Job", "name": name(job), "namespace": namespace(job),
                "uid": uid(job),
            })
        };
        status["active"] = Value::Array(active.iter().map(refer).collect());
    }
    if let Some(started) = started {
        status["lastScheduleTime"] = json!(stamp(started));
    }
    let ends = jobs.iter().filter_map(|job| moment(job, "/status/completionTime"));
    let before = moment(&status, "/lastSuccessfulTime");
    if let Some(last) = ends.max().max(before) {
        status["lastSuccessfulTime"] = json!(stamp(last));
    }
    world.set_status(cron, status);
}
