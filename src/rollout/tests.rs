//! Whole rollouts against a simulated target, second by second.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::accepted::{FailureKind, RolloutStart};
use crate::health::HealthStatus;
use crate::model::{
    AppKey, BundleDigest, ObjectKey, PartKey, Place, ReleaseRules, Rollback, Size, Slot, Slots, Span,
    Strategy, Timeouts, Wave, sha256,
};

fn bundle(name: &str) -> BundleDigest {
    sha256(name.as_bytes()).into()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn web() -> ComponentName {
    "web".parse().unwrap()
}

/// How a bundle's pods behave.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pods {
    Good,
    BadImage,
    NeverReady,
}

/// A target with one component of three pods, one of which turns over each second.
#[derive(Clone)]
struct Target {
    kind: &'static str,
    held: Allocation,
    pods: Vec<BundleDigest>,
    behaviour: BTreeMap<BundleDigest, Pods>,
    away: bool,
    least_ready: usize,
}

const REPLICAS: usize = 3;

impl Target {
    fn new(kind: &'static str, stable: Option<&str>) -> Self {
        let mut held = Allocation::default();
        let mut pods = Vec::new();
        if let Some(name) = stable {
            let place = Place { bundle: bundle(name), slot: Slot::Blue, size: Size::Full };
            held.number = 7;
            held.stable = Some(place.bundle);
            held.components.insert(web(), Slots::Steady(place));
            pods = vec![place.bundle; REPLICAS];
        }
        Self { kind, held, pods, behaviour: BTreeMap::new(), away: false, least_ready: REPLICAS }
    }

    fn behaves(mut self, name: &str, pods: Pods) -> Self {
        self.behaviour.insert(bundle(name), pods);
        self
    }

    fn is_ready(&self, digest: BundleDigest) -> bool {
        self.behaviour.get(&digest).copied().unwrap_or(Pods::Good) == Pods::Good
    }

    /// One second of the cluster's life.
    fn live(&mut self) {
        let Some(slots) = self.held.components.get(&web()) else { return };
        let (to, floor, retire) = match slots {
            Slots::Steady(Place { size: Size::Zero, .. }) => {
                self.pods.pop();
                return;
            }
            Slots::Steady(place) => (place.bundle, 0, false),
            Slots::InPlace { to, .. } => (*to, 0, false),
            Slots::Ordinal { to, partition, retire, .. } => (*to, *partition as usize, *retire),
        };
        if self.pods.len() < REPLICAS {
            self.pods.push(to);
            return;
        }
        // A pod that is not ready blocks the next, as maxUnavailable 0 and ordered sets do.
        let blocked = self.pods.iter().any(|pod| *pod == to && !self.is_ready(*pod));
        let stale = (floor..REPLICAS).rev().find(|ordinal| self.pods[*ordinal] != to);
        if let (Some(ordinal), false) = (stale, blocked && !retire) {
            self.pods[ordinal] = to;
        }
        // A surge pod stands beside: of a Deployment, one that is not ready takes no place.
        let ready = self.pods.iter().filter(|pod| self.is_ready(**pod)).count();
        let surge = usize::from(self.kind == "Deployment" && ready + 1 == REPLICAS);
        self.least_ready = self.least_ready.min(ready + surge);
    }

    fn evidence(&self) -> Evidence {
        let wanted_of = |slots: &Slots| match slots {
            Slots::Steady(place) => (place.bundle, place.size == Size::Full),
            Slots::InPlace { to, .. } | Slots::Ordinal { to, .. } => (*to, true),
        };
        let components = self
            .held
            .components
            .iter()
            .map(|(name, slots)| {
                let (to, full) = wanted_of(slots);
                let count = |f: &dyn Fn(&BundleDigest) -> bool| {
                    u32::try_from(self.pods.iter().filter(|pod| f(pod)).count()).unwrap()
                };
                let bad = self.pods.contains(&to) && self.behaviour.get(&to) == Some(&Pods::BadImage);
                let fault = Fault {
                    pod: "web-1".to_owned(),
                    container: "web".to_owned(),
                    reason: "ImagePullBackOff".to_owned(),
                    message: "Back-off pulling image \"web:bad\"".to_owned(),
                    counts: true,
                };
                let ready = count(&|pod| *pod == to && self.is_ready(*pod));
                let whole = usize::try_from(ready).unwrap() == self.pods.len();
                let report = ComponentReport {
                    status: if whole || !full { HealthStatus::Healthy } else { HealthStatus::Progressing },
                    reason: String::new(),
                    message: String::new(),
                    wanted: if full { 3 } else { 0 },
                    updated: if full { count(&|pod| *pod == to) } else { 0 },
                    ready: if full { ready } else { 0 },
                    serving: count(&|pod| self.is_ready(*pod)),
                    old: if full { count(&|pod| *pod != to) } else { count(&|_| true) },
                    restarts: 0,
                    faults: if bad { vec![fault] } else { Vec::new() },
                };
                (name.clone(), report)
            })
            .collect();
        Evidence {
            allocation: self.held.number,
            settings: 1,
            applied: true,
            trouble: None,
            refused: false,
            components,
        }
    }
}

