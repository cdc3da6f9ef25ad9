//! From a definition's access to a client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::KubeCluster;
use crate::definition::Access;
use crate::diagnostic::with_causes;
use crate::model::ClusterName;
use crate::port::cluster::{Cluster, ClusterError, Connect};

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes clients from kubeconfig files, the service account, or a playground's folder.
#[derive(Debug, Clone, Default)]
pub struct KubeConnect {
    /// The folder where a playground leaves a `<cluster>.kubeconfig` for each of its clusters.
    pub playground: Option<PathBuf>,
    /// The kubeconfig whose contexts definitions name without a file. Relative files are looked for
    /// in its folder; without it in the folder that the process runs in.
    pub kubeconfig: Option<PathBuf>,
}

impl KubeConnect {
    /// The kubeconfig file that a definition means.
    fn file(&self, file: Option<&str>) -> Result<PathBuf, ClusterError> {
        match (file, &self.kubeconfig) {
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => {
                let words = "its definition names no kubeconfig file, and the engine has none of its own: start it \
                             with --kubeconfig or SLUICE_KUBECONFIG";
                Err(ClusterError::Unreachable(words.to_owned()))
            }
            (Some(file), Some(own)) => Ok(own.parent().unwrap_or(Path::new("")).join(file)),
            (Some(file), None) => Ok(PathBuf::from(file)),
        }
    }
}

impl Connect for KubeConnect {
    fn connect(&self, name: &ClusterName, access: &Access) -> Result<Arc<dyn Cluster>, ClusterError> {
        Ok(Arc::new(self.open(name, access)?))
    }
}

impl KubeConnect {
    /// A client of a cluster, for questions that the engine's workers do not ask. Makes no request.
    ///
    /// # Errors
    /// What the definition says of the access can't be used.
    pub fn open(&self, name: &ClusterName, access: &Access) -> Result<KubeCluster, ClusterError> {
        let mut config = match access {
            Access::Kubeconfig { file, context } => from_file(&self.file(file.as_deref())?, context.clone())?,
            Access::InCluster {} => Config::incluster().map_err(|error| unusable(&error))?,
            Access::Playground {} => {
                let folder = self.playground.as_ref().ok_or_else(|| {
                    ClusterError::Unreachable(format!(
                        "the cluster {name} is a playground's: start `sluice playground` with the same state folder"
                    ))
                })?;
                let file = folder.join(format!("{name}.kubeconfig"));
                if !file.exists() {
                    return Err(ClusterError::Unreachable(format!(
                        "no playground serves it: start `sluice playground --clusters {name}` with the same state folder"
                    )));
                }
                from_file(&file, None)?
            }
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let client = Client::try_from(config).map_err(|error| unusable(&error))?;
        Ok(KubeCluster::new(client))
    }
}

fn unusable(error: &dyn std::error::Error) -> ClusterError {
    ClusterError::Unreachable(format!("the access can't be used: {}", with_causes(error)))
}

fn from_file(file: &Path, context: Option<String>) -> Result<Config, ClusterError> {
    let kubeconfig = Kubeconfig::read_from(file).map_err(|error| unusable(&error))?;
    if let Some(context) = &context {
        let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
        if !known.contains(&context.as_str()) {
            return Err(ClusterError::Unreachable(format!(
                "{} has no context `{context}`, but {}",
                file.display(),
                if known.is_empty() { "none at all".to_owned() } else { known.join(", ") }
            )));
        }
    }
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    // Reading a kubeconfig is asynchronous for the sake of programs that it may name; here it is
    // a file, and the future is ready at once.
    futures::executor::block_on(Config::from_custom_kubeconfig(kubeconfig, &options))
        .map_err(|error| unusable(&error))
}
