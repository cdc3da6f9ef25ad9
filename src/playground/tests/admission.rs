//! Quotas, limit ranges, budgets, and lists as of an older revision.

use serde_json::{Value, json};

use super::{Server, config_map, deployment};
use crate::playground::Objects as _;
use crate::playground::controllers::{Controllers, PodBehaviour};

const NAMESPACE: &str = "/api/v1/namespaces/default";

fn settle(server: &Server, controllers: &mut Controllers) {
    let mut store = server.0.store();
    let changed = store.take_changed();
    let now = store.now();
    controllers.run(&mut *store, &changed, now);
}

/// A server whose namespace has a quota that was counted once.
fn with_quota(hard: Value) -> (Server, Controllers) {
    let (server, mut controllers) = (Server::new(), Controllers::new(PodBehaviour::default()));
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}});
    assert_eq!(server.post(&format!("{NAMESPACE}/resourcequotas"), &quota).0, 201);
    let (code, status) = server.post(&format!("{NAMESPACE}/configmaps"), &config_map("early", json!({})));
    assert_eq!((code, status["reason"].as_str()), (403, Some("Forbidden")), "not counted yet: {status}");
    settle(&server, &mut controllers);
    (server, controllers)
}

#[test]
fn a_quota_is_kept_in_the_api_servers_words() {
    let (server, mut controllers) = with_quota(json!({"configmaps": "2", "count/secrets": "1"}));
    let path = format!("{NAMESPACE}/configmaps");
    assert_eq!(server.post(&format!("{path}?dryRun=All"), &config_map("a", json!({}))).0, 201);
    for name in ["a", "b"] {
        assert_eq!(server.post(&path, &config_map(name, json!({}))).0, 201, "{name}");
    }
    let (code, status) = server.post(&path, &config_map("c", json!({})));
    let message = "configmaps \"c\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2";
    assert_eq!((code, &status["message"]), (403, &json!(message)));
    server.ask("DELETE", &format!("{path}/a"), "", &Value::Null);
    settle(&server, &mut controllers);
    assert_eq!(server.post(&path, &config_map("c", json!({}))).0, 201, "what went is given back");
    let (_, quota) = server.get(&format!("{NAMESPACE}/resourcequotas/q"));
    assert_eq!(quota["status"]["used"], json!({"configmaps": "2", "count/secrets": "0"}));
}

#[test]
fn pods_must_state_what_a_quota_counts_and_controllers_say_so() {
    let (server, mut controllers) = with_quota(json!({"limits.cpu": "1", "configmaps": "9"}));
    server.post(super::DEPLOYMENTS, &deployment("web"));
    settle(&server, &mut controllers);
    let sets = server.0.store().list("apps", "ReplicaSet", Some("default"));
    let failure = &sets[0]["status"]["conditions"][0];
    assert_eq!((&failure["type"], &failure["reason"]), (&json!("ReplicaFailure"), &json!("FailedCreate")));
    let message = failure["message"].as_str().unwrap();
    assert!(
        message.ends_with("is forbidden: failed quota: q: must specify limits.cpu for: web"),
        "{message}"
    );
}

fn pod(resources: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main", "image": "a:1", "resources": resources}]}})
}