fn key(cluster: &str) -> MoveKey {
    MoveKey::new("shop/web".parse::<AppKey>().unwrap(), format!("{cluster}/shop").parse().unwrap())
}

struct World {
    rollout: Rollout,
    targets: BTreeMap<MoveKey, Target>,
    /// The rollout before its first event.
    first: Rollout,
    /// Every event that changed anything, with its moment, as the ledger would hold it.
    record: Vec<(Event, Timestamp)>,
    /// When each target was last heard.
    heard: BTreeMap<MoveKey, i64>,
    end: Option<RolloutEnd>,
    ended_at: i64,
    allocations: Vec<(MoveKey, Allocation)>,
}

impl World {
    fn new(rules: ReleaseRules, targets: BTreeMap<MoveKey, Target>) -> Self {
        let to: BTreeMap<MoveKey, BundleDigest> =
            targets.keys().map(|key| (key.clone(), bundle("v2"))).collect();
        let kinds = targets
            .iter()
            .map(|(key, target)| (key.clone(), BTreeMap::from([(web(), target.kind.to_owned())])))
            .collect();
        let object = |name: &str| BTreeSet::from([ObjectKey::namespaced("", "Service", "shop", name)]);
        let program = Program {
            release: sha256(b"release").into(),
            kinds,
            rules,
            waves: vec![Wave { name: "all".to_owned(), batches: vec![to.keys().cloned().collect()] }],
            removed: to.keys().map(|key| (key.clone(), object("old"))).collect(),
            added: to.keys().map(|key| (key.clone(), object("new"))).collect(),
            to,
        };
        let start = RolloutStart {
            id: RolloutId::from("dev-1".to_owned()),
            part: Part {
                key: PartKey::Release("shop/web".parse().unwrap()),
                digest: PartDigest::of_json(&json!("part")),
                after: BTreeSet::new(),
                approvals: Vec::new(),
                handed: BTreeMap::new(),
                work: Work::Release(Box::new(program)),
            },
            revision: None,
            back: targets.iter().map(|(key, target)| (key.clone(), target.held.clone())).collect(),
            settings: targets.keys().map(|key| (key.clone(), 1)).collect(),
            spared: BTreeMap::new(),
            stored: BTreeMap::new(),
            at: at(0),
        };
        let rollout = Rollout::new(&start);
        let mut world = Self {
            first: rollout.clone(),
            rollout,
            targets,
            record: Vec::new(),
            heard: BTreeMap::new(),
            end: None,
            ended_at: 0,
            allocations: Vec::new(),
        };
        world.happen(Event::Started, 0);
        world
    }

    fn happen(&mut self, event: Event, second: i64) {
        let (next, effects) = step(self.rollout.clone(), &event, at(second));
        // The same state, event and moment give the same answer.
        assert_eq!(step(self.rollout.clone(), &event, at(second)), (next.clone(), effects.clone()));
        if next != self.rollout || !effects.is_empty() {
            self.record.push((event, at(second)));
        }
        self.rollout = next;
        for effect in effects {
            match effect {
                Effect::DryRun(_) => {}
                Effect::Allocate(key, allocation) => {
                    let target = self.targets.get_mut(&key).unwrap();
                    assert!(allocation.number > target.held.number, "numbers rise");
                    target.held = allocation.clone();
                    self.allocations.push((key, allocation));
                }
                Effect::End(end) => {
                    for (key, allocation) in &end.allocations {
                        self.targets.get_mut(key).unwrap().held = allocation.clone();
                    }
                    self.end = Some(*end);
                    self.ended_at = second;
                }
            }
        }
    }

