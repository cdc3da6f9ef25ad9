//! Whole stories of an environment, and the same stories with a crash after every append.

mod crashes;
mod world;

use world::{Git, World, app, on};

use super::Sync;
use crate::engine::command::Command;
use crate::model::{PartKey, RolloutId};

fn started(git: &Git) -> World {
    let mut world = World::new();
    world.git(git);
    world.run(30);
    assert_eq!(world.sync("web"), Sync::Synced, "{:?}", world.status().apps);
    world
}

#[test]
fn a_first_release_is_synced() {
    let world = started(&Git::web("v1"));
    assert_eq!(world.running("web"), ["v1", "v1"]);
    assert_eq!(world.history(), ["dev-1 Succeeded"]);
    assert!(world.status().is_steady() && world.status().pending.is_none());
}

#[test]
fn a_bad_image_comes_back_and_is_not_tried_again_until_somebody_says_so() {
    let mut world = started(&Git::web("v1"));
    let stable = world.state(&on("web", "east")).allocation.components.clone();
    world.git(&Git::web("bad"));
    world.run(60);
    assert_eq!(world.sync("web"), Sync::RolledBack);
    let message = world.status().apps[&app("web")].message.clone();
    assert!(message.contains("ImagePullBackOff") && message.contains("Git still asks"), "{message}");
    for look in 0..10 {
        world.git(&Git::web("bad"));
        world.run(5);
        if look == 5 {
            world.restart();
            world.git(&Git::web("bad"));
        }
    }
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 RolledBack"]);
    assert_eq!(world.running("web"), ["v1", "v1"]);
    assert_eq!(world.state(&on("web", "east")).allocation.components, stable);
    let appends = world.ledger.appends();
    world.run(20);
    assert_eq!(world.ledger.appends(), appends, "what waits writes nothing");
    let mut other = World::found(world.ledger.prefix(appends).into(), world.pods.clone(), world.second);
    other.git(&Git::web("v3"));
    other.run(30);
    assert_eq!((other.sync("web"), other.running("web")), (Sync::Synced, vec!["v3".to_owned(); 2]));
    world.command(Command::Unhold { app: app("web"), environment: None }).unwrap();
    world.run(60);
    assert_eq!(world.history().len(), 3, "it is tried again");
    assert_eq!(world.sync("web"), Sync::RolledBack);
}

#[test]
fn what_a_person_stops_before_it_begins_is_held_too() {
    let mut world = started(&Git::web("v1"));
    world.away = true;
    world.git(&Git::web("v2"));
    world.run(5);
    let rollout = RolloutId::from("dev-2".to_owned());
    world.command(Command::Abort { rollout }).unwrap();
    world.away = false;
    world.run(30);
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 Cancelled"]);
    assert_eq!(world.running("web"), ["v1", "v1"]);
    world.command(Command::Unhold { app: app("web"), environment: None }).unwrap();
    world.run(30);
    assert_eq!(world.running("web"), ["v2", "v2"]);
}

#[test]
fn a_suspended_app_stands_still_for_as_long_as_it_takes() {
    let mut world = started(&Git::web("v1"));
    world.git(&Git::web("v2"));
    world.run(2);
    assert_eq!(world.sync("web"), Sync::Syncing);
    world.command(Command::Suspend { app: app("web"), environment: None }).unwrap();
    let pods = world.running("web");
    world.run(700);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Suspended, pods));
    assert_eq!(world.history(), ["dev-1 Succeeded"], "it neither fails nor succeeds meanwhile");
    world.restart();
    world.git(&Git::web("v2"));
    world.command(Command::Resume { app: app("web"), environment: None }).unwrap();
    world.run(30);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Synced, vec!["v2".to_owned(); 2]));
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 Succeeded"]);
}

#[test]
fn an_app_that_git_suspends_stands_still() {
    let mut world = started(&Git::web("v1"));
    let suspended = Git { suspend: true, ..Git::web("v2") };
    world.git(&suspended);
    world.run(30);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Waiting, vec!["v1".to_owned(); 2]));
    world.git(&Git::web("v2"));
    world.run(3);
    world.git(&suspended);
    world.run(700);
    assert_eq!(world.history(), ["dev-1 Succeeded"]);
    world.git(&Git::web("v2"));
    world.run(30);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Synced, vec!["v2".to_owned(); 2]));
}

