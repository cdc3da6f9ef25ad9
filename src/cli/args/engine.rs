//! What may be said to run an engine, to ask one, and to read its ledger.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{StatusForm, TableForm, TextForm};
use crate::model::{AppKey, ClusterName, EnvironmentName};

/// Which engine is talked to.
#[derive(Debug, Clone, Default, Args)]
pub struct Client {
    /// A file of settings
    #[arg(long, value_name = "FILE", env = "SLUICE_CONFIG")]
    pub config: Option<PathBuf>,
    /// The folder of ledger, store and socket [default: .sluice]
    #[arg(long, value_name = "DIR")]
    pub state_folder: Option<String>,
    /// The Unix socket of the engine [default: sluice.sock in the state folder]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<String>,
}

/// Settings of the engine. Each may also stand in the file of `--config` or in `SLUICE_*`.
#[derive(Debug, Clone, Default, Args)]
pub struct Process {
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
    /// The fleet repository: a URL or a path
    #[arg(long, value_name = "URL")]
    pub repository: Option<String>,
    /// The trunk of the fleet repository [default: main]
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,
    /// The file with user and password of Git hosts
    #[arg(long, value_name = "FILE")]
    pub credentials_file: Option<String>,
    /// The private key for a repository behind ssh
    #[arg(long, value_name = "FILE")]
    pub ssh_key_file: Option<String>,
    /// The hosts that ssh may talk to, with their keys
    #[arg(long, value_name = "FILE")]
    pub known_hosts_file: Option<String>,
    /// Certificates (PEM) that Git hosts may have besides those that the machine trusts
    #[arg(long, value_name = "FILE")]
    pub certificates_file: Option<String>,
    /// The folder with credentials for tenants' own repositories: TENANT, or TENANT.key for ssh
    #[arg(long, value_name = "DIR")]
    pub tenant_credentials: Option<String>,
    /// The keys that may sign commits, in the place of those in Git: a file of allowed signers
    #[arg(long, value_name = "FILE")]
    pub signers_file: Option<String>,
    /// How long a Git host may be silent [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub git_timeout: Option<String>,
    /// How often Git is looked at [default: 1m]
    #[arg(long, value_name = "DURATION")]
    pub poll_interval: Option<String>,
    /// The file with the age identities that open secrets
    #[arg(long, value_name = "FILE")]
    pub age_key_file: Option<String>,
    /// The kubeconfig of clusters whose definition names no file
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// Where metrics and health are served, or `off` [default: 127.0.0.1:9190]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Where webhooks of Git hosts are served [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub hooks_listen: Option<String>,
    /// The folder with the secrets of webhooks: github, gitlab, gitea, generic
    #[arg(long, value_name = "DIR")]
    pub hook_secrets: Option<String>,
    /// Let the repository be on this machine
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub allow_loopback: Option<String>,
    /// The form of log lines: text or json
    #[arg(long, value_name = "FORM")]
    pub log_format: Option<String>,
    /// Which log lines are written [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

/// `apply`
#[derive(Debug, Args)]
pub struct Apply {
    /// A folder with sluice.yaml; without it the repository of the settings
    pub directory: Option<PathBuf>,
    /// This environment only; needed with a folder where there are several
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// How long to wait until all is done
    #[arg(long, default_value = "30m", value_parser = crate::model::parse_duration)]
    pub timeout: std::time::Duration,
    /// The settings.
    #[command(flatten)]
    pub process: Process,
}

/// `run`
#[derive(Debug, Args)]
pub struct Run {
    /// The settings.
    #[command(flatten)]
    pub process: Process,
}

/// `sync`
#[derive(Debug, Args)]
pub struct Sync {
    /// Follow this commit, which is held because history was rewritten or nothing would be left
    #[arg(long, value_name = "COMMIT")]
    pub accept: Option<String>,
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
}

/// What an answer is about.
#[derive(Debug, Clone, Default, Args)]
pub struct Scope {
    /// Of this app only, as tenant/app
    pub app: Option<AppKey>,
    /// Of this environment only
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
}

/// `status`
#[derive(Debug, Args)]
pub struct Status {
    /// Of what.
    #[command(flatten)]
    pub scope: Scope,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: StatusForm,
}

/// `rollout list` and `release list`
#[derive(Debug, Args)]
pub struct List {
    /// Of what.
    #[command(flatten)]
    pub scope: Scope,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TableForm,
}

/// `history`
#[derive(Debug, Args)]
pub struct History {
    /// Of what.
    #[command(flatten)]
    pub list: List,
    /// At most so many entries, the newest
    #[arg(short = 'n', long)]
    pub limit: Option<usize>,
}

/// A command on an app.
#[derive(Debug, Args)]
pub struct OnApp {
    /// The app, as tenant/app
    pub app: AppKey,
    /// In this environment only
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
}

/// Below `rollout`.
#[derive(Debug, Subcommand)]
pub enum Rollout {
    /// List rollouts, the newest first
    List(List),
    /// Show one rollout
    Show(RolloutShow),
    /// Wait until a rollout has ended; ends with 1 if it did not succeed
    Status(RolloutStatus),
    /// Stop a rollout and go back
    Abort(OnRollout),
    /// Go on with a paused rollout
    Retry(OnRollout),
}

/// A command on a rollout.
#[derive(Debug, Args)]
pub struct OnRollout {
    /// The rollout's id, or tenant/app for the app's newest
    pub rollout: String,
    /// In this environment only
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
}

/// `rollout show`
#[derive(Debug, Args)]
pub struct RolloutShow {
    /// Which.
    #[command(flatten)]
    pub on: OnRollout,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TextForm,
}

/// `rollout status`
#[derive(Debug, Args)]
pub struct RolloutStatus {
    /// Which.
    #[command(flatten)]
    pub on: OnRollout,
    /// How long to wait; without it as long as it takes
    #[arg(long, value_parser = crate::model::parse_duration)]
    pub timeout: Option<std::time::Duration>,
}

/// Below `release`.
#[derive(Debug, Subcommand)]
pub enum Release {
    /// List what each target runs, what it ran before, and what is held
    List(List),
    /// Do not roll out what an app asks for now
    Hold(OnApp),
    /// Let what failed or was held be tried again
    Unhold(OnApp),
}

/// Below `state`.
#[derive(Debug, Subcommand)]
pub enum State {
    /// Print what was accepted, with what is known of the clusters, for `sluice plan --state`
    Export(StateExport),
}

/// `state export`
#[derive(Debug, Args)]
pub struct StateExport {
    /// The environment; needed where there is more than one
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// Where the ledger is.
    #[command(flatten)]
    pub client: Client,
}

/// `playground`
#[derive(Debug, Args)]
pub struct Playground {
    /// A fleet whose clusters are served: those with `access: {playground: {}}`
    #[arg(conflicts_with = "clusters")]
    pub fleet: Option<PathBuf>,
    /// Names of clusters
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub clusters: Vec<ClusterName>,
    /// Where kubeconfigs are written: `playground` in the state folder, where the engine looks.
    #[command(flatten)]
    pub client: Client,
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// End after the last scene
    #[arg(long)]
    pub once: bool,
    /// The folder of repository, ledger and kubeconfigs, empty or new [default: one among the
    /// temporary files]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Keep the folder
    #[arg(long)]
    pub keep: bool,
}
