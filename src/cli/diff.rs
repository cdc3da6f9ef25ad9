//! `diff`: compares wanted objects with live ones, both from files.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::args::{self, TextOrJson};
use super::console::Console;
use super::failure::{Exit, Failure};
use super::objects;
use crate::diff::{Difference, compare_objects, render_differences};
use crate::model::{Manifest, ObjectKey};

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
    let desired = manifests(&args.desired, console)?;
    let live = manifests(&args.live, console)?;
    let ignore: Vec<String> = args.ignore.iter().filter(|pointer| !pointer.is_empty()).cloned().collect();
    let differing = compare(&desired, &live, &ignore);
    match args.output {
        TextOrJson::Json => console.json(&differing)?,
        TextOrJson::Text => {
            for one in &differing {
                console.line(one.key.to_string())?;
                for line in render_differences(&one.differences, console.colour()).lines() {
                    console.line(format!("  {line}"))?;
                }
            }
        }
    }
    if args.exit_code && !differing.is_empty() { Err(Failure::silent(Exit::No)) } else { Ok(()) }
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
