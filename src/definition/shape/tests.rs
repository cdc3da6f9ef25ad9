use serde_json::{Value, json};

use crate::definition::yaml::{Limits, Node, load};
use crate::definition::{
    App, Cluster, Config, EnvValue, Fleet, GrayRelease, Healing, Kind, Metadata, Secret, Tenant,
    TrafficProvider, Volume, lift, nearest, schema, typed,
};
use crate::diagnostic::Diagnostic;

fn tree(text: &str) -> Node {
    let stream = load(text.as_bytes(), "a.yaml", &Limits::default());
    assert_eq!(stream.diagnostics, [], "{text}");
    stream.documents[0].root.clone()
}

fn lines(faults: &[Diagnostic]) -> Vec<String> {
    let line = |fault: &Diagnostic| {
        let help = fault.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}:{} {} {}{help}", fault.place.line, fault.place.column, fault.code, fault.message)
    };
    faults.iter().map(line).collect()
}

/// The faults of `text` as the `spec` of a kind, in order.
fn faults(kind: Kind, text: &str) -> Vec<String> {
    let mut tree = tree(text);
    let lifted = if kind == Kind::App { lift(&mut tree, "web", "a.yaml") } else { Vec::new() };
    let found = match kind {
        Kind::Fleet => typed::<Fleet>(&tree, "a.yaml", "").err(),
        Kind::Cluster => typed::<Cluster>(&tree, "a.yaml", "").err(),
        Kind::Tenant => typed::<Tenant>(&tree, "a.yaml", "").err(),
        Kind::App => typed::<App>(&tree, "a.yaml", "").err(),
        Kind::Config => typed::<Config>(&tree, "a.yaml", "").err(),
        Kind::Secret => typed::<Secret>(&tree, "a.yaml", "").err(),
        Kind::GrayRelease => typed::<GrayRelease>(&tree, "a.yaml", "").err(),
    };
    lines(&lifted.into_iter().chain(found.unwrap_or_default()).collect::<Vec<_>>())
}

fn check(kind: Kind, text: &str, expected: &[&str]) {
    assert_eq!(faults(kind, text), expected, "{text}");
}

fn app(text: &str) -> App {
    let mut tree = tree(text);
    assert_eq!(lift(&mut tree, "web", "a.yaml"), []);
    typed(&tree, "a.yaml", "").unwrap_or_else(|faults| panic!("{:?}", lines(&faults)))
}

#[test]
fn f24_every_fault_is_found_at_once_with_the_nearest_name() {
    let text = "image: web:1\nreplcias: 2\nport: eighty\nenv:\n  DEBUG: on\n  LEVEL: {secrt: web}\nworkload: deployment\nresources: {cpu: lots}\n";
    check(
        Kind::App,
        text,
        &[
            "2:1 S0301 unknown field `replcias` (did you mean `replicas`?)",
            "3:7 S0305 `eighty` is a text, where an integer is wanted",
            "5:10 S0305 `on` is a truth value, where a text is wanted (quote it: `\"on\"`)",
            "6:11 S0301 unknown field `secrt` (did you mean `secret`?)",
            "7:11 S0306 `deployment` is not one of `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `CronJob` (did you mean `Deployment`?)",
            "8:18 S0307 `lots` is no quantity (write for example `500m`, `2`, `256Mi` or `1Gi`)",
        ],
    );
    check(
        Kind::App,
        "image: a:1\ninit_containers: {}\n",
        &["2:1 S0301 unknown field `init_containers` (did you mean `initContainers`?)"],
    );
    check(
        Kind::GrayRelease,
        "strategy: rolling\nxyzzy: 1\n",
        &[
            "2:1 S0301 unknown field `xyzzy` (known here: `environments`, `rollback`, `soak`, `strategy`, `timeouts`)",
        ],
    );
    check(
        Kind::Tenant,
        "namespaces: {dev: {quota: {pods: 1}}}\nmembers: [{user: ann}]\nNodePorts: []\n",
        &[
            "2:11 S0303 the field `role` is missing",
            "3:1 S0301 unknown field `NodePorts` (did you mean `nodePorts`?)",
        ],
    );
}

