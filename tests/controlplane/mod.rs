//! A real Kubernetes control plane for integration tests: etcd, API server, controller manager,
//! scheduler and a simulated kubelet, on loopback, gone with the test process.
//!
//! Starting one takes seconds and 0.7 GiB, so tests that can share do: [`shared`] gives each test
//! binary one, in which every test works in a [`ControlPlane::namespace`] of its own. Where it can't
//! be built, because there is no fitting Go, tests say so and pass; under `CI=true` they fail.
//!
//! What simulated pods do is told by their images' tags: `bad`, `crash`, `oom`, `fail`, `slow`,
//! `never`, `stubborn`; `testdata/controlplane/kubelet` says how. No container runs, no traffic
//! flows, no metrics are measured.
#![allow(dead_code, reason = "compiled into several test binaries, each of which uses a part")]

mod audit;
mod start;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

#[allow(unused_imports, reason = "named only by those test binaries that read the audit log")]
pub use audit::AuditEvent;
pub use start::StartError;

/// The administrator (`system:masters`): the test itself, never what is tested.
pub const ADMIN: &str = "admin";

/// The engine's user, with the rights of `deploy/rights.yaml` and no others.
pub const ENGINE: &str = "sluice-engine";

/// A user with no rights at all.
pub const POWERLESS: &str = "powerless";

/// What a control plane is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of simulated nodes, called `node-0` and so on, spread over three zones.
    pub nodes: u32,
    /// Users to make kubeconfigs for beside [`ADMIN`]. None has a right unless the test gives it.
    pub users: Vec<String>,
    /// Flags for the simulated kubelet, such as `--start-delay=50ms` or `--slow-delay=2s`.
    pub kubelet: Vec<String>,
    /// Whether logs and audit log stay in the folder after the end.
    pub keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 2,
            users: vec![ENGINE.to_owned(), POWERLESS.to_owned()],
            kubelet: Vec::new(),
            keep: std::env::var_os("SLUICE_TEST_KEEP").is_some(),
        }
    }
}

/// A running control plane. It ends when dropped, and in any case with this process.
#[derive(Debug)]
pub struct ControlPlane {
    name: String,
    serve: Child,
    binaries: PathBuf,
    dir: PathBuf,
    report: start::Report,
    counter: AtomicU32,
}

/// What a `kubectl` that was run said.
#[derive(Debug)]
pub struct Said {
    /// Whether it ended with 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// The control plane that the tests of this binary share, or none where it can't be built.
///
/// # Panics
/// If it can be built and doesn't start, and under `CI=true` also if it can't be built.
pub fn shared() -> Option<&'static ControlPlane> {
    static SHARED: OnceLock<Option<ControlPlane>> = OnceLock::new();
    SHARED.get_or_init(|| or_left_out(ControlPlane::start("shared", &Options::default()))).as_ref()
}

/// The control plane that was started, or one line on what is left out and what would bring it in.
///
/// # Panics
/// If it did not start, and under `CI=true` also if something that it needs is missing.
pub fn or_left_out(started: Result<ControlPlane, StartError>) -> Option<ControlPlane> {
    match started {
        Ok(control_plane) => Some(control_plane),
        Err(StartError::Missing { what, how }) if std::env::var("CI").as_deref() != Ok("true") => {
            // Not by a macro: those are captured, and hidden since the test passes.
            let line = format!("left out: tests on a real control plane ({what}; {how})\n");
            std::io::stderr().write_all(line.as_bytes()).expect("stderr can be written");
            None
        }
        Err(error) => panic!("no control plane: {error}"),
    }
}

impl ControlPlane {
    /// Builds what is not built yet, starts a control plane, waits until pods can run in it, and
    /// gives [`ENGINE`] its rights. The name only serves to tell folders apart.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(name: &str, options: &Options) -> Result<Self, StartError> {
        let control_plane = start::start(name, options)?;
        if options.users.iter().any(|user| user == ENGINE) {
            let rights = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rights.yaml");
            control_plane.apply_server_side(&rights);
        }
        Ok(control_plane)
    }

    /// The name it was started with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of the API server.
    pub fn server(&self) -> &str {
        &self.report.server
    }

    /// How long it took from the start to usable, without building.
    pub fn ready_after(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.report.ready_millis)
    }

    /// The kubeconfig of a user: [`ADMIN`] or one of [`Options::users`].
    ///
    /// # Panics
    /// If there is no such user.
    pub fn kubeconfig(&self, user: &str) -> &Path {
        self.report.kubeconfigs.get(user).unwrap_or_else(|| panic!("no user {user} was asked for"))
    }

    /// The `kubectl` of the control plane's version.
    pub fn kubectl_path(&self) -> PathBuf {
        self.binaries.join("kubectl")
    }

    /// Runs `kubectl` as a user and says how it went.
    pub fn kubectl_as(&self, user: &str, arguments: &[&str]) -> Said {
        self.run(user, arguments, "")
    }

    /// Runs `kubectl` as [`ADMIN`] and returns its output.
    ///
    /// # Panics
    /// If it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.run(ADMIN, arguments, "").or_panic(arguments)
    }

    /// Applies a manifest as [`ADMIN`], client-side as people do.
    ///
    /// # Panics
    /// If that fails.
    pub fn apply(&self, namespace: &str, manifest: &str) -> String {
        let arguments = ["apply", "--namespace", namespace, "--filename", "-"];
        self.run(ADMIN, &arguments, manifest).or_panic(&arguments)
    }

    /// Makes a namespace with this prefix that no other test has, ready for pods.
    ///
    /// # Panics
    /// If that fails.
    pub fn namespace(&self, prefix: &str) -> String {
        let name = format!("{prefix}-{}", self.next_number());
        self.kubectl(&["create", "namespace", &name]);
        self.kubectl(&["wait", "--for=create", "serviceaccount/default", "-n", &name, "--timeout=30s"]);
        name
    }

    /// Installs the Gateway API's custom resource definitions (standard channel, 1.4) and waits
    /// until they serve. Running it again does nothing.
    ///
    /// # Panics
    /// If that fails.
    pub fn install_gateway_api(&self) {
        let folder = self.binaries.join("gateway-api");
        self.apply_server_side(&folder);
        let folder = folder.to_string_lossy();
        self.kubectl(&["wait", "--for=condition=Established", "--timeout=30s", "--filename", &folder]);
    }

    /// Ends all of it and waits until it is gone. Dropping does the same.
    pub fn stop(self) {}

    fn apply_server_side(&self, path: &Path) {
        let path = path.to_string_lossy();
        self.kubectl(&["apply", "--server-side", "--filename", &path]);
    }

    fn next_number(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn run(&self, user: &str, arguments: &[&str], input: &str) -> Said {
        let mut child = Command::new(self.kubectl_path())
            .arg("--kubeconfig")
            .arg(self.kubeconfig(user))
            .arg("--cache-dir")
            .arg(self.dir.join("kubectl-cache"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl was built and runs");
        // A kubectl that reads nothing may be gone already, which its exit code tells better.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().expect("kubectl ends");
        Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // A closed standard input is what tells it to end; if it doesn't, the kernel kills its
        // parts with it.
        drop(self.serve.stdin.take());
        let _ = self.serve.wait();
    }
}

impl Said {
    fn or_panic(self, arguments: &[&str]) -> String {
        assert!(self.success, "kubectl {}: {}{}", arguments.join(" "), self.stderr, self.stdout);
        self.stdout
    }
}
