//! A course run to its end, with an engine that is killed on the way and started again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sluice::engine::command::Command;
use sluice::model::{CommitId, Manifest, PartKey};
use sluice::plan::{Admission, WaitingOn};

use super::course::{Change, Course};
use super::ending::{self, Ending};
use super::life::{Effect, Point};
use super::neutral::neutral_write;
use super::{LIMIT, Site, World};

/// What a course came to.
#[derive(Debug)]
pub struct Trace {
    /// The effects that an engine was killed at.
    pub killed_at: Vec<Effect>,
    /// How many effects it had, in the first life after the change.
    pub effects: usize,
    /// The writes that the API servers granted.
    pub writes: BTreeMap<String, usize>,
    /// How everything stands.
    pub end: Ending,
}

/// How a course is disturbed.
#[derive(Debug, Clone, Default)]
pub struct Disturbance {
    /// Where each life in turn is killed.
    pub points: Vec<Point>,
    /// The ledger is kept in files, and an append that an engine was killed in is cut short.
    pub torn: bool,
}

/// A world with a course.
pub struct Stage {
    pub world: World,
    course: Course,
}

impl Stage {
    /// With the app settled as it is before the change.
    pub async fn settled(site: Site, tenant: &str, course: Course, in_files: bool) -> Self {
        let mut world = World::new(site, tenant);
        if in_files {
            world.keep_files();
        }
        world.commit_platform();
        let path = format!("tenants/{tenant}/web.yaml");
        let first = world.commit("before", &[(&path, Some(&course.before()))]);
        world.start();
        world.until_synced(&first).await;
        let stage = Self { world, course };
        stage.settle(Course::new(course.way, Change::Good)).await;
        stage
    }

    /// Commits the change.
    pub fn change(&mut self) -> CommitId {
        let path = format!("tenants/{}/web.yaml", self.world.tenant);
        let text = self.course.after();
        self.world.commit("after", &[(&path, text.as_deref())])
    }

    /// Waits until the course is at its end and nothing moves any more.
    pub async fn until_over(&self, commit: &CommitId) {
        self.until_there(commit).await;
        self.settle(self.course).await;
    }

    /// Waits until the course is at its end, as the engine says.
    pub async fn until_there(&self, commit: &CommitId) {
        match self.course.change {
            Change::Good => {
                self.world.until_synced(commit).await;
            }
            Change::Bad => {
                self.world.until_rolled_back(commit).await;
            }
            Change::Gone => self.until_gone(commit).await,
        }
    }

