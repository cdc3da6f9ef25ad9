//! Who is looked at again, and who is passed over.

use super::*;

/// Two apps of one Service each, known by their labels.
fn two_apps() -> World {
    let mut world = World::new();
    for app in ["web", "api"] {
        let mut service = service(app);
        service.as_value_mut()["metadata"]["labels"] = json!({"sluice.dev/app": app});
        let bundle = Bundle::new(BTreeMap::new(), vec![service]);
        world.bundles.insert(bundle.digest, Arc::new(bundle.clone()));
        let allocation = Allocation { number: 1, stable: Some(bundle.digest), ..Allocation::default() };
        let share = world.here().apps.entry(format!("shop/{app}").parse().unwrap()).or_default();
        share.state.allocation = allocation;
    }
    world
}

/// The apps that a pass over changes looks at.
async fn looked_at(world: &mut World) -> Vec<String> {
    let reports = world.worker.pass_over_changes(&world.share, &world.bundles).await.unwrap();
    reports.iter().map(|report| report.owner.to_string()).collect()
}

/// Passes over changes until nobody is looked at.
async fn calm(world: &mut World) {
    for _ in 0..10 {
        if looked_at(world).await.is_empty() {
            return;
        }
    }
    panic!("somebody is looked at for ever");
}

/// What is looked at after something happened.
async fn check(happens: impl FnOnce(&mut World), expected: &[&str]) {
    let mut world = two_apps();
    calm(&mut world).await;
    world.cluster.writes();
    happens(&mut world);
    assert_eq!(looked_at(&mut world).await, expected);
    calm(&mut world).await;
    let selector = |name: &str| world.cluster.object(&core("Service", name)).unwrap();
    assert_eq!(selector("web").at("/spec/selector/app").unwrap(), "web", "drift is healed");
}

#[tokio::test]
async fn only_whose_objects_changed_is_looked_at_again() {
    check(|_| {}, &[]).await;
    let drift = |value: &mut Value| value["spec"]["selector"] = json!({"app": "nobody"});
    check(|world| world.cluster.edit(&core("Service", "web"), drift), &["shop/web"]).await;
    check(|world| world.cluster.take_away(&core("Service", "web")), &["shop/web"]).await;
    let unlabel = |value: &mut Value| drop(value["metadata"].as_object_mut().unwrap().remove("labels"));
    check(|world| world.cluster.edit(&core("Service", "web"), unlabel), &["shop/api", "shop/web"]).await;
    let foreign =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}});
    check(|world| world.cluster.put_foreign(foreign), &["shop/api", "shop/web"]).await;
    let elsewhere =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "bank"}});
    check(|world| world.cluster.put_foreign(elsewhere), &[]).await;
}

#[tokio::test]
async fn what_was_accepted_anew_is_looked_at() {
    let accept = |world: &mut World| world.state().allocation.number = 2;
    check(accept, &["shop/web"]).await;
    check(|world| world.state().settings.number = 2, &["shop/web"]).await;
    let rights = |world: &mut World| world.worker.learn(crate::render::assumed_facts());
    check(rights, &["shop/api", "shop/web"]).await;
}

#[tokio::test]
async fn who_has_trouble_is_looked_at_every_time() {
    let mut world = two_apps();
    world.cluster.refuse("web");
    for _ in 0..5 {
        looked_at(&mut world).await;
    }
    assert_eq!(looked_at(&mut world).await, ["shop/web"]);
}
