//! What Git no longer says: it goes, in order, within the budget.

use sluice::engine::command::Command;
use sluice::engine::environment::Sync;
use sluice::model::{CommitId, PartDigest, PartKey};

use super::super::{World, app, text};
use super::{BETTER, GOOD, IMAGE, component};

fn spec(release: &str, components: &[(&str, &str)]) -> String {
    let all: Vec<String> =
        components.iter().map(|(name, image)| component(name, image, "      replicas: 1\n")).collect();
    format!("  grayRelease: {release}\n  components:\n{}", all.concat())
}

async fn until_gone(world: &World, what: &'static [(&'static str, &'static str, &'static str)]) {
    let (cluster, tenant) = (world.cluster("east").clone(), world.tenant.clone());
    world
        .until_true(&format!("{what:?} are gone"), || {
            let (cluster, tenant) = (cluster.clone(), tenant.clone());
            async move {
                for (api, kind, name) in what {
                    if cluster.get(api, kind, Some(&tenant), name).await.is_some() {
                        return false;
                    }
                }
                true
            }
        })
        .await;
}

/// A component that was dropped serves until the release is trusted, and then goes.
pub async fn a_dropped_component_goes_after_the_soak(mut world: World) -> World {
    let first = world.commit_app("web", &spec("soaked", &[("api", GOOD), ("web", GOOD)]));
    world.start();
    world.until_synced(&first).await;
    let course = world.watch("east", "apps/v1", "Deployment").await;
    let second = world.commit_app("web", &spec("soaked", &[("web", BETTER)]));
    world
        .until("the release is watched", |status| status.rollouts.values().any(|it| it.phase == "Soaking"))
        .await;
    let api = world
        .live("east", "apps/v1", "Deployment", "api")
        .await
        .expect("it is there while the release soaks");
    assert_eq!(text(&api, IMAGE), GOOD);
    world.until_synced(&second).await;
    until_gone(&world, &[("apps/v1", "Deployment", "api"), ("v1", "Service", "api")]).await;
    assert_eq!(course.course("web", "/metadata/uid").len(), 1, "the other stays");
    world
}

/// A whole app goes in the reverse order of its kinds; data stays until somebody says so.
pub async fn a_removed_app_goes_and_its_data_stays(mut world: World) -> World {
    let claim = "      replicas: 1\n      volumes: {data: {claim: {size: 1Gi}}}\n";
    let data = format!("  grayRelease: stop-first\n  components:\n{}", component("data", GOOD, claim));
    world.commit_app("web", &spec("quick", &[("web", GOOD)]));
    let first = world.commit_app("store", &data);
    world.start();
    world.until_synced(&first).await;
    world.until_app("store", &first, Sync::Synced).await;
    let before = world.cluster("east").count_writes();
    world.remove_app("web");
    until_gone(&world, &[("v1", "Service", "web"), ("apps/v1", "Deployment", "web")]).await;
    let deleted: Vec<String> = (world.cluster("east").writes)()[before..]
        .iter()
        .filter(|line| line.starts_with("delete"))
        .map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned())
        .collect();
    let place =
        |plural: &str| deleted.iter().position(|it| it == plural).unwrap_or_else(|| panic!("{deleted:?}"));
    assert!(
        place("deployments") < place("services"),
        "the reverse of the order in which they came: {deleted:?}"
    );
    let none = world.remove_app("store");
    let key = PartKey::PruneApp(world.app_called("store"));
    world.until("the removal of data waits", |status| waits(status, &none, &key)).await;
    assert!(
        world.live("east", "apps/v1", "Deployment", "data").await.is_some(),
        "nothing of it goes meanwhile"
    );
    assert!(!world.cluster("east").list("v1", "PersistentVolumeClaim", &world.tenant).await.is_empty());
    world
}

/// A route that was dropped leads to the app until the release is trusted, and then goes by the
/// app's own release.
pub async fn a_dropped_route_goes_after_the_soak(mut world: World) -> World {
    let routed = |image: &str, more: &str| {
        let more = format!("      replicas: 1\n      health: /healthz\n{more}");
        let web = format!(
            "    web:\n      image: {image}\n      port: 8080\n      resources: {{cpu: 10m, memory: 16Mi}}\n{more}"
        );
        format!("  grayRelease: soaked\n  components:\n{web}")
    };
    let route = format!("      host: {}.acme.example\n", world.tenant);
    let first = world.commit_app("web", &routed(GOOD, &route));
    world.start();
    world.until_synced(&first).await;
    let api = "networking.k8s.io/v1";
    let routes = world.cluster("east").list(api, "Ingress", &world.tenant).await;
    let [route] = routes.as_slice() else { panic!("one route: {routes:?}") };
    let service = world.live("east", "v1", "Service", "web").await.unwrap();
    let second = world.commit_app("web", &routed(BETTER, ""));
    world
        .until("the release is watched", |status| status.rollouts.values().any(|it| it.phase == "Soaking"))
        .await;
    let soaking = world.live("east", api, "Ingress", route.name()).await.expect("it is there meanwhile");
    assert_eq!(soaking.uid(), route.uid());
    world.until_synced(&second).await;
    let (cluster, tenant) = (world.cluster("east").clone(), world.tenant.clone());
    world
        .until_true("the route is gone", || async { cluster.list(api, "Ingress", &tenant).await.is_empty() })
        .await;
    let after = world.live("east", "v1", "Service", "web").await.unwrap();
    assert_eq!(after.uid(), service.uid(), "what it led to stays");
    assert_eq!(world.rollouts().len(), 2, "by the release that dropped it");
    let deletes = (world.cluster("east").writes)().into_iter().filter(|write| write.starts_with("delete"));
    assert_eq!(deletes.count(), 1, "and nothing else went");
    world
}

