//! Which parts start, and what the others wait for.

use std::collections::BTreeMap;

use super::fleet::{App, Fleet, World, anytime, app_key, at, target};
use crate::accepted::EnvironmentEvent;
use crate::definition::{Calendar, ClusterCalendar, Freeze, Window};
use crate::model::{PartKey, RolloutId};
use crate::plan::{Admission, Moment, RolloutView, WaitingOn, admit};

const RUNS: RolloutView = RolloutView { going_back: false, paused: false };
const PAUSED: RolloutView = RolloutView { going_back: false, paused: true };
const BACK: RolloutView = RolloutView { going_back: true, paused: false };

fn shop() -> Fleet {
    Fleet::default().with("shop/web", App::on(&["east/shop"])).with("shop/api", App::on(&["east/shop"]))
}

fn settled(fleet: &Fleet) -> World {
    let mut world = World::default();
    world.settle(&fleet.desired());
    world
}

fn image(fleet: &Fleet, image: u32) -> Fleet {
    fleet.map("shop/web", |app| app.image = image)
}

fn release(name: &str) -> PartKey {
    PartKey::Release(app_key(name))
}

fn admission(
    world: &World,
    fleet: &Fleet,
    key: &PartKey,
    view: Option<(RolloutId, RolloutView)>,
) -> Admission {
    let plan = world.plan(&fleet.desired());
    let views: BTreeMap<_, _> = view.into_iter().collect();
    let admissions = admit(&plan, &world.accepted, &views, anytime(&fleet.calendar));
    let place = plan.parts.iter().position(|part| part.key == *key).expect("the part is planned");
    admissions[place].clone()
}

/// A world where `image` 2 is on its way over a stable 1.
fn rolling() -> (World, RolloutId) {
    let mut world = settled(&shop());
    let two = image(&shop(), 2).desired();
    let part = world.plan(&two).parts.remove(0);
    let id = world.start(&part, &two);
    (world, id)
}

#[test]
fn a_newer_release_waits_or_takes_the_place_of_the_running_one() {
    let web = release("shop/web");
    let (world, id) = rolling();
    let digest = |fleet: &Fleet| {
        world.plan(&fleet.desired()).parts.iter().find(|part| part.key == web).unwrap().digest
    };
    let (two, three, back) = (image(&shop(), 2), image(&shop(), 3), shop());
    let waits = Admission::Wait(web.clone(), WaitingOn::Rollout(id.clone()));
    let supersedes = |fleet| Admission::Supersede(id.clone(), web.clone(), digest(fleet));
    let running = Admission::Running(web.clone(), id.clone());
    let replicas = two.map("shop/web", |app| app.replicas = 9);
    let wider = two.map("shop/web", |app| app.targets = App::on(&["east/shop", "west/shop"]).targets);
    let recreate = two.map("shop/web", |app| app.strategy = crate::model::Strategy::Recreate);
    for (name, fleet, view, expected) in [
        ("the same", &two, RUNS, running.clone()),
        ("settings alone", &replicas, RUNS, running.clone()),
        ("another cluster alone", &wider, PAUSED, running.clone()),
        ("strategy alone", &recreate, PAUSED, running.clone()),
        ("newer beside one that runs", &three, RUNS, waits.clone()),
        ("newer beside a paused one", &three, PAUSED, supersedes(&three)),
        ("newer while it goes back", &three, BACK, waits.clone()),
        ("a revert", &back, RUNS, supersedes(&back)),
        ("a revert while it goes back", &back, BACK, waits.clone()),
    ] {
        assert_eq!(admission(&world, fleet, &web, Some((id.clone(), view))), expected, "{name}");
    }
}

