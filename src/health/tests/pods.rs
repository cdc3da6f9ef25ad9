use serde_json::{Value, json};

use super::super::*;
use super::{NOW, condition, manifest, now, object};

fn pod(status: Value) -> Manifest {
    let mut pod =
        object("v1", "Pod", json!({"metadata": {"generation": null}, "spec": {"restartPolicy": "Always"}}));
    pod["status"] = status;
    Manifest::new(pod).unwrap()
}

fn container(state: Value, last: Value, restarts: u32) -> Value {
    json!({"phase": "Running", "conditions": [condition("Ready", "False", "ContainersNotReady")],
        "containerStatuses": [{"name": "web", "state": state, "lastState": last, "restartCount": restarts, "ready": false}]})
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn ended(code: i64, reason: &str, message: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "message": message}})
}

#[test]
fn pods() {
    let unschedulable = |seconds: &str| {
        json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/3 nodes are available", "lastTransitionTime": format!("2026-03-01T11:59:{seconds}Z")}]})
    };
    let cases = [
        ("fresh", json!({}), "Progressing PodNotObserved"),
        (
            "ready",
            json!({"phase": "Running", "conditions": [condition("Ready", "True", "")]}),
            "Healthy PodReady",
        ),
        (
            "starting",
            container(waiting("ContainerCreating", ""), json!({}), 0),
            "Progressing ContainersNotReady",
        ),
        ("succeeded", json!({"phase": "Succeeded"}), "Healthy PodSucceeded"),
        ("evicted", json!({"phase": "Failed", "reason": "Evicted"}), "Degraded Evicted"),
        (
            "failed",
            json!({"phase": "Failed", "containerStatuses": [{"name": "web", "state": ended(3, "Error", "")}]}),
            "Degraded Error",
        ),
        ("image", container(waiting("ErrImagePull", "not found"), json!({}), 0), "Degraded ErrImagePull"),
        ("no node yet", unschedulable("50"), "Progressing Unschedulable"),
        ("no node", unschedulable("10"), "Degraded Unschedulable"),
    ];
    for (what, status, expected) in cases {
        let health = assess(&pod(status), now());
        assert_eq!(format!("{} {}", health.status, health.reason), expected, "{what}");
    }
}

/// Checks what the faults of a pod with each status are in words.
fn check_faults(cases: &[(&str, Value, &str)]) {
    for (what, status, expected) in cases {
        let faults: Vec<_> = pod_faults(&pod(status.clone()))
            .iter()
            .map(|fault| format!("{:?} {fault}", fault.kind))
            .collect();
        assert_eq!(faults.join("; "), *expected, "{what}");
    }
}

#[test]
fn containers_speak_for_themselves() {
    let running = json!({"running": {"startedAt": NOW}});
    check_faults(&[
        (
            "an image that is not there",
            container(waiting("ImagePullBackOff", "Back-off pulling image \"web:9\""), json!({}), 0),
            "ImagePull container web: ImagePullBackOff: Back-off pulling image \"web:9\"",
        ),
        (
            "a key that is not there",
            container(waiting("CreateContainerConfigError", "secret \"db\" not found"), json!({}), 0),
            "ConfigError container web: CreateContainerConfigError: secret \"db\" not found",
        ),
        (
            "a crash loop gives the exit code and the last words",
            container(waiting("CrashLoopBackOff", "back-off 10s"), ended(7, "Error", "no database\n"), 2),
            "CrashLoop container web: CrashLoopBackOff, exit code 7 (Error), 2 restarts: no database; back-off 10s",
        ),
        (
            "a crash loop without last words",
            container(waiting("CrashLoopBackOff", "back-off 10s"), json!({}), 1),
            "CrashLoop container web: CrashLoopBackOff, 1 restart: back-off 10s",
        ),
        (
            "out of memory hides behind the crash loop",
            container(waiting("CrashLoopBackOff", "back-off"), ended(137, "OOMKilled", ""), 1),
            "OutOfMemory container web: OOMKilled, exit code 137, 1 restart: back-off",
        ),
        (
            "out of memory, up again but not ready",
            container(running, ended(137, "OOMKilled", ""), 1),
            "OutOfMemory container web: OOMKilled, exit code 137, 1 restart",
        ),
        (
            "a command that is not there",
            container(ended(128, "StartError", "no such file"), json!({}), 0),
            "RunError container web: StartError, exit code 128: no such file",
        ),
        (
            "an unheard-of error",
            container(waiting("PostStartHookError", "hook failed"), json!({}), 0),
            "RunError container web: PostStartHookError: hook failed",
        ),
    ]);
}