#[test]
fn f25_durations_that_can_not_be_are_refused() {
    let cases = [
        ("-1s", "`-1s` is no duration (write whole numbers with units, for example `30s`, `5m` or `1h30m`)"),
        ("0", "`0` is no duration (write whole numbers with units, for example `30s`, `5m` or `1h30m`)"),
        ("0s", "`0s` is too short: the least is 1s"),
        ("500ms", "`500ms` is too short: the least is 1s"),
        (
            "1e9h",
            "`1e9h` is no duration (write whole numbers with units, for example `30s`, `5m` or `1h30m`)",
        ),
        ("999999999999999h", "the duration `999999999999999h` is longer than 366 days"),
        (
            "\"NaN\"",
            "`NaN` is no duration (write whole numbers with units, for example `30s`, `5m` or `1h30m`)",
        ),
        (
            "[]",
            "a list where a duration is wanted (write whole numbers with units, for example `30s`, `5m` or `1h30m`)",
        ),
    ];
    for (value, message) in cases {
        let text = format!("strategy: rolling\ntimeouts: {{progress: {value}}}\n");
        check(Kind::GrayRelease, &text, &[&format!("2:22 S0307 {message}")]);
    }
    check(
        Kind::GrayRelease,
        "strategy: rolling\ntimeouts: {fault: 46s}\n",
        &["2:19 S0307 `46s` is too long: the most is 45s"],
    );
    check(Kind::GrayRelease, "strategy: rolling\ntimeouts: {progress: 1h30m, fault: 45s}\nsoak: 0s\n", &[]);
}

/// Fields, words and kinds that the design has and this version does not do.
const LATER: &[(Kind, &str, &str)] = &[
    (
        Kind::GrayRelease,
        "strategy: canary",
        "1:11 S0309 `canary` is not supported yet (supported: `rolling`, `recreate`)",
    ),
    (
        Kind::GrayRelease,
        "strategy: rolling\nsteps: []",
        "2:1 S0309 the field `steps` is not supported yet (take it away)",
    ),
    (
        Kind::GrayRelease,
        "strategy: rolling\nrollback: {scope: wave}",
        "2:19 S0309 `wave` is not supported yet (supported: `all`)",
    ),
    (
        Kind::GrayRelease,
        "strategy: rolling\nrollback: {git: hold}",
        "2:12 S0309 the field `git` is not supported yet (take it away)",
    ),
    (
        Kind::Fleet,
        "environments: [{name: a, branch: b, approvals: {}}]",
        "1:37 S0309 the field `approvals` is not supported yet (take it away)",
    ),
    (
        Kind::Fleet,
        "environments: [{name: a, branch: b}]\nusers: {ada: {logins: []}}",
        "2:15 S0309 the field `logins` is not supported yet (take it away)",
    ),
    (
        Kind::Cluster,
        "environment: a\naccess: {agent: {}}",
        "2:10 S0309 the field `agent` is not supported yet (take it away)",
    ),
    (Kind::Cluster, "environment: a\naccess: agent", "2:9 S0309 `agent` is not supported yet"),
    (
        Kind::Cluster,
        "environment: a\naccess: {kubeconfig: {file: f, secret: s}}",
        "2:32 S0309 the field `secret` is not supported yet (take it away)",
    ),
    (
        Kind::Cluster,
        "environment: a\naccess: {playground: {}}\ntraffic: {provider: istio}",
        "3:21 S0309 `istio` is not supported yet (supported: `gatewayApi`, `nginx`, `replicas`)",
    ),
    (
        Kind::App,
        "image: a:1\nschedule: []",
        "2:1 S0309 the field `schedule` is not supported yet (take it away)",
    ),
    (
        Kind::App,
        "components: {a: {image: a:1, observability: {}}}",
        "1:30 S0309 the field `observability` is not supported yet (take it away)",
    ),
    (
        Kind::App,
        "image: a:1\nworkload: DaemonSet\nupdate: OnDelete",
        "3:9 S0309 `OnDelete` is not supported yet (supported: `RollingUpdate`)",
    ),
    (
        Kind::App,
        "image: a:1\nplacement: {replicas: {utilisation: {}}}",
        "2:24 S0309 the field `utilisation` is not supported yet (take it away)",
    ),
    (
        Kind::App,
        "source: {helm: {chart: c}}",
        "1:10 S0309 the field `helm` is not supported yet (take it away)",
    ),
    (
        Kind::App,
        "source: {manifests: [m], export: true}",
        "1:26 S0309 the field `export` is not supported yet (take it away)",
    ),
    (Kind::App, "template: {name: t}", "1:1 S0309 the field `template` is not supported yet (take it away)"),
];

