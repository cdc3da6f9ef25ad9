//! Freezes, windows and maintenance, as time goes by.

use super::started;
use super::world::{Git, World};
use crate::engine::environment::Sync;

/// The world begins at 08:00:00 UTC on a Friday, the 15th of January 2027.
const UNTIL_A_MINUTE: &str =
    ", freeze: {reason: audit, from: \"2027-01-15T08:00:40Z\", until: \"2027-01-15T08:02:00Z\"}";

fn web(tag: &'static str, environment: &'static str, east: &'static str) -> Git {
    Git { environment, east, clusters: vec!["east", "west"], ..Git::web(tag) }
}

#[test]
fn a_release_waits_for_the_end_of_a_freeze_and_needs_nobody_then() {
    let mut world = started(&web("v1", UNTIL_A_MINUTE, ""));
    world.run(12);
    world.git(&web("v2", UNTIL_A_MINUTE, ""));
    world.run(70);
    assert_eq!((world.sync("web"), world.history().len()), (Sync::Waiting, 1));
    let message = world.status().apps[&super::app("web")].message.clone();
    assert_eq!(message, "frozen: audit");
    assert!(world.status().is_steady(), "nothing is on its way");
    world.run(40);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Synced, vec!["v2".to_owned(); 4]));
}

#[test]
fn a_release_waits_for_its_window_and_is_finished_beyond_it() {
    let window = ", windows: [{from: \"08:02\", duration: 1s}]";
    let mut world = started(&web("v1", "", ""));
    world.git(&web("v2", window, ""));
    world.run(60);
    assert_eq!((world.sync("web"), world.history().len()), (Sync::Waiting, 1));
    let message = world.status().apps[&super::app("web")].message.clone();
    assert!(message.contains("opens at 2027-01-15T08:02:00Z"), "{message}");
    world.run(60);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Synced, vec!["v2".to_owned(); 4]));
    world.git(&web("v2", window, "").with("web", "v2", 3));
    world.run(10);
    assert_eq!((world.sync("web"), world.running("web").len()), (Sync::Synced, 6), "settings never wait");
}

const MAINTENANCE: &str = ", maintenance: {reason: new disks}";

#[test]
fn nothing_is_written_to_a_cluster_in_maintenance_and_what_moves_there_stands_still() {
    let mut world = started(&web("v1", "", ""));
    world.git(&web("v2", "", MAINTENANCE));
    world.run(30);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Waiting, vec!["v1".to_owned(); 4]));
    assert_eq!(world.paused(), ["east"]);
    world.restart();
    assert_eq!(world.paused(), ["east"], "before Git was read again");
    world.git(&web("v2", "", ""));
    world.run(2);
    assert!(world.paused().is_empty());
    assert_eq!(world.status().rollouts.len(), 1);
    world.git(&web("v2", "", MAINTENANCE));
    let pods = world.running("web");
    world.run(900);
    assert_eq!(world.history(), ["dev-1 Succeeded"], "it neither fails nor succeeds meanwhile");
    assert!(world.running("web").iter().filter(|tag| *tag == "v1").count() >= 1, "{pods:?}");
    world.git(&web("v2", "", ""));
    world.run(40);
    assert_eq!((world.sync("web"), world.running("web")), (Sync::Synced, vec!["v2".to_owned(); 4]));
    assert_eq!(world.history(), ["dev-1 Succeeded", "dev-2 Succeeded"]);
}

#[test]
fn a_maintenance_that_ends_by_the_clock_is_recorded_and_read_back() {
    let until =
        ", maintenance: {reason: new disks, from: \"2027-01-15T08:01:00Z\", until: \"2027-01-15T08:02:00Z\"}";
    let mut world = started(&web("v1", "", until));
    world.run(15);
    assert!(world.paused().is_empty());
    world.run(30);
    assert_eq!(world.paused(), ["east"]);
    let found =
        World::found(world.ledger.prefix(world.ledger.appends()).into(), world.pods.clone(), world.second);
    assert_eq!(found.accepted().maintenance, world.accepted().maintenance);
    world.run(60);
    assert!(world.paused().is_empty() && world.accepted().maintenance.is_empty());
    assert!(world.status().is_steady());
}
