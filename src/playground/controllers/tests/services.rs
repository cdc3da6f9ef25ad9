//! What follows from pods: endpoints, quotas, budgets, autoscalers, gateways.

use super::*;

fn service(extra: Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] },
    });
    json_patch::merge(&mut object["spec"], &extra);
    object
}

fn web(replicas: i64) -> Value {
    let mut template = template("web", "shop:1");
    template["spec"]["containers"][0]["ports"] = json!([{ "name": "http", "containerPort": 8080 }]);
    template["spec"]["containers"][0]["resources"] =
        json!({ "requests": { "cpu": "250m" }, "limits": { "memory": "64Mi" } });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": "web" } }, "template": template },
    })
}

/// Addresses of all slices by (ready, terminating).
fn endpoints(cluster: &Cluster) -> (usize, usize) {
    let slices = cluster.list("discovery.k8s.io", "EndpointSlice");
    let all: Vec<&Value> = slices.iter().flat_map(|slice| array(slice, "/endpoints")).collect();
    let count = |field: &str| all.iter().filter(|one| one["conditions"][field] == true).count();
    (count("ready"), count("terminating"))
}

#[test]
fn endpoints_follow_the_pods() {
    let mut cluster = Cluster::new();
    cluster.add(service(json!({})));
    cluster.add(web(3));
    cluster.advance(Duration::from_secs(2), |cluster| {
        assert!(endpoints(cluster).0 <= cluster.ready_pods());
    });
    assert_eq!(endpoints(&cluster), (3, 0));
    let slices = cluster.list("discovery.k8s.io", "EndpointSlice");
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0]["ports"], json!([{ "name": "http", "port": 8080, "protocol": "TCP" }]));
    assert_eq!(slices[0]["metadata"]["labels"]["kubernetes.io/service-name"], "web");
    let older = cluster.get("", "Endpoints", "web");
    assert_eq!(array(&older, "/subsets/0/addresses").len(), 3);
    let first = name(&cluster.pods()[0]).to_owned();
    cluster.delete("", "Pod", &first);
    cluster.run();
    assert_eq!(endpoints(&cluster), (2, 1), "a pod that ends takes no more");
    cluster.settle(2);
    assert_eq!(endpoints(&cluster), (3, 0));
    cluster.delete("", "Service", "web");
    cluster.settle(1);
    assert!(cluster.list("discovery.k8s.io", "EndpointSlice").is_empty());
    assert!(cluster.find("", "Endpoints", "web").is_none());
}

#[test]
fn a_load_balancer_gets_an_address() {
    let mut cluster = Cluster::new();
    cluster.add(service(json!({ "type": "LoadBalancer" })));
    let web = cluster.get("", "Service", "web");
    assert!(text(&web, "/status/loadBalancer/ingress/0/ip").starts_with("203.0.113."));
}

#[test]
fn a_quota_counts_what_is_used() {
    let mut cluster = Cluster::new();
    cluster.add(json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "all", "namespace": "shop" },
        "spec": { "hard": {
            "pods": "10", "requests.cpu": "4", "limits.memory": "1Gi", "count/deployments.apps": "5",
            "services.loadbalancers": "1",
        } },
    }));
    cluster.add(web(3));
    cluster.add(service(json!({ "type": "LoadBalancer" })));
    cluster.settle(2);
    let quota = cluster.get("", "ResourceQuota", "all");
    let used = json!({
        "pods": "3", "requests.cpu": "750m", "limits.memory": "192Mi", "count/deployments.apps": "1",
        "services.loadbalancers": "1",
    });
    assert_eq!(quota["status"]["used"], used);
    assert_eq!(quota["status"]["hard"], quota["spec"]["hard"]);
}

#[test]
fn a_budget_says_how_many_may_go() {
    // spec, allowed with three ready pods
    let cases = [
        (json!({ "minAvailable": 2 }), 1),
        (json!({ "maxUnavailable": 1 }), 1),
        (json!({ "minAvailable": "50%" }), 1),
        (json!({ "maxUnavailable": 0 }), 0),
    ];
    for (spec, allowed) in cases {
        let mut cluster = Cluster::new();
        cluster.add(web(3));
        let mut budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "selector": { "matchLabels": { "app": "web" } } },
        });
        json_patch::merge(&mut budget["spec"], &spec);
        cluster.add(budget);
        cluster.settle(2);
        let budget = cluster.get("policy", "PodDisruptionBudget", "web");
        assert_eq!(budget["status"]["disruptionsAllowed"], allowed, "{spec}");
        assert_eq!(budget["status"]["currentHealthy"], 3);
    }
}

#[test]
fn an_autoscaler_keeps_within_its_bounds_and_off_at_zero() {
    for (size, expected, active) in [(1, 2, "True"), (3, 3, "True"), (9, 5, "True"), (0, 0, "False")] {
        let mut cluster = Cluster::new();
        cluster.add(web(size));
        cluster.add(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": { "name": "web", "namespace": "shop" },
            "spec": {
                "minReplicas": 2, "maxReplicas": 5,
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            },
        }));
        cluster.settle(5);
        assert_eq!(count(&cluster.get("apps", "Deployment", "web"), "/spec/replicas"), expected);
        let scaler = cluster.get("autoscaling", "HorizontalPodAutoscaler", "web");
        assert_eq!(scaler["status"]["desiredReplicas"], expected);
        assert_eq!(scaler["status"]["currentReplicas"], expected);
        assert_eq!(words(&scaler, "ScalingActive").0, active);
    }
}

#[test]
fn routes_are_accepted_where_a_gateway_takes_them() {
    let group = "gateway.networking.k8s.io";
    let version = "gateway.networking.k8s.io/v1";
    // host of the route, backend, accepted, resolved
    let cases = [
        ("www.example.com", "web", ("True", "Accepted"), ("True", "ResolvedRefs")),
        ("www.example.org", "web", ("False", "NoMatchingListenerHostname"), ("True", "ResolvedRefs")),
        ("www.example.com", "gone", ("True", "Accepted"), ("False", "BackendNotFound")),
    ];
    for (host, backend, accepted, resolved) in cases {
        let mut cluster = Cluster::new();
        cluster.add(service(json!({})));
        cluster.add(json!({
            "apiVersion": version, "kind": "HTTPRoute", "metadata": { "name": "web", "namespace": "shop" },
            "spec": {
                "parentRefs": [{ "name": "edge" }], "hostnames": [host],
                "rules": [{ "backendRefs": [{ "name": backend, "port": 80 }] }],
            },
        }));
        cluster.add(json!({
            "apiVersion": version, "kind": "Gateway", "metadata": { "name": "edge", "namespace": "shop" },
            "spec": {
                "gatewayClassName": "sluice-playground",
                "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.example.com" }],
            },
        }));
        assert!(cluster.get(group, "HTTPRoute", "web").get("status").is_none(), "no class, no controller");
        cluster.add(json!({
            "apiVersion": version, "kind": "GatewayClass", "metadata": { "name": "sluice-playground" },
            "spec": { "controllerName": "sluice.dev/playground" },
        }));
        let route = cluster.get(group, "HTTPRoute", "web");
        let parent = json!({ "status": route["status"]["parents"][0] });
        assert_eq!(words(&parent, "Accepted"), accepted, "{host}");
        assert_eq!(words(&parent, "ResolvedRefs"), resolved, "{backend}");
        let edge = cluster.get(group, "Gateway", "edge");
        assert_eq!(words(&edge, "Programmed").0, "True");
        assert_eq!(edge["status"]["listeners"][0]["attachedRoutes"], i64::from(accepted.0 == "True"));
    }
}
