//! The engine as its users run it: a process of its own on a folder of state.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cpu;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(300);

/// A running engine.
pub struct Engine {
    child: Child,
    state: PathBuf,
}

impl Engine {
    /// Starts it on a repository. What it logs goes to a file in the folder of state.
    pub fn start(repository: &Path, state: &Path) -> Self {
        std::fs::create_dir_all(state).unwrap();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(state.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["run", "--listen", "off", "--log", "warn", "--repository"])
            .arg(repository)
            .arg("--state-folder")
            .arg(state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, state: state.to_owned() }
    }

    /// CPU time until now.
    pub fn cpu(&self) -> Duration {
        cpu::process(self.child.id())
    }

    /// The most memory it held.
    pub fn peak_mib(&self) -> u64 {
        cpu::peak_mib(self.child.id())
    }

    /// Kills it as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to look at Git and the clusters.
    pub fn sync(&self) {
        self.command(&["sync"]);
    }

    /// Waits until so many apps are there and all are as Git says.
    pub fn until_synced(&mut self, apps: usize) -> Duration {
        let begun = Instant::now();
        loop {
            let status = self.command(&["status", "--output", "json"]);
            let text = status.unwrap_or_default();
            let status: Value = serde_json::from_slice(&text).unwrap_or_default();
            let known = status["environments"]["dev"]["apps"].as_object();
            let synced = known.map_or(0, |all| all.values().filter(|app| app["sync"] == "Synced").count());
            if synced == apps {
                return begun.elapsed();
            }
            let ended = self.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.state.join("log")).unwrap_or_default();
            assert!(ended.is_none(), "the engine has ended: {}", log());
            assert!(begun.elapsed() < LIMIT, "{synced} of {apps} apps are synced: {status:#} {}", log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn command(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        let done = command.args(arguments).arg("--state-folder").arg(&self.state).output().unwrap();
        done.status.success().then_some(done.stdout)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
