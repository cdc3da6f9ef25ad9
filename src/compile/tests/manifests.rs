//! Manifests under the rules that components are under, every fault at its line.

use super::*;

const FLEET: &str = "\
apiVersion: sluice.dev/v1alpha1
kind: Fleet
metadata: {name: acme}
spec:
  environments: [{name: dev, branch: main}]
  policy:
    images: {registries: [registry.acme.example/], forbidLatest: true, requireDigest: false}
    requireProbes: true
    requireLimits: true
";
const CLUSTER: &str = "\
apiVersion: sluice.dev/v1alpha1
kind: Cluster
metadata: {name: east}
spec: {environment: dev, access: {playground: {}}, nodePorts: {reserved: [9100]}}
";
const TENANT: &str = "\
apiVersion: sluice.dev/v1alpha1
kind: Tenant
metadata: {name: shop}
spec:
  nodePorts: [30080]
  registries: [registry.acme.example/shop/]
  namespaces: {default: {podSecurity: LEVEL, quota: {pods: 4, requests.cpu: 1}}}
";
const APP: &str = "\
apiVersion: sluice.dev/v1alpha1
kind: App
metadata: {name: NAME}
spec: {source: {manifests: [NAME]}}
";

/// A Deployment that keeps every rule.
const GOOD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: registry.acme.example/shop/web:1.4
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}}
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 64Mi}}
";

/// The faults of a fleet whose app `web` has these objects, each as `line:column code: message`.
fn faults(objects: &str, level: &str, more: &[(&str, String)]) -> Vec<String> {
    let base = [
        ("sluice.yaml", FLEET.to_owned()),
        ("platform/cluster.yaml", CLUSTER.to_owned()),
        ("platform/tenant.yaml", TENANT.replace("LEVEL", level)),
        ("tenants/shop/web.yaml", APP.replace("NAME", "web")),
        ("tenants/shop/web/all.yaml", objects.to_owned()),
    ];
    let all = base.iter().chain(more).map(|(path, text)| ((*path).to_owned(), text.clone().into_bytes()));
    let (definitions, read_faults) = read(&tree(all));
    assert_eq!(listed(&read_faults), "");
    let facts = Facts::assumed(&definitions);
    let (_, found) = compile(&definitions, &definitions, &"dev".parse().unwrap(), revision(), &facts);
    let line = |one: &Diagnostic| {
        let Place { path, line, column } = &one.place;
        let file = if path.ends_with("all.yaml") { String::new() } else { format!("{path}:") };
        let help = one.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{file}{line}:{column} {}: {}{help}", one.code, one.message)
    };
    found.iter().map(line).collect()
}

/// The one fault of the good Deployment with a text of it replaced.
#[track_caller]
fn check(level: &str, from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from}");
    let found = faults(&GOOD.replace(from, to), level, &[]);
    let all = found.join("\n");
    match expected {
        "" => assert_eq!(all, "", "{to}"),
        _ => {
            assert!(found.iter().any(|fault| fault.starts_with(expected)), "{to}: not `{expected}` in\n{all}")
        }
    }
}

#[test]
fn a_manifest_that_keeps_every_rule_has_no_fault() {
    assert_eq!(faults(GOOD, "baseline", &[]), Vec::<String>::new());
}

