//! Jobs: pods that run until enough of them ended well, or too many did not.
//!
//! Indexed completion gives each pod its number; success and pod failure policies are left out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::{
    Condition, annotation, array, condition, count, deleting, fields_mut, flag, holds, int, moment, name,
    stamp, text, uid,
};
use super::replica_set::{is_active, is_ready, pod_of};
use super::world::{World, later, later_secs};
use crate::model::{ObjectKey, Timestamp};

/// The annotation and the label that number the pods of an indexed job.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The first wait before a failed pod is made again, doubled with each failure; and its limit.
const BACK_OFF: Duration = Duration::from_secs(10);
const BACK_OFF_LIMIT: Duration = Duration::from_secs(600);

/// A job, as one pass sees it.
struct Pass {
    key: ObjectKey,
    job: Arc<Value>,
    active: Vec<Arc<Value>>,
    terminating: i64,
    succeeded: i64,
    failed: i64,
    /// The indexes that ended well.
    done: Vec<i64>,
    last_failure: Option<Timestamp>,
}

impl Pass {
    fn parallelism(&self) -> i64 {
        int(&self.job, "/spec/parallelism").unwrap_or(1)
    }

    fn completions(&self) -> Option<i64> {
        int(&self.job, "/spec/completions").or_else(|| {
            // Neither given: one. Parallelism alone: a work queue, over with its first success.
            self.job.pointer("/spec/parallelism").is_none().then_some(1)
        })
    }

    fn is_indexed(&self) -> bool {
        text(&self.job, "/spec/completionMode") == "Indexed"
    }

    fn suspended(&self) -> bool {
        flag(&self.job, "/spec/suspend")
    }
}

/// Whether a job is over, well or not.
pub(super) fn is_over(job: &Value) -> bool {
    holds(job, "Complete") || holds(job, "Failed")
}

/// Brings a job one step on.
pub(super) fn reconcile(world: &mut World<'_>, key: &ObjectKey) {
    let Some(job) = world.get(key) else { return };
    if deleting(&job) {
        return;
    }
    if is_over(&job) {
        expire(world, key, &job);
        return;
    }
    let pass = look(world, key, job);
    if let Some((reason, message)) = failure(world, &pass) {
        finish(world, pass, "Failed", reason, message);
        return;
    }
    let done = match pass.completions() {
        Some(wanted) => pass.succeeded >= wanted,
        None => pass.succeeded > 0 && pass.active.is_empty(),
    };
    if done && !pass.suspended() {
        let message = "Reached expected number of succeeded pods".to_owned();
        finish(world, pass, "Complete", "CompletionsReached", message);
        return;
    }
    let pass = start(world, pass);
    scale(world, &pass);
    let pass = look(world, key, pass.job);
    let status = counted(world, &pass);
    world.set_status(&pass.job, status);
}

fn look(world: &World<'_>, key: &ObjectKey, job: Arc<Value>) -> Pass {
    let mut pass = Pass {
        key: key.clone(),
        active: Vec::new(),
        terminating: 0,
        succeeded: 0,
        failed: 0,
        done: Vec::new(),
        last_failure: None,
        job,
    };
    for pod in world.index.children(uid(&pass.job), "Pod") {
        match text(&pod, "/status/phase") {
            "Succeeded" => {
                pass.succeeded += 1;
                pass.done.extend(index_of(&pod));
            }
            "Failed" => {
                pass.failed += 1;
                let ended = moment(&pod, "/status/containerStatuses/0/state/terminated/finishedAt");
                pass.last_failure = pass.last_failure.max(ended);
            }
            _ if is_active(&pod) => pass.active.push(pod),
            _ => pass.terminating += 1,
        }
    }
    pass.done.sort_unstable();
    pass.done.dedup();
    if pass.is_indexed() {
        pass.succeeded = i64::try_from(pass.done.len()).unwrap_or(i64::MAX);
    }
    pass
}

fn index_of(pod: &Value) -> Option<i64> {
    annotation(pod, INDEX)?.parse().ok()
}

/// Why a job failed, if it did.
fn failure(world: &mut World<'_>, pass: &Pass) -> Option<(&'static str, String)> {
    let limit = int(&pass.job, "/spec/backoffLimit").unwrap_or(6);
    let restarts = pass.active.iter().flat_map(|pod| array(pod, "/status/containerStatuses"));
    let restarts: i64 = restarts.map(|container| count(container, "/restartCount")).sum();
    let restarted = text(&pass.job, "/spec/template/spec/restartPolicy") == "OnFailure"
        && restarts > 0
        && restarts >= limit;
    if pass.failed > limit || restarted {
        return Some(("BackoffLimitExceeded", "Job has reached the specified backoff limit".to_owned()));
    }
    let deadline = int(&pass.job, "/spec/activeDeadlineSeconds")?;
    let end = later_secs(moment(&pass.job, "/status/startTime")?, deadline);
    if pass.suspended() {
        return None;
    }
    if end <= world.now {
        return Some(("DeadlineExceeded", "Job was active longer than specified deadline".to_owned()));
    }
    world.wake(&pass.key, end);
    None
}

/// Notes the start, or that the job is suspended or goes on.
fn start(world: &mut World<'_>, mut pass: Pass) -> Pass {
    let mut status = pass.job.get("status").cloned().unwrap_or(json!({}));
    let was_suspended = holds(&pass.job, "Suspended");
    if pass.suspended() {
        fields_mut(&mut status, &[]).remove("startTime");
        let suspended = Condition {
            kind: "Suspended",
            status: "True",
            reason: "JobSuspended",
            message: "Job suspended".into(),
        };
        suspended.put(&mut status, world.now);
    } else {
        if text(&status, "/startTime").is_empty() {
            status["startTime"] = json!(stamp(world.now));
        }
        if was_suspended {
            let resumed = Condition {
                kind: "Suspended",
                status: "False",
                reason: "JobResumed",
                message: "Job resumed".into(),
            };
            resumed.put(&mut status, world.now);
        }
    }
    pass.job = world.set_status(&pass.job, status);
    // The deadline counts from the start.
    failure(world, &pass);
    pass
}

