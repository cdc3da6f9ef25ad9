use serde_json::{Value, json};

use super::*;

mod pods;

const NOW: &str = "2026-03-01T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn object(api_version: &str, kind: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "sample", "namespace": "shop", "generation": 3}});
    json_patch::merge(&mut object, &rest);
    object
}

fn manifest(api_version: &str, kind: &str, rest: Value) -> Manifest {
    Manifest::new(object(api_version, kind, rest)).unwrap()
}

/// Asserts `(what, object, "Status Reason")` for each.
#[track_caller]
fn check(api_version: &str, kind: &str, cases: &[(&str, Value, &str)]) {
    for (what, rest, expected) in cases {
        let health = assess(&manifest(api_version, kind, rest.clone()), now());
        assert_eq!(format!("{} {}", health.status, health.reason), *expected, "{kind}: {what}: {health:?}");
    }
}

fn condition(name: &str, status: &str, reason: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "message": format!("{reason} it is")})
}

#[test]
fn generation_and_deletion_come_first() {
    let complete = json!({"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1});
    let mut stale = complete.clone();
    stale["observedGeneration"] = json!(2);
    check(
        "apps/v1",
        "Deployment",
        &[
            ("complete", json!({"status": complete}), "Healthy Available"),
            ("stale", json!({"status": stale}), "Progressing GenerationNotObserved"),
            (
                "deleted",
                json!({"metadata": {"deletionTimestamp": NOW}, "status": complete}),
                "Progressing Terminating",
            ),
            ("unseen", json!({}), "Progressing NotObserved"),
            ("status of the wrong type", json!({"status": "fine"}), "Progressing NotObserved"),
        ],
    );
}

#[test]
fn deployments() {
    let status = |changes: Value| {
        let mut status = json!({"observedGeneration": 3, "replicas": 4, "updatedReplicas": 4, "readyReplicas": 4, "availableReplicas": 4});
        json_patch::merge(&mut status, &changes);
        json!({"spec": {"replicas": 4}, "status": status})
    };
    let with = |condition: Value| status(json!({"conditions": [condition]}));
    check(
        "apps/v1",
        "Deployment",
        &[
            ("complete", status(json!({})), "Healthy Available"),
            ("half updated", status(json!({"updatedReplicas": 2})), "Progressing UpdatingReplicas"),
            ("old pods left", status(json!({"replicas": 5})), "Progressing TerminatingOldReplicas"),
            ("not ready", status(json!({"readyReplicas": 3})), "Progressing WaitingForReady"),
            ("not available", status(json!({"availableReplicas": 3})), "Progressing WaitingForAvailable"),
            ("too many", status(json!({"replicas": 6, "updatedReplicas": 6})), "Progressing ScalingDown"),
            (
                "deadline exceeded",
                with(condition("Progressing", "False", "ProgressDeadlineExceeded")),
                "Degraded ProgressDeadlineExceeded",
            ),
            ("quota", with(condition("ReplicaFailure", "True", "FailedCreate")), "Degraded FailedCreate"),
            (
                "below its minimum",
                with(condition("Available", "False", "MinimumReplicasUnavailable")),
                "Progressing MinimumReplicasUnavailable",
            ),
            (
                "paused",
                json!({"spec": {"paused": true}, "status": {"observedGeneration": 3}}),
                "Suspended DeploymentPaused",
            ),
            (
                "an idle slot whose last rollout had failed",
                json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 3,
                    "conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded")]}}),
                "Healthy ScaledToZero",
            ),
        ],
    );
}

#[test]
fn replica_sets_and_controllers() {
    let status = |ready: i64, available: i64| {
        json!({"spec": {"replicas": 2}, "status": {"observedGeneration": 3, "replicas": 2,
            "fullyLabeledReplicas": 2, "readyReplicas": ready, "availableReplicas": available}})
    };
    for (api_version, kind) in [("apps/v1", "ReplicaSet"), ("v1", "ReplicationController")] {
        check(
            api_version,
            kind,
            &[
                ("available", status(2, 2), "Healthy Available"),
                ("not ready", status(1, 2), "Progressing WaitingForReady"),
                ("not available", status(2, 0), "Progressing WaitingForAvailable"),
                ("none yet", json!({"status": {"observedGeneration": 3}}), "Progressing CreatingReplicas"),
                (
                    "idle",
                    json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 3}}),
                    "Healthy ScaledToZero",
                ),
                (
                    "refused",
                    json!({"status": {"observedGeneration": 3, "conditions": [condition("ReplicaFailure", "True", "FailedCreate")]}}),
                    "Degraded FailedCreate",
                ),
            ],
        );
    }
}