#[test]
fn fields_are_held_against_the_shape_of_the_kind() {
    for (from, to, expected) in [
        (
            "replicas:",
            "replcias:",
            "5:3 S0610: Deployment `web`: unknown field `spec.replcias` (did you mean `replicas`?)",
        ),
        (
            "replicas: 2",
            "replicas: two",
            "5:13 S0610: Deployment `web`: `spec.replicas` is the text `two`, where an integer is wanted",
        ),
        (
            "replicas: 2",
            "replicas: '2'",
            "5:13 S0610: Deployment `web`: `spec.replicas` is the text `2`, where an integer is wanted (write it without quotes: `2`)",
        ),
        (
            "  selector: {matchLabels: {app: web}}\n",
            "",
            "5:3 S0610: Deployment `web`: the field `spec.selector` is missing",
        ),
        (
            "name: main",
            "name: 1",
            "11:15 S0610: Deployment `web`: `spec.template.spec.containers[0].name` is the number 1, where a text is wanted (quote it: `\"1\"`)",
        ),
        (
            "{containerPort: 80}",
            "{containerPort: 80, protocol: tcp}",
            "13:47 S0610: Deployment `web`: `spec.template.spec.containers[0].ports[0].protocol` can't be `tcp` (did you mean `TCP`?)",
        ),
        (
            "cpu: 100m",
            "cpu: lots",
            "15:37 S0610: Deployment `web`: `spec.template.spec.containers[0].resources.requests.cpu` is no quantity: `lots`",
        ),
        ("port: 80}", "port: http}", ""),
        ("memory: 64Mi}, limits", "memory: 67108864}, limits", ""),
        (
            "ports: [",
            "ports: {} #",
            "13:16 S0610: Deployment `web`: `spec.template.spec.containers[0].ports` is a mapping, where a list is wanted",
        ),
    ] {
        check("baseline", from, to, expected);
    }
}

#[test]
fn kinds_without_a_known_shape_stay_unchecked() {
    let old = "apiVersion: autoscaling/v9\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {what: ever}\n";
    let found = faults(&format!("{GOOD}---\n{old}"), "baseline", &[]);
    // The version that the cluster serves is written instead, and what comes of it is looked at.
    assert!(found.iter().all(|fault| !fault.contains("S0610")), "{found:#?}");
}

#[test]
fn images_probes_and_limits_follow_the_fleets_policy() {
    for (from, to, expected) in [
        ("shop/web:1.4", "pay/web:1.4", "12:16 S0505: Deployment `web`: the tenant does not allow"),
        (
            "registry.acme.example/shop/web:1.4",
            "nginx:1",
            "12:16 S0505: Deployment `web`: the fleet's policy does not allow",
        ),
        (
            "web:1.4",
            "web",
            "12:16 S0505: Deployment `web`: `registry.acme.example/shop/web` means another image",
        ),
        (
            "readinessProbe",
            "livenessProbe",
            "11:9 S0506: Deployment `web`: the fleet's policy asks for a readiness probe",
        ),
        (
            "limits: {cpu: 200m, memory",
            "limits: {memory",
            "15:20 S0506: Deployment `web`: the fleet's policy asks for a cpu limit",
        ),
        (
            "limits: {cpu: 200m",
            "limits: {cpu: 50m",
            "15:20 S0507: Deployment `web`: the cpu request 100m is over the limit 50m",
        ),
        ("cpu: 100m, ", "", ""),
    ] {
        check("baseline", from, to, expected);
    }
}

#[test]
fn pods_keep_the_security_standard_of_the_namespace() {
    let pod = "      containers:\n      - name: main\n";
    let with_pod = |text: &str| format!("      {text}\n{pod}");
    let with_container = |text: &str| format!("{pod}        {text}\n");
    for (to, expected) in [
        (
            with_pod("hostNetwork: true"),
            "10:20 S0510: Deployment `web`: the namespace forbids the host's network",
        ),
        (with_pod("hostPID: true"), "10:16 S0510"),
        (with_pod("volumes: [{name: a, hostPath: {path: /}}]"), "10:17 S0510"),
        (with_container("securityContext: {privileged: true}"), "12:39 S0510"),
        (with_container("securityContext: {capabilities: {add: [SYS_ADMIN]}}"), "12:48 S0510"),
        (with_container("securityContext: {capabilities: {add: [CHOWN]}}"), ""),
        (with_pod("securityContext: {seccompProfile: {type: Unconfined}}"), "10:48 S0510"),
        (with_pod("securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}"), "10:35 S0510"),
    ] {
        check("baseline", pod, &to, expected);
    }
    check("privileged", pod, &with_pod("hostPID: true"), "");
    let missing = "Deployment `web`: the namespace is restricted and asks for `securityContext` with runAsNonRoot: true";
    check("restricted", "shop/web:1.4", "shop/web:1.5", &format!("11:9 S0510: {missing}"));
    let hardened = "securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}";
    check("restricted", pod, &with_container(hardened), "");
}

