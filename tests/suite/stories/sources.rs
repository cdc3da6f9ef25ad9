//! Objects as somebody else wrote them: what they may not reach, forge or be.

use serde_json::{Value, json};
use sluice::engine::environment::Sync;
use sluice::model::CommitId;

use super::super::{World, app, web};
use super::GOOD;

/// A ConfigMap as its author wrote it.
fn map(name: &str, metadata: &str, data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{metadata}}}\ndata: {{greeting: {data}}}\n"
    )
}

/// Commits apps that bring one object each, and the app `web` beside them.
fn commit(world: &mut World, objects: &[(&str, String)]) -> CommitId {
    let folder = format!("tenants/{}", world.tenant);
    let mut files = vec![(format!("{folder}/web.yaml"), web(GOOD, ""))];
    for (name, object) in objects {
        let spec = format!("  grayRelease: quick\n  source: {{manifests: [{name}]}}\n");
        files.push((format!("{folder}/{name}.yaml"), app(name, &spec)));
        files.push((format!("{folder}/{name}/object.yaml"), object.clone()));
    }
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    world.commit("objects", &files)
}

/// The words of all errors of an environment.
fn errors(world: &World) -> String {
    let status = world.status().unwrap();
    let errors: Vec<String> = status
        .diagnostics
        .iter()
        .filter(|it| it.is_error())
        .map(|it| format!("{}: {}", it.place.path, it.message))
        .collect();
    errors.join("\n")
}

/// Two apps that render one object are both refused, each file named; the object stays with whoever
/// had it, untouched.
pub async fn an_object_of_two_apps_stays_with_its_owner(mut world: World) -> World {
    let first = commit(&mut world, &[("one", map("words", "", "hello"))]);
    world.start();
    world.until_synced(&first).await;
    world.until_app("one", &first, Sync::Synced).await;
    let before = world.live("east", "v1", "ConfigMap", "words").await.unwrap();
    let writes = world.cluster("east").count_writes();
    let both = [("one", map("words", "", "hello")), ("two", map("words", "", "mine"))];
    let second = commit(&mut world, &both);
    world.until_app("two", &second, Sync::Refused).await;
    world.until_synced(&second).await;
    world.look().await;
    world.look().await;
    let said = errors(&world);
    for file in ["one.yaml", "two.yaml"] {
        assert!(said.contains(&format!("tenants/{}/{file}", world.tenant)), "{file} is named: {said}");
    }
    assert!(said.contains("words"), "the object is named: {said}");
    let after = world.live("east", "v1", "ConfigMap", "words").await.unwrap();
    assert_eq!(after.as_value(), before.as_value(), "nobody has touched it");
    let all = (world.cluster("east").writes)();
    assert_eq!(all.len(), writes, "nothing is written: {:?}", &all[writes..]);
    // The one that had it goes on once the other is gone.
    let third =
        commit(&mut world, &[("one", map("words", "", "welcome")), ("two", map("others", "", "mine"))]);
    world.until_app("one", &third, Sync::Synced).await;
    world.until_app("two", &third, Sync::Synced).await;
    let words = world.live("east", "v1", "ConfigMap", "words").await.unwrap();
    assert_eq!(words.at("/data/greeting").and_then(Value::as_str), Some("welcome"));
    assert_eq!(words.uid(), before.uid(), "it is the same object");
    world
}

