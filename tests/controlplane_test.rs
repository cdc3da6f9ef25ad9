//! Tests of the control plane that other tests run on: it behaves like a cluster, its simulated pods
//! fail in a kubelet's words, and users have the rights they are given.

mod controlplane;

use controlplane::{ADMIN, ControlPlane, ENGINE, Options, POWERLESS, or_left_out, shared};

/// Waits until a jsonpath of the first pod of an app has a value.
fn wait_for(control_plane: &ControlPlane, namespace: &str, app: &str, path: &str, value: &str) {
    let selector = format!("app={app}");
    let wait = ["wait", "pod", "-n", namespace, "-l", &selector, "--timeout=60s"];
    control_plane.kubectl(&[&wait[..], &["--for=create"]].concat());
    let condition = format!("--for=jsonpath={{{path}}}={value}");
    control_plane.kubectl(&[&wait[..], &[&condition]].concat());
}

fn pod_field(control_plane: &ControlPlane, namespace: &str, app: &str, path: &str) -> String {
    let (selector, output) = (format!("app={app}"), format!("jsonpath={{.items[0]{path}}}"));
    control_plane.kubectl(&["get", "pods", "-n", namespace, "-l", &selector, "-o", &output])
}

fn deploy(control_plane: &ControlPlane, namespace: &str, app: &str, image: &str, replicas: u32) {
    let (image, replicas) = (format!("--image={image}"), format!("--replicas={replicas}"));
    control_plane.kubectl(&["create", "deployment", app, &image, &replicas, "-n", namespace]);
}

#[test]
fn nodes_are_ready() {
    let Some(control_plane) = shared() else { return };
    let ready = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}";
    assert_eq!(control_plane.kubectl(&["get", "nodes", "-o", ready]), "True True");
}

#[test]
fn a_deployment_becomes_available_and_goes() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("deployment");
    deploy(control_plane, &namespace, "web", "registry.test/web:1", 3);
    control_plane.kubectl(&["rollout", "status", "deployment/web", "-n", &namespace, "--timeout=60s"]);
    let addresses = control_plane.kubectl(&[
        "get",
        "pods",
        "-n",
        &namespace,
        "-o",
        "jsonpath={range .items[*]}{.status.podIP}{'\\n'}{end}",
    ]);
    let distinct: std::collections::BTreeSet<_> = addresses.lines().collect();
    assert_eq!(distinct.len(), 3, "{addresses}");
    control_plane.kubectl(&["delete", "deployment/web", "-n", &namespace, "--timeout=60s"]);
    control_plane.kubectl(&[
        "wait",
        "--for=delete",
        "pod",
        "-l",
        "app=web",
        "-n",
        &namespace,
        "--timeout=60s",
    ]);
}

#[test]
fn a_bad_image_is_told_by_name() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("bad");
    deploy(control_plane, &namespace, "web", "registry.test/web:2-bad", 1);
    let waiting = ".status.containerStatuses[0].state.waiting";
    wait_for(control_plane, &namespace, "web", &format!("{waiting}.reason"), "ImagePullBackOff");
    let message = pod_field(control_plane, &namespace, "web", &format!("{waiting}.message"));
    assert!(message.starts_with("Back-off pulling image \"registry.test/web:2-bad\""), "{message}");
    assert_eq!(pod_field(control_plane, &namespace, "web", ".status.phase"), "Pending");
}

#[test]
fn a_crash_loop_counts_its_restarts() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("crash");
    deploy(control_plane, &namespace, "web", "registry.test/web:crash", 1);
    let status = ".status.containerStatuses[0]";
    wait_for(control_plane, &namespace, "web", &format!("{status}.restartCount"), "2");
    wait_for(control_plane, &namespace, "web", &format!("{status}.state.waiting.reason"), "CrashLoopBackOff");
    let field = |path: &str| pod_field(control_plane, &namespace, "web", &format!("{status}{path}"));
    assert_eq!(field(".lastState.terminated.exitCode"), "1");
    assert_eq!(field(".ready"), "false");
}

#[test]
fn jobs_end_well_or_badly() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("jobs");
    for (name, image, condition) in
        [("good", "registry.test/job:1", "Complete"), ("poor", "registry.test/job:fail", "Failed")]
    {
        let manifest = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec: {{backoffLimit: 0, template: {{spec: \
             {{restartPolicy: Never, containers: [{{name: job, image: '{image}'}}]}}}}}}\n"
        );
        control_plane.apply(&namespace, &manifest);
        let condition = format!("--for=condition={condition}");
        let job = format!("job/{name}");
        control_plane.kubectl(&["wait", &condition, &job, "-n", &namespace, "--timeout=60s"]);
    }
}

#[test]
fn a_stateful_set_gets_its_volumes() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("stateful");
    control_plane.apply(
        &namespace,
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {replicas: 2, serviceName: db, \
         selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: \
         [{name: db, image: 'registry.test/db:1'}]}}, volumeClaimTemplates: [{metadata: {name: data}, spec: \
         {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}",
    );
    control_plane.kubectl(&["rollout", "status", "statefulset/db", "-n", &namespace, "--timeout=60s"]);
    let phases =
        control_plane.kubectl(&["get", "pvc", "-n", &namespace, "-o", "jsonpath={.items[*].status.phase}"]);
    assert_eq!(phases, "Bound Bound");
}

