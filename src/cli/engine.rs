//! `run` and `apply`: the engine, put together from the settings.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args;
use super::console::Console;
use super::failure::{Exit, Failure};
use super::folder::Folder;
use super::settings;
use crate::api::{Api, ApiError, Hooks, Metered};
use crate::artifact::Keys;
use crate::clock::SystemClock;
use crate::cluster::KubeConnect;
use crate::engine::environment::Sync;
use crate::engine::{Engine, EngineError, Handle, Parts};
use crate::git::{
    FetchLimits, LocalWatch, Poll, RepositoryUrl, SshOptions, Store, StoreOptions, TenantSources, UrlPolicy,
    Wake, watch_repository,
};
use crate::ledger::LocalLedger;
use crate::model::EnvironmentName;
use crate::port::Repository;
use crate::port::ledger::LedgerError;
use crate::settings::ProcessSettings;
use crate::telemetry::{Metrics, start_log};

/// How long a graceful stop may take: writes on their way are finished, nothing new begins.
const GRACE: Duration = Duration::from_secs(5);

/// The parts of a process that runs the engine.
struct Process {
    ledger: Arc<LocalLedger>,
    metrics: Arc<Metrics>,
    engine: Engine,
    /// Ends with the process.
    _watch: Option<LocalWatch>,
}

/// `run`
///
/// # Errors
/// A setting is wrong, the ledger is another's, or the engine can't go on.
pub fn run(args: &args::Run, console: &mut Console) -> Result<(), Failure> {
    let settings = settings::of_process(&args.process)?;
    log(&settings, console)?;
    let runtime = runtime()?;
    let done = runtime.block_on(serve(&settings));
    // What still runs after the grace period is cut off: everything resumes from the ledger.
    runtime.shutdown_timeout(Duration::from_millis(100));
    done
}

/// `apply`
///
/// # Errors
/// A setting is wrong, an engine holds the ledger, or not everything came to be as Git says.
pub fn apply(args: &args::Apply, console: &mut Console) -> Result<(), Failure> {
    let settings = settings::of_process(&args.process)?;
    log(&settings, console)?;
    let runtime = runtime()?;
    let done = runtime.block_on(pass(args, &settings, console));
    runtime.shutdown_timeout(Duration::from_millis(100));
    done
}

fn log(settings: &ProcessSettings, console: &Console) -> Result<(), Failure> {
    start_log(settings.log_format.value, &settings.log.value, console.err_colour())
        .map_err(|error| Failure::usage("the log can't be written").because(error))?;
    for name in &settings.unread_variables {
        tracing::warn!(name, "nothing reads this variable");
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::world("can't start").because(error))
}

async fn serve(settings: &ProcessSettings) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let process = process(settings, None, None)?;
    let (handle, stop) = (process.engine.handle(), CancellationToken::new());
    serve_hooks(settings, &handle, &stop).await?;
    let api = Api::new(handle, process.ledger.clone(), process.metrics.clone());
    let serving =
        api.serve(&settings.socket_path(), settings.listen.value, stop.clone()).await.map_err(|error| {
            let help = match error {
                ApiError::Listen { .. } => "name another address with --listen, or none: `--listen off`",
                ApiError::Socket { .. } => "name another place with --socket",
            };
            Failure::world("the API can't be served").because(error).help(help)
        })?;
    let listen = serving.address.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(socket = %settings.socket_path().display(), listen, "the engine runs");
    let mut running = tokio::spawn(process.engine.run(stop.clone()));
    let ended = tokio::select! {
        ended = &mut running => Some(ended),
        () = signals.next() => None,
    };
    stop.cancel();
    let Some(ended) = ended else {
        tracing::info!("told to stop");
        let graceful = async {
            let ended = running.await;
            serving.ended().await;
            ended
        };
        return tokio::select! {
            ended = tokio::time::timeout(GRACE, graceful) => match ended {
                Ok(ended) => finish(ended),
                Err(_) => {
                    tracing::warn!("not everything ended in time; it resumes at the next start");
                    Ok(())
                }
            },
            () = signals.next() => Err(Failure::silent(Exit::Interrupted)),
        };
    };
    finish(ended)?;
    Err(Failure::world("the engine has ended by itself"))
}

/// Serves webhooks, where the settings say so.
async fn serve_hooks(
    settings: &ProcessSettings,
    handle: &Handle,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let Some(address) = settings.hooks_listen.value else { return Ok(()) };
    let Some(secrets) = settings.hook_secrets.value.clone() else {
        let failure = Failure::usage("webhooks are to be served and there is no folder of their secrets");
        return Err(failure.help("name it with --hook-secrets"));
    };
    let fleet = settings.repository.value.clone().unwrap_or_default();
    let hooks = Hooks { handle: handle.clone(), fleet, secrets, clock: Arc::new(SystemClock) };
    let bound = hooks
        .serve(address, stop.clone())
        .await
        .map_err(|error| Failure::world("webhooks can't be served").because(error))?;
    tracing::info!(address = %bound, "webhooks are served");
    Ok(())
}

