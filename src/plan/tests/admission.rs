//! Which parts start, and what the others wait for.

use std::collections::BTreeMap;

use super::fleet::{App, Fleet, World, app_key};
use crate::accepted::EnvironmentEvent;
use crate::model::{PartKey, RolloutId};
use crate::plan::{Admission, RolloutView, WaitingOn, admit};

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
    let admissions = admit(&plan, &world.accepted, &views);
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
