//! Folding: what each event leaves behind, and what a second reading changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::model::{
    ComponentName, Part, Place, Program, ReleaseRules, Settings, Size, Slot, Slots, Strategy, Work, sha256,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn app() -> AppKey {
    "shop/web".parse().unwrap()
}

fn target() -> TargetKey {
    "east/shop".parse().unwrap()
}

fn web() -> MoveKey {
    MoveKey::new(app(), target())
}

fn bundle(name: &str) -> BundleDigest {
    sha256(name.as_bytes()).into()
}

fn part() -> PartDigest {
    PartDigest::of_json(&json!("part"))
}

fn service(name: &str) -> ObjectKey {
    ObjectKey::namespaced("", "Service", "shop", name)
}

fn quota(name: &str) -> Manifest {
    let value =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name, "namespace": "shop"}});
    Manifest::new(value).unwrap()
}

fn holds(number: u64, name: &str) -> Allocation {
    let component: ComponentName = "web".parse().unwrap();
    let place = Place { bundle: bundle(name), slot: Slot::Blue, size: Size::Full };
    let components = BTreeMap::from([(component, Slots::Steady(place))]);
    Allocation { number, stable: Some(bundle(name)), components, preparing: None, retained: None }
}

fn settings() -> EnvironmentEvent {
    let settings = BTreeMap::from([(target(), Settings::default())]);
    EnvironmentEvent::Settings { app: app(), settings, removed: BTreeMap::new(), part: part() }
}

fn start(number: u64, back: Allocation, to: &str, spared: &[&str]) -> EnvironmentEvent {
    let program = Program {
        release: sha256(to.as_bytes()).into(),
        to: BTreeMap::from([(web(), bundle(to))]),
        kinds: BTreeMap::new(),
        rules: ReleaseRules {
            strategy: Strategy::Rolling,
            timeouts: Default::default(),
            soak: Default::default(),
            rollback: Default::default(),
        },
        waves: Vec::new(),
        removed: BTreeMap::new(),
        added: BTreeMap::new(),
    };
    let part = Part {
        key: PartKey::Release(app()),
        digest: part(),
        after: BTreeSet::new(),
        approvals: Vec::new(),
        handed: BTreeMap::new(),
        work: Work::Release(Box::new(program)),
    };
    EnvironmentEvent::RolloutStarted(Box::new(RolloutStart {
        id: RolloutId::new(&"dev".parse().unwrap(), number),
        part,
        revision: None,
        back: BTreeMap::from([(web(), back)]),
        settings: BTreeMap::new(),
        spared: BTreeMap::from([(web(), spared.iter().map(|name| service(name)).collect())]),
        stored: BTreeMap::new(),
        at: at(0),
    }))
}

fn failure() -> Failure {
    Failure {
        kind: FailureKind::Fault,
        at: Some(web()),
        component: None,
        reason: "ImagePullBackOff".to_owned(),
        message: String::new(),
        since: at(0),
        found: at(20),
    }
}

fn end(number: u64, outcome: Outcome, held: Option<Allocation>, gone: &[&str]) -> EnvironmentEvent {
    let failed = matches!(outcome, Outcome::RolledBack(_));
    EnvironmentEvent::RolloutEnded(Box::new(RolloutEnd {
        id: RolloutId::new(&"dev".parse().unwrap(), number),
        outcome,
        allocations: held.into_iter().map(|allocation| (web(), allocation)).collect(),
        holds: failed.then(|| (web(), bundle("bad"))).into_iter().collect(),
        tombstones: BTreeMap::from([(web(), gone.iter().map(|name| service(name)).collect())]),
    }))
}

fn prune(gone: &[&str]) -> EnvironmentEvent {
    let keys = gone.iter().map(|name| service(name)).collect();
    EnvironmentEvent::Pruned {
        part: PartKey::PruneApp(app()),
        digest: part(),
        targets: BTreeMap::from([(target(), keys)]),
        handed: BTreeMap::new(),
    }
}

fn fold(events: &[EnvironmentEvent]) -> Accepted {
    let mut accepted = Accepted::default();
    for event in events {
        accepted.fold(event, at(1));
    }
    accepted
}