    fn second(&mut self, second: i64) {
        let keys: Vec<MoveKey> = self.targets.keys().cloned().collect();
        for key in keys {
            let target = self.targets.get_mut(&key).unwrap();
            if target.away {
                continue;
            }
            target.live();
            let evidence = Box::new(target.evidence());
            self.heard.insert(key.clone(), second);
            if matches!(self.rollout.phase, Phase::Admitting { .. }) {
                self.happen(Event::Admitted { at: key.clone(), refusal: None }, second);
            }
            self.happen(Event::Observed { at: key, evidence }, second);
        }
        let silent = |key: &MoveKey, since: Timestamp| {
            let heard = at(self.heard.get(key).copied().unwrap_or_default()).max(since);
            judge::elapsed(heard, at(second)) >= SILENCE_LIMIT
        };
        let silent: Vec<MoveKey> = self
            .rollout
            .waited_for()
            .filter(|(key, since)| silent(key, *since))
            .map(|(key, _)| key.clone())
            .collect();
        for at in silent {
            self.happen(Event::Silent { at }, second);
        }
        self.happen(Event::Tick, second);
    }

    /// Whether what was recorded comes to what was seen.
    fn check_replay(&self, name: &str) {
        let replay = |rollout, (event, at): &(Event, Timestamp)| step(rollout, event, *at).0;
        assert_eq!(self.record.iter().fold(self.first.clone(), replay), self.rollout, "{name}");
    }

    fn run(&mut self, seconds: std::ops::RangeInclusive<i64>) {
        for second in seconds {
            if self.end.is_none() {
                self.second(second);
            }
        }
    }

    fn outcome(&self) -> &Outcome {
        &self.end.as_ref().expect("it has ended").outcome
    }
}

fn rules(strategy: Strategy) -> ReleaseRules {
    ReleaseRules {
        strategy,
        timeouts: Timeouts::default(),
        soak: Span::default(),
        rollback: Rollback::default(),
    }
}

fn one(kind: &'static str, stable: Option<&str>, pods: Pods) -> BTreeMap<MoveKey, Target> {
    BTreeMap::from([(key("east"), Target::new(kind, stable).behaves("v2", pods))])
}

#[test]
fn a_good_release_is_stable_everywhere() {
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        for strategy in [Strategy::Rolling, Strategy::Recreate] {
            for stable in [Some("v1"), None] {
                let mut world = World::new(rules(strategy), one(kind, stable, Pods::Good));
                world.run(1..=60);
                assert_eq!(*world.outcome(), Outcome::Succeeded, "{kind} {strategy:?} {stable:?}");
                let target = &world.targets[&key("east")];
                assert_eq!(target.held.stable, Some(bundle("v2")));
                assert_eq!(target.held.retained, None);
                assert_eq!(target.pods, vec![bundle("v2"); REPLICAS]);
                let end = world.end.as_ref().unwrap();
                assert_eq!(end.tombstones[&key("east")].iter().next().unwrap().name, "old");
                assert!(end.holds.is_empty());
            }
        }
    }
}

#[test]
fn a_bad_image_is_found_within_a_minute_and_brought_back() {
    for kind in ["Deployment", "StatefulSet"] {
        let mut world = World::new(rules(Strategy::Rolling), one(kind, Some("v1"), Pods::BadImage));
        let before = world.targets[&key("east")].held.clone();
        world.run(1..=120);
        let Outcome::RolledBack(failure) = world.outcome() else { panic!("{:?}", world.outcome()) };
        assert_eq!(failure.reason, "ImagePullBackOff");
        assert!(failure.message.contains("Back-off pulling image"), "{failure}");
        let found = failure.found.duration_since(failure.since).as_secs();
        assert!((20..=60).contains(&found), "found after {found} s");
        let back = world.ended_at - failure.found.duration_since(at(0)).as_secs();
        assert!(back <= 15, "back after {back} s");
        let target = &world.targets[&key("east")];
        assert_eq!(target.held.components, before.components);
        assert_eq!(target.held.stable, before.stable);
        assert_eq!(target.pods, vec![bundle("v1"); REPLICAS]);
        let end = world.end.as_ref().unwrap();
        assert_eq!(end.holds, BTreeMap::from([(key("east"), bundle("v2"))]));
        assert_eq!(end.tombstones[&key("east")].iter().next().unwrap().name, "new");
        if kind == "Deployment" {
            assert_eq!(target.least_ready, REPLICAS, "all available throughout");
        }
    }
}