#[test]
fn ports_of_nodes_and_hosts_belong_to_one_app() {
    let service = |port: u16| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: NAME}}\nspec: {{type: NodePort, selector: {{app: web}}, ports: [{{port: 80, nodePort: {port}}}]}}\n"
        )
    };
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME}\nspec:\n  rules:\n  - host: \
                   Shop.example\n    http: {paths: [{path: /a/, pathType: Prefix, backend: {service: {name: web, \
                   port: {number: 80}}}}]}\n";
    let found = |objects: &str, more: &[(&str, String)]| faults(objects, "privileged", more).join("\n");
    for (port, expected) in [
        (30080, ""),
        (30081, "4:75 S0502: node port 30081 is not granted to tenant `shop`"),
        (80, "4:75 S0502: node port 80 is outside of 30000-32767"),
    ] {
        let text = found(&service(port).replace("NAME", "web"), &[]);
        assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{port}: {text}");
    }
    for object in [service(30080), ingress.to_owned()] {
        let other = [
            ("tenants/shop/other.yaml", APP.replace("NAME", "other")),
            ("tenants/shop/other/all.yaml", object.replace("NAME", "other")),
        ];
        let text = found(&object.replace("NAME", "web"), &other);
        assert_eq!(text.lines().filter(|line| line.contains(" too")).count(), 2, "{text}");
    }
    let on_host = GOOD.replace("{containerPort: 80}", "{containerPort: 80, hostPort: 9100}");
    let text = found(&on_host, &[]);
    assert!(text.contains("13:17 S0502: port 9100 is reserved") && text.contains("S0511"), "{text}");
}

#[test]
fn pods_of_manifests_count_against_the_quota_at_the_peak_of_a_release() {
    for (replicas, expected) in [
        (3, ""),
        (
            4,
            "platform/tenant.yaml:7:56 S0508: the apps of east/shop come to pods 4, while a release runs to 5",
        ),
        (5, "platform/tenant.yaml:7:56 S0508: the apps of east/shop come to pods 5, the quota is 4"),
    ] {
        check("baseline", "replicas: 2", &format!("replicas: {replicas}"), expected);
    }
    let unmeasured = "15:9 S0508: the namespace has a quota on cpu, so container `main` needs a cpu request";
    let without = "resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 64Mi}}";
    let found = faults(&GOOD.replace(without, "stdin: false"), "baseline", &[]);
    assert!(found.iter().any(|fault| fault.contains(&unmeasured[5..])), "{found:#?}");
}

#[test]
fn a_patch_is_under_the_same_rules_and_is_named_as_the_place() {
    let patched = |ops: &str| {
        let app = "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {name: api}\nspec:\n  image: \
                   registry.acme.example/shop/api:1\n  port: 80\n  health: /\n  resources: {cpu: 100m, memory: 64Mi, \
                   limits: {cpu: 1}}\n  patches:\n  - target: {kind: Deployment, name: api}\n    ops:\n";
        format!("{app}    - {{op: add, path: {ops}}}\n")
    };
    for (ops, expected) in [
        ("/spec/template/spec/hostPID, value: true", "tenants/shop/api.yaml:12:7 S0510"),
        ("/spec/template/spec/containers/0/image, value: 'nginx:1'", "tenants/shop/api.yaml:12:7 S0505"),
        ("/spec/template/spec/dnsPolicy, value: none", "tenants/shop/api.yaml:12:7 S0610"),
        ("/spec/template/spec/hostname, value: a", ""),
    ] {
        let found = faults(GOOD, "baseline", &[("tenants/shop/api.yaml", patched(ops))]);
        let all = found.join("\n");
        assert!(found.iter().any(|fault| fault.starts_with(expected)) || expected.is_empty(), "{ops}: {all}");
        assert!(!expected.is_empty() || all.is_empty(), "{ops}: {all}");
    }
}
