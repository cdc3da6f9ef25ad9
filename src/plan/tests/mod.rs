//! Plans as tables: what is accepted, what is desired, which parts come of it.

mod admission;
mod budget;
mod fleet;
mod properties;
mod transfers;

use std::collections::BTreeSet;

use fleet::{App, Fleet, World, app_key, target};

use crate::compile::{Desired, DesiredState};
use crate::model::{PartKey, Strategy, Work};

/// Accepts `before`, then plans `after`: the parts that come of it.
fn check(name: &str, before: &Fleet, after: &Fleet, expected: &[&str]) {
    let mut world = World::default();
    world.settle(&before.desired());
    let plan = world.plan(&after.desired());
    let found: Vec<String> = plan.parts.iter().map(|part| part.key.to_string()).collect();
    assert_eq!(found, expected, "{name}");
    assert_eq!(plan, world.plan(&after.desired()), "{name}: planned twice");
}

fn shop() -> Fleet {
    Fleet::default()
        .with("shop/web", App::on(&["east/shop", "west/shop"]))
        .with("shop/api", App::on(&["east/shop"]))
}

#[test]
fn a_change_gives_only_its_parts() {
    let base = shop();
    check("nothing changed", &base, &base, &[]);
    let edit = |edit: &dyn Fn(&mut App)| {
        let mut fleet = base.clone();
        edit(fleet.apps.get_mut("shop/web").unwrap());
        fleet
    };
    check("an image", &base, &edit(&|app| app.image = 2), &["release:shop/web"]);
    check("replicas", &base, &edit(&|app| app.replicas = 5), &["settings:shop/web"]);
    check("a label", &base, &edit(&|app| app.label = Some("a")), &["settings:shop/web"]);
    check("an autoscaler", &base, &edit(&|app| app.budget = true), &["settings:shop/web"]);
    check("suspended", &base, &edit(&|app| app.suspended = true), &["settings:shop/web"]);
    check("a strategy alone", &base, &edit(&|app| app.strategy = Strategy::Recreate), &[]);
    check("a service", &base, &edit(&|app| app.service = true), &["release:shop/web"]);
    check("a ciphertext", &base, &edit(&|app| app.cipher = "b"), &["release:shop/web"]);
    check("a commit alone", &base, &Fleet { commit: 'b', ..base.clone() }, &[]);
    check("an app", &base, &base.without("shop/api"), &["prune:shop/api"]);
    let one = edit(&|app| app.targets = BTreeSet::from([target("east/shop")]));
    check("a target", &base, &one, &["prune:shop/web"]);
    check("a target that comes", &one, &base, &["settings:shop/web", "release:shop/web"]);
    check("a platform object", &base, &base.with_platform("east/shop", 2), &["platform:east/shop"]);
    let fewer = base.with_platform("east/shop", 1);
    let more = base.with_platform("east/shop", 2);
    check("an object less", &more, &fewer, &["prune-platform:east/shop"]);
}

#[test]
fn a_settings_object_that_goes_is_named_by_the_part() {
    let with = shop().map("shop/web", |app| app.budget = true);
    let mut world = World::default();
    world.settle(&with.desired());
    let plan = world.plan(&shop().desired());
    let Work::Settings { removed, .. } = &plan.parts[0].work else { panic!("{:?}", plan.parts[0]) };
    assert_eq!(removed.len(), 2);
    assert!(removed.values().flatten().all(|key| key.kind == "PodDisruptionBudget"));
    world.settle(&shop().desired());
    let owners = &world.accepted.tombstones[&target("east/shop")];
    assert!(owners.values().flatten().any(|key| key.kind == "PodDisruptionBudget"), "{owners:?}");
    world.settle(&with.desired());
    let owners = &world.accepted.tombstones[&target("east/shop")];
    assert!(owners.values().flatten().all(|key| key.kind != "PodDisruptionBudget"), "wanted again");
}

