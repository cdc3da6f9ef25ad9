//! What may be said on the command line. What it means is decided by the commands.

mod cluster;
mod engine;
mod forms;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::model::{AppKey, ClusterName, EnvironmentName, PartDigest, PartKey};

pub use cluster::*;
pub use engine::*;
pub use forms::*;

/// A declarative GitOps reconciliation engine with gray release built in.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, propagate_version = false, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 the answer is no; 2 usage or settings; 3 the world failed; 130 interrupted."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a small fleet into an empty folder
    Init(Init),
    /// Check a fleet: every fault at once, with file, line and column
    Validate(Validate),
    /// Explain a diagnostic code or a kind of definition
    Explain(Explain),
    /// Print the objects that a fleet comes to
    Render(Render),
    /// Show what a commit would change, or approve a part of it
    #[command(args_conflicts_with_subcommands = true)]
    Plan(Plan),
    /// Compare live objects with what was accepted, or with a file
    Diff(Diff),
    /// Judge the health of objects
    Health(Health),
    /// Bring the clusters to what the fleet says: one pass, in the foreground
    Apply(Apply),
    /// Run the engine
    Run(Run),
    /// Ask the engine to look at Git and at every cluster now
    Sync(Sync),
    /// Show how apps fare
    Status(Status),
    /// Write nothing of an app until it is resumed
    Suspend(OnApp),
    /// Go on with a suspended app
    Resume(OnApp),
    /// Follow and steer rollouts
    #[command(subcommand)]
    Rollout(Rollout),
    /// Hold back releases
    #[command(subcommand)]
    Release(Release),
    /// Tell what was done, when, why and on whose word
    History(History),
    /// Take out what was accepted
    #[command(subcommand)]
    State(State),
    /// List clusters, add one, check what it needs
    #[command(subcommand)]
    Cluster(Cluster),
    /// Run clusters to play with, in this process
    Playground(Playground),
    /// See it all at work: a company on clusters to play with, a bad release brought back
    Demo(Demo),
    /// Print the JSON Schema of a kind of definition
    Schema(Schema),
    /// Print the completions of a shell
    Completions(Completions),
    /// Print the version
    Version(Version),
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// The folder; made if it is not there
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

/// `validate`
#[derive(Debug, Args)]
pub struct Validate {
    /// The folder with sluice.yaml
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TextForm,
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// A diagnostic code such as S0201, a kind such as App or a field such as App.components; all codes
    /// without it
    pub subject: Option<String>,
}

/// `render`
#[derive(Debug, Args)]
pub struct Render {
    /// The folder with sluice.yaml
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Of this environment only
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// Of this cluster only
    #[arg(short, long)]
    pub cluster: Option<ClusterName>,
    /// Of this app only, as tenant/app
    #[arg(short, long)]
    pub app: Option<AppKey>,
    /// The form of the objects
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ObjectForm,
}

/// `plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// Beneath it.
    #[command(subcommand)]
    pub command: Option<PlanCommand>,
    /// What is shown.
    #[command(flatten)]
    pub show: PlanShow,
}

/// Below `plan`.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Agree to a part of the plan that waits for it
    Approve(PlanApprove),
}

/// `plan`, as such.
#[derive(Debug, Args)]
pub struct PlanShow {
    /// The folder with sluice.yaml; without it the running engine is asked
    pub directory: Option<PathBuf>,
    /// The environment; needed where there is more than one
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// What was accepted, as written by `sluice state export`; without it nothing was
    #[arg(long, requires = "directory")]
    pub state: Option<String>,
    /// The form of the plan
    #[arg(short, long, value_enum, default_value_t)]
    pub output: PlanForm,
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
}

/// `plan approve`
#[derive(Debug, Args)]
pub struct PlanApprove {
    /// The part, as `sluice plan` names it: prune:tenant/app
    pub part: PartKey,
    /// The environment; needed where there is more than one
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// The digest that was looked at; refused if the part has changed since
    #[arg(short, long)]
    pub digest: Option<PartDigest>,
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
}

/// `diff`
#[derive(Debug, Args)]
pub struct Diff {
    /// Of this app only, as tenant/app
    #[arg(conflicts_with_all = ["desired", "live"])]
    pub app: Option<AppKey>,
    /// Of this environment only
    #[arg(short, long, conflicts_with_all = ["desired", "live"])]
    pub environment: Option<EnvironmentName>,
    /// On this cluster only
    #[arg(short, long, conflicts_with_all = ["desired", "live"])]
    pub cluster: Option<ClusterName>,
    /// What is wanted: objects in YAML or JSON; `-` is standard input. With it no engine is asked
    #[arg(long, value_name = "FILE", requires = "live")]
    pub desired: Option<String>,
    /// What is there, likewise
    #[arg(long, value_name = "FILE", requires = "desired")]
    pub live: Option<String>,
    /// Fields that belong to others, as JSON pointers (`*` stands for any one part)
    #[arg(long, value_name = "POINTER", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// End with 1 if anything differs
    #[arg(long)]
    pub exit_code: bool,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TextForm,
    /// Which engine.
    #[command(flatten)]
    pub engine: Client,
}

/// `health`
#[derive(Debug, Args)]
pub struct Health {
    /// Objects in YAML or JSON; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    pub filename: String,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TableForm,
}

/// `schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// The kind, such as App; without it the kinds are listed
    pub kind: Option<String>,
}

/// `completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `version`
#[derive(Debug, Args)]
pub struct Version {
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TextForm,
}