#[test]
fn a_release_that_never_gets_ready_goes_back_at_its_deadline() {
    let mut rules = rules(Strategy::Rolling);
    rules.timeouts.progress = Span::from_secs(90);
    let mut world = World::new(rules, one("Deployment", Some("v1"), Pods::NeverReady));
    world.run(1..=200);
    let Outcome::RolledBack(failure) = world.outcome() else { panic!("{:?}", world.outcome()) };
    assert_eq!(failure.kind, FailureKind::NoProgress);
    assert_eq!(failure.found.duration_since(failure.since).as_secs(), 90);
}

#[test]
fn a_first_release_that_fails_is_scaled_to_zero_and_held() {
    let mut world = World::new(rules(Strategy::Rolling), one("Deployment", None, Pods::BadImage));
    world.run(1..=120);
    assert!(matches!(world.outcome(), Outcome::RolledBack(_)));
    let target = &world.targets[&key("east")];
    assert_eq!((target.held.stable, target.pods.len()), (None, 0));
    let end = world.end.as_ref().unwrap();
    assert_eq!(end.holds.len(), 1);
    assert!(end.tombstones.is_empty(), "nothing is deleted");
}

#[test]
fn one_target_that_fails_brings_all_back() {
    let mut targets = one("Deployment", Some("v1"), Pods::Good);
    targets.insert(key("west"), Target::new("Deployment", Some("v1")).behaves("v2", Pods::BadImage));
    let mut world = World::new(rules(Strategy::Rolling), targets);
    world.run(1..=120);
    assert!(matches!(world.outcome(), Outcome::RolledBack(_)));
    for (key, target) in &world.targets {
        assert_eq!(target.pods, vec![bundle("v1"); REPLICAS], "{key}");
        assert_ne!(target.held.stable, Some(bundle("v2")), "committed before the other was ready");
    }
}

#[test]
fn what_failed_is_held_on_every_target_where_the_failure_was_seen() {
    let east = || Target::new("Deployment", Some("v1"));
    for (name, west, expected) in [
        ("on one", Pods::Good, vec!["north"]),
        ("on two", Pods::BadImage, vec!["north", "west"]),
        ("not ready is no failure yet", Pods::NeverReady, vec!["north"]),
    ] {
        let targets = BTreeMap::from([
            (key("east"), east()),
            (key("north"), east().behaves("v2", Pods::BadImage)),
            (key("west"), east().behaves("v2", west)),
        ]);
        let mut world = World::new(rules(Strategy::Rolling), targets);
        world.run(1..=120);
        let held: Vec<MoveKey> = world.end.as_ref().unwrap().holds.keys().cloned().collect();
        assert_eq!(held, expected.into_iter().map(key).collect::<Vec<_>>(), "{name}");
    }
    let mut slow = rules(Strategy::Rolling);
    slow.timeouts.progress = Span::from_secs(60);
    let bad = || east().behaves("v2", Pods::NeverReady);
    let targets = BTreeMap::from([(key("east"), east()), (key("north"), bad()), (key("west"), bad())]);
    let mut world = World::new(slow, targets);
    world.run(1..=200);
    let held: Vec<&MoveKey> = world.end.as_ref().unwrap().holds.keys().collect();
    assert_eq!(held, [&key("north"), &key("west")], "both deadlines are over");
}

#[test]
fn a_refusal_holds_where_it_was_said() {
    let mut targets = one("Deployment", Some("v1"), Pods::Good);
    targets.insert(key("west"), Target::new("Deployment", Some("v1")));
    let mut world = World::new(rules(Strategy::Rolling), targets);
    world.happen(Event::Admitted { at: key("west"), refusal: Some("denied by a webhook".to_owned()) }, 1);
    assert_eq!(world.end.as_ref().unwrap().holds, BTreeMap::from([(key("west"), bundle("v2"))]));
}

/// A fault that comes and goes, as that of a crashing container does, is judged the same by whoever
/// reads the record, though most looks are not recorded.
#[test]
fn a_replay_of_the_record_stands_where_the_run_stood() {
    for (fault, seen, unseen) in
        [(20, 1, 0), (31, 28, 3), (38, 25, 20), (45, 40, 4), (45, 10, 31), (45, 10, 32), (60, 25, 29)]
    {
        let mut rules = rules(Strategy::Rolling);
        rules.timeouts.fault = Span::from_secs(fault);
        let mut world = World::new(rules, one("Deployment", Some("v1"), Pods::BadImage));
        for second in 1..=200 {
            let shows = (second - 1) % (seen + unseen) < seen;
            let pods = if shows { Pods::BadImage } else { Pods::NeverReady };
            world.targets.get_mut(&key("east")).unwrap().behaviour.insert(bundle("v2"), pods);
            world.run(second..=second);
            world.check_replay(&format!(
                "a fault of {fault} s, seen {seen} s of {}, at {second}",
                seen + unseen
            ));
        }
        let found = world.end.is_some();
        assert_eq!(found, unseen <= 31, "a fault of {fault} s, seen {seen} s, then not for {unseen} s");
    }
}

