//! The scenes: each does something to the fleet, waits for what follows, shows it and holds it
//! against what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::availability::Count;
use super::company::{Change, DEV, PRODUCTION};
use super::record::{self, Ended, seconds};
use super::stage::Stage;
use super::watch::{self, unsettled, until};
use crate::accepted::{Failure as ReleaseFailure, Outcome};
use crate::cli::console::{Console, Paint};
use crate::cli::failure::Failure;
use crate::engine::environment::{MoveStatus, Sync};
use crate::model::{AppKey, EnvironmentName};

/// The app that the scenes are about, its component, and where they stand.
const APP: &str = "campus/score";
const NAMESPACE: &str = "campus";
const WORKLOAD: &str = "web";
const SELECTOR: &str = "sluice.dev/app=score,app.kubernetes.io/component=web";
const FILE: &str = "tenants/campus/score/app.yaml";
const IMAGE: &str = "registry.acme.example/campus/score-web:";

/// The tags of the image, in the order in which they are merged.
const FIRST: &str = "1.0.3";
const BETTER: &str = "1.1.0";
const BAD: &str = "1.2.0-bad";
const GOOD: &str = "1.2.1";

/// How long a scene may take. It is several times what it takes on two busy cores.
const LIMIT: Duration = Duration::from_secs(120);

/// What is promised of a bad release: found so soon after it was first seen, back so soon after.
const FOUND_WITHIN: f64 = 60.0;
const BACK_WITHIN: f64 = 15.0;

fn app() -> AppKey {
    APP.parse().expect("the name of an app")
}

fn production() -> EnvironmentName {
    "production".parse().expect("the name of an environment")
}

fn tag(old: &str, new: &str) -> Change {
    Change {
        path: FILE,
        old: format!("{IMAGE}{old}"),
        new: format!("{IMAGE}{new}"),
        message: format!("score: web {new}"),
    }
}

fn title(console: &mut Console, text: &str) -> Result<(), Failure> {
    let text = console.paint(Paint::Strong, text);
    console.line(format!("\n{text}"))
}

fn promise(kept: bool, words: impl FnOnce() -> String) -> Result<(), Failure> {
    if kept { Ok(()) } else { Err(Failure::no(words())) }
}

/// Everything comes up.
pub async fn bring_up(stage: &Stage, console: &mut Console) -> Result<(), Failure> {
    title(console, "1. The engine reads the fleet and fills four empty clusters")?;
    let started = std::time::Instant::now();
    until(stage, console, LIMIT, |statuses| unsettled(stage, statuses)).await?;
    let statuses = stage.handle.environments();
    let clusters: BTreeSet<String> = stage.playground.clusters().map(|c| c.name().to_owned()).collect();
    let mut rows: BTreeMap<&AppKey, BTreeMap<&str, String>> = BTreeMap::new();
    for (key, app) in statuses.values().flat_map(|status| &status.apps) {
        for (at, status) in &app.moves {
            rows.entry(key).or_default().insert(at.target.cluster.as_str(), cell(status));
        }
    }
    let heads: Vec<String> = clusters.iter().map(|name| name.to_uppercase()).collect();
    let mut headings = vec!["   APP"];
    headings.extend(heads.iter().map(String::as_str));
    let mut table = console.table(&headings);
    for (app, cells) in &rows {
        let name = format!("   {app}");
        let row = clusters.iter().map(|cluster| cells.get(cluster.as_str()).map_or("-", String::as_str));
        table.row(std::iter::once(name.as_str()).chain(row));
    }
    console.print(&table.text())?;
    let took = started.elapsed().as_secs_f64();
    console.line(format!(
        "   {} apps Synced and Healthy on {} clusters after {took:.1} s",
        rows.len(),
        clusters.len()
    ))
}

fn cell(status: &MoveStatus) -> String {
    let (ready, wanted) = status
        .components
        .values()
        .fold((0, 0), |(ready, wanted), report| (ready + report.ready, wanted + report.wanted));
    let health = crate::health::HealthStatus::worst(status.components.values().map(|report| report.status));
    format!("{health} {ready}/{wanted}")
}

