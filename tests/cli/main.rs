//! The program as people and scripts use it: arguments in; exit code, output and talk out.

#![expect(clippy::unwrap_used, reason = "a test that can't prepare its place has failed")]

mod clusters;
mod engine;
mod playground;

use std::path::Path;
use std::process::{Command, Output};

const APP: &str = "tenants/shop/web/app.yaml";

/// A folder of its own for a test, and the program run in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With the fleet of `init` in `fleet`.
    fn with_fleet() -> Self {
        let place = Self::new();
        place.check("init fleet", 0, &["fleet/sluice.yaml"], &["sluice validate fleet"]);
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(path)).unwrap();
        assert!(text.contains(from), "{path} has no `{from}`");
        self.write(path, &text.replace(from, to));
    }

    fn run(&self, args: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args(args.split_whitespace()).current_dir(self.path());
        // Nothing of the machine's own shows through.
        command.env_clear();
        command.output().unwrap()
    }

    /// Runs and compares: the exit code, and what must be among the output and the talk.
    fn check(&self, args: &str, code: i32, out: &[&str], err: &[&str]) -> String {
        let output = self.run(args);
        let (found_out, found_err) = (text(&output.stdout), text(&output.stderr));
        let shown = format!("sluice {args}\n--- out\n{found_out}\n--- err\n{found_err}");
        assert_eq!(output.status.code(), Some(code), "{shown}");
        for part in out {
            assert!(found_out.contains(part), "no `{part}` in the output\n{shown}");
        }
        for part in err {
            assert!(found_err.contains(part), "no `{part}` in the talk\n{shown}");
        }
        if out.is_empty() {
            assert_eq!(found_out, "", "{shown}");
        }
        if err.is_empty() {
            assert_eq!(found_err, "", "{shown}");
        }
        assert!(!found_out.contains('\u{1b}') && !found_err.contains('\u{1b}'), "colour\n{shown}");
        found_out
    }

    fn json(&self, args: &str, code: i32) -> serde_json::Value {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "sluice {args}\n{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn wrong_words_are_answered_with_the_right_ones() {
    let place = Place::with_fleet();
    for (args, code, err) in [
        ("", 2, &["Usage: sluice"][..]),
        ("validat", 2, &["unrecognized subcommand", "validate"]),
        ("validate fleet --outptu json", 2, &["--outptu", "--output"]),
        ("validate nowhere", 2, &["error: there is no folder `nowhere`"]),
        ("validate .", 2, &["error: there is no sluice.yaml in `.`", "help: ", "sluice init"]),
        ("init fleet", 2, &["error: the folder `fleet` is not empty", "help: "]),
        ("explain S9999", 2, &["there is no code and no kind `S9999`", "help: "]),
        ("explain Ap", 2, &["did you mean `App`?"]),
        ("explain App.componets", 2, &["App has no field `componets`", "did you mean `components`?"]),
        ("schema GateTemplate", 2, &["not supported yet"]),
        ("schema Tenent", 2, &["there is no kind `Tenent`", "did you mean `Tenant`?"]),
        ("render fleet -e dve", 2, &["there is no environment `dve`", "did you mean `dev`?"]),
        ("render fleet --cluster locla", 2, &["there is no cluster `locla`", "did you mean `local`?"]),
        ("render fleet --app shop/wbe", 2, &["there is no app `shop/wbe`", "did you mean `shop/web`?"]),
        ("render fleet --app web", 2, &["tenant/app"]),
        ("plan fleet --state none.json", 2, &["can't read `none.json`"]),
        ("plan fleet --state fleet/sluice.yaml", 2, &["is no state", "state export"]),
        ("diff --desired a --live b", 2, &["can't read `a`", "No such file"]),
        (
            "diff --desired /dev/null --live /dev/null --ignore spec",
            2,
            &["`spec` is no JSON pointer", "help: "],
        ),
        ("health -f none", 2, &["can't read `none`"]),
        ("playground", 2, &["there is no cluster to serve", "--clusters"]),
        ("run", 2, &["no fleet repository is named", "--repository"]),
        ("run --poll-interval soon", 2, &["the settings are wrong", "`poll-interval` (--poll-interval)"]),
        ("run --config none.yaml", 2, &["can't read the settings in `none.yaml`"]),
        // What was refused above has made nothing.
        ("history", 2, &["there is no ledger in `.sluice/ledger`", "--state-folder"]),
        ("state export", 2, &["there is no ledger"]),
        (
            "status",
            3,
            &["error: no engine answers at .sluice/sluice.sock", "  No such file", "help: start one"],
        ),
        ("sync --socket other.sock", 3, &["no engine answers at other.sock"]),
        ("plan", 3, &["no engine answers"]),
        ("plan approve prune:shop/web", 3, &["no engine answers"]),
        ("plan approve web", 2, &["release:tenant/app"]),
        ("rollout status shop/web --timeout 1s", 3, &["no engine answers"]),
    ] {
        place.check(args, code, &[], err);
    }
}

