//! `playground`: clusters to play with, until a signal.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::args;
use super::client::runtime;
use super::console::Console;
use super::engine::Signals;
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
    let clusters = clusters(args)?;
    runtime()?.block_on(serve(&clusters, &settings.playground_folder(), console))
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
    let _held = hold(folder)?;
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

/// Holds the folder of kubeconfigs for as long as the answer lives: a second playground would write
/// over the first one's.
fn hold(folder: &Path) -> Result<fs::File, Failure> {
    let shown = folder.display();
    let failed = |error: std::io::Error| Failure::world(format!("can't write `{shown}`")).because(error);
    fs::create_dir_all(folder).map_err(failed)?;
    let lock = fs::File::options().write(true).create(true).truncate(false).open(folder.join("LOCK"));
    let lock = lock.map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => {
            let failure =
                Failure::no(format!("a playground runs here already: its kubeconfigs are in `{shown}`"));
            Err(failure.help("use that one, or name another folder with --state-folder"))
        }
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
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