/// A change goes to dev and production.
pub async fn change(stage: &mut Stage, console: &mut Console) -> Result<(), Failure> {
    title(console, &format!("2. A new image of {APP} is merged: web {FIRST} -> {BETTER}"))?;
    record::forget_writes(stage);
    for branch in [DEV, PRODUCTION] {
        let commit = stage.company.merge(branch, &tag(FIRST, BETTER))?;
        console.line(format!("   merged {} into {branch}", commit.short()))?;
    }
    until(stage, console, LIMIT, |statuses| unsettled(stage, statuses)).await?;
    show_writes(stage, console)?;
    for environment in ["dev", "production"] {
        let name: EnvironmentName = environment.parse().expect("the name of an environment");
        let rollout = record::last_rollout(stage, &name, &app())?;
        show_end(console, &rollout)?;
        promise(rollout.outcome == Outcome::Succeeded, || format!("{} did not succeed", rollout.id))?;
    }
    promise(images(stage, &["dev-east", "dev-west", "prod-east", "prod-west"], BETTER), || {
        format!("not every cluster runs {BETTER}")
    })
}

fn show_writes(stage: &Stage, console: &mut Console) -> Result<(), Failure> {
    let writes = record::writes(stage);
    let mut by_object: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for write in &writes {
        by_object.entry((&write.object, write.done)).or_default().push(&write.cluster);
    }
    for ((object, done), clusters) in by_object {
        console.line(format!("   {done} {object} in {}", clusters.join(", ")))?;
    }
    promise(!writes.is_empty(), || "nothing was written".to_owned())
}

fn show_end(console: &mut Console, rollout: &Ended) -> Result<(), Failure> {
    let took = seconds(rollout.started, rollout.ended);
    let outcome = match &rollout.outcome {
        Outcome::Succeeded => console.paint(Paint::Good, "Succeeded"),
        other => console.paint(Paint::Attention, &other.to_string()),
    };
    console.line(format!("   rollout {}: {outcome} in {took:.1} s", rollout.id))
}

/// What a cluster holds of the workload.
fn workload(stage: &Stage, cluster: &str) -> Option<Value> {
    let cluster = stage.playground.cluster(cluster)?;
    let held = cluster.with_objects(|store| store.get("apps", "Deployment", Some(NAMESPACE), WORKLOAD));
    held.map(|object| (*object).clone())
}

fn images(stage: &Stage, clusters: &[&str], tag: &str) -> bool {
    let image = format!("{IMAGE}{tag}");
    clusters.iter().all(|cluster| {
        workload(stage, cluster).is_some_and(|object| {
            object.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str) == Some(&image)
        })
    })
}

const PRODUCTION_CLUSTERS: [&str; 2] = ["prod-east", "prod-west"];

/// What runs in production before the bad release, for comparison.
struct Before {
    templates: Vec<String>,
    replicas: Vec<usize>,
    counts: Vec<Count>,
}

async fn look_before(stage: &Stage) -> Result<Before, Failure> {
    let mut before = Before { templates: templates(stage), replicas: Vec::new(), counts: Vec::new() };
    for name in PRODUCTION_CLUSTERS {
        let held = workload(stage, name).unwrap_or_default();
        before.replicas.push(held["spec"]["replicas"].as_u64().unwrap_or_default() as usize);
        if let Some(cluster) = stage.playground.cluster(name) {
            before.counts.push(Count::start(cluster, NAMESPACE, SELECTOR).await?);
        }
    }
    Ok(before)
}

/// The pod template in each cluster of production, as text.
fn templates(stage: &Stage) -> Vec<String> {
    let held = PRODUCTION_CLUSTERS.iter().map(|name| workload(stage, name).unwrap_or_default());
    held.map(|object| object["spec"]["template"].to_string()).collect()
}

