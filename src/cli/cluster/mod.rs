//! `cluster`: the clusters of an engine, what a new one needs, and whether it has it.

mod check;

use std::fs;
use std::io::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::args;
use super::client::Client;
use super::console::{Console, Paint};
use super::failure::{Exit, Failure};
use super::fleet::Fleet;
use crate::definition::nearest;
use crate::model::{ClusterName, EnvironmentName};

/// What the engine's identity needs in a cluster, as its administrator applies it.
const RIGHTS: &str = include_str!("../../../deploy/rights.yaml");

/// Runs the command.
///
/// # Errors
/// What is named is not there, a file can't be written, or a cluster lacks something.
pub fn run(command: &args::Cluster, console: &mut Console) -> Result<(), Failure> {
    match command {
        args::Cluster::List(args) => list(args, console),
        args::Cluster::Check(args) => check::run(args, console),
        args::Cluster::Add(args) => add(args, console),
        args::Cluster::Rights => console.print(RIGHTS),
    }
}

/// The objects of [`RIGHTS`].
fn rights() -> Vec<Value> {
    RIGHTS.split("\n---\n").filter_map(|document| serde_yaml::from_str(document).ok()).collect()
}

/// One cluster of a running engine.
#[derive(Debug, Serialize)]
struct Row<'a> {
    environment: &'a EnvironmentName,
    cluster: &'a ClusterName,
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

fn list(args: &args::ClusterList, console: &mut Console) -> Result<(), Failure> {
    let status = Client::new(&args.client)?.status()?;
    super::command::known(&status, args.environment.as_ref(), None)?;
    let meant = |name: &EnvironmentName| args.environment.as_ref().is_none_or(|only| only == name);
    let mut rows = Vec::new();
    for (environment, status) in status.environments.iter().filter(|(name, _)| meant(name)) {
        rows.extend(status.clusters.iter().map(|(cluster, status)| Row {
            environment,
            cluster,
            reachable: status.reachable,
            version: status.version.as_deref(),
            message: status.message.as_deref(),
        }));
    }
    if let Some(form) = args.output.machine() {
        return console.machine(form, &rows);
    }
    let mut table = console.table(&["ENVIRONMENT", "CLUSTER", "ANSWERS", "VERSION", "MESSAGE"]);
    for row in &rows {
        let (paint, word) = if row.reachable { (Paint::Good, "yes") } else { (Paint::Bad, "no") };
        table.row([
            row.environment.as_str(),
            row.cluster.as_str(),
            &console.paint(paint, word),
            row.version.unwrap_or_default(),
            row.message.unwrap_or_default(),
        ]);
    }
    console.print(&table.text())
}

/// Writes a definition; says what else is to be done.
fn add(args: &args::ClusterAdd, console: &mut Console) -> Result<(), Failure> {
    let fleet = Fleet::read(&args.fleet)?;
    if fleet.definitions.clusters.contains_key(&args.cluster) {
        return Err(Failure::no(format!("there is a cluster {} already", args.cluster)));
    }
    if !fleet.environments.contains(&args.environment) {
        let known = fleet.environments.iter().map(EnvironmentName::as_str);
        let failure = Failure::usage(format!("there is no environment `{}`", args.environment));
        return Err(failure.did_you_mean(nearest(args.environment.as_str(), known)));
    }
    let path = args.fleet.join("platform/clusters").join(format!("{}.yaml", args.cluster));
    let shown = path.display();
    let failed = |error: std::io::Error| Failure::world(format!("can't write `{shown}`")).because(error);
    fs::create_dir_all(path.parent().unwrap_or(&args.fleet)).map_err(failed)?;
    let mut file = fs::File::create_new(&path).map_err(failed)?;
    file.write_all(definition(args).as_bytes()).map_err(failed)?;
    console.line(shown.to_string())?;
    console.say("next, as the cluster's administrator: sluice cluster rights | kubectl apply --filename -");
    console.say(format!("then: sluice cluster check {} --fleet {}", args.cluster, args.fleet.display()));
    Ok(())
}

fn definition(args: &args::ClusterAdd) -> String {
    // Both are quoted: a path and a context may hold anything.
    let quoted = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{name}: {}", Value::from(value.as_str())))
    };
    let access: Vec<String> =
        [quoted("file", &args.file), quoted("context", &args.context)].into_iter().flatten().collect();
    let access = match access.is_empty() {
        true => "inCluster: {}".to_owned(),
        false => format!("kubeconfig: {{{}}}", access.join(", ")),
    };
    format!(
        "apiVersion: {}\nkind: Cluster\nmetadata:\n  name: {}\nspec:\n  environment: {}\n  access: {{{access}}}\n",
        crate::definition::API_VERSION,
        args.cluster,
        args.environment
    )
}

/// The failure of a check that has said all there is to say.
fn lacking() -> Failure {
    Failure::silent(Exit::No)
}
