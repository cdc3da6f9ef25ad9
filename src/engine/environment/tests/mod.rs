//! Whole stories of an environment, and the same stories with a crash after every append.

mod calendar;
mod crashes;
mod threads;
mod world;

use world::{Git, World, app, on};

use super::Sync;
use crate::engine::command::Command;
use crate::model::{PartKey, RolloutId};

fn started(git: &Git) -> World {
    started_within(git, 30)
}

fn started_within(git: &Git, seconds: i64) -> World {
    let mut world = World::new();
    world.git(git);
    world.run(seconds);
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
fn a_cluster_that_git_no_longer_names_keeps_its_worker_until_nothing_is_left_there() {
    let both = Git { clusters: vec!["east", "west"], ..Git::web("v1") };
    let mut world = started(&both);
    let one = Git { clusters: vec!["east"], ..both };
    world.stuck = true;
    world.git(&one);
    // Its namespace goes with it, which is never done without a word.
    let platform = PartKey::PrunePlatform("west/shop".parse().unwrap());
    for part in [PartKey::PruneApp(app("web")), platform] {
        let environment = "dev".parse().unwrap();
        // What is within the budget needs none.
        drop(world.command(Command::Approve { environment, part, digest: None }));
    }
    world.run(5);
    assert!(!world.accepted().moves.contains_key(&on("web", "west")), "{:?}", world.status().admissions);
    assert_eq!(world.staffed(), ["east", "west"]);
    assert!(!world.status().is_steady(), "something is still to go");
    world.restart();
    assert_eq!(world.staffed(), ["east", "west"], "after a restart");
    world.git(&one);
    world.run(5);
    assert_eq!(world.staffed(), ["east", "west"]);
    world.stuck = false;
    world.run(2);
    assert_eq!(world.staffed(), ["east"]);
    assert!(world.status().is_steady() && world.accepted().tombstones.is_empty());
    assert!(!world.status().clusters.contains_key("west"));
    world.restart();
    world.git(&one);
    assert_eq!(world.staffed(), ["east"]);
}

#[test]
fn it_is_steady_when_everything_was_seen_and_not_before() {
    let mut world = World::new();
    assert!(!world.status().is_steady(), "nothing is known");
    world.git(&Git::web("v1"));
    assert!(!world.status().is_steady() && !world.status().stands_still(), "no cluster was seen");
    world.run(30);
    assert!(world.status().is_steady());
    world.restart();
    assert!(!world.status().is_steady(), "nothing was seen since");
    world.git(&Git::web("v1"));
    assert!(!world.status().is_steady(), "nor now");
    world.run(2);
    assert!(world.status().is_steady());
    world.git(&Git { quota: 7, ..Git::web("v1") });
    assert!(!world.status().is_steady(), "a platform object was accepted and not seen");
    world.run(1);
    assert!(world.status().is_steady());
    let two = Git::web("v1").with("api", "v1", 1);
    world.git(&two);
    world.run(20);
    assert!(world.status().is_steady());
    world.stuck = true;
    world.git(&Git::web("v1"));
    world.run(2);
    assert!(!world.accepted().moves.contains_key(&on("api", "east")));
    assert!(!world.status().is_steady(), "what was deleted is still there");
    world.stuck = false;
    world.run(2);
    assert!(world.status().is_steady());
    let appends = world.ledger.appends();
    world.run(10);
    assert_eq!(world.ledger.appends(), appends, "what is gone is recorded once");
}

#[test]
fn a_rollout_that_succeeds_goes_from_rolling_to_synced() {
    for rules in ["strategy: rolling", "strategy: recreate", "strategy: rolling, soak: 5s"] {
        let mut world = started(&Git { rules, ..Git::web("v1") });
        world.said.clear();
        world.git(&Git { rules, ..Git::web("v2") });
        world.run(40);
        let mut said = world.said.clone();
        said.dedup();
        assert_eq!(said, [(Sync::Syncing, 1), (Sync::Synced, 0)], "{rules}");
        world.said.clear();
        world.git(&Git { rules, ..Git::web("bad") });
        world.run(90);
        let mut said = world.said.clone();
        said.dedup();
        assert_eq!(said, [(Sync::Syncing, 1), (Sync::RolledBack, 0)], "{rules}");
    }
}

#[test]
fn a_soak_that_is_not_steady_writes_nothing_while_nothing_changes() {
    let rules = "strategy: rolling, soak: 1m, timeouts: {progress: 1h}";
    let mut world = started_within(&Git { rules, ..Git::web("v1") }, 100);
    world.git(&Git { rules, ..Git::web("v2") });
    world.run(15);
    assert_eq!(world.accepted().open.len(), 1);
    world.ill = true;
    world.run(3);
    let appends = world.ledger.appends();
    world.run(300);
    assert_eq!(world.ledger.appends(), appends);
    world.ill = false;
    world.run(70);
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 Succeeded"]);
}

#[test]
fn an_approval_is_waited_for_a_week_and_asked_for_again_by_the_next_commit() {
    let many = ["a", "b", "c", "d"].into_iter().fold(Git::web("v1"), |git, name| git.with(name, "v1", 1));
    let mut world = started(&many);
    let (first, second) = (Git::web("v1"), Git::web("v1").with("web", "v1", 3));
    let approve = || Command::Approve {
        environment: "dev".parse().unwrap(),
        part: PartKey::PruneApp(app("a")),
        digest: None,
    };
    world.git(&first);
    world.skip(6 * 86_400);
    assert_eq!(world.sync("a"), Sync::Waiting);
    let appends = world.ledger.appends();
    world.skip(86_400);
    assert!(
        world.status().apps[&app("a")].message.contains("7 days"),
        "{:?}",
        world.status().apps[&app("a")]
    );
    assert_eq!(world.ledger.appends(), appends + 4, "one record for each");
    assert!(world.command(approve()).is_err(), "it is refused");
    world.restart();
    world.git(&first);
    assert!(world.command(approve()).is_err(), "after a restart too");
    world.git(&second);
    world.command(approve()).unwrap();
    world.run(5);
    assert!(!world.accepted().moves.contains_key(&on("a", "east")));
    assert!(world.accepted().moves.contains_key(&on("b", "east")), "each needs its own");
}

#[test]
fn an_app_behind_a_faulty_platform_is_refused_and_not_called_synced() {
    let mut world = World::new();
    world.git(&Git { broken: true, ..Git::web("v1") });
    world.run(5);
    assert_eq!(world.sync("web"), Sync::Refused);
    let mut world = started(&Git::web("v1"));
    world.git(&Git { broken: true, ..Git::web("v2") });
    world.run(5);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Refused, vec!["v1".to_owned(); 2]));
    assert_eq!(world.accepted().moves.len(), 1);
    world.git(&Git::web("v1"));
    world.run(5);
    assert_eq!(world.sync("web"), Sync::Synced);
}

/// A branch that was emptied, or whose folders were renamed, takes nothing away.
#[test]
fn an_empty_tree_deletes_nothing() {
    let mut world = started(&Git::web("v1"));
    let mut none = Git::web("v1");
    none.apps.clear();
    world.git(&none);
    world.run(10);
    assert_eq!((world.sync("web"), world.running("web").len()), (Sync::Waiting, 2), "no app is left");
    world.git(&Git { empty: true, ..none });
    world.run(10);
    assert_eq!((world.sync("web"), world.running("web").len()), (Sync::Refused, 2), "no file is left");
    assert_eq!(world.accepted().moves.len(), 1);
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