#[test]
fn stateful_sets() {
    let set = |spec: Value, changes: Value| {
        let mut object = json!({"spec": {"replicas": 3}, "status": {"observedGeneration": 3, "replicas": 3,
            "readyReplicas": 3, "currentReplicas": 3, "updatedReplicas": 3,
            "currentRevision": "db-1", "updateRevision": "db-1"}});
        json_patch::merge(&mut object, &json!({"spec": spec, "status": changes}));
        object
    };
    let updating = json!({"updateRevision": "db-2", "currentReplicas": 2, "updatedReplicas": 1});
    let partition = |from: i64| json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": from}}});
    check(
        "apps/v1",
        "StatefulSet",
        &[
            ("updated", set(json!({}), json!({})), "Healthy Ready"),
            ("updating", set(json!({}), updating.clone()), "Progressing UpdatingReplicas"),
            ("not ready", set(json!({}), json!({"readyReplicas": 2})), "Progressing WaitingForReady"),
            ("creating", set(json!({}), json!({"replicas": 2})), "Progressing CreatingReplicas"),
            ("scaling down", set(json!({"replicas": 2}), json!({})), "Progressing ScalingDown"),
            ("at its partition", set(partition(2), updating.clone()), "Healthy PartitionUpdated"),
            ("below its partition", set(partition(1), updating.clone()), "Progressing PartitionedUpdate"),
            ("partition above all", set(partition(9), updating.clone()), "Healthy PartitionUpdated"),
            (
                "partition, nothing to update",
                set(partition(1), json!({"updatedReplicas": null})),
                "Healthy PartitionUpdated",
            ),
            ("on delete", set(json!({"updateStrategy": {"type": "OnDelete"}}), updating), "Healthy Ready"),
            (
                "not yet available",
                set(json!({"minReadySeconds": 10}), json!({"availableReplicas": 1})),
                "Progressing WaitingForAvailable",
            ),
            (
                "idle",
                json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 3}}),
                "Healthy ScaledToZero",
            ),
        ],
    );
}