#[test]
fn fields_of_later_features_are_refused_by_name() {
    for (kind, text, expected) in LATER {
        check(*kind, text, &[expected]);
    }
}

/// Values of a wrong type or out of range, and what is said of them.
const WRONG_VALUES: &[(Kind, &str, &[&str])] = &[
    (
        Kind::App,
        "image: a:1\nport: 70000\nreplicas: \"2\"\n",
        &[
            "2:7 S0307 70000 is too large: the most is 65535",
            "3:11 S0305 `2` is a text, where an integer is wanted (write it without quotes: `2`)",
        ],
    ),
    (
        Kind::App,
        "image: a:1\nport: -1\nhostNetwork: 'true'\nargs: x\n",
        &[
            "2:7 S0307 -1 is too small: the least is 1",
            "3:14 S0305 `true` is a text, where `true` or `false` is wanted (write it without quotes: `true`)",
            "4:7 S0305 `x` is a text, where a list is wanted",
        ],
    ),
    (
        Kind::App,
        "image: 1.20\nlabels: {on: x, 0644: z}\nreplicas: 1.5\n",
        &[
            "1:8 S0305 `1.20` is a number, where a text is wanted (quote it: `\"1.20\"`)",
            "2:10 S0305 the key `on` is read as `true` (quote it: `\"on\"`)",
            "2:17 S0305 the key `0644` is read as `420` (quote it: `\"0644\"`)",
            "3:11 S0305 `1.5` is a number, where an integer is wanted",
        ],
    ),
    (
        Kind::App,
        "image: a:1\nresources: {memory: -1Gi}\ndisruption: {maxUnavailable: 120%}\n",
        &[
            "2:21 S0307 the quantity `-1Gi` is below zero (write for example `500m`, `2`, `256Mi` or `1Gi`)",
            "3:30 S0305 `120%` is a text, where a whole number or a share such as `25%` is wanted",
        ],
    ),
    (
        Kind::App,
        "image: a:1\nprobes: {liveness: {http: /, tcp: http}, readiness: {period: 5s}}\n",
        &[
            "2:20 S0308 exactly one of `http`, `tcp`, `exec`, `grpc` is wanted, here are 2",
            "2:53 S0308 exactly one of `http`, `tcp`, `exec`, `grpc` is wanted, here are 0",
        ],
    ),
    (
        Kind::App,
        "image: a:1\nvolumes: {a: {claim: {size: 1Gi}, emptyDir: {}}, b: {}, c: {hostPth: {}}, d: claim}\n",
        &[
            "2:14 S0308 exactly one of `emptyDir`, `claim`, `existingClaim`, `hostPath` is wanted, here are 2",
            "2:53 S0308 exactly one of `emptyDir`, `claim`, `existingClaim`, `hostPath` is wanted, here are 0",
            "2:61 S0301 unknown field `hostPth` (did you mean `hostPath`?)",
            "2:78 S0306 `claim` is not one of `emptyDir`, `claim`, `existingClaim`, `hostPath` (write it as a mapping: `{claim: …}`)",
        ],
    ),
    (
        Kind::App,
        "components: {Web: {image: a:1}}\n",
        &[
            "1:14 S0307 `Web` is no component name: use lower-case letters, digits and `-`, beginning and ending with a letter or digit",
        ],
    ),
    (
        Kind::App,
        "image: a:1\npatches: [{target: {kind: Service}, ops: [{op: ad, path: /x, value: 1}, {op: remove}]}]\n",
        &[
            "2:48 S0306 `ad` is not one of `add`, `remove`, `replace`, `move`, `copy`, `test` (did you mean `add`?)",
            "2:73 S0303 the field `path` is missing",
        ],
    ),
    (Kind::Fleet, "environments: []\n", &["1:15 S0307 at least 1 items are wanted here"]),
    (
        Kind::Cluster,
        "environment: a\naccess: {playground: }\nnodePorts: {range: [1]}\n",
        &["3:20 S0307 exactly 2 items are wanted here"],
    ),
    (Kind::App, "[]", &["1:1 S0305 a list where a mapping is wanted"]),
];

#[test]
fn values_are_held_to_their_type_and_range() {
    for (kind, text, expected) in WRONG_VALUES {
        check(*kind, text, expected);
    }
}