    /// Agrees to the removal, as often as it takes.
    async fn until_gone(&self, commit: &CommitId) {
        let (app, part) = (self.world.app(), PartKey::PruneApp(self.world.app()));
        let begun = std::time::Instant::now();
        loop {
            let mut waits = false;
            self.world
                .until("the removal waits or is done", |status| {
                    let read = status.revision.as_ref().is_some_and(|it| it.branch == *commit);
                    waits = status
                        .admissions
                        .iter()
                        .any(|it| matches!(it, Admission::Wait(key, WaitingOn::Approval) if *key == part));
                    read && (waits || !status.apps.contains_key(&app))
                })
                .await;
            if !waits {
                break;
            }
            let environment = "dev".parse().unwrap();
            let approve = Command::Approve { environment, part: part.clone(), digest: None };
            // Too late where it was agreed to before the last kill.
            let _ = self.world.try_command(approve).await;
            assert!(begun.elapsed() < LIMIT, "the removal is not done: {:#?}", self.world.status());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.world
            .until_true("nothing of it is left", || async {
                let left = self.world.cluster("east").list("v1", "PersistentVolumeClaim", &self.world.tenant);
                left.await.is_empty()
            })
            .await;
    }

    /// Waits until three passes in a row, each begun when the one before had ended, wrote nothing
    /// and left only ready pods.
    pub async fn settle(&self, course: Course) {
        let mut quiet = 0;
        for _ in 0..400 {
            let before = self.writes().len();
            let mut passes = self.world.life.passes();
            let done = *passes.borrow_and_update();
            self.world.command(Command::Sync {}).await;
            passes.wait_for(|passes| *passes > done).await.unwrap();
            let still = self.writes().len() == before && self.pods_are_ready(course).await;
            quiet = if still { quiet + 1 } else { 0 };
            if quiet == 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the engine does not come to rest: {:#?}", self.writes());
    }

    async fn pods_are_ready(&self, course: Course) -> bool {
        let pods = self.world.cluster("east").list("v1", "Pod", &self.world.tenant).await;
        let enough = course.pods().map_or(!pods.is_empty(), |count| pods.len() == count);
        enough && pods.iter().all(is_ready)
    }

    pub fn writes(&self) -> Vec<String> {
        (self.world.cluster("east").writes)()
    }

    /// How everything stands.
    pub async fn end(&self) -> Ending {
        let mut end = ending::of_cluster(self.world.cluster("east"), &self.world.tenant).await;
        end.extend(ending::of_ledger(self.world.books.ledger().as_ref()));
        ending::neutral(end, &self.world.tenant)
    }

    /// Kills the engine at an effect and starts the next one.
    fn kill(&mut self, at: &Effect, torn: bool) {
        self.world.kill();
        let cut = at.appended.as_deref().filter(|_| torn);
        self.world.books.reopen(cut);
        self.world.start();
    }
}

fn is_ready(pod: &Manifest) -> bool {
    let conditions = pod.at("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// Runs a course in a world of its own, from the change to the end.
pub async fn run(site: Site, tenant: &str, course: Course, disturbance: &Disturbance) -> Trace {
    let mut stage = Stage::settled(site, tenant, course, disturbance.torn).await;
    let before = stage.writes().len();
    let mut points = disturbance.points.iter();
    match points.next() {
        Some(point) => stage.world.life.arm(*point),
        None => stage.world.life.count_anew(),
    }
    let commit = stage.change();
    let mut killed_at = Vec::new();
    let mut effects = None;
    loop {
        let life = stage.world.life.clone();
        let killed = tokio::select! {
            biased;
            effect = life.ended() => Some(effect),
            () = stage.until_over(&commit) => None,
        };
        effects.get_or_insert(life.effects());
        let Some(effect) = killed else { break };
        stage.kill(&effect, disturbance.torn);
        killed_at.push(effect);
        if let Some(point) = points.next() {
            stage.world.life.arm(*point);
        }
    }
    let mut writes: BTreeMap<String, usize> = BTreeMap::new();
    for write in &stage.writes()[before..] {
        *writes.entry(neutral_write(write, tenant)).or_default() += 1;
    }
    let effects = effects.unwrap_or_default();
    let trace = Trace { killed_at, effects, writes, end: stage.end().await };
    stage.world.stop().await;
    trace
}

/// What of a disturbed course is not as it was in the undisturbed one. A write whose outcome nobody
/// knew may have been made once more.
///
/// What is gone is taken out of the inventory by the pass that finds it gone: one write for all of
/// it, or one for each, as time has it. So fewer of these are as good, and no more of them than
/// there were deletions; that all of it was taken out is seen in the inventory at the end.
pub fn differences(killed: &Trace, undisturbed: &Trace, tenant: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut excused: Vec<String> = killed
        .killed_at
        .iter()
        .filter(|effect| effect.write)
        .map(|effect| neutral_write(&effect.what, tenant))
        .collect();
    let deletions: usize =
        killed.writes.iter().filter(|(write, _)| write.starts_with("delete ")).map(|(_, count)| *count).sum();
    for (write, count) in &killed.writes {
        let may = undisturbed.writes.get(write).copied().unwrap_or_default();
        let may = if of_inventory(write) { may + deletions } else { may };
        let mut more = count.saturating_sub(may);
        while more > 0
            && let Some(place) = excused.iter().position(|one| one == write)
        {
            excused.remove(place);
            more -= 1;
        }
        if more > 0 {
            found.push(format!("needless: {write} ({more} times)"));
        }
    }
    let missing = undisturbed.writes.iter().filter(|(write, count)| {
        let made = killed.writes.get(*write).copied().unwrap_or_default();
        if of_inventory(write) { made == 0 } else { made < **count }
    });
    found.extend(missing.map(|(write, _)| format!("missing: {write}")));
    found.extend(ending::differences(&killed.end, &undisturbed.end));
    found
}

fn of_inventory(write: &str) -> bool {
    write.contains("/inventory-")
}