#[test]
fn what_the_program_knows_of_itself() {
    let place = Place::new();
    for (args, out) in [
        ("--help", &["validate", "Exit codes: 0 done"][..]),
        ("version", &["sluice 0.1.0"]),
        ("version -o json", &["\"version\": \"0.1.0\""]),
        ("explain", &["S0201", "S0701"]),
        ("explain s0201", &["S0201: YAML that can't be read", "Kubernetes reads it"]),
        ("explain app", &["App (sluice.dev/v1alpha1)", "grayRelease", "sluice schema App"]),
        ("explain App.components.replicas", &["App.components.replicas (integer)", "How many pods"]),
        ("explain Cluster.zone", &["dmz", "Between the firewalls"]),
        ("schema", &["App\n", "GrayRelease\n"]),
        ("completions bash", &["complete -F _sluice"]),
    ] {
        place.check(args, 0, out, &[]);
    }
    let schema = place.json("schema Tenant", 0);
    assert_eq!(schema["title"], "Tenant");
}

#[test]
fn the_fleet_of_init_is_valid_and_renders() {
    let place = Place::with_fleet();
    let valid = "valid: 1 environment, 1 cluster, 1 tenant, 1 app; 0 errors, 0 warnings\n";
    assert_eq!(place.check("validate fleet", 0, &["valid"], &[]), valid);
    assert_eq!(place.json("validate fleet -o json", 0), serde_json::json!([]));
    let rendered = place.json("render fleet -o json", 0);
    let objects = rendered.as_array().unwrap();
    let deployment = objects.iter().find(|one| one["object"]["kind"] == "Deployment").unwrap();
    assert_eq!(deployment["owner"], "shop/web");
    assert_eq!(deployment["cluster"], "local");
    assert_eq!(deployment["object"]["spec"]["replicas"], 2);
    let app = place.json("render fleet --app shop/web -o json", 0);
    assert!(app.as_array().unwrap().iter().all(|one| one["owner"] == "shop/web"));
    let yaml = place.check("render fleet --cluster local", 0, &["---\n# platform on local in dev\n"], &[]);
    assert!(yaml.contains("kind: Namespace") && yaml.contains("# shop/web on local in dev\n"));
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let place = Place::with_fleet();
    let app = format!("fleet/{APP}");
    place.edit(&app, "replicas: 2", "replica: 2");
    place.edit(&app, "port: 8080", "port: eighty");
    place.write("fleet/tenants/shop/web/settings.yaml", "apiVersion: sluice.dev/v1alpha1\nkind: Confg\n");
    let out = place.check("validate fleet", 1, &["invalid: "], &[]);
    for part in ["replica", "did you mean `replicas`?", "eighty", "`Confg`", APP, "^"] {
        assert!(out.contains(part), "no `{part}` in\n{out}");
    }
    let found = place.json("validate fleet -o json", 1);
    let found = found.as_array().unwrap();
    assert!(found.len() >= 3, "{found:?}");
    for one in found {
        assert!(
            one["code"].is_string() && one["severity"].is_string() && one["message"].is_string(),
            "{one}"
        );
        assert!(one["path"].is_string() && one["line"].is_u64() && one["column"].is_u64(), "{one}");
    }
    // What is sound is rendered all the same.
    let output = place.run("render fleet");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("replica"));
}

