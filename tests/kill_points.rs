//! An engine that is killed at any of its effects and started again comes to the same end.
//!
//! A course is watched once undisturbed. Then it is run again in new worlds, one for each of its
//! effects (a write to a cluster, an append to the ledger, an object kept in it), and the engine is
//! killed there: before the effect, or after it with nobody told. The next engine must end where the
//! undisturbed one did, without a write that one had not made, but for the one whose outcome nobody
//! knew. `SLUICE_SOAK=1` takes every effect of every course; without it some are samples.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

mod controlplane;
mod suite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use controlplane::{ADMIN, ControlPlane, ENGINE};
use futures::StreamExt as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use sluice::cluster::KubeCluster;
use sluice::playground::controllers::PodBehaviour;
use sluice::port::cluster::Cluster;
use suite::course::{Change, Course, Way};
use suite::life::Point;
use suite::stage::{Disturbance, Stage, differences, run};
use suite::{Site, SiteCluster};

/// So many worlds live at once: most of a world's life is waiting for the clock.
const WORLDS: usize = 10;

/// Which effects of a course the engine is killed at.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Every so many of them, when there is little time.
    step: usize,
    /// The first of them.
    from: usize,
    worlds: usize,
    /// How each life ends.
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Once,
    /// The next life is killed too, at one of its first effects.
    Twice,
    /// The ledger is in files, and what was appended last is cut short.
    Torn,
}

impl Sample {
    fn every(step: usize) -> Self {
        Self { step, from: 1, worlds: WORLDS, kind: Kind::Once }
    }

    fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The disturbances of a course with so many effects.
    fn disturbances(self, effects: usize) -> Vec<Disturbance> {
        let step = if std::env::var_os("SLUICE_SOAK").is_some() { 1 } else { self.step };
        let effects = (self.from.min(step)..=effects).step_by(step);
        let each = effects.flat_map(|effect| [false, true].map(|after| Point { effect, after }));
        match self.kind {
            Kind::Once => each.map(|point| Disturbance { points: vec![point], torn: false }).collect(),
            Kind::Twice => each
                .map(|first| {
                    // Before and after each of the first effects of the second life, in turn.
                    let second = Point { effect: 1 + first.effect / 2 % 4, after: first.effect % 2 == 0 };
                    Disturbance { points: vec![first, second], torn: false }
                })
                .collect(),
            Kind::Torn => each
                .filter(|point| point.after)
                .map(|point| Disturbance { points: vec![point], torn: true })
                .collect(),
        }
    }
}

/// Kills the engine as the sample says, in a world of its own each, and says what it found.
async fn check<F>(course: Course, sample: Sample, site: impl Fn(String) -> F)
where
    F: Future<Output = (Site, String)>,
{
    let (place, tenant) = site("undisturbed".to_owned()).await;
    let undisturbed = run(place, &tenant, course, &Disturbance::default()).await;
    let disturbances = sample.disturbances(undisturbed.effects);
    let runs = disturbances.iter().enumerate().map(|(number, disturbance)| {
        let site = &site;
        async move {
            let (place, tenant) = site(number.to_string()).await;
            let trace = run(place, &tenant, course, disturbance).await;
            (disturbance, trace, tenant)
        }
    });
    let (mut meant, mut struck) = (0, 0);
    let mut found = Vec::new();
    let mut runs = futures::stream::iter(runs).buffer_unordered(sample.worlds);
    while let Some((disturbance, trace, tenant)) = runs.next().await {
        meant += disturbance.points.len();
        struck += trace.killed_at.len();
        let at: Vec<&str> = trace.killed_at.iter().map(|effect| effect.what.as_str()).collect();
        for difference in differences(&trace, &undisturbed, &tenant) {
            found.push(format!("{disturbance:?} ({}): {difference}", at.join(", ")));
        }
    }
    found.sort();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    // Evidence comes in more or fewer records by chance, so the last points may not be reached.
    assert!(meant >= 4 && 3 * struck >= 2 * meant, "{course:?}: killed at {struck} of {meant} points only");
}

async fn on_the_playground(_: String) -> (Site, String) {
    let pods = PodBehaviour {
        ready_after: Duration::from_millis(50),
        terminate_after: Duration::from_millis(50),
        ..PodBehaviour::default()
    };
    (Site::playground_with(&["east"], pods).await, "shop".to_owned())
}

macro_rules! on_the_playground {
    ($($name:ident: $way:ident $change:ident $sample:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                check(Course::new(Way::$way, Change::$change), $sample, on_the_playground).await;
            }
        )*
    };
}