#[test]
fn a_target_that_is_away_on_the_way_back_is_stuck_until_it_returns() {
    let mut targets = one("Deployment", Some("v1"), Pods::BadImage);
    targets.insert(key("west"), Target::new("Deployment", Some("v1")).behaves("v2", Pods::NeverReady));
    let mut world = World::new(rules(Strategy::Rolling), targets);
    world.run(1..=10);
    world.targets.get_mut(&key("west")).unwrap().away = true;
    world.run(11..=300);
    let Phase::Stuck(_, stuck) = &world.rollout.phase else { panic!("{:?}", world.rollout.phase) };
    assert_eq!(*stuck, BTreeSet::from([key("west")]));
    assert_eq!(world.end, None, "nothing says that it is over");
    world.check_replay("stuck");
    world.targets.get_mut(&key("west")).unwrap().away = false;
    world.run(301..=400);
    assert!(matches!(world.outcome(), Outcome::RolledBack(_)));
    assert_eq!(world.targets[&key("west")].pods, vec![bundle("v1"); REPLICAS]);
}

#[test]
fn an_abort_goes_back_and_holds() {
    let mut world = World::new(rules(Strategy::Rolling), one("Deployment", Some("v1"), Pods::NeverReady));
    world.run(1..=5);
    world.happen(Event::Command { by: "ann".to_owned(), command: Command::Abort }, 6);
    world.run(7..=60);
    let Outcome::RolledBack(failure) = world.outcome() else { panic!("{:?}", world.outcome()) };
    assert_eq!(failure.to_string(), "Aborted: stopped by ann");
    assert_eq!(world.end.as_ref().unwrap().holds.len(), 1);
}

#[test]
fn a_newer_release_waits_until_what_was_stable_is_back() {
    let mut world = World::new(rules(Strategy::Rolling), one("Deployment", Some("v1"), Pods::NeverReady));
    world.run(1..=5);
    let part = PartDigest::of_json(&json!("newer"));
    world.happen(Event::Newer { part }, 6);
    assert_eq!(world.end, None);
    world.run(7..=60);
    assert_eq!(*world.outcome(), Outcome::Superseded(part));
    assert!(world.end.as_ref().unwrap().holds.is_empty(), "it did not fail");
    assert_eq!(world.targets[&key("east")].pods, vec![bundle("v1"); REPLICAS]);
}

#[test]
fn without_automatic_rollback_a_person_is_asked() {
    let mut rules = rules(Strategy::Rolling);
    rules.rollback.automatic = false;
    let mut world = World::new(rules, one("Deployment", Some("v1"), Pods::BadImage));
    world.run(1..=120);
    assert!(matches!(world.rollout.phase, Phase::Paused(..)));
    world.targets.get_mut(&key("east")).unwrap().behaviour.clear();
    world.happen(Event::Command { by: "ann".to_owned(), command: Command::Retry }, 121);
    world.run(122..=160);
    assert_eq!(*world.outcome(), Outcome::Succeeded);
}

#[test]
fn a_refusal_rejects_before_anything_is_written() {
    let mut world = World::new(rules(Strategy::Rolling), one("Deployment", Some("v1"), Pods::Good));
    world.happen(Event::Admitted { at: key("east"), refusal: Some("denied by a webhook".to_owned()) }, 1);
    assert!(matches!(world.outcome(), Outcome::Rejected(_)));
    assert!(world.allocations.is_empty());
}

#[test]
fn a_stateful_set_moves_from_the_highest_ordinal_down() {
    let mut world = World::new(rules(Strategy::Rolling), one("StatefulSet", Some("v1"), Pods::Good));
    world.run(1..=60);
    let partitions: Vec<u32> = world
        .allocations
        .iter()
        .filter_map(|(_, allocation)| match allocation.components.get(&web()) {
            Some(Slots::Ordinal { partition, .. }) => Some(*partition),
            _ => None,
        })
        .collect();
    assert_eq!(partitions, [2, 1, 0, 0], "the last stands for everything else moving");
}