#[test]
fn words_that_yaml_reads_as_truth_values_are_still_words() {
    let fleet: Fleet =
        typed(&tree("environments: [{name: a, branch: b, healing: on}]"), "a.yaml", "").unwrap();
    assert_eq!(fleet.environments[0].healing, Healing::On);
}

#[test]
fn a_null_counts_as_not_written() {
    let app = app("image: a:1\nargs:\nreplicas: null\nvolumes: {tmp: {emptyDir: }}\n");
    let component = app.components.values().next().unwrap();
    assert_eq!(component.replicas, None);
    assert_eq!(component.volumes["tmp"], Volume::EmptyDir { size_limit: None });
}

#[test]
fn texts_of_variables_are_read_as_the_type_that_is_wanted() {
    let mut tree =
        tree("image: a:1\nreplicas: x\nhostNetwork: x\nenv: {NUM: x}\ndisruption: {minAvailable: x}\n");
    for (field, text) in
        [("/replicas", "3"), ("/hostNetwork", "true"), ("/env/NUM", "5"), ("/disruption/minAvailable", "2")]
    {
        let node = tree.pointer_mut(field).unwrap();
        *node = Node::variable(text, node.line, node.column);
    }
    assert_eq!(lift(&mut tree, "web", "a.yaml"), []);
    let app: App = typed(&tree, "a.yaml", "").unwrap();
    let component = &app.components.values().next().unwrap();
    assert_eq!((component.replicas, component.host_network), (Some(3), true));
    assert_eq!(component.containers["web"].env["NUM"], EnvValue::Literal("5".to_owned()));
}

#[test]
fn the_short_form_is_the_full_form() {
    let short = "image: a:1\nport: 8080\nhealth: /healthz\nhost: shop.example\nreplicas: 2\nnote: hello\n";
    let full = r#"
note: hello
components:
  web:
    replicas: 2
    routes: [{host: shop.example}]
    service: {ports: {http: {port: 80}}}
    containers:
      web:
        image: a:1
        ports: {http: {port: 8080}}
        probes:
          readiness: {http: /healthz, port: http}
          startup: {http: /healthz, port: http}
"#;
    assert_eq!(app(short), app(full));
    let lifted = "components:\n  web: {image: a:1, port: 8080, health: /healthz, host: shop.example, replicas: 2}\nnote: hello\n";
    assert_eq!(app(lifted), app(full));

    let own = app("image: a:1\nport: 8080\nservice: {exposure: headless}\nprobes: {liveness: {tcp: http}}\n");
    let component = own.components.values().next().unwrap();
    assert_eq!(component.service.as_ref().unwrap().ports["http"].port, 80);
    let own = app("image: a:1\nport: 8080\nservice: {ports: {web: {port: 8443, target: http}}}\n");
    assert_eq!(own.components.values().next().unwrap().service.as_ref().unwrap().ports.len(), 1);
}

#[test]
fn short_and_full_form_are_not_mixed() {
    check(
        Kind::App,
        "image: a:1\nreplicas: 2\ncomponents: {web: {image: b:1}}\n",
        &[
            "1:1 S0304 `image` can't stand beside `components` (move it into one of the `components`)",
            "2:1 S0304 `replicas` can't stand beside `components` (move it into one of the `components`)",
        ],
    );
    check(
        Kind::App,
        "components: {web: {port: 80, containers: {a: {image: b:1}}}}\n",
        &["1:20 S0304 `port` can't stand beside `containers` (move it into one of the `containers`)"],
    );
    check(
        Kind::App,
        "source: {manifests: [m]}\nimage: a:1\n",
        &[
            "2:1 S0304 `image` can't stand beside `source` (an app with a `source` has no components of its own)",
        ],
    );
    check(
        Kind::App,
        "image: a:1\nport: 80\nports: {http: {port: 81}}\nhost: h\nroutes: []\nhealth: /\nprobes: {readiness: {tcp: http}}\n",
        &[
            "4:1 S0304 `host` can't stand beside `routes` (say it once: in the short form or in full)",
            "2:1 S0304 `port` can't stand beside `ports.http` (say it once: in the short form or in full)",
            "6:1 S0304 `health` can't stand beside `probes.readiness` (say it once: in the short form or in full)",
        ],
    );
}

#[test]
fn the_nearest_word_is_near() {
    let names = ["replicas", "resources", "routes", "port"];
    for (word, expected) in [
        ("replcias", Some("replicas")),
        ("Replicas", Some("replicas")),
        ("resource", Some("resources")),
        ("prot", Some("port")),
        ("xyz", None),
        ("", None),
    ] {
        assert_eq!(nearest(word, names), expected, "{word}");
    }
}