#[test]
fn one_digest_for_one_commit_and_state() {
    let place = Place::with_fleet();
    let first = place.json("plan fleet -o json", 0);
    place.check(
        "plan fleet",
        0,
        &["release:shop/web", "rolling", "platform:local/shop"],
        &["without --state"],
    );
    place.check("plan fleet -o diff", 0, &["+kind: Deployment", "replicas: none -> 2"], &["note: "]);
    place.check(
        "plan fleet -o markdown",
        0,
        &["## Plan for `dev`", "```diff", "Plan digest: `"],
        &["note: "],
    );
    let again = place.json("plan fleet -e dev -o json", 0);
    assert_eq!(first["digest"], again["digest"]);
    // The same from another folder, on what looks like another machine.
    let other = Place::with_fleet();
    assert_eq!(other.json("plan fleet -o json", 0)["digest"], first["digest"]);
    other.edit(&format!("fleet/{APP}"), "web:1.0.0", "web:1.0.1");
    let changed = other.json("plan fleet -o json", 0);
    assert_ne!(changed["digest"], first["digest"]);
    let digest = |plan: &serde_json::Value, key: &str| {
        let parts = plan["parts"].as_array().unwrap().clone();
        parts.into_iter().find(|part| part["key"] == key).unwrap()["digest"].clone()
    };
    assert_eq!(digest(&changed, "platform:local/shop"), digest(&first, "platform:local/shop"));
    assert_ne!(digest(&changed, "release:shop/web"), digest(&first, "release:shop/web"));
}

const WANTED: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {first: '1', second: '2'}
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: web}
stringData: {password: hunter2}
";

#[test]
fn differences_are_told_field_by_field_and_secrets_never() {
    let place = Place::new();
    place.write("wanted.yaml", WANTED);
    let live = |second: &str, password: &str| {
        serde_json::json!({"kind": "List", "apiVersion": "v1", "items": [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "web"},
                "data": {"password": password}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "web"},
                "data": {"first": "1", "second": second}},
        ]})
        .to_string()
    };
    place.write("same.json", &live("2", "aHVudGVyMg=="));
    place.write("other.json", &live("3", "b3RoZXI="));
    let diff = "diff --desired wanted.yaml --live";
    place.check(&format!("{diff} same.json --exit-code"), 0, &[], &[]);
    let out =
        place.check(&format!("{diff} other.json"), 0, &["ConfigMap a", "/data/second", "Secret web/s"], &[]);
    for secret in ["hunter2", "aHVudGVyMg", "b3RoZXI", "other"] {
        assert!(!out.contains(secret), "{out}");
    }
    place.check(&format!("{diff} other.json --exit-code"), 1, &["/data/second"], &[]);
    place.check(&format!("{diff} other.json --exit-code --ignore /data/second,/data/password"), 0, &[], &[]);
    place.check(&format!("{diff} /dev/null --exit-code"), 1, &["ConfigMap a", "Secret web/s"], &[]);
    let found = place.json(&format!("{diff} other.json -o json"), 0);
    assert_eq!(found[0]["kind"], "ConfigMap");
    assert_eq!(found[0]["differences"][0]["pointer"], "/data/second");
    place.write("broken.yaml", "a: [1\n");
    place.check("diff --desired broken.yaml --live same.json", 2, &[], &["broken.yaml", "error"]);
    place.write("no-object.yaml", "a: 1\n");
    place.check("diff --desired no-object.yaml --live same.json", 2, &[], &["object 1 of `no-object.yaml`"]);
}

#[test]
fn health_is_a_list_whatever_the_form_of_the_file() {
    let place = Place::new();
    let namespace =
        r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"},"status":{"phase":"Active"}}"#;
    let pending = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: p, namespace: web}\nstatus: {phase: Pending}\n";
    place.write("one.json", namespace);
    place.write(
        "list.json",
        &format!(r#"{{"kind":"List","apiVersion":"v1","items":[{namespace},{namespace}]}}"#),
    );
    place.write("several.yaml", &format!("{pending}---\n{namespace}\n---\n"));
    for (file, statuses) in [
        ("one.json", &["Healthy"][..]),
        ("list.json", &["Healthy", "Healthy"]),
        ("several.yaml", &["Progressing", "Healthy"]),
        ("/dev/null", &[]),
    ] {
        let found = place.json(&format!("health -f {file} -o json"), 0);
        let found: Vec<&str> =
            found.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
        assert_eq!(found, statuses, "{file}");
    }
    let found = place.json("health -f several.yaml -o json", 0);
    let keys: Vec<&String> = found[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["apiVersion", "kind", "message", "name", "namespace", "reason", "status"]);
    place.check("health -f several.yaml", 0, &["STATUS", "Progressing", "Healthy"], &[]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::with_fleet();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["schema", "App"])
        .current_dir(place.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}