#[test]
fn daemon_sets() {
    let set = |changes: Value| {
        let mut object = json!({"spec": {}, "status": {"observedGeneration": 3, "desiredNumberScheduled": 2,
            "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 2, "numberAvailable": 2}});
        json_patch::merge(&mut object, &changes);
        object
    };
    let old = json!({"updatedNumberScheduled": 1});
    check(
        "apps/v1",
        "DaemonSet",
        &[
            ("available", set(json!({})), "Healthy Available"),
            ("updating", set(json!({"status": old})), "Progressing UpdatingPods"),
            (
                "on delete",
                set(json!({"status": old, "spec": {"updateStrategy": {"type": "OnDelete"}}})),
                "Healthy Available",
            ),
            ("not ready", set(json!({"status": {"numberReady": 1}})), "Progressing WaitingForReady"),
            ("no nodes", set(json!({"status": {"desiredNumberScheduled": 0}})), "Healthy NoNodes"),
            ("unknown", json!({"status": {"observedGeneration": 3}}), "Progressing NotScheduled"),
        ],
    );
}

#[test]
fn jobs_and_cron_jobs() {
    let with =
        |name: &str, reason: &str| json!({"status": {"conditions": [condition(name, "True", reason)]}});
    check(
        "batch/v1",
        "Job",
        &[
            ("complete", with("Complete", "CompletionsReached"), "Healthy Complete"),
            ("failed", with("Failed", "BackoffLimitExceeded"), "Degraded BackoffLimitExceeded"),
            ("about to fail", with("FailureTarget", "PodFailurePolicy"), "Degraded PodFailurePolicy"),
            ("suspended", with("Suspended", "JobSuspended"), "Suspended JobSuspended"),
            ("running", json!({"status": {"startTime": NOW, "active": 1}}), "Progressing JobRunning"),
            (
                "stated as neither failed nor complete",
                json!({"status": {"startTime": NOW, "active": 1, "conditions": [
                    {"type": "Failed", "status": "False"}, {"type": "Complete", "status": "False"},
                ]}}),
                "Healthy JobInProgress",
            ),
            ("fresh", json!({}), "Progressing JobNotStarted"),
        ],
    );
    check(
        "batch/v1",
        "CronJob",
        &[
            ("fresh", json!({}), "Healthy Scheduled"),
            ("suspended", json!({"spec": {"suspend": true}}), "Suspended CronJobSuspended"),
        ],
    );
}

#[test]
fn services_and_addresses() {
    let balancer =
        |status: Value| json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.9"}, "status": status});
    check(
        "v1",
        "Service",
        &[
            ("in the cluster", json!({"spec": {"type": "ClusterIP"}}), "Healthy ServiceReady"),
            ("without address", balancer(json!({"loadBalancer": {}})), "Progressing LoadBalancerPending"),
            (
                "with address",
                balancer(json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})),
                "Healthy LoadBalancerReady",
            ),
            (
                "nothing assigned",
                json!({"spec": {"type": "LoadBalancer"}}),
                "Progressing LoadBalancerPending",
            ),
        ],
    );
    check(
        "networking.k8s.io/v1",
        "Ingress",
        &[
            ("without address", json!({"status": {"loadBalancer": {}}}), "Progressing AddressPending"),
            (
                "with address",
                json!({"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}),
                "Healthy AddressAssigned",
            ),
        ],
    );
    check(
        "v1",
        "PersistentVolumeClaim",
        &[
            ("bound", json!({"status": {"phase": "Bound"}}), "Healthy Bound"),
            ("pending", json!({"status": {"phase": "Pending"}}), "Progressing Pending"),
            ("lost", json!({"status": {"phase": "Lost"}}), "Degraded Lost"),
            ("fresh", json!({}), "Progressing NotObserved"),
        ],
    );
}

#[test]
fn autoscalers_and_budgets() {
    let with = |conditions: Value| json!({"status": {"conditions": conditions}});
    let able = condition("AbleToScale", "True", "ReadyForNewScale");
    check(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        &[
            ("fresh", json!({}), "Progressing NotObserved"),
            ("able", with(json!([able])), "Healthy ReadyForNewScale"),
            (
                "no metric yet",
                with(json!([able, condition("ScalingActive", "False", "FailedGetResourceMetric")])),
                "Progressing FailedGetResourceMetric",
            ),
            (
                "wrong metric",
                with(json!([able, condition("ScalingActive", "False", "InvalidMetricSourceType")])),
                "Degraded InvalidMetricSourceType",
            ),
            (
                "idle slot",
                with(json!([able, condition("ScalingActive", "False", "ScalingDisabled")])),
                "Healthy ScalingDisabled",
            ),
            (
                "conditions in the annotation",
                json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/conditions":
                    json!([condition("AbleToScale", "False", "FailedGetScale")]).to_string()}}}),
                "Degraded FailedGetScale",
            ),
        ],
    );
    check(
        "policy/v1",
        "PodDisruptionBudget",
        &[
            ("unseen", json!({}), "Progressing NotObserved"),
            (
                "tight",
                json!({"status": {"observedGeneration": 3, "disruptionsAllowed": 0,
                    "conditions": [condition("DisruptionAllowed", "False", "InsufficientPods")]}}),
                "Healthy Observed",
            ),
            (
                "in error",
                json!({"status": {"observedGeneration": 3,
                    "conditions": [condition("DisruptionAllowed", "False", "SyncFailed")]}}),
                "Degraded SyncFailed",
            ),
        ],
    );
}

#[test]
fn interfaces_and_namespaces() {
    let with = |conditions: Value| json!({"status": {"conditions": conditions}});
    let accepted = condition("NamesAccepted", "True", "NoConflicts");
    check(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        &[
            ("fresh", json!({}), "Progressing NotObserved"),
            (
                "installing",
                with(json!([accepted, condition("Established", "False", "Installing")])),
                "Progressing Installing",
            ),
            (
                "established",
                with(json!([accepted, condition("Established", "True", "InitialNamesAccepted")])),
                "Healthy Established",
            ),
            (
                "name taken",
                with(json!([condition("NamesAccepted", "False", "KindConflict")])),
                "Degraded KindConflict",
            ),
            (
                "going",
                with(json!([condition("Terminating", "True", "InstanceDeletionInProgress")])),
                "Progressing InstanceDeletionInProgress",
            ),
        ],
    );
    check(
        "apiregistration.k8s.io/v1",
        "APIService",
        &[
            ("fresh", json!({}), "Progressing NotObserved"),
            ("local", with(json!([condition("Available", "True", "Local")])), "Healthy Local"),
            (
                "no endpoints",
                with(json!([condition("Available", "False", "MissingEndpoints")])),
                "Progressing MissingEndpoints",
            ),
        ],
    );
    check(
        "v1",
        "Namespace",
        &[
            ("active", json!({"status": {"phase": "Active"}}), "Healthy Active"),
            ("going", json!({"status": {"phase": "Terminating"}}), "Progressing Terminating"),
        ],
    );
}

