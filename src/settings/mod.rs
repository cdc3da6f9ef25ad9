//! Settings of the process, each knowing where it came from.
//!
//! A flag wins over a variable `SLUICE_*`, that over the file of `--config`, that over the default.
//! All of them come in as texts: who reads flags, environment and file is the command line. What a
//! fleet wants stands in its repository and never here.

mod layers;
mod parse;

pub use layers::{Fault, Layers, Origin, SettingsError, Sourced};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use layers::Reader;

/// Whether log lines are for people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings of the process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSettings {
    /// The fleet repository: a URL or a local path. Holds no credentials.
    pub repository: Sourced<Option<String>>,
    /// The trunk branch of the fleet repository.
    pub branch: Sourced<String>,
    /// The file with the credentials for Git hosts.
    pub credentials_file: Sourced<Option<PathBuf>>,
    /// The private key for a repository behind ssh.
    pub ssh_key_file: Sourced<Option<PathBuf>>,
    /// The hosts that ssh may talk to, with their keys.
    pub known_hosts_file: Sourced<Option<PathBuf>>,
    /// Certificates (PEM) that Git hosts may have besides those that the machine trusts.
    pub certificates_file: Sourced<Option<PathBuf>>,
    /// The folder with credentials for tenants' own repositories.
    pub tenant_credentials: Sourced<Option<PathBuf>>,
    /// The keys that may sign commits, held by the operator.
    pub signers_file: Sourced<Option<PathBuf>>,
    /// How long a Git host may be silent.
    pub git_timeout: Sourced<Duration>,
    /// How often the repository is looked at without a wake-up.
    pub poll_interval: Sourced<Duration>,
    /// Where the ledger, the bare repository and the socket are.
    pub state_folder: Sourced<PathBuf>,
    /// The file with the age identities that open secrets.
    pub age_key_file: Sourced<Option<PathBuf>>,
    /// The kubeconfig of clusters whose definition names no file; relative files are beside it.
    pub kubeconfig: Sourced<Option<PathBuf>>,
    /// The Unix socket of the API; [`ProcessSettings::socket_path`] has its default.
    pub socket: Sourced<Option<PathBuf>>,
    /// Where `/metrics`, `/healthz` and `/readyz` are served; none with `off`.
    pub listen: Sourced<Option<SocketAddr>>,
    /// Where webhooks of Git hosts are served; nowhere unless it is said.
    pub hooks_listen: Sourced<Option<SocketAddr>>,
    /// The folder with the secrets of webhooks.
    pub hook_secrets: Sourced<Option<PathBuf>>,
    /// Whether the repository may be on this machine's own network.
    pub allow_loopback: Sourced<bool>,
    /// The form of log lines.
    pub log_format: Sourced<LogFormat>,
    /// Which log lines are written, as `tracing` filters them.
    pub log: Sourced<String>,
    /// Variables `SLUICE_*` that nothing reads: mistakes, most likely.
    pub unread_variables: Vec<String>,
}

/// Looking more often than a host serves is refused.
const POLL_AT_LEAST: Duration = Duration::from_secs(1);

/// A day without a look is as good as none.
const POLL_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// A busy server thinks for some hundred milliseconds before it says anything.
const GIT_TIMEOUT_AT_LEAST: Duration = Duration::from_secs(1);

/// A server that is silent for longer is not working on an answer.
const GIT_TIMEOUT_AT_MOST: Duration = Duration::from_secs(600);