fn finish(ended: Result<Result<(), EngineError>, tokio::task::JoinError>) -> Result<(), Failure> {
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let failure = Failure::world("the engine can't go on").because(error);
            Err(failure.help("nothing is lost: start it again once this is mended"))
        }
        Err(error) => Err(Failure::world("the engine has failed").because(error)),
    }
}

async fn pass(args: &args::Apply, settings: &ProcessSettings, console: &mut Console) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let folder =
        args.directory.as_deref().map(|path| Folder::read(path, args.environment.as_ref())).transpose()?;
    let process = process(settings, folder, args.environment.clone())?;
    let (handle, stop) = (process.engine.handle(), CancellationToken::new());
    let running = tokio::spawn(process.engine.run(stop.clone()));
    let outcome = tokio::select! {
        steady = tokio::time::timeout(args.timeout, steady(&handle, console)) => match steady {
            Ok(outcome) => outcome,
            Err(_) => {
                let failure = Failure::no("not everything was done in time");
                Err(failure.help("what has begun is resumed by the next `sluice apply` or `sluice run`"))
            }
        },
        () = signals.next() => Err(Failure::silent(Exit::Interrupted)),
    };
    stop.cancel();
    let ended = tokio::time::timeout(GRACE, running).await;
    outcome?;
    if let Ok(ended) = ended {
        finish(ended)?;
    }
    verdict(&handle, console)
}

/// Waits until nothing is on its way any more.
async fn steady(handle: &Handle, console: &mut Console) -> Result<(), Failure> {
    let mut changes = handle.changes();
    let mut told = std::collections::BTreeMap::new();
    loop {
        changes.mark_unchanged();
        let source = handle.source();
        for repository in std::iter::once(&source.fleet).chain(source.tenants.values()) {
            if let Some(problem) = repository.problem() {
                return Err(Failure::world("the repository can't be read").because(problem));
            }
        }
        let environments = handle.environments();
        for (name, status) in &environments {
            for (app, status) in &status.apps {
                let line = format!("{name} {app}: {:?} {}", status.sync, status.message);
                let key = (name.clone(), app.clone());
                if told.get(&key) != Some(&line) {
                    console.progress(&line);
                    told.insert(key, line);
                }
            }
        }
        let is_read = source.fleet.looks > 0 && source.tenants.values().all(|tenant| tenant.looks > 0);
        let known = is_read && !environments.is_empty();
        if known && environments.values().all(|status| status.stands_still()) {
            return Ok(());
        }
        if changes.changed().await.is_err() {
            return Err(Failure::world("the engine has ended by itself"));
        }
    }
}

/// Says how everything stands; fails if it is not as Git says.
fn verdict(handle: &Handle, console: &mut Console) -> Result<(), Failure> {
    let mut exit = Exit::Done;
    for (name, status) in handle.environments() {
        for (app, status) in &status.apps {
            console.line(format!("{name} {app} {:?} {}", status.sync, status.message).trim_end())?;
            if !matches!(status.sync, Sync::Synced | Sync::Suspended) {
                exit = Exit::No;
            }
        }
        for diagnostic in status.diagnostics.iter().filter(|one| one.is_error()) {
            console.say(diagnostic.to_string());
            exit = Exit::No;
        }
        for (cluster, status) in status.clusters.iter().filter(|(_, status)| !status.reachable) {
            let message = status.message.as_deref().unwrap_or("no answer");
            console.say(format!("the cluster {cluster} does not answer: {message}"));
            exit = Exit::World;
        }
    }
    if exit == Exit::Done { Ok(()) } else { Err(Failure::silent(exit)) }
}

/// What the engine is to bring about.
enum Origin {
    /// What a folder holds, in the place of the branch of one environment.
    Folder(Box<Folder>),
    /// What a repository holds.
    Repository(RepositoryUrl),
}

