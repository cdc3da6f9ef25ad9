//! Objects that go from one app to another are never deleted on the way.

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::{App, Fleet, World, anytime, app_key, target};
use crate::model::{Owner, PartKey};
use crate::plan::{Admission, WaitingOn, admit};

fn with(configs: &[&'static str]) -> App {
    App { configs: configs.to_vec(), ..App::on(&["east/shop"]) }
}

fn fleet(old: Option<&[&'static str]>, new: Option<&[&'static str]>) -> Fleet {
    let base = Fleet::default().with("shop/rest", App::on(&["east/shop"]));
    let base = old.map_or_else(|| base.clone(), |configs| base.with("shop/old", with(configs)));
    new.map_or_else(|| base.clone(), |configs| base.with("shop/new", with(configs)))
}

/// The ConfigMaps that may be deleted.
fn to_go(world: &World) -> BTreeSet<String> {
    let keys = world.accepted.tombstones.values().flat_map(BTreeMap::values).flatten();
    keys.filter(|key| key.kind == "ConfigMap").map(|key| key.name.clone()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn admissions(world: &World, fleet: &Fleet) -> BTreeMap<PartKey, Admission> {
    let plan = world.plan(&fleet.desired());
    let all = admit(&plan, &world.accepted, &BTreeMap::new(), anytime(&fleet.calendar));
    all.into_iter().map(|admission| (admission.part().clone(), admission)).collect()
}

/// Goes from one fleet to the next; what may be deleted of the old app's configuration in the end.
fn check(name: &str, before: &Fleet, after: &Fleet, expected: &[&str]) {
    let mut world = World::default();
    world.settle(&before.desired());
    for _ in 0..10 {
        let plan = world.plan(&after.desired());
        plan.parts.iter().filter(|part| !part.approvals.is_empty()).for_each(|part| world.approve(part));
        world.round(&after.desired());
        assert!(to_go(&world).is_subset(&names(expected)), "{name}: {:?}", to_go(&world));
    }
    assert_eq!(to_go(&world), names(expected), "{name}");
    assert!(
        world.plan(&after.desired()).parts.is_empty(),
        "{name}: {:?}",
        world.plan(&after.desired()).parts
    );
}

#[test]
fn what_another_takes_over_is_not_deleted() {
    let (a, ab, b) = (&["a"][..], &["a", "b"][..], &["b"][..]);
    check("from one that stays", &fleet(Some(ab), Some(&[])), &fleet(Some(b), Some(a)), &[]);
    check("from one that goes", &fleet(Some(ab), None), &fleet(None, Some(ab)), &[]);
    check("some of it", &fleet(Some(ab), None), &fleet(None, Some(a)), &["b"]);
    check("none of it", &fleet(Some(ab), None), &fleet(None, Some(&[])), &["a", "b"]);
    check("an exchange", &fleet(Some(a), Some(b)), &fleet(Some(b), Some(a)), &[]);
}

#[test]
fn apps_of_two_tenants_may_change_places() {
    let on = |place: &'static str| App { configs: vec!["a"], ..App::on(&[place]) };
    let fleet = |shop, pay| {
        let base = Fleet::default().with("shop/rest", App::on(&["east/shop", "west/shop"]));
        base.with("shop/web", on(shop)).with("pay/web", on(pay))
    };
    check("changing places", &fleet("east/shop", "west/shop"), &fleet("west/shop", "east/shop"), &[]);
}

#[test]
fn who_takes_over_waits_until_the_other_has_let_go() {
    let mut world = World::default();
    world.settle(&fleet(Some(&["a", "b"]), Some(&[])).desired());
    let after = fleet(Some(&["b"]), Some(&["a"]));
    let (old, new) = (PartKey::Release(app_key("shop/old")), PartKey::Release(app_key("shop/new")));
    let found = admissions(&world, &after);
    assert_eq!(found[&new], Admission::Wait(new.clone(), WaitingOn::Part(old.clone())));
    assert_eq!(found[&old], Admission::Start(old.clone()));
    world.round(&after.desired());
    assert_eq!(admissions(&world, &after)[&new], Admission::Start(new.clone()));
    let part = world.plan(&after.desired()).parts.remove(0);
    let crate::model::Work::Release(program) = &part.work else { panic!("{part:?}") };
    let added = program.added.values().flatten().any(|key| key.name == "a");
    assert!(!added, "what was found there does not go with a failed release");
}

#[test]
fn what_nobody_takes_goes_with_its_old_owner() {
    let mut world = World::default();
    world.settle(&fleet(Some(&["a", "b"]), None).desired());
    // `new` is to take it over, waits for something, and is dropped again.
    let after = fleet(Some(&["b"]), Some(&["a"])).map("shop/new", |app| app.after = vec!["shop/never"]);
    let old = world
        .plan(&after.desired())
        .parts
        .into_iter()
        .find(|part| part.key == PartKey::Release(app_key("shop/old")));
    let id = world.start(&old.unwrap(), &after.desired());
    world.succeed(&id);
    assert!(to_go(&world).is_empty());
    let held = &world.accepted.handed[&target("east/shop")];
    assert_eq!(held[&Owner::App(app_key("shop/old"))].len(), 1);
    let dropped = fleet(Some(&["b"]), None);
    world.settle(&dropped.desired());
    assert!(to_go(&world).is_empty(), "its owner has no reason to move");
    let mut gone = world.clone();
    world.settle(&dropped.map("shop/old", |app| app.image = 2).desired());
    assert_eq!(to_go(&world), names(&["a"]), "with its next release");
    gone.settle(&fleet(None, None).desired());
    assert_eq!(to_go(&gone), names(&["a", "b"]), "or with itself");
}
