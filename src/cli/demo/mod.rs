//! The demo: a whole company on playground clusters, told in four scenes.
//!
//! Nothing in it is staged: the engine is the one that `sluice run` runs, it fetches from a real
//! repository and writes to the clusters over HTTP. Every number that is printed was counted or
//! read from the ledger, and a scene that goes otherwise than told ends the demo with an error.

mod availability;
mod company;
mod record;
mod scenes;
mod stage;
#[cfg(test)]
mod tests;
mod watch;

use super::args;
use super::console::{Console, Paint};
use super::engine::Signals;
use super::failure::{Exit, Failure};
use stage::{Folder, Stage, world};

/// Plays the demo.
///
/// # Errors
/// A scene went otherwise than told, or something could not be started.
pub fn run(arguments: &args::Demo, console: &mut Console) -> Result<(), Failure> {
    let folder = Folder::make(arguments.directory.as_deref(), arguments.keep)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(world("start the runtime"))?;
    runtime.block_on(play(arguments, folder, console))
}

async fn play(arguments: &args::Demo, folder: Folder, console: &mut Console) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let mut stage = Stage::build(folder).await?;
    let mut told = tokio::select! {
        told = tell(&mut stage, console) => told,
        () = signals.next() => Err(Failure::silent(Exit::Interrupted)),
    };
    if told.is_ok() && !arguments.once {
        told = invite(&stage, console);
        tokio::select! {
            () = stage.is_over() => {}
            () = signals.next() => {}
        }
    }
    let struck = stage.strike().await;
    told.and(struck)
}

async fn tell(stage: &mut Stage, console: &mut Console) -> Result<(), Failure> {
    introduce(stage, console)?;
    scenes::bring_up(stage, console).await?;
    scenes::change(stage, console).await?;
    scenes::bad_release(stage, console).await?;
    scenes::good_release(stage, console).await
}

fn introduce(stage: &Stage, console: &mut Console) -> Result<(), Failure> {
    let definitions = company::definitions();
    let name = console.paint(Paint::Strong, "Acme");
    console.line(format!(
        "{name}: {} tenants, {} apps, {} environments, {} clusters, all in this process",
        definitions.tenants.len(),
        definitions.apps.len(),
        company::ENVIRONMENTS.len(),
        definitions.clusters.len()
    ))?;
    console.line(format!("   its fleet repository: {}", stage.company.repository().display()))
}

/// What to try while it stays up.
fn invite(stage: &Stage, console: &mut Console) -> Result<(), Failure> {
    let program = std::env::current_exe().map(|path| path.display().to_string());
    let program = program.unwrap_or_else(|_| "sluice".to_owned());
    let folder = &stage.folder;
    let (state, kubeconfig) = (folder.state(), folder.kubeconfig());
    let work = folder.path().join("work");
    let (work, repository) = (work.display(), stage.company.repository().display());
    let title = console.paint(Paint::Strong, "Now it is yours, until Ctrl-C. In another terminal:");
    console.print(&format!(
        "\n{title}\n   export SLUICE_STATE_FOLDER={} KUBECONFIG={}\n\
         \n   {program} status\n   {program} rollout list\n   {program} history\n\
         \n   kubectl --context prod-east get pods -A\n   \
         kubectl --context prod-east -n shop scale deployment web --replicas 1   # and see it put back\n\
         \n   git clone -b production {repository} {work}\n   \
         sed -i 's/web:1.4.2/web:1.5.0-crash/' {work}/tenants/shop/web/app.yaml\n   \
         git -C {work} commit -am 'web 1.5.0' && git -C {work} push\n\n   \
         Tags with the word bad, crash, slow, never, oom or flap make pods behave so.\n",
        state.display(),
        kubeconfig.display()
    ))
}
