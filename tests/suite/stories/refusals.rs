//! What a cluster will not take.

use serde_json::{Value, json};
use sluice::engine::command::Command;
use sluice::engine::environment::Sync;

use super::super::{World, app, text, web};
use super::{BETTER, GOOD, IMAGE, component};

fn deployment(tier: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: raw}}\nspec:\n  replicas: 1\n  selector: \
         {{matchLabels: {{app: raw, tier: {tier}}}}}\n  template:\n    metadata: {{labels: {{app: raw, tier: \
         {tier}}}}}\n    spec:\n      containers:\n        - name: main\n          image: {GOOD}\n          resources: \
         {{requests: {{cpu: 10m, memory: 16Mi}}}}\n"
    )
}

fn of_source(world: &World, name: &str, file: &str) -> Vec<(String, String)> {
    let folder = format!("tenants/{}", world.tenant);
    let of_app = app(name, &format!("  grayRelease: quick\n  source: {{manifests: [{name}]}}\n"));
    vec![(format!("{folder}/{name}.yaml"), of_app), (format!("{folder}/{name}/object.yaml"), file.to_owned())]
}

fn commit(world: &mut World, message: &str, files: &[(String, String)]) -> sluice::model::CommitId {
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    world.commit(message, &files)
}

/// A field that can't change is refused by name before anything moves.
pub async fn an_immutable_field_is_refused_by_name(mut world: World) -> World {
    let files = of_source(&world, "raw", &deployment("one"));
    let first = commit(&mut world, "first", &files);
    world.start();
    world.until_app("raw", &first, Sync::Synced).await;
    let before = world.live("east", "apps/v1", "Deployment", "raw").await.unwrap();
    let writes = world.cluster("east").count_writes();
    let files = of_source(&world, "raw", &deployment("two"));
    let second = commit(&mut world, "another selector", &files);
    world.until_app("raw", &second, Sync::RolledBack).await;
    let failure = world.app_status("raw").unwrap().failed.unwrap().failure;
    assert!(failure.message.contains("raw") && failure.message.contains("immutable"), "{failure}");
    let after = world.live("east", "apps/v1", "Deployment", "raw").await.unwrap();
    assert_eq!(after.at("/spec"), before.at("/spec"), "untouched");
    let all = (world.cluster("east").writes)();
    assert_eq!(all.len(), writes, "nothing was written: {:?}", &all[writes..]);
    world
}

/// An object over the limit of the API server is refused, and nothing of its app is applied.
pub async fn an_object_over_the_limit_is_refused(mut world: World) -> World {
    let config = format!(
        "apiVersion: sluice.dev/v1alpha1\nkind: Config\nmetadata: {{name: large}}\nspec:\n  values: {{DATA: {}}}\n",
        "x".repeat((1 << 20) + 1)
    );
    let tenant = world.tenant.clone();
    let files = [
        (format!("tenants/{tenant}/large.yaml"), config),
        (
            format!("tenants/{tenant}/large-app.yaml"),
            app("large", &{
                let spec = web(GOOD, "  env: {DATA: {config: large}}\n");
                spec.split_once("spec:\n").unwrap().1.to_owned()
            }),
        ),
        (format!("tenants/{tenant}/web.yaml"), web(GOOD, "")),
    ];
    let first = commit(&mut world, "large", &files);
    world.start();
    world.until_synced(&first).await;
    let status = world.status().unwrap();
    let large = status.apps.get(&world.app_called("large"));
    assert!(large.is_none_or(|app| app.sync != Sync::Synced), "{large:?}");
    assert!(status.diagnostics.iter().any(|it| it.is_error()), "it is said why: {:?}", status.diagnostics);
    assert!(world.live("east", "apps/v1", "Deployment", "large").await.is_none(), "nothing of it is applied");
    world
}

/// An app whose kind the cluster does not serve waits while others go on; once it is installed the
/// app goes through.
pub async fn an_app_waits_for_its_kind(mut world: World) -> World {
    let group = format!("{}.example", world.tenant);
    let widget =
        format!("apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one}}\nspec: {{size: 3}}\n");
    let mut files = of_source(&world, "widgets", &widget);
    files.push((format!("tenants/{}/web.yaml", world.tenant), web(GOOD, "")));
    let first = commit(&mut world, "a widget", &files);
    world.start();
    world.until_synced(&first).await;
    let status = world.app_status("widgets").expect("the app is told of");
    assert_ne!(status.sync, Sync::Synced, "{status:?}");
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                }},
            }],
        },
    });
    let admin = world.cluster("east").clone();
    admin.apply("admin", definition).await;
    let rights = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": format!("{}-widgets", world.tenant)},
        "rules": [{"apiGroups": [group], "resources": ["widgets"], "verbs": ["get", "list", "watch"]}],
    });
    admin.apply("admin", rights).await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{}-widgets", world.tenant)},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": format!("{}-widgets", world.tenant),
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "sluice-engine"}],
    });
    admin.apply("admin", binding).await;
    world
        .until_true("the kind is found", || async {
            world.command(Command::Sync {}).await;
            world.app_status("widgets").is_some_and(|app| app.sync == Sync::Synced && !app.moves.is_empty())
        })
        .await;
    let api = format!("{group}/v1");
    let widget = world.live("east", &api, "Widget", "one").await.expect("the widget is there");
    assert_eq!(widget.at("/spec/size").and_then(Value::as_u64), Some(3));
    world
}

