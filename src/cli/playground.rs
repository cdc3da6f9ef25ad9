//! `playground`: clusters to play with, until a signal.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::args;
use super::client::runtime;
use super::console::Console;
use super::engine::{Signals, playground_folder};
use super::failure::Failure;
use super::fleet::Fleet;
use super::settings;
use crate::definition::{Access, Cluster};
use crate::model::ClusterName;
use crate::playground::{Options, Playground};

/// Runs the command.
///
/// # Errors
/// No cluster is named, a file can't be written, or a port can't be listened on.
pub fn run(args: &args::Playground, console: &mut Console) -> Result<(), Failure> {
    let settings = settings::of_client(&args.client)?;
    let folder = args.directory.clone().unwrap_or_else(|| playground_folder(&settings));
    let clusters = clusters(args)?;
    runtime()?.block_on(serve(&clusters, &folder, console))
}

/// The clusters that are named, or those of a fleet that a playground serves.
fn clusters(args: &args::Playground) -> Result<BTreeSet<ClusterName>, Failure> {
    let mut clusters: BTreeSet<ClusterName> = args.clusters.iter().cloned().collect();
    if let Some(fleet) = &args.fleet {
        for (name, definition) in Fleet::read(fleet)?.definitions.clusters {
            let cluster = definition.typed::<Cluster>();
            if cluster.is_ok_and(|cluster| matches!(cluster.access, Access::Playground {})) {
                clusters.insert(name);
            }
        }
    }
    if clusters.is_empty() {
        let failure = Failure::usage("there is no cluster to serve");
        let help = "name some with --clusters a,b, or a fleet whose clusters say `access: {playground: {}}`";
        return Err(failure.help(help));
    }
    Ok(clusters)
}

async fn serve(
    clusters: &BTreeSet<ClusterName>,
    folder: &Path,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let playground = Playground::start(Options::new(clusters.iter().map(ClusterName::as_str)))
        .await
        .map_err(|error| Failure::world("the playground can't start").because(error))?;
    let mut written = Vec::new();
    for cluster in playground.clusters() {
        let engine = folder.join(format!("{}.kubeconfig", cluster.name()));
        let admin = folder.join(format!("{}.admin.kubeconfig", cluster.name()));
        write_private(&engine, &cluster.engine_kubeconfig())?;
        write_private(&admin, &cluster.admin_kubeconfig())?;
        console.line(format!("{} {}", cluster.name(), cluster.url()))?;
        console.line(format!("  kubectl --kubeconfig {} get pods -A", admin.display()))?;
        written.extend([engine, admin]);
    }
    console.progress("the clusters run until Ctrl-C");
    signals.next().await;
    playground.shutdown().await;
    for path in written {
        // Their clusters are gone; a file that is gone already harms nobody.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// Writes a file that holds a token: for its owner alone, in one step.
///
/// # Errors
/// The file can't be written.
pub fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::world(format!("can't write `{}`", path.display())).because(error);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    let draft = path.with_extension("draft");
    let _ = fs::remove_file(&draft);
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)
}