#[test]
fn a_release_that_waits_for_more_than_the_running_one_does_not_supersede() {
    let web = release("shop/web");
    let (mut world, id) = rolling();
    let three = image(&shop(), 3);
    let held = |world: &mut World, fleet: &Fleet| {
        let desired = fleet.desired();
        let crate::compile::Desired::App(app) = &desired.apps[&app_key("shop/web")] else { panic!() };
        let bundles =
            app.release.bundles.iter().map(|(target, bundle)| (target.clone(), bundle.digest)).collect();
        world.fold(EnvironmentEvent::Held { app: app_key("shop/web"), bundles, by: "ann".to_owned() });
    };
    held(&mut world, &three);
    let found = admission(&world, &three, &web, Some((id.clone(), PAUSED)));
    assert_eq!(found, Admission::Wait(web.clone(), WaitingOn::Held));
    let behind = image(&shop(), 4)
        .map("shop/web", |app| app.after = vec!["shop/api"])
        .map("shop/api", |app| app.image = 2);
    let found = admission(&world, &behind, &web, Some((id, PAUSED)));
    assert_eq!(found, Admission::Wait(web, WaitingOn::Dependency(app_key("shop/api"))));
}

#[test]
fn what_failed_is_not_tried_again_until_somebody_says_so() {
    let (web, two) = (release("shop/web"), image(&shop(), 2));
    let mut world = settled(&shop());
    let desired = two.desired();
    let crate::compile::Desired::App(app) = &desired.apps[&app_key("shop/web")] else { panic!() };
    let bundles =
        app.release.bundles.iter().map(|(target, bundle)| (target.clone(), bundle.digest)).collect();
    world.fold(EnvironmentEvent::Held { app: app_key("shop/web"), bundles, by: "ann".to_owned() });
    assert_eq!(admission(&world, &two, &web, None), Admission::Wait(web.clone(), WaitingOn::Held));
    assert_eq!(admission(&world, &image(&shop(), 3), &web, None), Admission::Start(web.clone()));
    world.fold(EnvironmentEvent::Unheld { app: app_key("shop/web"), by: "ann".to_owned() });
    assert_eq!(admission(&world, &two, &web, None), Admission::Start(web));
}

#[test]
fn a_release_waits_for_what_it_depends_on_where_both_are() {
    let web = release("shop/web");
    let after = shop().map("shop/web", |app| app.after = vec!["shop/api"]);
    let both = image(&after, 2).map("shop/api", |app| app.image = 2);
    let mut world = settled(&after);
    let dependency = Admission::Wait(web.clone(), WaitingOn::Dependency(app_key("shop/api")));
    assert_eq!(admission(&world, &both, &web, None), dependency);
    assert!(world.round(&both.desired()), "the other starts");
    assert_eq!(admission(&world, &both, &web, None), Admission::Start(web.clone()));
    let alone = image(&after, 3);
    assert_eq!(
        admission(&world, &alone.map("shop/api", |app| app.image = 2), &web, None),
        Admission::Start(web)
    );
    // Refused before it gets here; even so nothing hangs.
    let cycle = both.map("shop/api", |app| {
        app.after = vec!["shop/web"];
        app.image = 9;
    });
    let mut world = settled(&shop());
    assert!(!world.round(&cycle.desired()), "both wait");
}

#[test]
fn nothing_of_a_suspended_app_starts_but_its_settings() {
    let (web, two) = (release("shop/web"), image(&shop(), 2));
    let mut world = settled(&shop());
    let suspended = Admission::Wait(web.clone(), WaitingOn::Suspended);
    let by_git = two.map("shop/web", |app| app.suspended = true);
    assert_eq!(admission(&world, &by_git, &web, None), suspended, "by the same commit");
    world.settle(&by_git.desired());
    assert_eq!(admission(&world, &by_git, &web, None), suspended, "by Git");
    assert_eq!(admission(&world, &two, &web, None), Admission::Start(web.clone()), "no longer");
    let gone = shop().without("shop/web");
    let prune = PartKey::PruneApp(app_key("shop/web"));
    assert_eq!(
        admission(&world, &gone, &prune, None),
        Admission::Start(prune.clone()),
        "Git names it no more"
    );
    let mut world = settled(&shop());
    world.fold(EnvironmentEvent::Suspended { app: app_key("shop/web"), by: "ann".to_owned() });
    assert_eq!(admission(&world, &two, &web, None), suspended);
    let settings = PartKey::Settings(app_key("shop/web"));
    let replicas = shop().map("shop/web", |app| app.replicas = 9);
    assert_eq!(admission(&world, &replicas, &settings, None), Admission::Start(settings));
    assert_eq!(admission(&world, &gone, &prune, None), Admission::Wait(prune, WaitingOn::Suspended));
}

