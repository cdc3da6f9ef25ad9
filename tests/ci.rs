//! The scripts that test and show Sluice, on machines that lack something: what they run, what they
//! leave out and say so, and how they end.
//!
//! The scripts are the real ones. `cargo` is played by a program that notes how it was called, so
//! that no test runs the tests.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// What a machine for Go and Kubernetes has beside everything else.
const LEFT_OUT: [&str; 2] = ["go", "kubectl"];

/// A machine: the programs of this one but for some, and a `cargo` that notes its calls.
struct Machine(tempfile::TempDir);

impl Machine {
    /// Without the programs that are named; `cargo test` ends with this code.
    fn without(names: &[&str], code: i32) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        let programs = machine.0.path().join("bin");
        fs::create_dir(&programs).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let mut found = BTreeMap::new();
        for folder in std::env::split_paths(&path) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                found.entry(entry.file_name()).or_insert(entry.path());
            }
        }
        let lacks = |name: &str| name == "cargo" || names.contains(&name);
        for (name, target) in found.iter().filter(|(name, _)| !name.to_str().is_some_and(lacks)) {
            symlink(target, programs.join(name)).unwrap();
        }
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>'{}'\ncase \"$*\" in *--no-run*) exit 0 ;; esac\necho 'test result: ok'\nexit {code}\n",
            machine.calls_file().display()
        );
        let cargo = programs.join("cargo");
        fs::write(&cargo, script).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        machine
    }

    fn calls_file(&self) -> std::path::PathBuf {
        self.0.path().join("calls")
    }

    /// How `cargo` was called, call by call.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.calls_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn run(&self, program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(self.0.path().join("bin").join(program));
        command
            .args(arguments)
            .current_dir(root)
            .env_clear()
            .env("PATH", self.0.path().join("bin"))
            .env("HOME", self.0.path())
            .env("SLUICE_TEST_CACHE", self.0.path().join("cache"))
            .envs(environment.iter().copied());
        command.output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without Go everything else runs, one line says what was left out and what would bring it in, and
/// the end is that of the tests.
#[test]
fn without_go_the_rest_is_tested_and_said_so() {
    for code in [0, 101] {
        let machine = Machine::without(&LEFT_OUT, code);
        let output = machine.run("make", &["test"], &[]);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let shown = format!("--- out\n{out}\n--- err\n{err}");
        assert_eq!(output.status.success(), code == 0, "{shown}");
        let said: Vec<&str> = out.lines().filter(|line| line.contains("left out")).collect();
        let [line] = said.as_slice() else { panic!("one line: {shown}") };
        assert!(line.contains("control plane") && line.contains("install Go 1."), "{line}");
        assert_eq!(out.lines().last(), Some(*line), "the last word: {shown}");
        assert_eq!(machine.calls(), ["test --locked --no-run", "test --locked --no-fail-fast"], "{shown}");
    }
}

/// Where nothing may be missing, it is a failure, and nothing is tested.
#[test]
fn under_ci_a_missing_go_is_a_failure() {
    let machine = Machine::without(&LEFT_OUT, 0);
    let output = machine.run("make", &["test"], &[("CI", "true")]);
    let err = text(&output.stderr);
    assert!(!output.status.success(), "{err}");
    assert!(err.contains("left out") && err.contains("install Go 1."), "{err}");
    assert_eq!(machine.calls(), Vec::<String>::new());
}

/// The demo asks for Rust and a C compiler, builds the one program that it runs, and nothing else.
#[test]
fn the_demo_needs_rust_and_a_c_compiler_alone() {
    let machine = Machine::without(&["go", "kubectl", "git", "docker", "helm", "etcd"], 0);
    let output = machine.run("make", &["demo", "ARGS=--once"], &[]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(machine.calls(), ["run --locked --profile demo --bin sluice -- demo --once"]);
    let poor = Machine::without(&["cc", "gcc", "clang", "apt-get"], 0);
    let output = poor.run("make", &["demo", "ARGS=--once"], &[]);
    let err = text(&output.stderr);
    assert!(!output.status.success() && err.contains("cc is missing: install a C compiler"), "{err}");
    assert_eq!(poor.calls(), Vec::<String>::new(), "said before anything is built");
}