/// Has admission deny objects of a resource in the tenant's namespace that do not fit, and waits
/// until it denies one.
async fn deny(world: &World, resource: (&str, &str, &str), fits: &str, words: &str, denied: &Value) {
    let name = format!("{}-denies", world.tenant);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.tenant}},
                "resourceRules": [{
                    "apiGroups": [resource.0], "apiVersions": [resource.1],
                    "operations": ["CREATE", "UPDATE"], "resources": [resource.2],
                }],
            },
            "validations": [{"expression": fits, "message": words}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    let admin = world.cluster("east").clone();
    admin.apply("admin", policy).await;
    admin.apply("admin", binding).await;
    world
        .until_true("the policy is in force", || async { !admin.would_take(&world.tenant, denied).await })
        .await;
}

/// An object that admission denies in the middle of a rollout, though the dry run was taken: it is
/// named, what comes after it does not move, and all goes back.
pub async fn a_denial_in_mid_rollout_brings_all_back(mut world: World) -> World {
    let both = |image: &str| {
        "  grayRelease: quick\n  components:\n".to_owned()
            + &component("db", image, "      workload: StatefulSet\n      replicas: 3\n")
            + &component("web", image, "      replicas: 2\n")
    };
    let first = world.commit_app("web", &both(GOOD));
    world.start();
    world.until_synced(&first).await;
    let before = world.live("east", "apps/v1", "StatefulSet", "db").await.unwrap();
    // The second ordinal of a release may not move; nothing forbids to ask for the whole.
    let fits = format!(
        "!has(object.spec.updateStrategy.rollingUpdate) || object.spec.updateStrategy.rollingUpdate.partition != 1 \
         || object.spec.template.spec.containers[0].image != '{BETTER}'"
    );
    let labels = json!({"app": "probe"});
    let probe = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "probe", "namespace": world.tenant},
        "spec": {
            "selector": {"matchLabels": labels}, "serviceName": "probe", "replicas": 0,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": BETTER}]}},
        },
    });
    deny(&world, ("apps", "v1", "statefulsets"), &fits, "no more than one ordinal today", &probe).await;
    let sets = world.watch("east", "apps/v1", "StatefulSet").await;
    let webs = world.watch("east", "apps/v1", "Deployment").await;
    let second = world.commit_app("web", &both(BETTER));
    world.until_rolled_back(&second).await;
    let failure = world.web_status().unwrap().failed.unwrap().failure;
    assert!(failure.message.contains("db"), "the object is named: {failure}");
    assert!(failure.message.contains("no more than one ordinal today"), "in the policy's words: {failure}");
    let images = sets.course("db", IMAGE);
    assert_eq!(images, [GOOD, BETTER, GOOD], "it had begun, and went back");
    assert_eq!(webs.course("web", IMAGE), [GOOD], "what comes after it never moved");
    let after = world.live("east", "apps/v1", "StatefulSet", "db").await.unwrap();
    assert_eq!(after.at("/spec/template"), before.at("/spec/template"));
    for pod in world.cluster("east").list("v1", "Pod", &world.tenant).await {
        assert_eq!(text(&pod, "/spec/containers/0/image"), GOOD, "{}", pod.name());
    }
    super::failing::stays_held(&mut world, second).await;
    world
}

/// An object that admission denies is named; the release is rejected and nothing of it is applied.
pub async fn an_object_that_admission_denies_is_named(mut world: World) -> World {
    let first = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&first).await;
    let probe = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "second", "namespace": world.tenant},
        "spec": {"ports": [{"port": 80}]},
    });
    deny(
        &world,
        ("", "v1", "services"),
        "object.metadata.name != 'second'",
        "the name second is reserved",
        &probe,
    )
    .await;
    let both = "  grayRelease: quick\n  components:\n".to_owned()
        + &super::component("second", BETTER, "      replicas: 1\n")
        + &super::component("web", BETTER, "      replicas: 3\n");
    let second = world.commit_app("web", &both);
    world.until_rolled_back(&second).await;
    let failure = world.web_status().unwrap().failed.unwrap().failure;
    assert!(failure.message.contains("second"), "the object is named: {failure}");
    assert!(failure.message.contains("the name second is reserved"), "in the policy's words: {failure}");
    let deployment = world.deployment("east").await;
    assert_eq!(text(&deployment, IMAGE), GOOD, "others are untouched");
    assert!(
        world.live("east", "apps/v1", "Deployment", "second").await.is_none(),
        "nothing of it is applied"
    );
    world
}
