//! The same story, with a crash after every append.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::world::{Git, Pods, World, app};
use crate::engine::command::Command;
use crate::model::{BundleDigest, MoveKey, Settings, Slots};

/// What happens at the beginning of a second.
type Story = Vec<(i64, Step)>;

#[derive(Debug, Clone)]
enum Step {
    Git(Git),
    Command(Command),
}

/// What is the same in the end, whatever happened on the way.
#[derive(Debug, PartialEq)]
struct End {
    stable: BTreeMap<MoveKey, Option<BundleDigest>>,
    components: BTreeMap<MoveKey, Vec<Slots>>,
    held: BTreeMap<MoveKey, BTreeSet<BundleDigest>>,
    settings: BTreeMap<MoveKey, Settings>,
    pods: Pods,
    open: usize,
    outcomes: Vec<String>,
}

fn end(world: &World) -> End {
    let moves = &world.accepted().moves;
    let pods = world.pods.iter().filter(|(_, pods)| !pods.is_empty());
    End {
        stable: moves.iter().map(|(key, state)| (key.clone(), state.allocation.stable)).collect(),
        components: moves
            .iter()
            .map(|(key, state)| (key.clone(), state.allocation.components.values().cloned().collect()))
            .collect(),
        held: moves.iter().map(|(key, state)| (key.clone(), state.held.clone())).collect(),
        settings: moves.iter().map(|(key, state)| (key.clone(), state.settings.value.clone())).collect(),
        pods: pods.map(|(key, pods)| (key.clone(), pods.clone())).collect(),
        open: world.accepted().open.len(),
        outcomes: world.history(),
    }
}

/// What the ledger and the clusters were at the beginning of a second.
struct Moment {
    appends: usize,
    second: i64,
    pods: Pods,
}

fn tell(world: &mut World, story: &Story, second: i64) {
    for (_, step) in story.iter().filter(|(at, _)| *at == second) {
        match step {
            Step::Git(git) => world.git(git),
            // After a crash it may have been recorded already.
            Step::Command(command) => drop(world.command(command.clone())),
        }
    }
}

/// Tells a story whole, then again from every prefix of its ledger.
fn check(name: &str, story: &Story, seconds: i64) {
    let mut whole = World::new();
    let mut moments = Vec::new();
    for second in 0..seconds {
        moments.push(Moment { appends: whole.ledger.appends(), second, pods: whole.pods.clone() });
        tell(&mut whole, story, second);
        whole.run(1);
    }
    let expected = end(&whole);
    assert_eq!(expected.open, 0, "{name}: it comes to an end");
    let last = story.iter().map(|(second, _)| *second).max().unwrap_or_default();
    for (appends, prefix) in whole.ledger.prefixes().enumerate() {
        let moment = moments.iter().rev().find(|moment| moment.appends <= appends).unwrap();
        let mut world = World::found(Arc::new(prefix), moment.pods.clone(), moment.second);
        let mut quiet = 0;
        // What Git said last before the crash; who was killed within a second had heard its news.
        let heard = moment.second + i64::from(moment.appends < appends);
        let before = story.iter().rev().find_map(|(at, step)| match step {
            Step::Git(git) if *at < heard => Some(git),
            _ => None,
        });
        if let Some(git) = before {
            world.git(git);
        }
        for second in moment.second..seconds + 5 {
            tell(&mut world, story, second);
            world.run(1);
            quiet = if second > last && world.status().is_steady() { quiet + 1 } else { 0 };
            if quiet > 2 {
                break;
            }
        }
        let found = end(&world);
        assert_eq!(found, expected, "{name}: killed after {appends} appends, at {} s", moment.second);
    }
}

#[test]
fn a_release_that_fails_and_one_that_does_not() {
    let story = vec![
        (0, Step::Git(Git::web("v1"))),
        (12, Step::Git(Git::web("bad"))),
        (50, Step::Git(Git::web("v3"))),
    ];
    check("bad image", &story, 65);
    let two = |tag| Git { clusters: vec!["east", "west"], ..Git::web(tag) };
    let story = vec![(0, Step::Git(two("v1"))), (12, Step::Git(two("bad")))];
    check("two clusters", &story, 50);
}

#[test]
fn settings_that_change_while_a_release_moves() {
    let story = vec![
        (0, Step::Git(Git::web("v1"))),
        (12, Step::Git(Git::web("v2"))),
        (15, Step::Git(Git::web("v2").with("web", "v2", 4))),
        (26, Step::Git(Git::web("bad").with("web", "bad", 4))),
        (30, Step::Git(Git::web("bad").with("web", "bad", 3))),
    ];
    check("settings", &story, 70);
}

#[test]
fn a_first_release_that_fails() {
    let story = vec![(0, Step::Git(Git::web("bad"))), (40, Step::Git(Git::web("v2")))];
    check("first", &story, 55);
}

#[test]
fn a_suspended_release() {
    let suspend = Command::Suspend { app: app("web"), environment: None };
    let resume = Command::Resume { app: app("web"), environment: None };
    let story = vec![
        (0, Step::Git(Git::web("v1"))),
        (20, Step::Git(Git::web("v2"))),
        (22, Step::Command(suspend)),
        (30, Step::Command(resume)),
    ];
    check("suspended", &story, 45);
}

#[test]
fn an_app_that_goes_and_one_that_comes() {
    let both = Git::web("v1").with("api", "v1", 1);
    let mut gone = both.clone();
    gone.apps.remove("api");
    let story = vec![
        (0, Step::Git(both.clone())),
        (20, Step::Git(both.clone().with("api", "v2", 1))),
        (22, Step::Git(gone)),
        (35, Step::Git(both.with("api", "v3", 2))),
    ];
    check("gone", &story, 55);
}