#[test]
fn a_dropped_component_keeps_its_settings_until_it_goes() {
    let two = shop().map("shop/web", |app| {
        app.components = vec!["web", "cache"];
        app.budget = true;
    });
    let one = two.map("shop/web", |app| app.components = vec!["web"]);
    let mut world = World::default();
    world.settle(&two.desired());
    let plan = world.plan(&one.desired());
    assert_eq!(plan.parts.len(), 1, "{plan:?}");
    let Work::Release(program) = &plan.parts[0].work else { panic!() };
    let kinds: BTreeSet<&str> = program.removed.values().flatten().map(|key| key.kind.as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["Deployment", "PodDisruptionBudget"]));
    world.round(&one.desired());
    let plan = world.plan(&one.desired());
    assert_eq!(plan.parts[0].key, PartKey::Settings(app_key("shop/web")), "afterwards they go");
    world.settle(&one.desired());
}

#[test]
fn a_digest_depends_on_what_is_rendered_alone() {
    let digest = |world: &World, fleet: &Fleet| {
        let plan = world.plan(&fleet.desired());
        let key = PartKey::Release(app_key("shop/web"));
        plan.parts.iter().find(|part| part.key == key).expect("a release").digest
    };
    let mut world = World::default();
    world.settle(&shop().desired());
    let two = shop().map("shop/web", |app| app.image = 2);
    let first = digest(&world, &two);
    let same = [
        ("another commit", Fleet { commit: 'c', ..two.clone() }),
        ("another app's merge", two.map("shop/api", |app| app.image = 7)),
        ("another app goes", two.without("shop/api")),
        ("replicas", two.map("shop/web", |app| app.replicas = 9)),
    ];
    for (name, fleet) in &same {
        assert_eq!(digest(&world, fleet), first, "{name}");
    }
    let other = [
        ("image", two.map("shop/web", |app| app.image = 3)),
        ("ciphertext", two.map("shop/web", |app| app.cipher = "b")),
        ("strategy", two.map("shop/web", |app| app.strategy = Strategy::Recreate)),
        ("order", two.map("shop/web", |app| app.after = vec!["shop/api"])),
        ("another target", two.map("shop/web", |app| app.targets = [target("east/shop")].into())),
    ];
    for (name, fleet) in &other {
        assert_ne!(digest(&world, fleet), first, "{name}");
    }
    // The end of an earlier rollout, of this app even, changes nothing.
    world.settle(&shop().map("shop/web", |app| app.image = 5).desired());
    assert_eq!(digest(&world, &two), first);
    let elsewhere: World = serde_json::from_value(serde_json::to_value(&world.accepted).unwrap())
        .map(|accepted| World { accepted, ..world.clone() })
        .unwrap();
    assert_eq!(elsewhere.plan(&two.desired()), world.plan(&two.desired()), "on another machine");
}

#[test]
fn what_cannot_be_read_or_seen_is_not_removed() {
    let mut world = World::default();
    world.settle(&shop().with_platform("east/shop", 3).desired());
    let empty = Fleet::default();
    let parts = |desired: &DesiredState| -> Vec<String> {
        world.plan(desired).parts.iter().map(|part| part.key.to_string()).collect()
    };
    let mut desired = empty.desired();
    assert_eq!(parts(&desired), ["prune:shop/api", "prune:shop/web", "prune-platform:east/shop"]);
    desired.hidden.tenants.insert("shop".parse().unwrap());
    assert_eq!(parts(&desired), ["prune-platform:east/shop"], "a tenant's file");
    desired.hidden.platform = true;
    assert!(parts(&desired).is_empty(), "a platform file");
    let mut desired = empty.desired();
    desired.waiting_clusters = ["east".parse().unwrap(), "west".parse().unwrap()].into();
    assert!(parts(&desired).is_empty(), "clusters that were never seen");
    let mut desired = empty.with_platform("east/shop", 3).desired();
    desired.apps.insert(app_key("shop/web"), Desired::Refused);
    desired.apps.insert(app_key("shop/api"), Desired::Refused);
    assert!(parts(&desired).is_empty(), "refused");
    let mut desired = shop().with_platform("east/shop", 3).desired();
    for app in desired.apps.values_mut() {
        let Desired::App(app) = app else { panic!() };
        let app = std::sync::Arc::make_mut(app);
        app.waiting = app.release.bundles.keys().cloned().collect();
        app.release.bundles.clear();
        app.settings.clear();
    }
    assert!(parts(&desired).is_empty(), "targets whose clusters lack a kind");
}
