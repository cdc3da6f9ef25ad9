//! Building and starting a control plane.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{ControlPlane, Options};

/// The exit code by which the build script says that a tool is missing.
const MISSING: i32 = 3;

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something that it takes is not on this machine.
    #[error("{what}; {how}")]
    Missing {
        /// What is missing.
        what: String,
        /// What would bring it in.
        how: String,
    },
    /// It can't be built.
    #[error("building the control plane failed: {0}")]
    Build(String),
    /// It was built and did not start.
    #[error("the control plane did not start: {0}")]
    Start(String),
}

/// What `controlplane serve` says of itself once it is usable.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Report {
    pub(super) server: String,
    pub(super) kubeconfigs: BTreeMap<String, PathBuf>,
    pub(super) audit_log: PathBuf,
    pub(super) ready_millis: u64,
}

pub(super) fn start(name: &str, options: &Options) -> Result<ControlPlane, StartError> {
    let failed = |error: std::io::Error| StartError::Start(error.to_string());
    let binaries = build()?;
    let dir = folder(name);
    let mut command = Command::new(binaries.join("controlplane"));
    command.arg("serve").arg("--dir").arg(&dir).arg("--nodes").arg(options.nodes.to_string());
    command.args(options.users.iter().flat_map(|user| ["--user", user]));
    command.args(options.kubelet.iter().flat_map(|flag| ["--kubelet", flag]));
    if options.keep {
        command.arg("--keep");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serve = command.spawn().map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = serve.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    match serde_json::from_str(&line) {
        Ok(report) => {
            let name = name.to_owned();
            Ok(ControlPlane { name, serve, binaries, dir, report, counter: AtomicU32::new(0) })
        }
        Err(error) => {
            drop(serve.stdin.take());
            let mut said = format!("{error} in {line:?}: ");
            if let Some(mut stderr) = serve.stderr.take() {
                stderr.read_to_string(&mut said).map_err(failed)?;
            }
            serve.wait().map_err(failed)?;
            Err(StartError::Start(said))
        }
    }
}

/// The folder with the binaries, built if need be. What the build says is shown while it runs.
fn build() -> Result<PathBuf, StartError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/controlplane/build.sh");
    let mut child = Command::new(&script)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| StartError::Build(error.to_string()))?;
    let mut said = String::new();
    for line in child.stderr.take().into_iter().flat_map(|stderr| BufReader::new(stderr).lines()) {
        let line = line.map_err(|error| StartError::Build(error.to_string()))?;
        // Raw, since what a test prints is shown only once it failed, and a build takes minutes.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
        said.push_str(&line);
        said.push('\n');
    }
    let output = child.wait_with_output().map_err(|error| StartError::Build(error.to_string()))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let answer = answer.trim();
    if output.status.code() == Some(MISSING) {
        let (what, how) = answer.split_once("; ").unwrap_or((answer, "see its build script"));
        return Err(StartError::Missing { what: what.to_owned(), how: how.to_owned() });
    }
    if !output.status.success() {
        return Err(StartError::Build(said));
    }
    Ok(PathBuf::from(answer))
}

/// A folder that no other control plane has, in memory where the system has such a place.
fn folder(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let user = std::env::var("USER").unwrap_or_else(|_| "nobody".to_owned());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    parent.join(format!("sluice-controlplane-{user}")).join(format!("{name}-{}-{count}", std::process::id()))
}
