//! The clusters of an environment and their workers: who is there, what each is told, how far each
//! has seen it through.
//!
//! A cluster that Git no longer names keeps its worker until nothing of ours is left there.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::driver::Driver;
use super::record::RecordError;
use super::{Environment, Task};
use crate::accepted::{AcceptedOn, EnvironmentEvent};
use crate::definition::Access;
use crate::model::{ClusterName, ObjectKey, Owner, RolloutId, TargetKey};
use crate::rollout::Event;

/// Starts and ends the workers of clusters.
pub trait Workers: Send {
    /// Starts the worker of a cluster; the one before it, if there is one, ends.
    fn hire(&mut self, name: &ClusterName, access: &Access, task: watch::Receiver<Task>);

    /// Ends the worker of a cluster after the pass that it is in.
    fn dismiss(&mut self, name: &ClusterName);
}

impl Environment {
    /// Records which clusters there are, if Git names others, or one that it named before is left.
    pub(super) fn settle_clusters(&mut self) -> Result<(), RecordError> {
        let Some(compiled) = &self.compiled else { return Ok(()) };
        // A platform that can't be read says nothing about clusters.
        if compiled.desired.hidden.platform {
            return Ok(());
        }
        let mut clusters = compiled.desired.clusters.clone();
        for (name, access) in self.accepted.clusters.iter().filter(|(name, _)| self.accepted.is_used(name)) {
            clusters.entry(name.clone()).or_insert_with(|| access.clone());
        }
        if clusters != self.accepted.clusters {
            self.append(&EnvironmentEvent::Clusters { clusters })?;
            self.staff();
        }
        Ok(())
    }

    /// Records which clusters are in maintenance now. What stood still for it goes on with clocks
    /// that begin anew, which is recorded before what lets it go on.
    pub(super) fn settle_maintenance(&mut self) -> Result<(), RecordError> {
        let Some(compiled) = &self.compiled else { return Ok(()) };
        let (desired, now) = (&compiled.desired, self.now());
        let mut clusters: BTreeSet<ClusterName> = desired
            .clusters
            .keys()
            .filter(|name| desired.calendar.maintenance(name, now).is_some())
            .cloned()
            .collect();
        if desired.hidden.platform {
            // Of a cluster whose definition can't be read nothing is known to have ended.
            let unread = |name: &&ClusterName| !desired.clusters.contains_key(*name);
            clusters.extend(self.accepted.maintenance.iter().filter(unread).cloned());
        }
        if clusters == self.accepted.maintenance {
            return Ok(());
        }
        let over: BTreeSet<&ClusterName> = self.accepted.maintenance.difference(&clusters).collect();
        let goes_on = |driver: &Driver| {
            self.is_frozen(&driver.rollout)
                && driver.rollout.moves.keys().any(|key| over.contains(&key.target.cluster))
        };
        let thawing: Vec<RolloutId> =
            self.rollouts.iter().filter(|(_, driver)| goes_on(driver)).map(|(id, _)| id.clone()).collect();
        for id in thawing {
            self.drive(&id, &Event::Resumed)?;
        }
        self.append(&EnvironmentEvent::Maintenance { clusters })
    }

    /// Sees to it that every cluster has a worker with the access that is defined for it, and nobody
    /// else has one.
    pub(super) fn staff(&mut self) {
        let left: Vec<ClusterName> =
            self.staffed.keys().filter(|name| !self.accepted.clusters.contains_key(*name)).cloned().collect();
        for name in left {
            tracing::info!(environment = %self.name, cluster = %name, "nothing is left to do on a cluster");
            self.ports.workers.dismiss(&name);
            self.staffed.remove(&name);
            self.tasks.remove(&name);
            self.seen.remove(&name);
            self.away.remove(&name);
            self.reports.retain(|(target, _), _| target.cluster != name);
        }
        for (name, access) in &self.accepted.clusters {
            if self.staffed.get(name) == Some(access) {
                continue;
            }
            let task = self.tasks.entry(name.clone()).or_insert_with(|| watch::channel(Task::default()).0);
            // What the worker before saw, it saw elsewhere.
            task.send_modify(|task| task.number += 1);
            self.ports.workers.hire(name, access, task.subscribe());
            self.staffed.insert(name.clone(), access.clone());
            // What was said of another access does not hold for this one.
            self.away.remove(name);
        }
    }

