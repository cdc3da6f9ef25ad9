//! Several apps, several clusters.

use std::sync::atomic::Ordering;

use sluice::accepted::Outcome;
use sluice::engine::environment::Sync;

use super::super::{World, text, web};
use super::{BAD, BETTER, GOOD, IMAGE, component};

/// An app starts when those that it depends on are committed.
pub async fn apps_move_in_the_order_of_their_dependencies(mut world: World) -> World {
    let one = |image: &str, more: &str| {
        format!(
            "  grayRelease: quick\n{more}  components:\n{}",
            component("main", image, "      replicas: 1\n")
        )
    };
    let named = |name: &str, text: String| text.replace("    main:", &format!("    {name}:"));
    let spec = |image: &str| {
        [
            ("web", named("web", one(image, "  dependsOn: [api]\n"))),
            ("api", named("api", one(image, "  dependsOn: [base]\n"))),
            ("base", named("base", one(image, ""))),
        ]
    };
    for (round, image) in [GOOD, BETTER].into_iter().enumerate() {
        let texts: Vec<(String, String)> = spec(image)
            .into_iter()
            .map(|(name, spec)| {
                (format!("tenants/{}/{name}.yaml", world.tenant), super::super::app(name, &spec))
            })
            .collect();
        let files: Vec<(&str, Option<&str>)> =
            texts.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        let commit = world.commit(image, &files);
        if round == 0 {
            world.start();
        }
        for name in ["web", "api", "base"] {
            world.until_app(name, &commit, Sync::Synced).await;
        }
        let told = world.rollouts().split_off(round * 3);
        let apps: Vec<&str> = told.iter().map(|it| it.app.rsplit('/').next().unwrap_or_default()).collect();
        assert_eq!(apps, ["base", "api", "web"], "{told:#?}");
        for pair in told.windows(2) {
            assert!(matches!(pair[0].ended, Some((_, Outcome::Succeeded))), "{pair:#?}");
            let committed = pair[0].committed.expect("it was committed");
            assert!(committed <= pair[1].started, "{} begins after {} is stable", pair[1].app, pair[0].app);
        }
    }
    world
}

/// One target that fails brings every target back.
pub async fn one_bad_target_brings_all_back(mut world: World) -> World {
    let first = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&first).await;
    let bad_in_the_west =
        format!("  overrides:\n    - {{when: {{clusters: [west]}}, merge: {{image: {BAD}}}}}\n");
    let bad = world.commit_web(BETTER, &bad_in_the_west);
    world.until_rolled_back(&bad).await;
    for cluster in ["east", "west"] {
        let deployment = world.deployment(cluster).await;
        assert_eq!(text(&deployment, IMAGE), GOOD, "{cluster}");
    }
    let failure = world.web_status().unwrap().failed.unwrap().failure;
    assert_eq!(failure.at.unwrap().target.cluster.as_str(), "west", "it says where");
    let good = world.commit_web(BETTER, "");
    world.until_synced(&good).await;
    for cluster in ["east", "west"] {
        assert_eq!(text(&world.deployment(cluster).await, IMAGE), BETTER, "{cluster}");
    }
    world
}

/// A cluster that is away holds up what is placed there and nothing else.
pub async fn a_cluster_that_is_away_leaves_others_going(mut world: World) -> World {
    let solo = |image: &str| {
        let name = component("solo", image, "      replicas: 1\n");
        format!("  grayRelease: hasty\n  placement: {{clusters: {{name: east}}}}\n  components:\n{name}")
    };
    world.commit_app("solo", &solo(GOOD));
    let first = world.commit("both", &[(&format!("tenants/{}/web.yaml", world.tenant), Some(&hasty(GOOD)))]);
    world.start();
    world.until_synced(&first).await;
    world.until_app("solo", &first, Sync::Synced).await;
    world.stop().await;
    world.cluster("west").away.store(true, Ordering::SeqCst);
    world.start();
    let path = format!("tenants/{}/web.yaml", world.tenant);
    let solo_path = format!("tenants/{}/solo.yaml", world.tenant);
    let second = world.commit(
        "better",
        &[(&path, Some(&hasty(BETTER))), (&solo_path, Some(&super::super::app("solo", &solo(BETTER))))],
    );
    world.until_app("solo", &second, Sync::Synced).await;
    let status = world.status().unwrap();
    let west = &status.clusters["west"];
    assert!(!west.reachable, "{west:?}");
    assert_eq!(text(&world.deployment("west").await, IMAGE), GOOD, "what is there stays");
    assert_eq!(
        text(&world.deployment("east").await, IMAGE),
        GOOD,
        "no target moves where one can't be asked"
    );
    world
}

fn hasty(image: &str) -> String {
    web(image, "").replace("grayRelease: quick", "grayRelease: hasty")
}
