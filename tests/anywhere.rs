//! A plan is the same wherever it is made: one digest for one commit and one accepted state.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn sluice(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.env_clear().envs(environment.iter().copied()).current_dir(folder).args(arguments);
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "sluice {arguments:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// The clusters of the fleet in a folder, for as long as it is kept.
struct Playground(Child);

impl Playground {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args(["playground", "fleet"]).env_clear().current_dir(folder);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let playground = Self(child);
        let mut lines = BufReader::new(out).lines();
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("kubectl --kubeconfig")));
        // Read on, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        playground
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All files below a folder, with their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The fleet at another place, its files written in another order at another time.
fn copy(from: &Path, to: &Path, backwards: bool) {
    let mut all = files(from);
    if backwards {
        all.reverse();
    }
    for path in all {
        let place = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, fs::read(&path).unwrap()).unwrap();
    }
}

/// Variables of a machine.
type Environment<'a> = Vec<(&'a str, &'a str)>;

fn plan(folder: &Path, environment: &[(&str, &str)], fleet: &Path, state: &Path) -> (String, String) {
    let (fleet, state) = (fleet.to_str().unwrap(), state.to_str().unwrap());
    let text = sluice(folder, environment, &["plan", fleet, "-e", "dev", "--state", state, "-o", "json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let digest = json["digest"].as_str().unwrap_or_else(|| panic!("no digest: {text}")).to_owned();
    (digest, text)
}

#[test]
fn a_plan_against_a_state_has_one_digest_anywhere() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("one")).unwrap();
    sluice(&at("one"), &[], &["init", "fleet"]);
    let fleet = at("one/fleet");

    // What was accepted, with what is known of a cluster.
    let state = at("state.json");
    {
        let _playground = Playground::start(&at("one"));
        sluice(&at("one"), &[], &["apply", "fleet", "--timeout", "90s", "--log", "off"]);
        fs::write(&state, sluice(&at("one"), &[], &["state", "export"])).unwrap();
    }

    // Something is planned that was not accepted yet.
    let app = files(&fleet).into_iter().find(|path| path.ends_with("app.yaml")).unwrap();
    let text = fs::read_to_string(&app).unwrap();
    assert!(text.contains("web:1.0.0"), "{text}");
    fs::write(&app, text.replace("web:1.0.0", "web:1.0.1")).unwrap();

    let elsewhere = at("a much/deeper place/with spaces");
    copy(&fleet, &elsewhere, true);
    fs::create_dir(at("home")).unwrap();
    let home = at("home").to_str().unwrap().to_owned();
    let machines: [(&Path, &Path, Environment<'_>); 4] = [
        (root.path(), &fleet, vec![]),
        (&elsewhere, Path::new("."), vec![("HOME", "/nowhere"), ("TZ", "Asia/Shanghai"), ("LC_ALL", "C")]),
        (
            Path::new("/"),
            &elsewhere,
            vec![
                ("HOME", &home),
                ("TZ", "America/St_Johns"),
                ("LANG", "de_DE.UTF-8"),
                ("LC_ALL", "tr_TR.UTF-8"),
                ("USER", "somebody"),
                ("TERM", "xterm-256color"),
                ("NO_COLOR", "1"),
            ],
        ),
        (&at("home"), &fleet, vec![("TZ", "Pacific/Kiritimati"), ("LANG", "ja_JP.eucJP"), ("COLUMNS", "20")]),
    ];
    let mut seen = BTreeSet::new();
    for (folder, fleet, environment) in &machines {
        let (digest, text) = plan(folder, environment, fleet, &state);
        assert!(text.contains("release:shop/web"), "the change is planned: {text}");
        seen.insert((digest, text));
    }
    assert_eq!(seen.len(), 1, "one digest and the same bytes: {seen:#?}");

    // Against nothing it is another plan.
    let text = sluice(root.path(), &[], &["plan", fleet.to_str().unwrap(), "-o", "json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_ne!(json["digest"].as_str(), Some(seen.first().unwrap().0.as_str()));
}
