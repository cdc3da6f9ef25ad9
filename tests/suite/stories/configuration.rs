//! Configuration and secrets.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluice::artifact::{Keys, generate_identity, seal};
use sluice::model::Timestamp;

use super::super::{World, text, web};
use super::{BAD, GOOD};

const ENV: &str = "/spec/template/spec/containers/0/env/0/valueFrom";

fn config(greeting: &str) -> String {
    format!(
        "apiVersion: sluice.dev/v1alpha1\nkind: Config\nmetadata: {{name: words}}\nspec:\n  values: {{GREETING: \
         {greeting}}}\n"
    )
}

/// A change of configuration is a release with a ConfigMap of its own; going back brings the old
/// content back.
pub async fn configuration_is_released_and_brought_back(mut world: World) -> World {
    let env = "  env: {GREETING: {config: words}}\n";
    let (path, of_app) =
        (format!("tenants/{}/words.yaml", world.tenant), format!("tenants/{}/web.yaml", world.tenant));
    let commit = |world: &mut World, greeting: &str, image: &str| {
        let files = [(path.as_str(), config(greeting)), (of_app.as_str(), app_text(image, env))];
        let files: Vec<(&str, Option<&str>)> =
            files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
        world.commit(greeting, &files)
    };
    let first = commit(&mut world, "hello", GOOD);
    world.start();
    world.until_synced(&first).await;
    let named =
        |object: &sluice::model::Manifest| text(object, &format!("{ENV}/configMapKeyRef/name")).to_owned();
    let old = named(&world.deployment("east").await);
    let second = commit(&mut world, "welcome", GOOD);
    world.until_synced(&second).await;
    let new = named(&world.deployment("east").await);
    assert_ne!(old, new, "named by its content");
    assert_eq!(world.rollouts().len(), 2, "a change of configuration is a release");
    let content = world.live("east", "v1", "ConfigMap", &new).await.expect("the new content is there");
    assert_eq!(text(&content, "/data/GREETING"), "welcome");
    assert_eq!(content.at("/immutable").and_then(serde_json::Value::as_bool), Some(true));
    let bad = commit(&mut world, "oops", BAD);
    world.until_rolled_back(&bad).await;
    assert_eq!(named(&world.deployment("east").await), new, "the old content is back");
    let content = world.live("east", "v1", "ConfigMap", &new).await.expect("it was never removed");
    assert_eq!(text(&content, "/data/GREETING"), "welcome");
    world
}

fn app_text(image: &str, more: &str) -> String {
    web(image, more)
}

/// A sealed Secret in Git is a real Secret in the cluster, and in clear nowhere else.
pub async fn a_secret_is_opened_in_the_cluster_alone(mut world: World) -> World {
    const CANARY: &str = "canary-7d1f-in-clear";
    let (identity, recipient) = generate_identity();
    let identity = String::from_utf8(identity.expose().to_vec()).unwrap();
    world.keys = Arc::new(Keys::parse(&identity).unwrap());
    world.canary = Some(CANARY.to_owned());
    let plain = |value: &str| {
        format!(
            "apiVersion: sluice.dev/v1alpha1\nkind: Secret\nmetadata: {{name: login}}\nspec:\n  values:\n    \
             PASSWORD: {value}\n"
        )
    };
    let sealed = |value: &str| {
        seal(&plain(value), std::slice::from_ref(&recipient), Timestamp::from_second(1_790_000_000).unwrap())
            .unwrap()
    };
    let path = format!("tenants/{}/login.yaml", world.tenant);
    let of_app = format!("tenants/{}/web.yaml", world.tenant);
    let web = web(GOOD, "  env: {PASSWORD: {secret: login}}\n");
    let first = world.commit("a secret", &[(&path, Some(&sealed(CANARY))), (&of_app, Some(&web))]);
    world.start();
    world.until_synced(&first).await;
    let named =
        |object: &sluice::model::Manifest| text(object, &format!("{ENV}/secretKeyRef/name")).to_owned();
    let old = named(&world.deployment("east").await);
    let secret = world.live("east", "v1", "Secret", &old).await.expect("the secret is there");
    assert_eq!(text(&secret, "/data/PASSWORD"), STANDARD.encode(CANARY));
    let second = world.commit("another", &[(&path, Some(&sealed("canary-7d1f-in-clear-2")))]);
    world.until_synced(&second).await;
    let new = named(&world.deployment("east").await);
    assert_ne!(old, new, "another value is another release");
    let ledger = world.ledger_text();
    assert!(ledger.contains("ENC[AES256_GCM"), "the ledger holds the ciphertext");
    for form in [CANARY.to_owned(), STANDARD.encode(CANARY), identity.trim().to_owned()] {
        assert!(!ledger.contains(&form), "{form} is in the ledger");
    }
    let status = format!("{:?}", world.status());
    assert!(!status.contains(CANARY) && !status.contains(&STANDARD.encode(CANARY)), "in the status");
    world
}