/// What only a cluster writes is left out; what would forge an owner is refused; the inventory is
/// not reached by either.
pub async fn what_forges_an_owner_is_refused(mut world: World) -> World {
    let uid = "00000000-0000-4000-8000-000000000001";
    let owner = "apiVersion: apps/v1, kind: Deployment, name: web, controller: true";
    let refused = [
        ("owned", map("owned", &format!(", ownerReferences: [{{{owner}, uid: {uid}}}]"), "a")),
        ("labelled", map("labelled", ", labels: {sluice.dev/app: other}", "b")),
        ("annotated", map("annotated", ", annotations: {sluice.dev/definition: else.yaml}", "c")),
        ("shard", map("inventory-0", ", namespace: sluice-system", "d")),
    ];
    let fields = format!(
        ", uid: {uid}, resourceVersion: \"1\", generation: 7, managedFields: [{{manager: sluice, operation: Apply, \
         apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {{}}}}]"
    );
    let mut objects = refused.to_vec();
    objects.push(("stripped", map("stripped", &fields, "e")));
    let first = commit(&mut world, &objects);
    world.start();
    world.until_app("stripped", &first, Sync::Synced).await;
    world.until_synced(&first).await;
    let said = errors(&world);
    for (name, _) in &refused {
        world.until_app(name, &first, Sync::Refused).await;
        assert!(said.contains(&format!("/{name}/object.yaml")), "{name} has a place: {said}");
    }
    for name in ["owned", "labelled", "annotated"] {
        assert!(world.live("east", "v1", "ConfigMap", name).await.is_none(), "{name} is not applied");
    }
    let stripped = world.live("east", "v1", "ConfigMap", "stripped").await.unwrap();
    assert_ne!(stripped.uid(), Some(uid), "the cluster's own uid");
    let managers = stripped.at("/metadata/managedFields").and_then(Value::as_array).unwrap();
    let owned = managers.iter().any(|entry| entry.pointer("/fieldsV1/f:data/f:greeting").is_some());
    assert!(owned, "fields that were really applied: {managers:?}");
    world
}

/// What is too large or has an impossible name is refused before anything of its app is applied.
pub async fn what_no_cluster_takes_is_refused_before_it_is_sent(mut world: World) -> World {
    let long = "n".repeat(254);
    let large = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: large, annotations: {{note: {}}}}}\nspec:\n  selector: \
         {{matchLabels: {{app: large}}}}\n  template:\n    metadata: {{labels: {{app: large}}}}\n    spec: {{containers: \
         [{{name: main, image: {GOOD}}}]}}\n",
        "x".repeat(1_600_000)
    );
    let with_good = |bad: String| format!("{}---\n{bad}", map("fine", "", "ok"));
    let refused = [
        ("name", with_good(map(&long, "", "a"))),
        ("label", map("label", &format!(", labels: {{team: {}}}", "l".repeat(64)), "b")),
        ("data", map("data", "", &"d".repeat((1 << 20) + 1))),
        ("object", large),
    ];
    let first = commit(&mut world, &refused);
    world.start();
    world.until_synced(&first).await;
    let said = errors(&world);
    for (name, _) in &refused {
        world.until_app(name, &first, Sync::Refused).await;
        assert!(said.contains(&format!("tenants/{}/{name}", world.tenant)), "{name} is named: {said}");
    }
    let maps = world.cluster("east").list("v1", "ConfigMap", &world.tenant).await;
    let names: Vec<&str> =
        maps.iter().map(|map| map.name()).filter(|name| *name != "kube-root-ca.crt").collect();
    assert_eq!(names, Vec::<&str>::new(), "nothing of theirs is applied");
    world
}

/// A definition of a kind is the platform's: an app that brings one is refused by name, its objects
/// of that kind wait, and others go on.
pub async fn an_app_brings_no_kinds(mut world: World) -> World {
    let group = format!("{}.example", world.tenant);
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    });
    let widget = format!("apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one}}\n");
    let objects = [("kinds", definition.to_string()), ("widgets", widget)];
    let first = commit(&mut world, &objects);
    world.start();
    world.until_synced(&first).await;
    world.until_app("kinds", &first, Sync::Refused).await;
    let said = errors(&world);
    assert!(said.contains("CustomResourceDefinition"), "the object is named: {said}");
    let status = world.app_status("widgets").expect("the app is told of");
    assert_ne!(status.sync, Sync::Synced, "{status:?}");
    let name = format!("widgets.{group}");
    let there =
        world.cluster("east").get("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, &name).await;
    assert!(there.is_none(), "nothing reaches the whole cluster");
    world
}
