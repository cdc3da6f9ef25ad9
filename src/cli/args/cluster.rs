//! What may be said of clusters.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Client, TableForm};
use crate::model::{ClusterName, EnvironmentName};

/// Below `cluster`.
#[derive(Debug, Subcommand)]
pub enum Cluster {
    /// List the clusters of the running engine
    List(ClusterList),
    /// Write the definition of a new cluster into a fleet
    Add(ClusterAdd),
    /// Try what the engine needs of a cluster; writes nothing
    Check(ClusterCheck),
    /// Print what the engine may do in a cluster, for its administrator to apply
    Rights,
}

/// `cluster list`
#[derive(Debug, Args)]
pub struct ClusterList {
    /// Of this environment only
    #[arg(short, long)]
    pub environment: Option<EnvironmentName>,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: TableForm,
    /// Which engine.
    #[command(flatten)]
    pub client: Client,
}

/// `cluster add`
#[derive(Debug, Args)]
pub struct ClusterAdd {
    /// Its name
    pub cluster: ClusterName,
    /// The environment that rules it
    #[arg(short, long)]
    pub environment: EnvironmentName,
    /// The kubeconfig file on the engine's machine
    #[arg(long)]
    pub file: Option<String>,
    /// The context in it, or in the engine's own kubeconfig; with neither the engine runs inside
    #[arg(long)]
    pub context: Option<String>,
    /// The folder with sluice.yaml
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub fleet: PathBuf,
}

/// `cluster check`
#[derive(Debug, Args)]
pub struct ClusterCheck {
    /// Its name
    pub cluster: ClusterName,
    /// The folder with sluice.yaml, where it is defined
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub fleet: PathBuf,
    /// The kubeconfig of clusters whose definition names no file
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// Where a playground's kubeconfigs are.
    #[command(flatten)]
    pub client: Client,
}
