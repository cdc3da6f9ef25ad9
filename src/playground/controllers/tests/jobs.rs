//! Jobs and cron jobs.

use super::*;

fn job(image: &str, policy: &str, extra: Value) -> Value {
    let mut template = template("task", image);
    template["spec"]["restartPolicy"] = json!(policy);
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "task", "namespace": "shop" },
        "spec": { "template": template },
    });
    json_patch::merge(&mut object["spec"], &extra);
    object
}

fn task(cluster: &Cluster) -> Arc<Value> {
    cluster.get("batch", "Job", "task")
}

#[test]
fn a_job_completes_with_as_many_pods_at_a_time_as_allowed() {
    let mut cluster = Cluster::new();
    cluster.add(job("task:1", "Never", json!({ "completions": 5, "parallelism": 2 })));
    cluster.advance(Duration::from_secs(20), |cluster| {
        let running = cluster.pods().iter().filter(|pod| text(pod, "/status/phase") != "Succeeded").count();
        assert!(running <= 2, "{running} at once");
    });
    let task = task(&cluster);
    assert_eq!(task["status"]["succeeded"], 5);
    assert_eq!(words(&task, "Complete"), ("True", "CompletionsReached"));
    assert_eq!(words(&task, "SuccessCriteriaMet").0, "True");
    assert!(task["status"].get("active").is_none());
    assert!(!text(&task, "/status/completionTime").is_empty());
}

#[test]
fn jobs_fail_by_their_limits() {
    let cases = [
        ("task:fail", json!({ "backoffLimit": 1 }), "BackoffLimitExceeded"),
        ("task:slow", json!({ "activeDeadlineSeconds": 5 }), "DeadlineExceeded"),
    ];
    for (image, extra, reason) in cases {
        let mut cluster = Cluster::new();
        cluster.add(job(image, "Never", extra));
        cluster.settle(60);
        assert_eq!(words(&task(&cluster), "Failed"), ("True", reason));
        assert_eq!(words(&task(&cluster), "Complete"), ("", ""));
    }
}

#[test]
fn a_suspended_job_waits_and_an_ended_one_expires() {
    let mut cluster = Cluster::new();
    cluster.add(job("task:1", "OnFailure", json!({ "suspend": true, "ttlSecondsAfterFinished": 30 })));
    cluster.settle(10);
    assert_eq!(cluster.pods().len(), 0);
    assert_eq!(words(&task(&cluster), "Suspended"), ("True", "JobSuspended"));
    cluster.edit("batch", "Job", "task", |job| job["spec"]["suspend"] = json!(false));
    cluster.settle(10);
    assert_eq!(words(&task(&cluster), "Complete").0, "True");
    cluster.settle(60);
    assert!(cluster.find("batch", "Job", "task").is_none());
    assert_eq!(cluster.pods().len(), 0);
}

fn cron(image: &str, extra: Value) -> Value {
    let task = job(image, "Never", json!({}));
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "nightly", "namespace": "shop" },
        "spec": { "schedule": "*/5 * * * *", "jobTemplate": { "spec": task["spec"] } },
    });
    json_patch::merge(&mut object["spec"], &extra);
    object
}

#[test]
fn a_cron_job_runs_on_time_and_keeps_some_history() {
    let mut cluster = Cluster::new();
    cluster.add(cron("task:1", json!({})));
    cluster.settle(31 * 60);
    let jobs = cluster.list("batch", "Job");
    assert_eq!(jobs.len(), 3);
    assert!(jobs.iter().all(|job| words(job, "Complete").0 == "True"));
    let nightly = cluster.get("batch", "CronJob", "nightly");
    assert_eq!(nightly["status"]["lastScheduleTime"], "2026-03-01T10:30:00Z");
    cluster.edit("batch", "CronJob", "nightly", |cron| cron["spec"]["suspend"] = json!(true));
    cluster.settle(3600);
    let nightly = cluster.get("batch", "CronJob", "nightly");
    assert_eq!(nightly["status"]["lastScheduleTime"], "2026-03-01T10:30:00Z");
}

#[test]
fn concurrency_follows_the_policy() {
    // A job that never ends; how many run after three turns.
    for (policy, running) in [("Allow", 3), ("Forbid", 1), ("Replace", 1)] {
        let mut cluster = Cluster::new();
        cluster.add(cron("task:never-ending-bad", json!({ "concurrencyPolicy": policy })));
        cluster.settle(16 * 60);
        assert_eq!(cluster.list("batch", "Job").len(), running, "{policy}");
    }
}