/// A bad image is merged into production, found and brought back.
pub async fn bad_release(stage: &mut Stage, console: &mut Console) -> Result<(), Failure> {
    title(console, &format!("3. An image that can't be pulled is merged into production: {BAD}"))?;
    let before = look_before(stage).await?;
    let commit = stage.company.merge(PRODUCTION, &tag(BETTER, BAD))?;
    console.line(format!("   merged {} into {PRODUCTION}", commit.short()))?;
    let (name, key) = (production(), app());
    until(stage, console, LIMIT, |statuses| {
        let status = statuses.get(&name)?;
        if status.revision.as_ref().is_none_or(|revision| revision.branch != commit) {
            return Some("production: the newest commit is not read yet".to_owned());
        }
        let app = status.apps.get(&key)?;
        (app.sync != Sync::RolledBack || !status.rollouts.is_empty())
            .then(|| format!("{key}: {}", app.message))
    })
    .await?;
    let rollout = record::last_rollout(stage, &name, &key)?;
    show_end(console, &rollout)?;
    let Outcome::RolledBack(failure) = &rollout.outcome else {
        return Err(Failure::no(format!("{} was not rolled back", rollout.id)));
    };
    show_failure(console, &rollout, failure)?;
    show_available(console, &before)?;
    promise(templates(stage) == before.templates, || "the pod templates are not those of before".to_owned())?;
    console.line("   pod templates in production: byte for byte those of before")?;
    let status = stage.handle.environments();
    let message = status.get(&name).and_then(|status| status.apps.get(&key)).map(|app| app.message.clone());
    let message = message.unwrap_or_default();
    promise(message.contains(commit.short()), || format!("the status does not name the commit: {message}"))?;
    let word = console.paint(Paint::Attention, "RolledBack");
    // The reason stands above already.
    let short = message.split_once(": ").map_or(message.as_str(), |(short, _)| short);
    console.line(format!("   status: {word}: {short}"))?;
    console.line("   the release is held: it is not tried again until Git or `sluice release unhold` says so")
}

fn show_failure(console: &mut Console, rollout: &Ended, failure: &ReleaseFailure) -> Result<(), Failure> {
    let found = seconds(failure.since, failure.found);
    let back = seconds(failure.found, rollout.ended);
    let reason = console.paint(Paint::Bad, &failure.reason);
    let place = failure.at.as_ref().map(|at| at.target.cluster.to_string()).unwrap_or_default();
    console.line(format!("   {place}: {reason}: {}", failure.message))?;
    console.line(format!(
        "   first seen {:.1} s after the start, judged a failure {found:.1} s later, back {back:.1} s after that",
        seconds(rollout.started, failure.since)
    ))?;
    promise(failure.message.contains(BAD), || "the reason does not name the image".to_owned())?;
    promise(found <= FOUND_WITHIN, || format!("it took {found:.1} s to find the failure"))?;
    promise(back <= BACK_WITHIN, || format!("it took {back:.1} s to go back"))
}

fn show_available(console: &mut Console, before: &Before) -> Result<(), Failure> {
    for (count, replicas) in before.counts.iter().zip(&before.replicas) {
        let seen = count.seen();
        console.line(format!(
            "   {}: never fewer than {} of {replicas} pods available ({} changes of pods counted)",
            count.cluster, seen.least, seen.events
        ))?;
        promise(!seen.broken, || format!("the pods of {} could not be counted", count.cluster))?;
        promise(seen.first == *replicas && seen.least == *replicas, || {
            format!("{} had {} of {replicas} pods available", count.cluster, seen.least)
        })?;
    }
    promise(before.counts.iter().any(|count| count.seen().events > 0), || {
        "no pod has changed: the bad release never came".to_owned()
    })
}

/// A good commit goes through.
pub async fn good_release(stage: &mut Stage, console: &mut Console) -> Result<(), Failure> {
    title(console, &format!("4. A good commit is merged into production: {GOOD}"))?;
    let commit = stage.company.merge(PRODUCTION, &tag(BAD, GOOD))?;
    console.line(format!("   merged {} into {PRODUCTION}", commit.short()))?;
    until(stage, console, LIMIT, |statuses| unsettled(stage, statuses)).await?;
    let rollout = record::last_rollout(stage, &production(), &app())?;
    show_end(console, &rollout)?;
    promise(rollout.outcome == Outcome::Succeeded, || format!("{} did not succeed", rollout.id))?;
    promise(images(stage, &PRODUCTION_CLUSTERS, GOOD), || format!("production does not run {GOOD}"))?;
    let statuses = stage.handle.environments();
    let well =
        statuses.values().flat_map(|status| status.apps.values()).filter(|app| watch::is_well(app)).count();
    console.line(format!("   production runs {GOOD}; {well} of {well} apps Synced and Healthy"))
}