    /// Gives every worker its newest task.
    pub(super) fn publish(&mut self) {
        let asked = self.asked();
        for (cluster, task) in &self.tasks {
            let mut share = self.accepted.share(cluster);
            for (key, digest) in asked.iter().filter(|(key, _)| key.target.cluster == *cluster) {
                let target = share.targets.entry(key.target.clone()).or_default();
                target.apps.entry(key.app.clone()).or_default().dry_run = Some(*digest);
            }
            let look = self.look;
            let bundles = &self.bundles;
            task.send_if_modified(|task| {
                if task.share == share && task.look == look {
                    return false;
                }
                let number = task.number + 1;
                *task = Task { share, bundles: bundles.clone(), look, number };
                true
            });
        }
    }

    /// Takes in how far a worker has got. Where it has seen the newest through, what was to go and
    /// is not in its way any more is gone.
    pub(super) fn has_seen(&mut self, cluster: ClusterName, number: u64) -> Result<(), RecordError> {
        let Some(task) = self.tasks.get(&cluster) else { return Ok(()) };
        let newest = task.borrow().number == number;
        self.seen.insert(cluster.clone(), number);
        if !newest {
            return Ok(());
        }
        let mut targets: BTreeMap<TargetKey, BTreeMap<Owner, BTreeSet<ObjectKey>>> = BTreeMap::new();
        let here = self.accepted.tombstones.iter().filter(|(target, _)| target.cluster == cluster);
        for (target, owners) in here {
            for (owner, keys) in owners.iter().filter(|(_, keys)| !keys.is_empty()) {
                let report = self.reports.get(&(target.clone(), owner.clone()));
                if report.is_some_and(|report| report.evidence.applied && report.evidence.trouble.is_none()) {
                    targets.entry(target.clone()).or_default().insert(owner.clone(), keys.clone());
                }
            }
        }
        if targets.is_empty() {
            return Ok(());
        }
        self.append(&EnvironmentEvent::Deleted { targets })
    }

    /// What was accepted for a cluster and was not seen there yet, in words; nothing if it holds all
    /// of it and nothing is left to go.
    pub(super) fn unseen(&self, cluster: &ClusterName) -> Vec<String> {
        let Some(task) = self.tasks.get(cluster) else { return vec!["it has no worker yet".to_owned()] };
        let task = task.borrow();
        let mut unseen = Vec::new();
        if self.seen.get(cluster) != Some(&task.number) {
            unseen.push("its worker has not seen the newest through".to_owned());
        }
        for (target, here) in task.share.targets.iter().filter(|(_, here)| !here.paused) {
            for owner in owners(here) {
                let words = match self.reports.get(&(target.clone(), owner.clone())) {
                    None => "not seen yet",
                    Some(report) => match &report.evidence.trouble {
                        Some(trouble) => trouble,
                        None => continue,
                    },
                };
                unseen.push(format!("{owner} on {target}: {words}"));
            }
        }
        unseen
    }
}

/// Who has something on a target that a worker looks at. Nothing of a suspended app is looked at.
fn owners(here: &AcceptedOn) -> BTreeSet<Owner> {
    let suspended = |owner: &Owner| match owner {
        Owner::App(app) => here.apps.get(app).is_some_and(|share| share.suspended),
        Owner::Platform => false,
    };
    let platform = (!here.platform.value.is_empty()).then_some(Owner::Platform);
    let apps = here.apps.keys().cloned().map(Owner::App);
    let mut owners: BTreeSet<Owner> = platform.into_iter().chain(apps).collect();
    owners.extend(here.tombstones.keys().cloned());
    owners.retain(|owner| !suspended(owner));
    owners
}