fn tombstones(accepted: &Accepted) -> BTreeSet<String> {
    accepted.tombstones.values().flat_map(BTreeMap::values).flatten().map(|key| key.name.clone()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn everything_is_read_back_as_written() {
    let events = [
        settings(),
        start(1, Allocation::default(), "v1", &["old"]),
        end(1, Outcome::RolledBack(failure()), Some(holds(1, "v1")), &["new"]),
        prune(&["web"]),
    ];
    for event in &events {
        let text = serde_json::to_string(event).unwrap();
        assert_eq!(serde_json::from_str::<EnvironmentEvent>(&text).unwrap(), *event);
    }
    let accepted = fold(&events);
    let text = serde_json::to_string(&accepted).unwrap();
    assert_eq!(serde_json::from_str::<Accepted>(&text).unwrap(), accepted);
}

#[test]
fn an_allocation_counts_once_and_its_number_only_rises() {
    let mut accepted = fold(&[settings()]);
    accepted.allocate(&web(), &holds(2, "v2"));
    let once = accepted.clone();
    accepted.allocate(&web(), &holds(2, "v2"));
    assert_eq!(accepted, once, "folded twice");
    accepted.allocate(&web(), &holds(1, "v1"));
    assert_eq!(accepted, once, "an older one");
    accepted.allocate(&web(), &holds(3, "v1"));
    assert_eq!(accepted.moves[&web()].allocation, holds(3, "v1"));
}

#[test]
fn the_last_three_stable_bundles_are_remembered() {
    let mut accepted = fold(&[settings()]);
    for (number, name) in (1..).zip(["v1", "v2", "v3", "v2", "v4", "v4", "v5"]) {
        accepted.allocate(&web(), &holds(number, name));
    }
    let expected: Vec<_> = ["v5", "v4", "v2"].map(bundle).into();
    assert_eq!(accepted.moves[&web()].history, expected);
    assert!(expected.iter().all(|digest| accepted.named_bundles().contains(digest)));
}

#[test]
fn what_failed_is_held_until_another_succeeds_or_somebody_says_so() {
    let failed = [
        settings(),
        start(1, holds(0, "v1"), "bad", &[]),
        end(1, Outcome::RolledBack(failure()), Some(holds(4, "v1")), &[]),
    ];
    let held = |events: &[EnvironmentEvent]| {
        let accepted = fold(&[&failed[..], events].concat());
        assert!(accepted.open_rollout(&app()).is_none());
        (accepted.moves[&web()].held.contains(&bundle("bad")), accepted.last_failure.contains_key(&app()))
    };
    assert_eq!(held(&[]), (true, true));
    let unheld = EnvironmentEvent::Unheld { app: app(), by: "ann".to_owned() };
    assert_eq!(held(&[unheld]), (false, false));
    let good = [start(2, holds(4, "v1"), "v3", &[]), end(2, Outcome::Succeeded, Some(holds(9, "v3")), &[])];
    assert_eq!(held(&good), (false, false));
    let superseded =
        [start(2, holds(4, "v1"), "v3", &[]), end(2, Outcome::Superseded(part()), Some(holds(9, "v1")), &[])];
    assert_eq!(held(&superseded), (true, true), "it did not succeed");
    let another = EnvironmentEvent::Unheld { app: "shop/api".parse().unwrap(), by: "ann".to_owned() };
    assert_eq!(held(&[another]), (true, true), "another app");
}

#[test]
fn what_is_wanted_again_is_spared() {
    let dropped = [
        settings(),
        start(1, Allocation::default(), "v1", &[]),
        end(1, Outcome::Succeeded, Some(holds(1, "v1")), &["old", "older"]),
    ];
    assert_eq!(tombstones(&fold(&dropped)), names(&["old", "older"]));
    let mut accepted = fold(&dropped);
    let keys = BTreeSet::from([service("old"), service("web")]);
    assert_eq!(accepted.buried(&web(), keys), BTreeSet::from([service("old")]));
    accepted.fold(&start(2, holds(1, "v1"), "v2", &["old"]), at(2));
    assert_eq!(tombstones(&accepted), names(&["older"]), "a release that brings it back");
    let platform = |objects: &[&str]| EnvironmentEvent::Platform {
        target: target(),
        objects: objects.iter().map(|name| quota(name)).collect(),
        part: part(),
    };
    let gone = EnvironmentEvent::Pruned {
        part: PartKey::PrunePlatform(target()),
        digest: part(),
        targets: BTreeMap::from([(target(), BTreeSet::from([quota("b").key()]))]),
        handed: BTreeMap::new(),
    };
    let mut accepted = fold(&[platform(&["a", "b"]), gone]);
    assert_eq!(accepted.platform[&target()].value, [quota("a")]);
    assert_eq!(tombstones(&accepted), names(&["b"]));
    let number = accepted.platform[&target()].number;
    accepted.fold(&platform(&["a", "b"]), at(3));
    assert_eq!(tombstones(&accepted), names(&[]), "the platform's object again");
    assert!(accepted.platform[&target()].number > number);
}

#[test]
fn what_comes_again_is_numbered_on() {
    let mut accepted = fold(&[settings(), settings()]);
    accepted.allocate(&web(), &holds(7, "v1"));
    accepted.fold(&prune(&["web"]), at(2));
    assert!(accepted.moves.is_empty() && accepted.is_used(&target().cluster), "it is still to go");
    accepted.fold(&settings(), at(3));
    let state = &accepted.moves[&web()];
    assert_eq!((state.allocation.number, state.settings.number), (7, 3));
    assert_eq!((state.allocation.stable, state.history.len()), (None, 0), "nothing else is remembered");
    accepted.allocate(&web(), &holds(7, "v1"));
    assert_eq!(accepted.moves[&web()].allocation.stable, None, "what was recorded of its earlier life");
}

#[test]
fn a_platform_that_comes_again_is_numbered_on() {
    let platform = EnvironmentEvent::Platform { target: target(), objects: vec![quota("a")], part: part() };
    let gone = EnvironmentEvent::Pruned {
        part: PartKey::PrunePlatform(target()),
        digest: part(),
        targets: BTreeMap::from([(target(), BTreeSet::from([quota("a").key()]))]),
        handed: BTreeMap::new(),
    };
    let mut accepted = fold(&[platform.clone(), platform.clone()]);
    let mut last = 0;
    for life in 0..3 {
        for event in [&platform, &gone] {
            accepted.fold(event, at(2));
            let number = accepted.share(&target().cluster).targets[&target()].platform.number;
            assert!(number > last, "life {life}: {number} after {last}");
            last = number;
        }
        let text = serde_json::to_string(&accepted).unwrap();
        accepted = serde_json::from_str(&text).unwrap();
    }
}

#[test]
fn what_is_gone_is_no_tombstone_and_leaves_its_cluster() {
    let mut accepted = fold(&[settings(), prune(&["web", "old"])]);
    let cluster = target().cluster;
    assert!(accepted.is_used(&cluster), "something is still to go");
    let deleted = |names: &[&str]| {
        let keys = names.iter().map(|name| service(name)).collect();
        let owners = BTreeMap::from([(Owner::App(app()), keys)]);
        EnvironmentEvent::Deleted { targets: BTreeMap::from([(target(), owners)]) }
    };
    accepted.fold(&deleted(&["web"]), at(3));
    assert_eq!(tombstones(&accepted), names(&["old"]));
    assert!(accepted.is_used(&cluster));
    accepted.fold(&deleted(&["old"]), at(4));
    assert!(accepted.tombstones.is_empty() && !accepted.is_used(&cluster));
    assert!(accepted.share(&cluster).targets.is_empty());
}

#[test]
fn what_leaves_an_open_rollout_does_not_come_back_with_its_record() {
    let id = RolloutId::new(&"dev".parse().unwrap(), 1);
    let mut accepted = fold(&[settings(), start(1, Allocation::default(), "v1", &[])]);
    assert!(!accepted.has_left(&id, &web()));
    accepted.fold(&prune(&[]), at(2));
    assert!(accepted.has_left(&id, &web()));
    accepted.fold(&end(1, Outcome::Cancelled("gone".to_owned()), None, &[]), at(3));
    assert!(accepted.left_open.is_empty() && accepted.moves.is_empty());
}

#[test]
fn the_share_of_a_cluster_is_all_that_it_needs() {
    let mut accepted = fold(&[settings(), prune(&["gone"]), settings()]);
    accepted.fold(&EnvironmentEvent::Suspended { app: app(), by: "ann".to_owned() }, at(1));
    let share = accepted.share(&"east".parse().unwrap());
    let here = &share.targets[&target()];
    assert!(here.apps[&app()].suspended);
    assert_eq!(here.tombstones[&Owner::App(app())], BTreeSet::from([service("gone")]));
    assert!(accepted.share(&"west".parse().unwrap()).targets.is_empty());
    accepted.fold(&EnvironmentEvent::Resumed { app: app(), by: "ann".to_owned() }, at(2));
    assert!(!accepted.share(&"east".parse().unwrap()).targets[&target()].apps[&app()].suspended);
}