#[test]
fn hostile_shapes_are_refused_without_a_panic() {
    for text in [
        "a",
        "1",
        "~",
        "[[[[]]]]",
        "{components: [1]}",
        "{components: {a: 1}}",
        "{components: {a: {containers: 1}}}",
        "{port: {}, service: 1}",
        "{port: 1, ports: 1, health: [], probes: x}",
        "{host: {}, routes: 1}",
        "{components: }",
    ] {
        for kind in Kind::ALL {
            let mut spec = tree(&format!("spec: {text}")).get("spec").unwrap().clone();
            lift(&mut spec, "web", "a.yaml");
            let _ = typed::<App>(&spec, "a.yaml", "");
            let _ = schema(*kind);
        }
    }
    assert!(typed::<Metadata>(&tree("a: 1"), "a.yaml", "/metadata").is_err());
}

fn schema_file(kind: Kind) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{kind}.json"))
}

/// `SLUICE_BLESS=1` writes the files anew.
#[test]
fn the_published_schemas_are_those_of_the_code() {
    for kind in Kind::ALL {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema(*kind)).unwrap());
        if std::env::var_os("SLUICE_BLESS").is_some() {
            std::fs::create_dir_all(schema_file(*kind).parent().unwrap()).unwrap();
            std::fs::write(schema_file(*kind), &text).unwrap();
        }
        let file = std::fs::read_to_string(schema_file(*kind)).unwrap_or_default();
        assert!(
            file == text,
            "schemas/{kind}.json is stale: run the tests with SLUICE_BLESS=1 and look at the change"
        );
    }
}

#[test]
fn the_published_schemas_take_and_refuse_what_the_walk_does() {
    let cases: &[(Kind, &str, bool)] = &[
        (
            Kind::App,
            "image: a:1\nport: 8080\nhealth: /healthz\nhost: h.${environment.vars.domain}\nreplicas: ${cluster.vars.n}\n",
            true,
        ),
        (
            Kind::App,
            "components: {web: {image: a:1, port: 80}, db: {workload: StatefulSet, containers: {db: {image: m:8}}}}\n",
            true,
        ),
        (Kind::App, "image: a:1\nreplcias: 2\n", false),
        (Kind::App, "image: a:1\nport: eighty\n", false),
        (Kind::App, "image: a:1\nworkload: deployment\n", false),
        (Kind::App, "source: {manifests: [m]}\n", true),
        (Kind::App, "source: {helm: {}}\n", false),
        (
            Kind::GrayRelease,
            "strategy: rolling\ntimeouts: {progress: 10m}\nsoak: ${environment.vars.soak}\n",
            true,
        ),
        (Kind::GrayRelease, "strategy: rolling\nsoak: ten minutes\n", false),
        (Kind::Fleet, "environments: [{name: dev, branch: main}]\n", true),
        (Kind::Fleet, "environments: []\n", false),
        (Kind::Cluster, "environment: dev\naccess: {playground: {}}\n", true),
        (Kind::Cluster, "environment: dev\naccess: {playground: {}, inCluster: {}}\n", false),
        (
            Kind::Tenant,
            "namespaces: {default: {quota: {pods: 20}}}\nmembers: [{user: ann, role: admin}]\n",
            true,
        ),
        (Kind::Config, "values: {a: b}\n", true),
        (Kind::Secret, "values: {a: 'ENC[AES256_GCM,data:x]'}\n", true),
    ];
    for (kind, spec, valid) in cases {
        let schema = jsonschema::validator_for(&schema(*kind)).unwrap();
        let mut document =
            json!({"apiVersion": "sluice.dev/v1alpha1", "kind": kind.as_str(), "metadata": {"name": "a"}});
        document["spec"] = tree(spec).to_json();
        assert_eq!(schema.is_valid(&document), *valid, "{kind} {spec}");
        document["sops"] = Value::Object(serde_json::Map::new());
        assert_eq!(schema.is_valid(&document), *valid && *kind == Kind::Secret, "{kind} {spec}");
    }
    let cluster: Cluster = typed(&tree("environment: dev\naccess: {playground: {}}"), "a.yaml", "").unwrap();
    assert_eq!(cluster.traffic.provider, TrafficProvider::Replicas);
}
