//! How much goes without a word.

use super::fleet::{App, Fleet, World, app_key};
use crate::model::{ApprovalNeed, PartKey, Work};
use crate::plan::{Admission, WaitingOn, admit};

/// An app of so many components on one target.
fn many(components: usize) -> App {
    const NAMES: &[&str] = &[
        "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "d0", "d1", "d2", "d3", "d4", "d5", "d6",
        "d7", "d8", "d9", "e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "f0", "f1", "f2", "f3",
        "f4", "f5", "f6", "f7", "f8", "f9",
    ];
    App { components: NAMES[..components].to_vec(), ..App::on(&["east/shop"]) }
}

/// Goes from `before` to `after`; whether the part needs an approval, and what is counted.
fn check(name: &str, before: &Fleet, after: &Fleet, part: &str, expected: Option<(u32, u32)>) {
    let mut world = World::default();
    world.settle(&before.desired());
    let plan = world.plan(&after.desired());
    let part = plan.parts.iter().find(|found| found.key.to_string() == part).expect(name);
    let found = part.approvals.iter().map(|need| match need {
        ApprovalNeed::Deletions { counted, allowed, .. } => (*counted, *allowed),
    });
    assert_eq!(found.collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>(), "{name}");
    let admissions = admit(&plan, &world.accepted, &Default::default());
    let waits = admissions.contains(&Admission::Wait(part.key.clone(), WaitingOn::Approval));
    assert_eq!(waits, expected.is_some(), "{name}");
}

#[test]
fn ten_percent_go_and_three_always() {
    let shop = |components| Fleet::default().with("shop/web", many(components));
    let cut = "release:shop/web";
    check("three of four", &shop(4), &shop(1), cut, None);
    check("four of five", &shop(5), &shop(1), cut, Some((4, 3)));
    check("four of forty", &shop(40), &shop(36), cut, None);
    check("five of forty", &shop(40), &shop(35), cut, Some((5, 4)));
    check("an app of three", &shop(3), &Fleet::default(), "prune:shop/web", None);
    check("an app of four", &shop(4), &Fleet::default(), "prune:shop/web", Some((4, 3)));
    let served = |service| shop(2).map("shop/web", |app| app.service = service);
    check("a service", &served(true), &served(false), cut, None);
    let land = |count| Fleet::default().with_platform("east/shop", count);
    check("platform objects", &land(5), &land(1), "prune-platform:east/shop", Some((4, 3)));
}

#[test]
fn many_small_deletions_count_together() {
    let mut fleet = Fleet::default();
    for name in ["shop/a", "shop/b", "shop/c", "shop/d"] {
        fleet = fleet.with(name, App::on(&["east/shop"]));
    }
    check(
        "three apps",
        &fleet,
        &fleet.without("shop/a").without("shop/b").without("shop/c"),
        "prune:shop/a",
        None,
    );
    check("a folder that was emptied", &fleet, &Fleet::default(), "prune:shop/a", Some((4, 3)));
}

#[test]
fn data_never_goes_without_a_word() {
    let with = Fleet::default().with("shop/web", App { claim: true, ..App::on(&["east/shop"]) });
    check("with the app", &with, &Fleet::default(), "prune:shop/web", Some((2, 3)));
    let mut world = World::default();
    world.settle(&with.desired());
    let without = with.map("shop/web", |app| app.claim = false);
    let plan = world.plan(&without.desired());
    let Work::Release(program) = &plan.parts[0].work else { panic!() };
    assert!(program.removed.values().all(std::collections::BTreeSet::is_empty), "{:?}", program.removed);
}

#[test]
fn an_approval_lets_this_very_deletion_through() {
    let shop = Fleet::default().with("shop/web", many(5));
    let mut world = World::default();
    world.settle(&shop.desired());
    let gone = Fleet::default().desired();
    assert!(!world.round(&gone), "it waits");
    let part = world.plan(&gone).parts[0].digest;
    let key = PartKey::PruneApp(app_key("shop/web"));
    world.fold(crate::accepted::EnvironmentEvent::Approved { part, key, by: "ann".to_owned() });
    let more = shop.map("shop/web", |app| app.components.push("z9"));
    let mut other = world.clone();
    other.settle(&more.desired());
    assert!(!other.round(&gone), "another set of keys is another digest");
    assert!(world.round(&gone));
    assert!(world.plan(&gone).parts.is_empty());
}