/// Data goes when somebody has agreed to the very removal that was looked at, then and only then.
pub async fn the_data_of_a_removed_app_goes_when_agreed(mut world: World) -> World {
    let claim = "      replicas: 1\n      volumes: {data: {claim: {size: 1Gi}}}\n";
    let data = format!("  grayRelease: stop-first\n  components:\n{}", component("data", GOOD, claim));
    let first = world.commit_app("store", &data);
    world.start();
    world.until_app("store", &first, Sync::Synced).await;
    let cluster = world.cluster("east").clone();
    let claims = cluster.list("v1", "PersistentVolumeClaim", &world.tenant).await;
    assert_eq!(claims.len(), 1);
    let none = world.remove_app("store");
    let key = PartKey::PruneApp(world.app_called("store"));
    world.until("the removal waits", |status| waits(status, &none, &key)).await;
    let environment: sluice::model::EnvironmentName = "dev".parse().unwrap();
    let approve = |digest| Command::Approve { environment: environment.clone(), part: key.clone(), digest };
    let status = world.status().unwrap();
    let pending = status.pending.as_ref().unwrap();
    let part = pending.parts.iter().find(|part| part.key == key).unwrap();
    let listed = format!("{:?}", part.approvals);
    assert!(listed.contains("PersistentVolumeClaim"), "who agrees sees that data goes: {listed}");
    let other: PartDigest = "0".repeat(64).parse().unwrap();
    let refused = world.try_command(approve(Some(other))).await;
    assert!(refused.is_err(), "an approval of something else: {refused:?}");
    world.stop().await;
    world.start();
    world.until("the removal waits again", |status| waits(status, &none, &key)).await;
    for _ in 0..3 {
        world.look().await;
    }
    let still = cluster.list("v1", "PersistentVolumeClaim", &world.tenant).await;
    assert_eq!(still[0].uid(), claims[0].uid(), "looks and a restart remove nothing");
    assert!(still[0].at("/metadata/deletionTimestamp").is_none());
    let deletes = || (cluster.writes)().into_iter().filter(|write| write.starts_with("delete")).count();
    assert_eq!(deletes(), 0, "nothing of it goes unagreed");
    world.command(approve(Some(part.digest))).await;
    let tenant = world.tenant.clone();
    world
        .until_true("the data is gone", || async {
            cluster.list("v1", "PersistentVolumeClaim", &tenant).await.is_empty()
        })
        .await;
    until_gone(&world, &[("apps/v1", "Deployment", "data"), ("v1", "Service", "data")]).await;
    world
}

fn waits(status: &sluice::engine::environment::EnvironmentStatus, commit: &CommitId, key: &PartKey) -> bool {
    use sluice::plan::{Admission, WaitingOn};
    status.revision.as_ref().is_some_and(|revision| revision.branch == *commit)
        && status
            .admissions
            .iter()
            .any(|it| matches!(it, Admission::Wait(part, WaitingOn::Approval) if part == key))
}

/// What goes beyond the budget waits for a person: a repository that was emptied by mistake removes
/// nothing.
pub async fn an_emptied_repository_removes_nothing_unapproved(mut world: World) -> World {
    let many: Vec<(&str, &str)> = ["a", "b", "c", "d", "e"].map(|name| (name, GOOD)).to_vec();
    let first = world.commit_app("web", &spec("quick", &many));
    world.start();
    world.until_synced(&first).await;
    let none = world.remove_app("web");
    let key = PartKey::PruneApp(world.app());
    world.until("the removal waits for an approval", |status| waits(status, &none, &key)).await;
    world.command(Command::Sync {}).await;
    let there = world.cluster("east").list("apps/v1", "Deployment", &world.tenant).await;
    assert_eq!(there.len(), 5, "nothing was removed");
    let environment = "dev".parse().unwrap();
    world.command(Command::Approve { environment, part: key, digest: None }).await;
    until_gone(
        &world,
        &[("apps/v1", "Deployment", "a"), ("apps/v1", "Deployment", "e"), ("v1", "Service", "c")],
    )
    .await;
    world
}

/// An app that can't be read keeps everything; so does a tenant whose file can't be read.
pub async fn a_refused_app_keeps_everything(mut world: World) -> World {
    let first = world.commit_app("web", &spec("quick", &[("web", GOOD)]));
    world.start();
    world.until_synced(&first).await;
    let writes = world.cluster("east").count_writes();
    let wrong = world.commit_app("web", "  grayRelease: quick\n  replicaz: 3\n");
    world.until_app("web", &wrong, Sync::Refused).await;
    let path = format!("tenants/{}/web.yaml", world.tenant);
    let broken = world.commit(
        "broken",
        &[(&path, Some("apiVersion: sluice.dev/v1alpha1\nkind: App\n  metadata: {name: [\n"))],
    );
    world
        .until("the broken file is told of", |status| {
            status.revision.as_ref().is_some_and(|revision| revision.branch == broken)
                && status.diagnostics.iter().any(|it| it.is_error())
        })
        .await;
    world.stop().await;
    world.start();
    world
        .until("it is told again", |status| status.revision.as_ref().is_some_and(|it| it.branch == broken))
        .await;
    let after = (world.cluster("east").writes)();
    assert_eq!(after.len(), writes, "nothing is written: {:?}", &after[writes..]);
    let right = world.commit("right", &[(&path, Some(&app("web", &spec("quick", &[("web", BETTER)]))))]);
    world.until_synced(&right).await;
    world
}