on_the_playground! {
    a_good_release_survives_a_kill_at_every_effect: Rolling Good Sample::every(1);
    a_bad_release_is_brought_back_over_a_kill_at_every_effect: Rolling Bad Sample::every(1);
    a_stateful_set_goes_on_over_kills: Ordinal Good Sample::every(3);
    a_stateful_set_comes_back_over_kills: Ordinal Bad Sample::every(3);
    recreate_goes_on_over_kills: Recreate Good Sample::every(3);
    recreate_comes_back_over_kills: Recreate Bad Sample::every(3);
    a_daemon_set_goes_on_over_kills: Daemon Good Sample::every(3);
    a_daemon_set_comes_back_over_kills: Daemon Bad Sample::every(3);
    an_approved_removal_survives_a_kill_at_every_effect: Data Gone Sample::every(1);
    a_good_release_survives_a_second_kill: Rolling Good Sample::every(4).of(Kind::Twice);
    a_bad_release_is_brought_back_over_a_second_kill: Rolling Bad Sample::every(4).of(Kind::Twice);
    a_good_release_survives_a_torn_ledger: Rolling Good Sample::every(2).of(Kind::Torn);
    a_bad_release_is_brought_back_over_a_torn_ledger: Ordinal Bad Sample::every(2).of(Kind::Torn);
}

/// A settled app that is rolled out.
async fn settled() -> Stage {
    let (site, tenant) = on_the_playground(String::new()).await;
    Stage::settled(site, &tenant, Course::new(Way::Rolling, Change::Good), false).await
}

/// Told to stop in the middle of a write, the engine ends once that was answered, and the next one
/// goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_writes_under_way_finish() {
    let mut stage = settled().await;
    stage.world.life.slow_down(Duration::from_millis(300));
    let begun = stage.world.life.writes().0;
    let commit = stage.change();
    stage.world.until("a write is under way", |_| stage.world.life.writes().0 > begun).await;
    stage.world.stop().await;
    let (begun, answered) = stage.world.life.writes();
    assert_eq!(begun, answered, "a write was cut off");
    stage.world.start();
    stage.until_over(&commit).await;
}

/// A write that is never answered does not keep the engine from ending within 5 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_stuck_write_no_longer_than_5_s() {
    let mut stage = settled().await;
    stage.world.life.slow_down(Duration::from_secs(3600));
    let begun = stage.world.life.writes().0;
    let commit = stage.change();
    stage.world.until("a write is under way", |_| stage.world.life.writes().0 > begun).await;
    let told = Instant::now();
    stage.world.stop().await;
    assert!(told.elapsed() < Duration::from_secs(5), "it took {:?}", told.elapsed());
    stage.world.start();
    stage.until_over(&commit).await;
}

async fn config(plane: &ControlPlane, user: &str) -> Config {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(user)).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

/// The shared control plane as the cluster `east`, for a tenant of this name.
async fn on_a_control_plane(plane: &'static ControlPlane, tenant: String) -> (Site, String) {
    let engine = config(plane, ENGINE).await;
    let of = tenant.clone();
    let cluster = SiteCluster {
        away: Arc::default(),
        admin: Client::try_from(config(plane, ADMIN).await).unwrap(),
        // A client of its own each time, since its connections end with the engine.
        connect: Arc::new(move || {
            let client = Client::try_from(engine.clone()).unwrap();
            Ok(Arc::new(KubeCluster::new(client)) as Arc<dyn Cluster>)
        }),
        writes: Arc::new(move || plane.writes_about(&of, ENGINE)),
    };
    (Site::of(BTreeMap::from([("east".to_owned(), cluster)])), tenant)
}

/// A sample of the points, in both directions and for every way.
#[tokio::test(flavor = "multi_thread")]
async fn releases_survive_kills_on_a_control_plane() {
    let plane = tokio::task::spawn_blocking(controlplane::shared).await.unwrap();
    let Some(plane) = plane else { return };
    // Numbers without a common factor, so that the samples lie at different places.
    for (way, change, step) in [
        (Way::Rolling, Change::Good, 7),
        (Way::Rolling, Change::Bad, 7),
        (Way::Ordinal, Change::Bad, 11),
        (Way::Recreate, Change::Bad, 11),
        (Way::Daemon, Change::Bad, 9),
        (Way::Data, Change::Gone, 2),
    ] {
        let name = format!("{way:?}-{change:?}").to_lowercase();
        let sample = Sample { worlds: 4, from: step / 2, ..Sample::every(step) };
        check(Course::new(way, change), sample, |number| {
            on_a_control_plane(plane, format!("kill-{name}-{number}-x"))
        })
        .await;
    }
}
