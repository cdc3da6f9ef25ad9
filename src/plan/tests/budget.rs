//! How much goes without a word.

use super::fleet::{App, Fleet, World, anytime, app_key, at};
use crate::definition::Calendar;
use crate::model::{ApprovalNeed, PartKey, Work};
use crate::plan::{Admission, Refusal, WaitingOn, admit, asks, overdue};

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
    let admissions = admit(&plan, &world.accepted, &Default::default(), anytime(&Calendar::default()));
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
    let beside = |components| shop(components).with("pay/api", App::on(&["east/pay"]));
    let rest = Fleet::default().with("pay/api", App::on(&["east/pay"]));
    check("an app of three", &beside(3), &rest, "prune:shop/web", None);
    check("an app of four", &beside(4), &rest, "prune:shop/web", Some((4, 3)));
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
    let rest = Fleet::default().with("pay/api", App::on(&["east/pay"]));
    let with = rest.with("shop/web", App { claim: true, ..App::on(&["east/shop"]) });
    check("with the app", &with, &rest, "prune:shop/web", Some((2, 3)));
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
    let part = world.plan(&gone).parts[0].clone();
    assert_eq!(part.key, PartKey::PruneApp(app_key("shop/web")));
    world.approve(&part);
    let more = shop.map("shop/web", |app| app.components.push("z9"));
    let mut other = world.clone();
    other.settle(&more.desired());
    assert!(!other.round(&gone), "another set of keys is another digest");
    assert!(world.round(&gone));
    assert!(world.plan(&gone).parts.is_empty());
    world.settle(&shop.desired());
    assert!(
        !world.round(&gone),
        "it was for that time: should it come back and go again, it is asked for again"
    );
}

#[test]
fn an_approval_of_a_release_lists_what_may_go() {
    let shop = |components| Fleet::default().with("shop/web", many(components));
    let cut = shop(1).desired();
    let mut world = World::default();
    world.settle(&shop(6).desired());
    let part = world.plan(&cut).parts[0].clone();
    let mut narrow = part.clone();
    let crate::model::ApprovalNeed::Deletions { keys, .. } = &mut narrow.approvals[0];
    assert_eq!(keys.values().flatten().count(), 5);
    let Work::Release(program) = &mut narrow.work else { panic!() };
    for keys in program.removed.values_mut() {
        keys.pop_last();
    }
    assert_eq!(narrow.digest, part.digest, "what goes depends on what was accepted before");
    world.approve(&narrow);
    assert!(!world.round(&cut), "one more than was agreed to");
    world.approve(&part);
    assert!(world.round(&cut));
    assert_eq!(world.accepted.tombstones.values().flat_map(|o| o.values()).flatten().count(), 5);
}

/// Every part and every round counts what went before it.
#[test]
fn a_deletion_does_not_slip_under_the_budget_in_pieces() {
    let names = ["shop/a", "shop/b", "shop/c", "shop/d", "shop/e"];
    let keep = Fleet::default().with("pay/api", App::on(&["east/pay"]));
    let all = names.iter().fold(keep.clone(), |fleet, name| fleet.with(name, App::on(&["east/shop"])));
    let waiting = |world: &World, fleet: &Fleet| {
        let plan = world.plan(&fleet.desired());
        plan.parts.iter().filter(|part| !part.approvals.is_empty()).count()
    };
    let mut world = World::default();
    world.settle(&all.desired());
    assert_eq!(waiting(&world, &keep), 5);
    for left in (0..5).rev() {
        let part = world.plan(&keep.desired()).parts[0].clone();
        world.approve(&part);
        assert!(world.round(&keep.desired()));
        assert_eq!(waiting(&world, &keep), left, "each of the rest waits for its own word");
        let unrelated = Fleet { commit: 'c', ..keep.map("pay/api", |app| app.image = 7) };
        assert_eq!(waiting(&world, &unrelated), left, "another commit changes nothing about that");
        let mut other = world.clone();
        other.round(&unrelated.desired());
        assert_eq!(waiting(&other, &unrelated), left, "nor what it brings");
    }
    world.settle(&Fleet { commit: 'd', ..all.clone() }.desired());
    let three = Fleet { commit: 'e', ..all.without("shop/a").without("shop/b").without("shop/c") };
    assert_eq!(waiting(&world, &three), 0, "a later deletion is another one");
    world.settle(&three.desired());
    let again = Fleet { commit: 'e', ..three.without("shop/d") };
    assert_eq!(waiting(&world, &again), 1, "of the same revision it is not");
    let later = Fleet { commit: 'f', ..again };
    assert_eq!(waiting(&world, &later), 0, "of a later one it is");
}

/// What a tree looks like that was emptied, renamed or read in part.
#[test]
fn what_leaves_nothing_waits_for_a_word_however_small_it_is() {
    let web = Fleet::default().with("shop/web", App::on(&["east/shop"]));
    check("the only app", &web, &Fleet::default(), "prune:shop/web", Some((1, 3)));
    let two = web.with("shop/api", App::on(&["east/shop"]));
    check("one of two", &two, &web, "prune:shop/api", None);
    let bare = |fleet: &Fleet| {
        fleet.map("shop/web", |app| {
            app.components = Vec::new();
            app.bare = true;
        })
    };
    check("an app that renders nothing", &web, &bare(&web), "release:shop/web", Some((1, 3)));
    let configs = web.map("shop/web", |app| {
        app.components = Vec::new();
        app.service = true;
    });
    check(
        "of things that do not count",
        &configs,
        &bare(&configs).map("shop/web", |app| app.service = false),
        "release:shop/web",
        Some((0, 3)),
    );
}

#[test]
fn an_approval_is_waited_for_a_week() {
    let shop = Fleet::default().with("shop/web", many(5));
    let mut world = World::default();
    world.settle(&shop.desired());
    let gone = Fleet::default();
    assert!(!world.round(&gone.desired()), "it waits");
    let part = world.plan(&gone.desired()).parts[0].clone();
    let days = |days: i64| at(days * 86_400);
    assert!(overdue(&world.accepted, days(6)).is_empty());
    let refused = |world: &World, fleet: &Fleet| {
        let plan = world.plan(&fleet.desired());
        let admissions = admit(&plan, &world.accepted, &Default::default(), anytime(&Calendar::default()));
        let asked = asks(&plan, &admissions, &world.accepted).is_some();
        (admissions == [Admission::Refuse(part.key.clone(), Refusal::Expired)], asked)
    };
    assert_eq!(refused(&world, &gone), (false, false), "asked for once");
    let events = overdue(&world.accepted, days(7));
    assert_eq!(events.len(), 1);
    for event in events {
        world.fold(event);
    }
    assert!(overdue(&world.accepted, days(8)).is_empty(), "recorded once");
    assert_eq!(refused(&world, &gone), (true, false));
    assert!(!world.round(&gone.desired()));
    let later = Fleet { commit: 'b', ..gone };
    assert_eq!(refused(&world, &later), (false, true), "the next commit asks again");
    world.round(&later.desired());
    assert_eq!(refused(&world, &later), (false, false));
    world.approve(&part);
    assert!(world.round(&later.desired()));
    assert!(world.plan(&later.desired()).parts.is_empty());
}