#[test]
fn an_app_that_is_removed_while_it_moves_is_gone() {
    for rules in [
        "strategy: rolling",
        "strategy: rolling, soak: 1h",
        "strategy: rolling, rollback: {automatic: false}",
    ] {
        for after in [1, 3, 40] {
            let both = Git { rules, ..Git::web("v1").with("api", "v1", 1) };
            let mut world = started(&Git { rules: "strategy: rolling", ..both.clone() });
            world.git(&both.clone().with("web", "bad", 2));
            world.run(after);
            let mut gone = both.clone();
            gone.apps.remove("web");
            world.git(&gone);
            world.run(5);
            let name = format!("{rules} after {after}");
            assert!(world.accepted().open.is_empty(), "{name}: {:?}", world.status().rollouts);
            assert!(!world.accepted().moves.contains_key(&on("web", "east")), "{name}");
            world.restart();
            assert!(!world.accepted().moves.contains_key(&on("web", "east")), "{name}: after a restart");
            world.git(&both.with("web", "v2", 2));
            world.run(90);
            assert_eq!(world.running("web"), ["v2", "v2"], "{name}: comes again");
        }
    }
}

#[test]
fn a_target_that_leaves_while_it_moves_does_not_come_back_with_a_restart() {
    let both = Git { clusters: vec!["east", "west"], rules: "strategy: rolling, soak: 1m", ..Git::web("v1") };
    let mut world = World::new();
    world.git(&both);
    world.run(200);
    assert_eq!(world.sync("web"), Sync::Synced, "{:?}", world.status().apps);
    world.git(&both.clone().with("web", "v2", 2));
    world.run(20);
    assert_eq!(world.accepted().open.len(), 1);
    world.git(&Git { clusters: vec!["east"], ..both }.with("web", "v2", 2));
    // A whole cluster is over the budget.
    let approve = Command::Approve {
        environment: "dev".parse().unwrap(),
        part: PartKey::PruneApp(app("web")),
        digest: None,
    };
    world.command(approve).unwrap();
    world.run(5);
    let moves: Vec<_> = world.accepted().moves.keys().cloned().collect();
    assert_eq!(moves, [on("web", "east")]);
    world.restart();
    assert_eq!(world.accepted().moves.keys().collect::<Vec<_>>(), [&on("web", "east")]);
    world.run(100);
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 Partial"]);
}

#[test]
fn an_emergency_scale_up_goes_through_while_a_release_moves() {
    let mut world = started(&Git::web("v1"));
    world.git(&Git::web("v2"));
    world.run(2);
    world.git(&Git::web("v2").with("web", "v2", 6));
    world.run(30);
    assert_eq!((world.sync("web"), world.running("web").len()), (Sync::Synced, 6));
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 Succeeded"]);
}

#[test]
fn a_deletion_over_the_budget_waits_for_its_approval() {
    let many = ["a", "b", "c", "d"].into_iter().fold(Git::web("v1"), |git, name| git.with(name, "v1", 1));
    let mut world = started(&many);
    world.git(&Git::web("v1"));
    world.run(10);
    assert_eq!(world.accepted().moves.len(), 5, "nothing goes");
    assert_eq!(world.sync("a"), Sync::Waiting);
    world.restart();
    world.git(&Git::web("v1"));
    for name in ["a", "b", "c", "d"] {
        let approve = |digest| Command::Approve {
            environment: "dev".parse().unwrap(),
            part: PartKey::PruneApp(app(name)),
            digest,
        };
        let wrong = crate::model::PartDigest::of_json(&serde_json::json!("another"));
        if world.accepted().moves.contains_key(&on(name, "east")) {
            assert!(world.command(approve(Some(wrong))).is_err(), "{name}: another digest");
            world.command(approve(None)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    world.run(5);
    assert_eq!(world.accepted().moves.keys().collect::<Vec<_>>(), [&on("web", "east")]);
}

#[test]
fn a_cluster_that_was_never_seen_waits_and_joins() {
    let mut world = World::new();
    world.away = true;
    world.git(&Git::web("v1"));
    world.run(1000);
    assert!(world.accepted().moves.is_empty());
    world.away = false;
    world.run(30);
    assert_eq!(world.sync("web"), Sync::Synced);
    // What was seen of it is known after a restart: nothing is taken away while it is silent.
    world.restart();
    world.away = true;
    world.git(&Git::web("v1"));
    world.run(5);
    assert_eq!(world.accepted().moves.len(), 1);
}

#[test]
fn a_newer_release_waits_for_one_that_moves_and_a_revert_does_not() {
    let mut world = started(&Git::web("v1"));
    world.git(&Git::web("v2"));
    world.run(2);
    world.git(&Git::web("v3"));
    world.run(40);
    assert_eq!(world.running("web"), ["v3", "v3"]);
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 Succeeded", "dev-3 Succeeded"]);
    world.git(&Git::web("bad"));
    world.run(5);
    world.git(&Git::web("v3"));
    world.run(30);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Synced, vec!["v3".to_owned(); 2]));
    assert_eq!(world.history()[3], "dev-4 Superseded");
}