#[test]
fn a_limit_range_fills_in_and_forbids() {
    let server = Server::new();
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "r"}, "spec": {"limits": [
        {"type": "Container", "default": {"cpu": "500m"}, "max": {"memory": "1Gi"}, "min": {"cpu": "10m"}}]}});
    let (code, range) = server.post(&format!("{NAMESPACE}/limitranges"), &range);
    let item = &range["spec"]["limits"][0];
    assert_eq!((code, &item["default"]), (201, &json!({"cpu": "500m", "memory": "1Gi"})));
    assert_eq!(item["defaultRequest"], json!({"cpu": "500m", "memory": "1Gi"}));
    let path = format!("{NAMESPACE}/pods");
    let (code, held) = server.post(&path, &pod(json!({"limits": {"cpu": "100m"}})));
    assert_eq!(code, 201, "{held}");
    assert_eq!(
        held["spec"]["containers"][0]["resources"],
        json!({"limits": {"cpu": "100m", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"}})
    );
    let cases = [
        (json!({"limits": {"memory": "2Gi"}}), "maximum memory usage per Container is 1Gi, but limit is 2Gi"),
        (json!({"requests": {"cpu": "1m"}}), "minimum cpu usage per Container is 10m, but request is 1m"),
    ];
    for (resources, fault) in cases {
        let mut other = pod(resources);
        other["metadata"]["name"] = json!("q");
        let (code, status) = server.post(&path, &other);
        assert_eq!((code, &status["message"]), (403, &json!(format!("pods \"q\" is forbidden: {fault}"))));
    }
}

#[test]
fn an_eviction_takes_its_disruption_from_the_budget() {
    let server = Server::new();
    let mut running = pod(json!({}));
    running["metadata"]["labels"] = json!({"app": "web"});
    for name in ["a", "b"] {
        running["metadata"]["name"] = json!(name);
        server.post(&format!("{NAMESPACE}/pods"), &running);
        let status =
            json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        let path = format!("{NAMESPACE}/pods/{name}/status");
        assert_eq!(server.ask("PATCH", &path, "application/merge-patch+json", &status).0, 200);
    }
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    server.post(budgets, &budget);
    let status = json!({"status": {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1}});
    server.ask("PATCH", &format!("{budgets}/b/status"), "application/merge-patch+json", &status);
    let evict = |name: &str| {
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
        server.post(&format!("{NAMESPACE}/pods/{name}/eviction"), &body)
    };
    assert_eq!(evict("a").0, 201);
    let (code, status) = evict("b");
    assert_eq!((code, &status["details"]["causes"][0]["reason"]), (429, &json!("DisruptionBudget")));
}

#[test]
fn lists_are_told_as_of_one_revision() {
    let server = Server::new();
    let path = format!("{NAMESPACE}/configmaps");
    for name in ["a", "b", "c"] {
        server.post(&path, &config_map(name, json!({})));
    }
    let (_, first) = server.get(&format!("{path}?limit=1"));
    let revision = first["metadata"]["resourceVersion"].as_str().unwrap();
    server.ask("DELETE", &format!("{path}/c"), "", &Value::Null);
    server.post(&path, &config_map("bb", json!({})));
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = server.get(&format!("{path}?continue={token}"));
    assert_eq!(names(&rest), ["b", "c"], "later pages are as of the first");
    let (_, exact) = server.get(&format!("{path}?resourceVersion={revision}&resourceVersionMatch=Exact"));
    assert_eq!(
        (names(&exact), &exact["metadata"]["resourceVersion"]),
        (vec!["a".into(), "b".into(), "c".into()], &json!(revision))
    );
    assert_eq!(server.get(&format!("{path}?resourceVersion=999999")).0, 504);
}

#[test]
fn autoscalers_and_events_are_shown_in_their_second_forms() {
    let server = Server::new();
    let first = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
    let scaler = json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"maxReplicas": 5, "targetCPUUtilizationPercentage": 70,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    let (code, held) = server.post(first, &scaler);
    assert_eq!((code, &held["spec"]["targetCPUUtilizationPercentage"]), (201, &json!(70)), "{held}");
    let (_, second) = server.get(&first.replace("v1", "v2"));
    assert_eq!(second["items"][0]["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Tried",
        "message": "said", "type": "Normal", "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}});
    assert_eq!(server.post(&format!("{NAMESPACE}/events"), &event).0, 201);
    let (_, shown) = server.get("/apis/events.k8s.io/v1/namespaces/default/events/e");
    assert_eq!((&shown["note"], &shown["regarding"]["name"]), (&json!("said"), &json!("p")));
}

#[test]
fn rules_are_told_to_whom_they_are_for() {
    let server = Server::new();
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let (code, review) = server.post(path, &json!({"spec": {"namespace": "default"}}));
    assert_eq!(code, 201);
    let all = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
    assert!(review["status"]["resourceRules"].as_array().unwrap().contains(&all), "{review}");
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let spec = json!({"user": "nobody", "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}});
    assert_eq!(server.post(path, &json!({"spec": spec})).1["status"]["allowed"], false);
}