#[test]
fn what_an_app_leaves_goes_after_it_runs_where_it_goes() {
    let east = Fleet::default().with("shop/web", App::on(&["east/shop"])).with_platform("east/shop", 1);
    let west = Fleet::default().with("shop/web", App::on(&["west/shop"]));
    let mut world = settled(&east);
    let prune = PartKey::PruneApp(app_key("shop/web"));
    let waits = Admission::Wait(prune.clone(), WaitingOn::Part(release("shop/web")));
    assert_eq!(admission(&world, &west, &prune, None), waits);
    let land = PartKey::PrunePlatform("east/shop".parse().unwrap());
    let after = Admission::Wait(land.clone(), WaitingOn::Part(prune.clone()));
    assert_eq!(admission(&world, &west, &land, None), after, "its namespace last");
    world.round(&west.desired());
    assert_eq!(admission(&world, &west, &prune, None), Admission::Start(prune));
    world.settle(&west.desired());
    assert!(world.plan(&west.desired()).parts.is_empty());
}

/// The parts that wait at a moment, each with what it waits for.
fn waiting(world: &World, fleet: &Fleet, second: i64) -> Vec<(String, WaitingOn)> {
    let plan = world.plan(&fleet.desired());
    let moment = Moment { calendar: &fleet.calendar, now: at(second) };
    let admissions = admit(&plan, &world.accepted, &BTreeMap::new(), moment);
    let waits = admissions.into_iter().filter_map(|admission| match admission {
        Admission::Wait(key, reason) => Some((key.to_string(), reason)),
        _ => None,
    });
    waits.collect()
}

fn freeze(from: i64, until: i64) -> Option<Freeze> {
    Some(Freeze { reason: "audit".to_owned(), from: Some(at(from)), until: Some(at(until)) })
}

#[test]
fn a_freeze_holds_everything_but_settings() {
    let base = shop().with_platform("east/shop", 1).with("shop/old", App::on(&["east/shop"]));
    let world = settled(&base);
    let mut fleet = image(&base.without("shop/old"), 2)
        .with_platform("east/shop", 2)
        .map("shop/web", |app| app.replicas = 9);
    fleet.calendar.freeze = freeze(10, 20);
    let reason = WaitingOn::Freeze { cluster: None, reason: "audit".to_owned() };
    let all = ["platform:east/shop", "release:shop/web", "prune:shop/old"];
    let held: Vec<_> = all.iter().map(|part| ((*part).to_owned(), reason.clone())).collect();
    for (second, expected) in [(9, &[][..]), (10, &held), (19, &held), (20, &[])] {
        assert_eq!(waiting(&world, &fleet, second), expected, "at {second}");
    }
    assert_eq!(fleet.calendar.next_change(at(0)), Some(at(10)));
    assert_eq!(fleet.calendar.next_change(at(10)), Some(at(20)));
}

