use serde_json::{Value, json};

use super::{DEPLOYMENTS, Server, config_map, deployment};
use crate::playground::request::User;

fn user(name: &str) -> User {
    User::new(name, &["system:authenticated"])
}

fn bind(server: &Server, name: &str, role: (&str, &str), subject: &str) {
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name}, "roleRef": {"kind": role.0, "name": role.1},
        "subjects": [{"kind": "User", "name": subject}]});
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    let (code, held) = server.post(path, &binding);
    assert_eq!(code, 201, "{held}");
}

#[test]
fn roles_say_who_may_do_what() {
    let server = Server::new();
    bind(&server, "viewers", ("ClusterRole", "view"), "eve");
    bind(&server, "editors", ("ClusterRole", "edit"), "ed");
    let secrets = "/api/v1/namespaces/default/secrets";
    let routes = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes";
    let cases = [
        ("eve", "GET", DEPLOYMENTS, 200),
        ("eve", "GET", secrets, 403),
        ("eve", "DELETE", DEPLOYMENTS, 403),
        ("eve", "GET", "/api/v1/namespaces/kube-system/pods", 403),
        ("eve", "GET", "/api/v1/nodes", 403),
        ("ed", "GET", secrets, 200),
        ("ed", "DELETE", DEPLOYMENTS, 200),
        ("ed", "GET", routes, 403),
        ("nobody", "GET", DEPLOYMENTS, 403),
        ("nobody", "GET", "/version", 200),
        ("nobody", "GET", "/apis", 200),
        ("nobody", "GET", "/metrics", 403),
        ("sluice-engine", "GET", "/api/v1/secrets", 200),
        ("sluice-engine", "DELETE", DEPLOYMENTS, 403),
    ];
    for (name, method, path, expected) in cases {
        let (code, body) = server.ask_as(&user(name), method, path, "", &Value::Null);
        assert_eq!(code, expected, "{name} {method} {path}: {body}");
    }
}

#[test]
fn a_refusal_is_worded_as_the_authorizer_words_it() {
    let server = Server::new();
    let cases = [
        (
            format!("{DEPLOYMENTS}/web"),
            "deployments.apps \"web\" is forbidden: User \"eve\" cannot get resource \"deployments\" in API group \"apps\" in the namespace \"default\"",
        ),
        (
            "/api/v1/nodes".into(),
            "nodes is forbidden: User \"eve\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
        ),
    ];
    for (path, message) in cases {
        let (code, status) = server.ask_as(&user("eve"), "GET", &path, "", &Value::Null);
        assert_eq!((code, &status["reason"]), (403, &json!("Forbidden")));
        assert_eq!(status["message"], message);
    }
}

#[test]
fn nobody_grants_what_they_lack() {
    let server = Server::new();
    bind(&server, "admins", ("ClusterRole", "admin"), "ada");
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
    let role = |resources: Value, groups: Value| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
            "rules": [{"apiGroups": groups, "resources": resources, "verbs": ["get"]}]})
    };
    let ada = user("ada");
    let wide = role(json!(["httproutes"]), json!(["gateway.networking.k8s.io"]));
    let (code, status) = server.ask_as(&ada, "POST", roles, "application/json", &wide);
    assert_eq!(code, 403);
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"gateway.networking.k8s.io\"], Resources:[\"httproutes\"], Verbs:[\"get\"]}"), "{message}");
    let held = role(json!(["pods"]), json!([""]));
    assert_eq!(server.ask_as(&ada, "POST", roles, "application/json", &held).0, 201);
    // The engine has escalate and bind.
    let engine = user("sluice-engine");
    let other = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "e"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    assert_eq!(server.ask_as(&engine, "POST", roles, "application/json", &other).0, 201);
}

#[test]
fn impersonation_is_a_right_and_is_audited() {
    let server = Server::new();
    bind(&server, "tenant", ("ClusterRole", "edit"), "sluice:tenant:shop");
    let ask = |name: &str, path: &str| {
        let body = config_map("a", json!({})).to_string();
        let request = http::Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", "application/json")
            .header("impersonate-user", "sluice:tenant:shop")
            .body(bytes::Bytes::from(body))
            .unwrap();
        server.0.handle(&request, Some(&user(name))).status().as_u16()
    };
    let maps = "/api/v1/namespaces/default/configmaps";
    assert_eq!(ask("eve", maps), 403);
    assert_eq!(ask("sluice-engine", maps), 201);
    assert_eq!(ask("sluice-engine", "/api/v1/namespaces/kube-system/configmaps"), 403);
    let audit = server.0.audit.events();
    let seen: Vec<(&str, Option<&str>, u16, bool)> = audit
        .iter()
        .filter(|event| event.resource == "configmaps")
        .map(|event| (event.user.as_str(), event.impersonated.as_deref(), event.code, event.changed))
        .collect();
    let tenant = Some("sluice:tenant:shop");
    assert_eq!(seen, [("sluice-engine", tenant, 201, true), ("sluice-engine", tenant, 403, false)]);
}

#[test]
fn an_apply_of_what_is_not_there_needs_the_right_to_create() {
    let server = Server::new();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "patcher"},
        "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}]});
    server.post("/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", &role);
    bind(&server, "patchers", ("Role", "patcher"), "pat");
    let path = format!("{DEPLOYMENTS}/web?fieldManager=m");
    let media = "application/apply-patch+yaml";
    assert_eq!(server.ask_as(&user("pat"), "PATCH", &path, media, &deployment("web")).0, 403);
    server.apply(&path, &deployment("web"));
    assert_eq!(server.ask_as(&user("pat"), "PATCH", &path, media, &deployment("web")).0, 200);
}

#[test]
fn one_may_ask_what_one_may_do() {
    let server = Server::new();
    bind(&server, "viewers", ("ClusterRole", "view"), "eve");
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (verb, expected) in [("list", true), ("delete", false)] {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default"}}});
        let (code, answer) = server.ask_as(&user("eve"), "POST", path, "application/json", &review);
        assert_eq!((code, &answer["status"]["allowed"]), (201, &json!(expected)), "{verb}");
    }
}
