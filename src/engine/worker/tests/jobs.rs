//! Jobs run once.

use super::*;

fn job() -> Manifest {
    let spec = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "1"}]}}}});
    object("batch/v1", "Job", "migrate-1", spec)
}

fn with_job() -> World {
    let mut world = World::new();
    let workloads = BTreeMap::from([("migrate".parse().unwrap(), job().key())]);
    world.hold(&Bundle::new(workloads, vec![job()]));
    world
}

fn end(world: &World, condition: &str) {
    world.cluster.edit(&job().key(), |value| {
        value["status"] = json!({"conditions": [{"type": condition, "status": "True"}]});
    });
}

async fn told(world: &mut World) -> String {
    let report = world.pass().await;
    let migrate = &report.evidence.components.values().next().unwrap();
    format!("{} {}", migrate.status, migrate.reason)
}

#[tokio::test]
async fn a_job_that_has_ended_is_never_made_again() {
    type Story = fn(&mut World);
    let cases: [(&str, Story, bool, &str); 6] = [
        ("it runs", |_| {}, true, "Progressing NotStarted"),
        (
            "ended and gone between two looks",
            |world| {
                end(world, "Complete");
                world.cluster.take_away(&job().key());
            },
            false,
            "Healthy Complete",
        ),
        (
            "failed and gone between two looks",
            |world| {
                end(world, "Failed");
                world.cluster.take_away(&job().key());
            },
            false,
            "Degraded Failed",
        ),
        (
            "taken away before it had ended: healed like anything else",
            |world| world.cluster.take_away(&job().key()),
            true,
            "Progressing NotStarted",
        ),
        (
            "ended and gone while no engine was there",
            |world| {
                end(world, "Complete");
                world.cluster.take_away(&job().key());
                world.cluster.forget_departed();
                world.worker = worker(&world.cluster);
            },
            false,
            "Unknown EndUnseen",
        ),
        (
            "ended while nothing was written, and gone when the engine came back",
            |world| {
                world.here().apps.get_mut(&app()).unwrap().suspended = true;
                end(world, "Complete");
                futures::executor::block_on(world.pass());
                world.cluster.take_away(&job().key());
                world.cluster.forget_departed();
                world.worker = worker(&world.cluster);
                world.here().apps.get_mut(&app()).unwrap().suspended = false;
            },
            false,
            "Healthy Complete",
        ),
    ];
    for (what, story, there, expected) in cases {
        let mut world = with_job();
        world.settle().await;
        story(&mut world);
        let words = told(&mut world).await;
        assert!(words == expected || (there && words.starts_with("Progressing")), "{what}: {words}");
        world.settle().await;
        world.worker = worker(&world.cluster);
        assert_eq!(world.settle().await, Vec::<String>::new(), "{what}: nor by another engine");
        assert_eq!(world.cluster.object(&job().key()).is_some(), there, "{what}");
    }
}

#[tokio::test]
async fn a_pod_of_a_job_that_failed_is_the_jobs_to_count() {
    let mut world = with_job();
    world.settle().await;
    let uid = world.cluster.object(&job().key()).unwrap().uid().unwrap().to_owned();
    world.cluster.put_foreign(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "migrate-1-a", "namespace": "shop",
            "ownerReferences": [{"controller": true, "kind": "Job", "name": "migrate-1", "uid": uid}],
        },
        "spec": {"restartPolicy": "Never"},
        "status": {"phase": "Failed", "containerStatuses": [
            {"name": "c", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}, "restartCount": 0},
        ]},
    }));
    let report = world.pass().await;
    let migrate = report.evidence.components.values().next().unwrap();
    assert!(migrate.faults.iter().all(|fault| !fault.counts), "{:?}", migrate.faults);
    assert_eq!(migrate.faults[0].message, "exit code 3", "it is told all the same");
}