#[test]
fn what_is_closed_on_a_cluster_holds_what_moves_there() {
    let base = Fleet::default().with("shop/web", App::on(&["east/shop", "west/shop"]));
    let world = settled(&base);
    let both = image(&base, 2);
    let closed = |fleet: &Fleet, own: ClusterCalendar| {
        let mut fleet = fleet.clone();
        fleet.calendar.clusters.insert("west".parse().unwrap(), own);
        waiting(&world, &fleet, 0).pop().map(|(_, reason)| reason)
    };
    let (cluster, reason) = ("west".parse().unwrap(), "audit".to_owned());
    let maintenance = || ClusterCalendar { maintenance: freeze(0, 9), freeze: freeze(0, 9) };
    let frozen = || ClusterCalendar { maintenance: freeze(5, 9), freeze: freeze(0, 9) };
    let found = closed(&both, maintenance());
    assert_eq!(found, Some(WaitingOn::Maintenance { cluster, reason: reason.clone() }));
    let cluster = "west".parse().unwrap();
    assert_eq!(closed(&both, frozen()), Some(WaitingOn::Freeze { cluster: Some(cluster), reason }));
    let leaves_west = both.map("shop/web", |app| app.targets = [target("east/shop")].into());
    let plan: Vec<_> = closed(&leaves_west, frozen()).into_iter().collect();
    assert_eq!(plan.len(), 1, "it is not cleaned there either");
    let joins =
        base.map("shop/web", |app| app.targets = App::on(&["east/shop", "west/shop", "east/two"]).targets);
    assert_eq!(closed(&joins, maintenance()), None, "nothing changes there");
}

#[test]
fn outside_its_windows_nothing_begins() {
    let world = settled(&shop());
    let mut fleet = image(&shop(), 2);
    // The world begins at 08:00 UTC.
    let window = |text: &str| serde_yaml::from_str::<Window>(text).unwrap();
    fleet.calendar.windows =
        vec![window("{from: '09:00', duration: 1h}"), window("{from: '21:00', duration: 1h}")];
    let opens = |second: i64| WaitingOn::Window { opens: Some(at(second)) };
    for (second, expected) in
        [(0, Some(opens(3600))), (3600, None), (7199, None), (7200, Some(opens(46_800)))]
    {
        let found = waiting(&world, &fleet, second).pop().map(|(_, reason)| reason);
        assert_eq!(found, expected, "at {second}");
    }
}

#[test]
fn a_revert_passes_when_nothing_else_does() {
    let web = release("shop/web");
    let (world, id) = rolling();
    let mut closed = Calendar { freeze: freeze(-10, 10), ..Calendar::default() };
    closed.windows.push(serde_yaml::from_str("{from: '01:00', duration: 1m}").unwrap());
    let admits = |fleet: &Fleet| {
        let fleet = Fleet { calendar: closed.clone(), ..fleet.clone() };
        admission(&world, &fleet, &web, Some((id.clone(), PAUSED)))
    };
    assert!(matches!(admits(&shop()), Admission::Supersede(..)), "{:?}", admits(&shop()));
    assert!(matches!(admits(&image(&shop(), 3)), Admission::Wait(_, WaitingOn::Freeze { .. })));
    assert!(matches!(admits(&image(&shop(), 2)), Admission::Running(..)), "what has begun goes on");
}

#[test]
fn a_namespace_does_not_go_under_an_app_that_stays() {
    let base = Fleet::default()
        .with("shop/web", App::on(&["east/shop"]))
        .with_platform("east/shop", 1)
        .with_namespace();
    let mut world = settled(&base);
    // The tenant's definition is gone, its apps are refused for that and stay.
    let mut desired = Fleet::default().desired();
    desired.apps.insert(app_key("shop/web"), crate::compile::Desired::Refused);
    let part = world.plan(&desired).parts.remove(0);
    assert_eq!(part.key, PartKey::PrunePlatform(target("east/shop")));
    world.approve(&part);
    let waits = |world: &World, desired: &crate::compile::DesiredState| {
        let plan = world.plan(desired);
        admit(&plan, &world.accepted, &BTreeMap::new(), anytime(&desired.calendar))
    };
    let in_use = Admission::Wait(part.key.clone(), WaitingOn::InUse(app_key("shop/web")));
    assert_eq!(waits(&world, &desired), [in_use]);
    let gone = Fleet::default().desired();
    world.settle(&gone);
    assert!(world.accepted.moves.is_empty() && world.accepted.platform.is_empty());
}