/// Makes or removes pods.
fn scale(world: &mut World<'_>, pass: &Pass) {
    let active = i64::try_from(pass.active.len()).unwrap_or(i64::MAX);
    let left = pass.completions().map_or(i64::MAX, |wanted| wanted - pass.succeeded);
    let wanted = match pass.completions() {
        _ if pass.suspended() => 0,
        None if pass.succeeded > 0 => active,
        _ => pass.parallelism().min(left).max(0),
    };
    if active > wanted {
        let excess = usize::try_from(active - wanted).unwrap_or(0);
        for pod in pass.active.iter().rev().take(excess) {
            world.delete(pod, None);
        }
    } else if active < wanted {
        if let Some(failed) = pass.last_failure.filter(|_| pass.failed > 0) {
            let doubled = u32::try_from(pass.failed - 1).unwrap_or(0).min(16);
            let retry = later(failed, BACK_OFF.saturating_mul(1 << doubled).min(BACK_OFF_LIMIT));
            if retry > world.now {
                world.wake(&pass.key, retry);
                return;
            }
        }
        grow(world, pass, wanted - active);
    }
}

fn grow(world: &mut World<'_>, pass: &Pass, missing: i64) {
    let taken: Vec<i64> = pass.active.iter().filter_map(|pod| index_of(pod)).collect();
    let mut free = (0..).filter(|index| !taken.contains(index) && !pass.done.contains(index));
    for _ in 0..missing {
        let index = free.next().filter(|_| pass.is_indexed());
        let job = &pass.job;
        let build = |pod_name: &str| {
            let mut pod = pod_of(&job["spec"]["template"], job, pod_name);
            pod["metadata"]["generateName"] = json!(format!("{}-", name(job)));
            let labels = fields_mut(&mut pod, &["metadata", "labels"]);
            for (key, value) in [("job-name", name(job)), ("controller-uid", uid(job))] {
                labels.insert(key.to_owned(), json!(value));
                labels.insert(format!("batch.kubernetes.io/{key}"), json!(value));
            }
            if let Some(index) = index {
                labels.insert(INDEX.to_owned(), json!(index.to_string()));
                fields_mut(&mut pod, &["metadata", "annotations"])
                    .insert(INDEX.to_owned(), json!(index.to_string()));
            }
            pod
        };
        if world.create_child(job, build).is_err() {
            world.wake_after(&pass.key, Duration::from_secs(5));
            return;
        }
    }
}

fn counted(world: &World<'_>, pass: &Pass) -> Value {
    let mut status = pass.job.get("status").cloned().unwrap_or(json!({}));
    let ready = pass.active.iter().filter(|pod| is_ready(pod)).count();
    let numbers = [
        ("active", pass.active.len()),
        ("succeeded", usize::try_from(pass.succeeded).unwrap_or(0)),
        ("failed", usize::try_from(pass.failed).unwrap_or(0)),
    ];
    for (field, number) in numbers {
        if number > 0 {
            status[field] = json!(number);
        } else {
            fields_mut(&mut status, &[]).remove(field);
        }
    }
    status["ready"] = json!(ready);
    status["terminating"] = json!(pass.terminating);
    if !status["uncountedTerminatedPods"].is_object() {
        status["uncountedTerminatedPods"] = json!({});
    }
    if pass.is_indexed() && !pass.done.is_empty() {
        status["completedIndexes"] = json!(ranges(&pass.done));
    }
    if text(&status, "/startTime").is_empty() && !pass.suspended() {
        status["startTime"] = json!(stamp(world.now));
    }
    status
}

/// Numbers as the API writes them: `0-3,5`.
fn ranges(numbers: &[i64]) -> String {
    let mut parts: Vec<(i64, i64)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let write = |(first, last): &(i64, i64)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    parts.iter().map(write).collect::<Vec<_>>().join(",")
}

/// Ends a job: its pods still at work are deleted, and the conditions say how it went.
fn finish(world: &mut World<'_>, pass: Pass, kind: &str, reason: &'static str, message: String) {
    for pod in &pass.active {
        world.delete(pod, None);
    }
    let pass = look(world, &pass.key, pass.job);
    let mut status = counted(world, &pass);
    let target = if kind == "Complete" { "SuccessCriteriaMet" } else { "FailureTarget" };
    let put = |kind: &str, status: &mut Value| {
        Condition { kind, status: "True", reason, message: message.clone() }.put(status, world.now);
    };
    put(target, &mut status);
    // The real controller waits until every pod is gone before it says the last word.
    if pass.active.is_empty() && pass.terminating == 0 {
        put(kind, &mut status);
        if kind == "Complete" {
            status["completionTime"] = json!(stamp(world.now));
        }
    }
    world.set_status(&pass.job, status);
}

/// Deletes a job some time after its end.
fn expire(world: &mut World<'_>, key: &ObjectKey, job: &Value) {
    let Some(keep) = int(job, "/spec/ttlSecondsAfterFinished") else { return };
    let ended = condition(job, "Complete").or_else(|| condition(job, "Failed"));
    let Some(ended) = ended.and_then(|ended| moment(ended, "/lastTransitionTime")) else { return };
    let end = later_secs(ended, keep);
    if end <= world.now {
        world.delete(job, None);
    } else {
        world.wake(key, end);
    }
}
