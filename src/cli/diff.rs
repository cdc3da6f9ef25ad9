//! `diff`: compares live objects with what was accepted, as the running engine sees them, or two
//! files with each other.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::args;
use super::client::Client;
use super::console::Console;
use super::failure::{Exit, Failure};
use super::objects;
use crate::api::{LiveView, StatusView};
use crate::definition::nearest;
use crate::diff::{Difference, compare_objects, render_differences};
use crate::model::{ClusterName, EnvironmentName, Manifest, ObjectKey};

/// One object that differs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Differing {
    #[serde(flatten)]
    key: ObjectKey,
    differences: Vec<Difference>,
}

/// Runs the command.
///
/// # Errors
/// A file can't be read, or something differs and `--exit-code` was given.
pub fn run(args: &args::Diff, console: &mut Console) -> Result<(), Failure> {
    let is_none = |pointer: &&String| !pointer.is_empty() && !pointer.starts_with('/');
    if let Some(pointer) = args.ignore.iter().find(is_none) {
        let failure = Failure::usage(format!("`{pointer}` is no JSON pointer"));
        return Err(failure.help("write it with slashes from the root: `/spec/replicas`"));
    }
    let differs = match (&args.desired, &args.live) {
        (Some(desired), Some(live)) => files(args, desired, live, console)?,
        _ => clusters(args, console)?,
    };
    if args.exit_code && differs { Err(Failure::silent(Exit::No)) } else { Ok(()) }
}

/// Compares two files. Whether anything differs.
fn files(args: &args::Diff, desired: &str, live: &str, console: &mut Console) -> Result<bool, Failure> {
    let desired = manifests(desired, console)?;
    let live = manifests(live, console)?;
    let ignore: Vec<String> = args.ignore.iter().filter(|pointer| !pointer.is_empty()).cloned().collect();
    let differing = compare(&desired, &live, &ignore);
    match args.output.machine() {
        Some(form) => console.machine(form, &differing)?,
        None => {
            for one in &differing {
                print(&one.key.to_string(), &one.differences, console)?;
            }
        }
    }
    Ok(!differing.is_empty())
}

fn print(heading: &str, differences: &[Difference], console: &mut Console) -> Result<(), Failure> {
    console.line(heading)?;
    for line in render_differences(differences, console.colour()).lines() {
        console.line(format!("  {line}"))?;
    }
    Ok(())
}

/// Compares live clusters with what was accepted for them. Whether anything differs.
fn clusters(args: &args::Diff, console: &mut Console) -> Result<bool, Failure> {
    let client = Client::new(&args.engine)?;
    let status = client.status()?;
    super::command::known(&status, args.environment.as_ref(), args.app.as_ref())?;
    known_cluster(&status, args.cluster.as_ref())?;
    let meant = |name: &&EnvironmentName| args.environment.as_ref().is_none_or(|only| only == *name);
    let mut found: BTreeMap<&EnvironmentName, LiveView> = BTreeMap::new();
    for environment in status.environments.keys().filter(meant) {
        let mut view = client.differences(environment, args.app.as_ref(), args.cluster.as_ref())?;
        for object in &mut view.objects {
            object.differences.retain(|one| !args.ignore.iter().any(|ignored| covers(ignored, &one.pointer)));
        }
        view.objects.retain(|object| !object.differences.is_empty());
        found.insert(environment, view);
    }
    match args.output.machine() {
        Some(form) => console.machine(form, &found)?,
        None => {
            for (environment, view) in &found {
                for one in &view.objects {
                    let heading = format!("{environment} {} {}: {}", one.target, one.owner, one.object);
                    print(&heading, &one.differences, console)?;
                }
            }
        }
    }
    let mut silent = false;
    for (cluster, why) in found.values().flat_map(|view| &view.unanswered) {
        console.say(format!("error: the cluster {cluster} could not be compared: {why}"));
        silent = true;
    }
    if silent {
        return Err(Failure::silent(Exit::World));
    }
    Ok(found.values().any(|view| !view.objects.is_empty()))
}

fn known_cluster(status: &StatusView, named: Option<&ClusterName>) -> Result<(), Failure> {
    let Some(named) = named else { return Ok(()) };
    let known: Vec<&ClusterName> =
        status.environments.values().flat_map(|environment| environment.clusters.keys()).collect();
    if known.contains(&named) {
        return Ok(());
    }
    let failure = Failure::no(format!("there is no cluster {named}"));
    Err(failure.did_you_mean(nearest(named.as_str(), known.iter().map(|name| name.as_str()))))
}

/// Whether a pointer to ignore (`*` is any one part) means this one or something above it.
fn covers(ignored: &str, pointer: &str) -> bool {
    let mut parts = pointer.split('/');
    ignored.split('/').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

/// Objects pair up by their keys. A namespace that only one side names is no difference: files often
/// leave it out.
fn compare(desired: &[Manifest], live: &[Manifest], ignore: &[String]) -> Vec<Differing> {
    let by_key: BTreeMap<ObjectKey, &Manifest> = live.iter().map(|object| (object.key(), object)).collect();
    let found = |wanted: &Manifest| {
        let key = wanted.key();
        let bare = |key: &ObjectKey| ObjectKey { namespace: None, ..key.clone() };
        by_key.get(&key).copied().or_else(|| {
            let mut alike = by_key.iter().filter(|(other, _)| {
                bare(other) == bare(&key) && (key.namespace.is_none() || other.namespace.is_none())
            });
            // Of several none can be meant.
            alike.next().filter(|_| alike.next().is_none()).map(|(_, object)| *object)
        })
    };
    desired
        .iter()
        .map(|wanted| Differing {
            key: wanted.key(),
            differences: compare_objects(wanted, found(wanted), ignore),
        })
        .filter(|one| !one.differences.is_empty())
        .collect()
}

fn manifests(path: &str, console: &mut Console) -> Result<Vec<Manifest>, Failure> {
    let values: Vec<Value> = objects::read(path, console)?;
    let checked = values.into_iter().enumerate().map(|(index, value)| {
        Manifest::new(value).map_err(|error| {
            Failure::usage(format!("object {} of `{path}` is no Kubernetes object", index + 1)).because(error)
        })
    });
    checked.collect()
}
