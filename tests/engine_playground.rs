//! The engine suite on the playground.

mod suite;

use suite::{Site, stories, tell};

macro_rules! stories {
    ($($name:ident: $($cluster:literal)*;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                tell(Site::playground(&[$($cluster),*]).await, "shop", stories::$name).await;
            }
        )*
    };
}

stories! {
    a_first_release_settles: "east";
    a_bad_image_is_brought_back: "east";
    a_crash_loop_is_brought_back_and_held: "east";
    a_release_that_never_gets_ready_is_brought_back: "east";
    a_stateful_set_that_crashes_is_brought_back_and_held: "east";
    a_daemon_set_that_crashes_is_brought_back_and_held: "east";
    a_recreate_that_crashes_is_brought_back_and_held: "east";
    a_stateful_set_that_never_gets_ready_is_brought_back: "east";
    a_daemon_set_that_never_gets_ready_is_brought_back: "east";
    a_recreate_that_never_gets_ready_is_brought_back: "east";
    a_failed_first_release_is_held: "east";
    a_good_commit_overtakes_a_failing_release: "east";
    recreate_never_runs_two_releases: "east";
    a_stateful_set_moves_by_ordinal: "east";
    a_daemon_set_is_brought_back: "east";
    a_job_runs_once: "east";
    a_cron_job_changes_at_commit: "east";
    configuration_is_released_and_brought_back: "east";
    a_secret_is_opened_in_the_cluster_alone: "east";
    replicas_are_settings: "east";
    edits_by_hand_are_healed: "east";
    data_edited_by_hand_is_healed: "east";
    deleted_objects_come_back: "east";
    an_autoscaler_keeps_its_replicas: "east";
    a_field_owned_elsewhere_is_not_fought_over: "east";
    a_dropped_component_goes_after_the_soak: "east";
    a_removed_app_goes_and_its_data_stays: "east";
    f09_rewritten_history_rolls_nothing_back: "east";
    f10_a_source_that_is_gone_removes_nothing: "east";
    a_tenants_own_repository_goes_its_own_way: "east";
    an_emptied_repository_removes_nothing_unapproved: "east";
    a_refused_app_keeps_everything: "east";
    apps_move_in_the_order_of_their_dependencies: "east";
    an_immutable_field_is_refused_by_name: "east";
    an_object_over_the_limit_is_refused: "east";
    an_object_of_two_apps_stays_with_its_owner: "east";
    what_forges_an_owner_is_refused: "east";
    what_no_cluster_takes_is_refused_before_it_is_sent: "east";
    an_app_brings_no_kinds: "east";
    a_dropped_route_goes_after_the_soak: "east";
    the_data_of_a_removed_app_goes_when_agreed: "east";
    a_stopped_app_starts_no_pod: "east";
    a_job_that_ended_unseen_is_not_made_again: "east";
    a_namespace_that_leaves_is_waited_for: "east";
    rights_that_go_and_come_back: "east";
    one_bad_target_brings_all_back: "east" "west";
    a_cluster_that_is_away_leaves_others_going: "east" "west";
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shapes_that_it_publishes_are_those_that_are_built_in() {
    let site = Site::playground(&["east"]).await;
    assert_eq!(suite::shapes::differences((site.clusters["east"].connect)().unwrap().as_ref()).await, "");
}