#[test]
fn a_pod_waits_for_the_config_it_refers_to() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("config");
    control_plane.apply(
        &namespace,
        "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {containers: [{name: web, \
         image: 'registry.test/web:1', envFrom: [{configMapRef: {name: late}}]}]}}",
    );
    let waiting = ".status.containerStatuses[0].state.waiting";
    wait_for(control_plane, &namespace, "web", &format!("{waiting}.reason"), "CreateContainerConfigError");
    let message = pod_field(control_plane, &namespace, "web", &format!("{waiting}.message"));
    assert_eq!(message, "configmap \"late\" not found");
    control_plane.kubectl(&["create", "configmap", "late", "-n", &namespace]);
    control_plane.kubectl(&["wait", "--for=condition=Ready", "pod/web", "-n", &namespace, "--timeout=60s"]);
}

#[test]
fn users_have_the_rights_they_are_given() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("rights");
    let cases: [(&str, &str, bool); 9] = [
        (POWERLESS, "list pods -A", false),
        (ENGINE, "list deployments.apps -A", true),
        (ENGINE, "list pods -A", true),
        (ENGINE, "create deployments.apps -A", false),
        (ENGINE, "create namespaces", true),
        (ENGINE, "impersonate users/sluice:tenant:shop", true),
        (ENGINE, "impersonate groups/system:masters", false),
        (ENGINE, "escalate roles.rbac.authorization.k8s.io -A", true),
        (ENGINE, "update configmaps -n sluice-system", true),
    ];
    for (user, question, expected) in cases {
        let arguments: Vec<_> = ["auth", "can-i"].into_iter().chain(question.split(' ')).collect();
        let said = control_plane.kubectl_as(user, &arguments);
        assert_eq!(said.success, expected, "{user} {question}: {}{}", said.stdout, said.stderr);
    }
    let refused =
        control_plane.kubectl_as(ENGINE, &["create", "deployment", "web", "--image=web:1", "-n", &namespace]);
    assert!(!refused.success && refused.stderr.contains("forbidden"), "{}", refused.stderr);
}

#[test]
fn the_audit_log_tells_who_wrote_what() {
    let Some(control_plane) = shared() else { return };
    let namespace = control_plane.namespace("audit");
    let as_engine =
        |arguments: &[&str]| control_plane.kubectl_as(ENGINE, &[arguments, &["-n", &namespace]].concat());
    as_engine(&["get", "deployments"]);
    as_engine(&["create", "deployment", "web", "--image=web:1"]);
    as_engine(&["create", "quota", "tried", "--dry-run=server"]);
    as_engine(&["create", "quota", "made"]);
    as_engine(&["create", "configmap", "theirs", "--as=sluice:tenant:shop"]);
    let events: Vec<_> = control_plane
        .audit()
        .into_iter()
        .filter(|event| event.user == ENGINE && event.namespace == namespace)
        .map(|event| {
            (event.verb.clone(), event.resource.clone(), event.code, event.is_write(), event.impersonated)
        })
        .collect();
    let tenant = Some("sluice:tenant:shop".to_owned());
    let expected = [
        ("list", "deployments", 200, false, None),
        ("create", "deployments", 403, false, None),
        ("create", "resourcequotas", 201, false, None),
        ("create", "resourcequotas", 201, true, None),
        ("create", "configmaps", 403, false, tenant),
    ];
    let expected: Vec<_> = expected
        .map(|(verb, resource, code, write, whom)| (verb.into(), resource.into(), code, write, whom))
        .into();
    assert_eq!(events, expected);
    let names: Vec<_> = control_plane.writes_by(ENGINE).into_iter().map(|event| event.name).collect();
    assert!(names.contains(&"made".to_owned()) && !names.contains(&"tried".to_owned()), "{names:?}");
}

#[test]
fn gateway_routes_can_be_made_once_installed() {
    let Some(control_plane) = shared() else { return };
    control_plane.install_gateway_api();
    let namespace = control_plane.namespace("gateway");
    control_plane.apply(
        &namespace,
        "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: web}, spec: {rules: \
         [{backendRefs: [{name: web, port: 80}]}]}}",
    );
    let weight = "jsonpath={.spec.rules[0].backendRefs[0].weight}";
    assert_eq!(control_plane.kubectl(&["get", "httproute/web", "-n", &namespace, "-o", weight]), "1");
}

#[test]
fn a_second_cluster_runs_beside_and_ends_with_its_owner() {
    let Some(first) = shared() else { return };
    let options =
        Options { nodes: 1, users: vec![], kubelet: vec!["--start-delay=50ms".into()], keep: false };
    let Some(second) = or_left_out(ControlPlane::start("second", &options)) else { return };
    assert_ne!(first.server(), second.server());
    second.kubectl(&["create", "namespace", "only-here"]);
    let elsewhere = first.kubectl_as(ADMIN, &["get", "namespace", "only-here"]);
    assert!(elsewhere.stderr.contains("NotFound"), "{}", elsewhere.stderr);
    let folder = second.kubeconfig(ADMIN).parent().expect("a kubeconfig lies in a folder").to_owned();
    assert!(folder.exists());
    second.stop();
    assert!(!folder.exists(), "its folder is gone with it");
}
