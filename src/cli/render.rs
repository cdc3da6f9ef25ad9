//! `render`: the objects that a fleet comes to, as the engine would apply them.
//!
//! Secrets stay sealed: of each value the digest of its ciphertext shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::args::{self, ObjectForm};
use super::console::Console;
use super::failure::Failure;
use super::fleet::Fleet;
use crate::accepted::{AcceptedOn, MoveShare, MoveState};
use crate::compile::{Desired, DesiredState};
use crate::definition::nearest;
use crate::model::{
    Allocation, AppKey, ClusterName, EnvironmentName, Numbered, Owner, Place, SEALED_FIELD, Size, Slot,
    Slots, TargetKey,
};
use crate::wanted::{Bundles, Scale, WantedObject, rank, wanted};

/// One object and where it goes.
#[derive(Debug, Serialize)]
struct Rendered {
    environment: EnvironmentName,
    cluster: ClusterName,
    owner: Owner,
    object: Value,
}

/// Runs the command.
///
/// # Errors
/// The folder can't be read, what is named is not there, or something is refused. Sound objects are
/// printed all the same.
pub fn run(args: &args::Render, console: &mut Console) -> Result<(), Failure> {
    let fleet = Fleet::read(&args.directory)?;
    known(args, &fleet)?;
    let facts = fleet.assumed_facts();
    let mut diagnostics = fleet.diagnostics.clone();
    let mut rendered = Vec::new();
    for environment in fleet.chosen(args.environment.as_ref())? {
        let (desired, found) = fleet.compile(&environment, &facts);
        diagnostics.extend(found);
        objects(&desired, args, &mut rendered)?;
    }
    match args.output {
        ObjectForm::Json => console.json(&rendered)?,
        ObjectForm::Yaml => {
            for one in &rendered {
                console.line(format!("---\n# {} on {} in {}", one.owner, one.cluster, one.environment))?;
                console.yaml(&one.object)?;
            }
        }
    }
    crate::diagnostic::sort(&mut diagnostics);
    fleet.judge(&diagnostics, console)
}

/// Names on the command line must be known: a misspelt one would print nothing.
fn known(args: &args::Render, fleet: &Fleet) -> Result<(), Failure> {
    if let Some(cluster) = &args.cluster
        && !fleet.definitions.clusters.contains_key(cluster)
    {
        let names = fleet.definitions.clusters.keys().map(ClusterName::as_str);
        let failure = Failure::usage(format!("there is no cluster `{cluster}`"));
        return Err(failure.did_you_mean(nearest(cluster.as_str(), names)));
    }
    if let Some(app) = &args.app
        && !fleet.definitions.apps.contains_key(app)
    {
        let names: Vec<String> = fleet.definitions.apps.keys().map(AppKey::to_string).collect();
        let failure = Failure::usage(format!("there is no app `{app}`"));
        return Err(failure.did_you_mean(nearest(&app.to_string(), names.iter().map(String::as_str))));
    }
    Ok(())
}

/// Everything of an environment, in the order in which it is applied.
fn objects(desired: &DesiredState, args: &args::Render, found: &mut Vec<Rendered>) -> Result<(), Failure> {
    for (target, (here, bundles)) in settled(desired) {
        if args.cluster.as_ref().is_some_and(|cluster| *cluster != target.cluster) {
            continue;
        }
        let sets = wanted(&here, &bundles)
            .map_err(|error| Failure::world("the fleet can't be rendered").because(error))?;
        for (owner, set) in sets {
            if args.app.as_ref().is_some_and(|app| owner != Owner::App(app.clone())) {
                continue;
            }
            let mut objects: Vec<&WantedObject> = set.objects.values().collect();
            objects.sort_by_key(|one| (rank(&one.manifest.key()), one.manifest.key()));
            found.extend(objects.into_iter().map(|one| Rendered {
                environment: desired.environment.clone(),
                cluster: target.cluster.clone(),
                owner: owner.clone(),
                object: whole(one),
            }));
        }
    }
    Ok(())
}

/// What each target would hold had everything been accepted and rolled out.
fn settled(desired: &DesiredState) -> BTreeMap<TargetKey, (AcceptedOn, Bundles)> {
    let mut targets: BTreeMap<TargetKey, (AcceptedOn, Bundles)> = BTreeMap::new();
    for (target, objects) in &desired.platform {
        let here = &mut targets.entry(target.clone()).or_default().0;
        here.platform = Numbered { number: 1, value: objects.clone() };
    }
    for (app, wish) in &desired.apps {
        let Desired::App(wish) = wish else { continue };
        for (target, bundle) in &wish.release.bundles {
            let place = Place { bundle: bundle.digest, slot: Slot::Blue, size: Size::Full };
            let components = bundle.workloads.keys().map(|name| (name.clone(), Slots::Steady(place)));
            let allocation = Allocation {
                number: 1,
                stable: Some(bundle.digest),
                components: components.collect(),
                ..Allocation::default()
            };
            let settings = wish.settings.get(target).cloned().unwrap_or_default();
            let state = MoveState {
                allocation,
                settings: Numbered { number: 1, value: settings },
                history: vec![bundle.digest],
                ..MoveState::default()
            };
            let (here, bundles) = targets.entry(target.clone()).or_default();
            bundles.insert(bundle.digest, Arc::new(bundle.clone()));
            here.apps.insert(app.clone(), MoveShare { state, ..MoveShare::default() });
        }
    }
    targets
}

/// An object with its replicas, and without the ciphertext that only the worker needs.
fn whole(wanted: &WantedObject) -> Value {
    let mut object = wanted.manifest.as_value().clone();
    if let Some(Scale::Held(count) | Scale::Initial(count)) = wanted.scale {
        object["spec"]["replicas"] = json!(count);
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove(SEALED_FIELD);
    }
    object
}
