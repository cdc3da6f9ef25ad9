//! From flags, variables and the file to the settings of the process.

use std::collections::BTreeMap;
use std::path::Path;

use super::args;
use super::failure::Failure;
use crate::settings::{Layers, ProcessSettings};

/// The settings of a process that runs the engine.
///
/// # Errors
/// The file can't be read, or a setting is wrong.
pub fn of_process(args: &args::Process) -> Result<ProcessSettings, Failure> {
    let said = [
        ("repository", &args.repository),
        ("branch", &args.branch),
        ("credentials-file", &args.credentials_file),
        ("ssh-key-file", &args.ssh_key_file),
        ("known-hosts-file", &args.known_hosts_file),
        ("certificates-file", &args.certificates_file),
        ("tenant-credentials", &args.tenant_credentials),
        ("signers-file", &args.signers_file),
        ("git-timeout", &args.git_timeout),
        ("poll-interval", &args.poll_interval),
        ("age-key-file", &args.age_key_file),
        ("kubeconfig", &args.kubeconfig),
        ("listen", &args.listen),
        ("hooks-listen", &args.hooks_listen),
        ("hook-secrets", &args.hook_secrets),
        ("allow-loopback", &args.allow_loopback),
        ("log-format", &args.log_format),
        ("log", &args.log),
    ];
    let flags = said.into_iter().filter_map(|(name, said)| Some((name.to_owned(), said.clone()?)));
    resolve(&args.client, flags.collect())
}

/// The settings of a process that talks to an engine or reads its ledger.
///
/// # Errors
/// Those of [`of_process`].
pub fn of_client(args: &args::Client) -> Result<ProcessSettings, Failure> {
    resolve(args, BTreeMap::new())
}

/// The settings of a process that reaches clusters by itself.
///
/// # Errors
/// Those of [`of_process`].
pub fn of_check(args: &args::ClusterCheck) -> Result<ProcessSettings, Failure> {
    let said = args.kubeconfig.iter().map(|file| ("kubeconfig".to_owned(), file.clone()));
    resolve(&args.client, said.collect())
}

fn resolve(client: &args::Client, mut flags: BTreeMap<String, String>) -> Result<ProcessSettings, Failure> {
    for (name, said) in [("state-folder", &client.state_folder), ("socket", &client.socket)] {
        if let Some(said) = said {
            flags.insert(name.to_owned(), said.clone());
        }
    }
    let file = client.config.as_deref().map(read).transpose()?;
    // Variables that are no text are nobody's setting.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let layers = Layers { file, environment: environment.collect(), flags };
    ProcessSettings::resolve(&layers).map_err(|error| Failure::usage("the settings are wrong").because(error))
}

fn read(path: &Path) -> Result<(String, String), Failure> {
    let shown = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((shown, text)),
        Err(error) => Err(Failure::usage(format!("can't read the settings in `{shown}`")).because(error)),
    }
}