#[test]
fn ended_containers_and_waiting_pods_speak_too() {
    let running = json!({"running": {"startedAt": NOW}});
    check_faults(&[
        ("ended once", container(ended(1, "Error", ""), json!({}), 0), ""),
        (
            "ended twice",
            container(ended(1, "Error", ""), ended(1, "Error", ""), 1),
            "CrashLoop container web: CrashLoopBackOff, exit code 1 (Error), 1 restart",
        ),
        ("restarted once, up", container(running.clone(), ended(1, "Error", ""), 1), ""),
        (
            "restarted thrice, up",
            container(running, ended(1, "Error", ""), 3),
            "CrashLoop container web: CrashLoopBackOff, exit code 1 (Error), 3 restarts",
        ),
        (
            "an init container",
            json!({"phase": "Pending", "initContainerStatuses": [{"name": "prepare", "state": waiting("ErrImagePull", "denied")}]}),
            "ImagePull container prepare: ErrImagePull: denied",
        ),
        (
            "no node",
            json!({"phase": "Pending", "conditions": [condition("PodScheduled", "False", "Unschedulable")]}),
            "Unschedulable Unschedulable: Unschedulable it is",
        ),
        (
            "gated",
            json!({"phase": "Pending", "conditions": [condition("PodScheduled", "False", "SchedulingGated")]}),
            "",
        ),
    ]);
}

#[test]
fn ready_and_leaving_pods_have_no_faults() {
    let mut crashing = pod(container(waiting("CrashLoopBackOff", ""), json!({}), 5));
    assert_eq!(pod_faults(&crashing).len(), 1);
    crashing.as_value_mut()["metadata"]["deletionTimestamp"] = json!(NOW);
    assert_eq!(pod_faults(&crashing), []);
    let mut ready = pod(container(json!({"running": {}}), ended(1, "Error", ""), 9));
    ready.as_value_mut()["status"]["conditions"] = json!([condition("Ready", "True", "")]);
    assert_eq!(pod_faults(&ready), []);
}

#[test]
fn a_workload_is_degraded_early_by_its_pods() {
    let updating = manifest(
        "apps/v1",
        "Deployment",
        json!({"spec": {"replicas": 3}, "status": {"observedGeneration": 3, "replicas": 4, "updatedReplicas": 1}}),
    );
    let fine = pod(json!({"phase": "Running", "conditions": [condition("Ready", "True", "")]}));
    let crashing = pod(container(waiting("CrashLoopBackOff", ""), ended(2, "Error", ""), 4));
    let pulling = pod(container(waiting("ErrImagePull", "not found"), json!({}), 0));
    let homeless =
        pod(json!({"phase": "Pending", "conditions": [condition("PodScheduled", "False", "Unschedulable")]}));
    let of = |pods: &[&Manifest]| {
        let health = assess_workload(&updating, pods.iter().copied(), now());
        format!("{} {} {}", health.status, health.reason, health.message)
    };
    assert_eq!(of(&[]), "Progressing UpdatingReplicas 1 of 3 pods are updated");
    assert_eq!(of(&[&fine, &homeless]), "Progressing UpdatingReplicas 1 of 3 pods are updated");
    assert_eq!(
        of(&[&fine, &crashing]),
        "Degraded CrashLoopBackOff pod sample: container web: CrashLoopBackOff, exit code 2 (Error), 4 restarts"
    );
    assert_eq!(
        of(&[&crashing, &pulling]),
        "Degraded ErrImagePull pod sample: container web: ErrImagePull: not found, and 1 more pod"
    );
}

#[test]
fn a_job_that_retries_is_not_degraded_by_a_failed_pod() {
    let job = manifest("batch/v1", "Job", json!({"status": {"startTime": NOW, "active": 1, "failed": 1}}));
    let mut failed = pod(
        json!({"phase": "Failed", "containerStatuses": [{"name": "web", "state": ended(1, "Error", "")}]}),
    );
    failed.as_value_mut()["spec"]["restartPolicy"] = json!("Never");
    assert_eq!(assess_workload(&job, [&failed], now()).status, HealthStatus::Progressing);
}
