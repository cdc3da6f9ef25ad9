//! The built program as processes: an engine that can be killed for real, and its status.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sluice::api::StatusView;
use sluice::engine::environment::{EnvironmentStatus, Sync};
use sluice::model::{AppKey, CommitId};

use super::LIMIT;

/// The program, with nothing of this machine's settings.
pub fn sluice(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// A `sluice run` in a folder: its state, and what it says in `log`.
pub struct Run {
    folder: PathBuf,
    child: Child,
}

impl Run {
    /// Starts it on what a process before it has left.
    pub fn start(folder: &Path, repository: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let child = sluice(folder)
            .args(["run", "--state-folder", "state", "--poll-interval", "1s", "--listen", "off"])
            .args(["--allow-loopback", "--repository"])
            .arg(repository)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { folder: folder.to_owned(), child }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill -s {name}");
    }

    /// Waits until it has ended: how, and after how long.
    pub async fn ended(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, begun.elapsed());
            }
            assert!(begun.elapsed() < LIMIT, "it does not end\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// What it says of its environment; none while it does not answer.
    pub async fn status(&self) -> Option<EnvironmentStatus> {
        let mut command = tokio::process::Command::from(sluice(&self.folder));
        let said = command.args(["status", "--state-folder", "state", "-o", "json"]).output().await.unwrap();
        let view: StatusView = serde_json::from_slice(&said.stdout).ok()?;
        view.environments.into_values().next()
    }

    /// Waits until something is true of its environment.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&EnvironmentStatus) -> bool) {
        let begun = Instant::now();
        loop {
            let status = self.status().await;
            if status.as_ref().is_some_and(&holds) {
                return;
            }
            if let Some(code) = self.child.try_wait().unwrap() {
                panic!("it has ended ({code}) while waiting until {what}\n{}", self.log());
            }
            assert!(begun.elapsed() < LIMIT, "waited in vain until {what}: {status:#?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until an app stands so with a commit, and nothing of it moves.
    pub async fn until_app(&mut self, app: &AppKey, commit: &CommitId, sync: Sync) {
        self.until(&format!("{app} is {sync:?} with {commit}"), |status| {
            status.revision.as_ref().is_some_and(|revision| revision.branch == *commit)
                && status.rollouts.is_empty()
                && status.apps.get(app).is_some_and(|app| app.sync == sync)
        })
        .await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A test that has failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
