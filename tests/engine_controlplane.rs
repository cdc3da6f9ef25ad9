//! The engine suite on a real control plane, with the engine as a user of its own and the rights of
//! `deploy/rights.yaml`.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

mod controlplane;
mod suite;

use std::collections::BTreeMap;
use std::sync::Arc;

use controlplane::{ADMIN, ControlPlane, ENGINE, Options};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use sluice::cluster::KubeCluster;
use sluice::port::cluster::Cluster;
use suite::{Site, SiteCluster, stories, tell};

async fn client(plane: &ControlPlane, user: &str) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(user)).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The shared control plane as the cluster `east`. Writes are counted for one tenant, since the
/// stories run at once.
async fn site(plane: &'static ControlPlane, tenant: &str) -> Site {
    let engine = client(plane, ENGINE).await;
    let tenant = tenant.to_owned();
    let cluster = SiteCluster {
        away: Arc::default(),
        admin: client(plane, ADMIN).await,
        connect: Arc::new(move || Ok(Arc::new(KubeCluster::new(engine.clone())) as Arc<dyn Cluster>)),
        writes: Arc::new(move || plane.writes_about(&tenant, ENGINE)),
    };
    Site::of(BTreeMap::from([("east".to_owned(), cluster)]))
}

macro_rules! stories {
    ($($name:ident $tenant:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let plane = tokio::task::spawn_blocking(controlplane::shared).await.unwrap();
                let Some(plane) = plane else { return };
                tell(site(plane, $tenant).await, $tenant, stories::$name).await;
            }
        )*
    };
}

stories! {
    a_first_release_settles "settles";
    a_bad_image_is_brought_back "badimage";
    a_crash_loop_is_brought_back_and_held "crashloop";
    a_release_that_never_gets_ready_is_brought_back "neverready";
    a_stateful_set_that_crashes_is_brought_back_and_held "ordinalcrash";
    a_daemon_set_that_crashes_is_brought_back_and_held "daemoncrash";
    a_recreate_that_crashes_is_brought_back_and_held "recreatecrash";
    a_stateful_set_that_never_gets_ready_is_brought_back "ordinalnever";
    a_daemon_set_that_never_gets_ready_is_brought_back "daemonnever";
    a_recreate_that_never_gets_ready_is_brought_back "recreatenever";
    a_failed_first_release_is_held "firstfails";
    a_good_commit_overtakes_a_failing_release "overtakes";
    recreate_never_runs_two_releases "recreate";
    a_stateful_set_moves_by_ordinal "ordinal";
    a_daemon_set_is_brought_back "daemon";
    a_job_runs_once "job";
    a_cron_job_changes_at_commit "cron";
    configuration_is_released_and_brought_back "config";
    a_secret_is_opened_in_the_cluster_alone "secret";
    replicas_are_settings "replicas";
    edits_by_hand_are_healed "edits";
    data_edited_by_hand_is_healed "data";
    deleted_objects_come_back "deleted";
    an_autoscaler_keeps_its_replicas "scaler";
    a_field_owned_elsewhere_is_not_fought_over "elsewhere";
    a_dropped_component_goes_after_the_soak "dropped";
    a_removed_app_goes_and_its_data_stays "removed";
    f09_rewritten_history_rolls_nothing_back "rewritten";
    a_tenants_own_repository_goes_its_own_way "ownrepo";
    an_emptied_repository_removes_nothing_unapproved "emptied";
    a_refused_app_keeps_everything "refused";
    apps_move_in_the_order_of_their_dependencies "order";
    an_immutable_field_is_refused_by_name "immutable";
    an_object_over_the_limit_is_refused "overlimit";
    an_app_waits_for_its_kind "widgets";
    an_object_that_admission_denies_is_named "denied";
    an_object_of_two_apps_stays_with_its_owner "twoowners";
    what_forges_an_owner_is_refused "forged";
    what_no_cluster_takes_is_refused_before_it_is_sent "toolarge";
    an_app_brings_no_kinds "nokinds";
    a_dropped_route_goes_after_the_soak "droppedroute";
    the_data_of_a_removed_app_goes_when_agreed "agreed";
    a_denial_in_mid_rollout_brings_all_back "midrollout";
    a_stopped_app_starts_no_pod "stopped";
    a_job_that_ended_unseen_is_not_made_again "unseen";
    a_namespace_that_leaves_is_waited_for "leaving";
}

/// On a control plane of its own: the rights that go are those of every story.
#[tokio::test(flavor = "multi_thread")]
async fn rights_that_go_and_come_back() {
    let start = || controlplane::or_left_out(ControlPlane::start("rights", &Options::default()));
    let plane = tokio::task::spawn_blocking(start).await.unwrap();
    let Some(plane) = plane.map(|plane| &*Box::leak(Box::new(plane))) else { return };
    tell(site(plane, "rights").await, "rights", stories::rights_that_go_and_come_back).await;
}

/// What the built-in shapes join, so that one stands for several kinds: they allow more than a cluster.
const JOINED: &str = "\
more in PersistentVolumeClaimSpec.resources: claims
more in PodSpec.containers: targetContainerName
more in UpdateStrategy.rollingUpdate: maxSurge
more in UpdateStrategy.rollingUpdate: partition
";

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_shapes_are_those_of_the_cluster() {
    let plane = tokio::task::spawn_blocking(controlplane::shared).await.unwrap();
    let Some(plane) = plane else { return };
    let site = site(plane, "shapes").await;
    let found = suite::shapes::differences((site.clusters["east"].connect)().unwrap().as_ref()).await;
    assert_eq!(found, JOINED);
}