fn process(
    settings: &ProcessSettings,
    folder: Option<Folder>,
    only: Option<EnvironmentName>,
) -> Result<Process, Failure> {
    // What the settings say is judged before anything is made, and whether the state folder is
    // another engine's before anything in it is touched.
    let origin = match folder {
        Some(folder) => Origin::Folder(Box::new(folder)),
        None => Origin::Repository(repository_url(settings)?),
    };
    let keys = keys(settings)?;
    let ledger = Arc::new(open_ledger(&settings.ledger_folder())?);
    let wake = Wake::default();
    let (repository, trunk, only, watch, seed): (Arc<dyn Repository>, _, _, _, _) = match origin {
        Origin::Folder(folder) => {
            let (trunk, only) = (folder.trunk().to_owned(), Some(folder.environment().clone()));
            (Arc::from(folder as Box<dyn Repository>), trunk, only, None, "folder".to_owned())
        }
        Origin::Repository(url) => {
            let seed = url.to_string();
            let (store, watch) = store(settings, url, &wake)?;
            (Arc::new(store), settings.branch.value.clone(), only, watch, seed)
        }
    };
    let metrics = Arc::new(Metrics::default());
    let clients = KubeConnect {
        playground: Some(settings.playground_folder()),
        kubeconfig: settings.kubeconfig.value.clone(),
    };
    let engine = Engine::new(Parts {
        ledger: ledger.clone(),
        clock: Arc::new(SystemClock),
        connect: Arc::new(Metered::new(clients, metrics.clone())),
        keys: Arc::new(keys),
        repository,
        trunk,
        only,
        sources: Arc::new(tenant_sources(settings)),
        signers: settings.signers_file.value.clone(),
        poll: Poll::new(settings.poll_interval.value, seed),
        wake,
    });
    Ok(Process { ledger, metrics, engine, _watch: watch })
}

fn keys(settings: &ProcessSettings) -> Result<Keys, Failure> {
    let Some(path) = &settings.age_key_file.value else { return Ok(Keys::default()) };
    Keys::read(path).map_err(|error| {
        Failure::usage(format!("the keys in `{}` can't be used", path.display())).because(error)
    })
}

fn repository_url(settings: &ProcessSettings) -> Result<RepositoryUrl, Failure> {
    let Some(repository) = &settings.repository.value else {
        let failure = Failure::usage("no fleet repository is named");
        return Err(failure.help("name it with --repository, SLUICE_REPOSITORY or in the file of --config"));
    };
    let allowed = settings.allow_loopback.value;
    let policy = UrlPolicy { local_paths: true, machine_hosts: allowed, plain_http: allowed };
    let url = RepositoryUrl::parse(repository, policy)
        .map_err(|error| Failure::usage("the fleet repository can't be used").because(error))?;
    if url.is_ssh() && store_options(settings).ssh.is_none() {
        let failure = Failure::usage("a repository behind ssh needs a key and the hosts that are known");
        return Err(failure.help("name them with --ssh-key-file and --known-hosts-file"));
    }
    Ok(url)
}

fn store(
    settings: &ProcessSettings,
    url: RepositoryUrl,
    wake: &Wake,
) -> Result<(Store, Option<LocalWatch>), Failure> {
    let watch = match url.local_path() {
        Some(path) => watch_repository(path, wake)
            .map_err(|error| tracing::warn!(%error, "changes are found by the timer only"))
            .ok(),
        None => None,
    };
    let store =
        Store::open(&settings.repository_folder(), url, store_options(settings)).map_err(|error| {
            Failure::world("the store of the repository can't be opened").because(error).help(STATE_HELP)
        })?;
    Ok((store, watch))
}

fn tenant_sources(settings: &ProcessSettings) -> TenantSources {
    let allowed = settings.allow_loopback.value;
    TenantSources {
        stores: settings.sources_folder(),
        credentials: settings.tenant_credentials.value.clone(),
        known_hosts: settings.known_hosts_file.value.clone(),
        options: StoreOptions { credentials: None, ssh: None, ..store_options(settings) },
        policy: UrlPolicy { local_paths: allowed, machine_hosts: allowed, plain_http: allowed },
    }
}

fn store_options(settings: &ProcessSettings) -> StoreOptions {
    let ssh = settings.ssh_key_file.value.as_ref().zip(settings.known_hosts_file.value.as_ref());
    StoreOptions {
        credentials: settings.credentials_file.value.clone(),
        certificates: settings.certificates_file.value.clone(),
        ssh: ssh.map(|(key, known_hosts)| SshOptions::new(key, known_hosts)),
        fetch: FetchLimits { stall: settings.git_timeout.value, ..FetchLimits::default() },
        ..StoreOptions::default()
    }
}

fn open_ledger(folder: &Path) -> Result<LocalLedger, Failure> {
    LocalLedger::open(folder).map_err(|error| match error {
        LedgerError::Held { pid, .. } => {
            let who = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            let failure = Failure::no(format!("an engine runs here already: {who} holds the ledger"));
            failure.help("ask it with `sluice sync` and `sluice status`, or stop it first")
        }
        error => {
            let failure = Failure::world("the ledger can't be opened").because(error);
            failure.help(STATE_HELP)
        }
    })
}

/// What may be done about a state folder that can't be used.
const STATE_HELP: &str = "the state folder must be writable and have room: name another with --state-folder";

/// What a person or the system says to a process.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::world("can't listen for signals").because(error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for one that asks to stop.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