#[test]
fn gateways_and_routes() {
    let observed = |name: &str, status: &str, reason: &str, generation: i64| {
        let mut condition = condition(name, status, reason);
        condition["observedGeneration"] = json!(generation);
        condition
    };
    let accepted = observed("Accepted", "True", "Accepted", 3);
    let with = |conditions: Value| json!({"status": {"conditions": conditions}});
    check(
        "gateway.networking.k8s.io/v1",
        "Gateway",
        &[
            ("fresh", json!({}), "Progressing NotObserved"),
            ("waiting", with(json!([observed("Accepted", "Unknown", "Pending", 3)])), "Progressing Pending"),
            (
                "programmed",
                with(json!([accepted, observed("Programmed", "True", "Programmed", 3)])),
                "Healthy Programmed",
            ),
            (
                "refused",
                with(json!([accepted, observed("Programmed", "False", "AddressNotUsable", 3)])),
                "Degraded AddressNotUsable",
            ),
        ],
    );
    let route = |conditions: Value| json!({"spec": {"parentRefs": [{"name": "edge"}]}, "status": {"parents": [{"conditions": conditions}]}});
    let resolved = observed("ResolvedRefs", "True", "ResolvedRefs", 3);
    check(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        &[
            ("fresh", json!({}), "Progressing NotObserved"),
            ("accepted", route(json!([accepted, resolved])), "Healthy Accepted"),
            (
                "no backend",
                route(json!([accepted, observed("ResolvedRefs", "False", "BackendNotFound", 3)])),
                "Degraded BackendNotFound",
            ),
            (
                "stale",
                route(json!([observed("Accepted", "True", "Accepted", 2), resolved])),
                "Progressing GenerationNotObserved",
            ),
            ("silent parent", route(json!([])), "Progressing NotObserved"),
        ],
    );
}

#[test]
fn conditions_of_other_kinds() {
    let with = |conditions: Value| json!({"status": {"conditions": conditions}});
    check(
        "example.com/v1",
        "Widget",
        &[
            ("without status", json!({}), "Healthy NoConditions"),
            (
                "unknown conditions",
                with(json!([condition("Synced", "False", "Odd")])),
                "Healthy NoConditions",
            ),
            ("ready", with(json!([condition("Ready", "True", "Done")])), "Healthy Done"),
            ("not ready", with(json!([condition("Ready", "False", "Busy")])), "Progressing Busy"),
            (
                "available",
                with(json!([condition("Available", "Unknown", "Checking")])),
                "Progressing Checking",
            ),
            (
                "stalled",
                with(json!([condition("Ready", "True", "Done"), condition("Stalled", "True", "NoQuota")])),
                "Degraded NoQuota",
            ),
            (
                "reconciling",
                with(json!([
                    condition("Ready", "True", "Done"),
                    condition("Reconciling", "True", "NewGeneration")
                ])),
                "Progressing NewGeneration",
            ),
            (
                "stale condition",
                with(json!([{"type": "Ready", "status": "True", "observedGeneration": 2}])),
                "Progressing GenerationNotObserved",
            ),
        ],
    );
}

#[test]
fn the_worst_of_many() {
    use HealthStatus::{Degraded, Healthy, Missing, Progressing, Suspended};
    assert_eq!(HealthStatus::worst([]), Healthy);
    assert_eq!(HealthStatus::worst([Healthy, Progressing, Suspended]), Progressing);
    assert_eq!(HealthStatus::worst([Degraded, Missing]), Degraded);
    assert_eq!(serde_json::to_value(Suspended).unwrap(), json!("Suspended"));
}

#[test]
fn an_object_without_a_name_is_judged_too() {
    let nameless = json!({"apiVersion": "v1", "kind": "Namespace", "status": {"phase": "Active"}});
    assert_eq!(assess_value(&nameless, now()).status, HealthStatus::Healthy);
}