#[test]
fn recreate_starts_nothing_before_the_old_pods_are_gone() {
    let mut world = World::new(rules(Strategy::Recreate), one("Deployment", Some("v1"), Pods::Good));
    for second in 1..=60 {
        world.run(second..=second);
        let pods = &world.targets[&key("east")].pods;
        assert!(pods.iter().all(|pod| *pod == bundle("v1")) || pods.iter().all(|pod| *pod == bundle("v2")));
    }
    assert_eq!(*world.outcome(), Outcome::Succeeded);
}

#[test]
fn evidence_of_an_older_allocation_or_of_older_settings_opens_nothing() {
    let mut world = World::new(rules(Strategy::Rolling), one("Deployment", Some("v1"), Pods::Good));
    world.run(1..=1);
    let mut old = world.targets[&key("east")].evidence();
    old.allocation = 7;
    let before = world.rollout.clone();
    world.happen(Event::Observed { at: key("east"), evidence: Box::new(old) }, 2);
    assert_eq!(world.rollout, before);
    world.happen(Event::Settings { at: key("east"), number: 2 }, 3);
    let stage = world.rollout.moves[&key("east")].stage.clone();
    let stale = world.targets[&key("east")].evidence();
    world.happen(Event::Observed { at: key("east"), evidence: Box::new(stale) }, 4);
    assert_eq!(world.rollout.moves[&key("east")].stage, stage);
}

#[test]
fn a_soak_begins_again_when_a_pod_falls_ill() {
    let mut rules = rules(Strategy::Rolling);
    rules.soak = Span::from_secs(30);
    let mut world = World::new(rules, one("Deployment", Some("v1"), Pods::Good));
    world.run(1..=20);
    assert!(matches!(world.rollout.phase, Phase::Soaking(_)));
    world.targets.get_mut(&key("east")).unwrap().behaviour.insert(bundle("v2"), Pods::NeverReady);
    let recorded = world.record.len();
    world.run(21..=40);
    assert_eq!(world.record.len(), recorded + 1, "what does not change is recorded once");
    world.targets.get_mut(&key("east")).unwrap().behaviour.clear();
    world.run(41..=100);
    assert_eq!(*world.outcome(), Outcome::Succeeded);
    assert!(world.ended_at >= 40 + 30, "ended at {}", world.ended_at);
    world.check_replay("soaked");
}

/// After any prefix of the record, folding it again stands where the rollout stood; and the rest of
/// the way ends the same.
#[test]
fn a_crash_after_any_prefix_ends_the_same() {
    for (stable, pods) in [(Some("v1"), Pods::Good), (Some("v1"), Pods::BadImage), (None, Pods::BadImage)] {
        for kind in ["Deployment", "StatefulSet"] {
            let build = || World::new(rules(Strategy::Rolling), one(kind, stable, pods));
            let mut whole = build();
            whole.run(1..=120);
            whole.check_replay("whole");
            for second in 1..=whole.ended_at {
                let mut world = build();
                world.run(1..=second);
                if world.end.is_some() {
                    break;
                }
                world.check_replay("killed");
                world.run(second + 1..=240);
                let (found, expected) = (world.outcome().to_string(), whole.outcome().to_string());
                assert_eq!(found, expected, "{kind} {pods:?} killed at {second}");
                let east = |world: &World| world.targets[&key("east")].clone();
                assert_eq!(east(&world).pods, east(&whole).pods);
                assert_eq!(east(&world).held.components, east(&whole).held.components);
            }
        }
    }
}

#[test]
fn a_first_release_that_the_cluster_refuses_does_not_get_stuck() {
    let mut world = World::new(rules(Strategy::Rolling), one("Deployment", None, Pods::Good));
    world.happen(Event::Admitted { at: key("east"), refusal: None }, 1);
    for second in 2..=20 {
        let held = world.targets[&key("east")].held.clone();
        let evidence = Evidence {
            allocation: held.number,
            settings: 1,
            applied: false,
            trouble: Some("Deployment.apps shop/web: spec.template: Invalid value".to_owned()),
            refused: true,
            components: BTreeMap::new(),
        };
        world.happen(Event::Observed { at: key("east"), evidence: Box::new(evidence) }, second);
    }
    let Outcome::RolledBack(failure) = world.outcome() else { panic!("{:?}", world.outcome()) };
    assert_eq!(failure.kind, FailureKind::Refused);
}