impl ProcessSettings {
    /// Merges what was said.
    ///
    /// # Errors
    /// All faults at once: unknown names, values of another form, a file that is no flat mapping.
    pub fn resolve(layers: &Layers) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(layers);
        let settings = Self {
            repository: reader.read("repository", None, |text| parse::repository(text).map(Some)),
            branch: reader.read("branch", "main".to_owned(), parse::text),
            credentials_file: reader.read("credentials-file", None, |text| parse::path(text).map(Some)),
            ssh_key_file: reader.read("ssh-key-file", None, |text| parse::path(text).map(Some)),
            known_hosts_file: reader.read("known-hosts-file", None, |text| parse::path(text).map(Some)),
            certificates_file: reader.read("certificates-file", None, |text| parse::path(text).map(Some)),
            tenant_credentials: reader.read("tenant-credentials", None, |text| parse::path(text).map(Some)),
            signers_file: reader.read("signers-file", None, |text| parse::path(text).map(Some)),
            git_timeout: reader.read("git-timeout", Duration::from_secs(30), |text| {
                parse::duration(text, GIT_TIMEOUT_AT_LEAST, GIT_TIMEOUT_AT_MOST)
            }),
            poll_interval: reader.read("poll-interval", Duration::from_secs(60), |text| {
                parse::duration(text, POLL_AT_LEAST, POLL_AT_MOST)
            }),
            state_folder: reader.read("state-folder", PathBuf::from(".sluice"), parse::path),
            age_key_file: reader.read("age-key-file", None, |text| parse::path(text).map(Some)),
            kubeconfig: reader.read("kubeconfig", None, |text| parse::path(text).map(Some)),
            socket: reader.read("socket", None, |text| parse::path(text).map(Some)),
            listen: reader.read("listen", Some(SocketAddr::from(([127, 0, 0, 1], 9190))), parse::listener),
            hooks_listen: reader.read("hooks-listen", None, parse::listener),
            hook_secrets: reader.read("hook-secrets", None, |text| parse::path(text).map(Some)),
            allow_loopback: reader.read("allow-loopback", false, parse::truth),
            log_format: reader.read("log-format", LogFormat::Text, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("expected `text` or `json`".to_owned()),
            }),
            log: reader.read("log", "info".to_owned(), parse::text),
            unread_variables: Vec::new(),
        };
        let unread_variables = reader.finish()?;
        Ok(Self { unread_variables, ..settings }.beside_their_file())
    }

    /// The Unix socket of the API: in the state folder unless it was said.
    pub fn socket_path(&self) -> PathBuf {
        self.socket.value.clone().unwrap_or_else(|| self.state_folder.value.join("sluice.sock"))
    }

    /// The folder of the ledger.
    pub fn ledger_folder(&self) -> PathBuf {
        self.state_folder.value.join("ledger")
    }

    /// The folder of the bare repository.
    pub fn repository_folder(&self) -> PathBuf {
        self.state_folder.value.join("repository.git")
    }

    /// The folder of the bare repositories of tenants.
    pub fn sources_folder(&self) -> PathBuf {
        self.state_folder.value.join("sources")
    }

    /// The folder where a playground leaves kubeconfigs and the engine looks for them.
    pub fn playground_folder(&self) -> PathBuf {
        self.state_folder.value.join("playground")
    }

    /// The same with relative paths in the settings file taken from that file's folder: the process
    /// may be started anywhere.
    fn beside_their_file(mut self) -> Self {
        fn folder(origin: &Origin) -> Option<&Path> {
            match origin {
                Origin::File { path } => Path::new(path).parent(),
                Origin::Default | Origin::Environment { .. } | Origin::Flag { .. } => None,
            }
        }
        if let Some(folder) = folder(&self.state_folder.origin) {
            self.state_folder.value = folder.join(&self.state_folder.value);
        }
        let paths = [
            &mut self.credentials_file,
            &mut self.ssh_key_file,
            &mut self.known_hosts_file,
            &mut self.certificates_file,
            &mut self.tenant_credentials,
            &mut self.signers_file,
            &mut self.hook_secrets,
            &mut self.age_key_file,
            &mut self.kubeconfig,
            &mut self.socket,
        ];
        for setting in paths {
            if let Some(folder) = folder(&setting.origin) {
                setting.value = setting.value.take().map(|path| folder.join(path));
            }
        }
        self
    }
}

#[cfg(test)]
mod tests;
