//! Repositories that are rewritten, and those that tenants have of their own.

use sluice::engine::command::Command;
use sluice::engine::environment::{EnvironmentStatus, Sync};
use sluice::engine::source::ProblemKind;
use sluice::model::CommitId;

use super::super::{World, app, text, web};
use super::{BETTER, GOOD, IMAGE};

/// Rewritten history rolls nothing back, over a restart too, until a person accepts it by name.
pub async fn f09_rewritten_history_rolls_nothing_back(mut world: World) -> World {
    let first = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&first).await;
    let second = world.commit_web(BETTER, "");
    world.until_synced(&second).await;
    world.force(&first);
    for _ in 0..2 {
        let held = |kind: ProblemKind, commit: &Option<CommitId>| {
            kind == ProblemKind::Rewritten && commit.as_ref() == Some(&first)
        };
        world
            .until_source("the rewritten history is held", |source| {
                source.fleet.problems.iter().any(|problem| held(problem.kind, &problem.commit))
            })
            .await;
        assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
        world.stop().await;
        world.start();
        world.until_synced(&second).await;
    }
    let wrong = world.try_command(Command::Accept { commit: second.to_string() }).await;
    assert!(wrong.is_err(), "only a commit that is held can be accepted: {wrong:?}");
    let short = first.as_str()[..10].to_owned();
    world.until_source("it is held again", |source| !source.fleet.problems.is_empty()).await;
    world.command(Command::Accept { commit: short }).await;
    world.until_synced(&first).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), GOOD);
    world
}

/// A commit that leaves nothing of any tenant is held before it is planned; a branch that is gone too.
pub async fn f10_a_source_that_is_gone_removes_nothing(mut world: World) -> World {
    let first = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&first).await;
    let writes = world.cluster("east").count_writes();
    let path = format!("tenants/{}/web.yaml", world.tenant);
    let moved = path.replace("tenants/", "tenant/");
    let readme = format!("tenants/{}/README.md", world.tenant);
    let renamed = world.commit("renamed", &[(&path, None), (&readme, None), (&moved, Some(&web(GOOD, "")))]);
    let missing = |status: &sluice::engine::source::SourceStatus, commit: Option<&CommitId>| {
        let problems = &status.fleet.problems;
        problems.iter().any(|it| it.kind == ProblemKind::SourceMissing && it.commit.as_ref() == commit)
    };
    world.until_source("the renamed folder is missed", |status| missing(status, Some(&renamed))).await;
    world.delete_branch();
    world.until_source("the branch is missed", |status| missing(status, None)).await;
    world.look().await;
    let all = (world.cluster("east").writes)();
    assert_eq!(all.len(), writes, "nothing is written: {:?}", &all[writes..]);
    world.force(&first);
    let second = world.commit_web(BETTER, "");
    world.until_synced(&second).await;
    world
}

/// A tenant's own repository is mounted in its folder. Its outage and its bad commits stop nobody else,
/// and nothing in it reaches another tenant.
pub async fn a_tenants_own_repository_goes_its_own_way(mut world: World) -> World {
    let (own, other) = (world.tenant.clone(), format!("{}-too", world.tenant));
    world.commit_tenant_with_source(&other);
    let of_own = |image: &str| web(image, "");
    let at_own = world.commit_to_source("first", &[("apps/web.yaml", Some(&of_own(GOOD)))]);
    let path = format!("tenants/{other}/web.yaml");
    let first = world.commit("the other's", &[(&path, Some(&web(GOOD, "")))]);
    world.start();
    let of = |name: &str| format!("{name}/web").parse().unwrap();
    let synced = |status: &EnvironmentStatus, tenant: &str, branch: &CommitId, source: &CommitId| {
        let key = of(tenant);
        let revision = status.revision.as_ref();
        revision.is_some_and(|it| it.branch == *branch && it.sources.values().all(|commit| commit == source))
            && status.apps.get(&key).is_some_and(|app| app.sync == Sync::Synced)
            && status.rollouts.values().all(|rollout| rollout.app != key)
    };
    for tenant in [&own, &other] {
        world.until("both are there", |status| synced(status, tenant, &first, &at_own)).await;
    }

    // The tenant's host is away: it keeps what it has, the other goes on.
    world.take_source_away();
    world.command(Command::Sync {}).await;
    world
        .until_source("the outage is seen", |source| {
            source.tenants.values().any(|it| it.problems.iter().any(|it| it.kind == ProblemKind::Unreachable))
        })
        .await;
    let second = world.commit("better", &[(&path, Some(&web(BETTER, "")))]);
    world.until("the other goes on", |status| synced(status, &other, &second, &at_own)).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), GOOD, "it keeps what it has");
    world.stop().await;
    world.start();
    world.until("so it is after a restart", |status| synced(status, &own, &second, &at_own)).await;

    // Back, with a commit that reaches out: that is its own folder's fault alone.
    world.bring_source_back();
    let theft = app("theft", "  namespace: nobody\n  image: registry.acme.example/a:1\n  port: 80\n");
    let cluster =
        "apiVersion: sluice.dev/v1alpha1\nkind: Cluster\nmetadata: {name: mine}\nspec: {environment: dev}\n";
    let bad = world.commit_to_source(
        "reaches out",
        &[
            ("apps/web.yaml", Some(&of_own(BETTER))),
            (&format!("tenants/{other}/web.yaml"), Some(&theft)),
            ("platform/cluster.yaml", Some(cluster)),
        ],
    );
    world
        .until("its commit is read", |status| {
            status.revision.as_ref().is_some_and(|it| it.sources.values().any(|commit| *commit == bad))
        })
        .await;
    let status = world.status().unwrap();
    let errors: Vec<&str> =
        status.diagnostics.iter().filter(|it| it.is_error()).map(|it| it.place.path.as_str()).collect();
    let folder = format!("tenants/{own}/");
    assert!(!errors.is_empty() && errors.iter().all(|path| path.starts_with(&folder)), "{errors:?}");
    assert!(status.clusters.keys().all(|name| name.as_str() != "mine"));
    world.until("the other is as it was", |status| synced(status, &other, &second, &bad)).await;
    let good = world.commit_to_source(
        "stays at home",
        &[(&format!("tenants/{other}/web.yaml"), None), ("platform/cluster.yaml", None)],
    );
    world.until("its own goes on", |status| synced(status, &own, &second, &good)).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
    world
}
