//! The stories.

pub mod bad_days;
pub mod clusters;
pub mod configuration;
pub mod failing;
pub mod kinds;
pub mod refusals;
pub mod removals;
pub mod repositories;
pub mod settings;
pub mod sources;

use serde_json::Value;

use super::{World, text};

pub use bad_days::*;
pub use clusters::*;
pub use configuration::*;
pub use failing::*;
pub use kinds::*;
pub use refusals::*;
pub use removals::*;
pub use repositories::*;
pub use settings::*;
pub use sources::*;

const GOOD: &str = "registry.acme.example/shop/web:1.0.0";
const BETTER: &str = "registry.acme.example/shop/web:1.1.0";
const BAD: &str = "registry.acme.example/shop/web:1.2.0-bad";
const CRASH: &str = "registry.acme.example/shop/web:1.2.0-crash";
const NEVER: &str = "registry.acme.example/shop/web:1.2.0-never";

/// Where a Deployment, a StatefulSet, a DaemonSet and a Job have their image.
const IMAGE: &str = "/spec/template/spec/containers/0/image";

/// A component of an app, with one container.
fn component(name: &str, image: &str, more: &str) -> String {
    format!(
        "    {name}:\n      containers:\n        main:\n          image: {image}\n          ports: {{http: {{port: \
         8080}}}}\n          resources: {{cpu: 10m, memory: 16Mi}}\n{more}"
    )
}

/// A first release gets ready; then nothing is written any more, not even for a commit that changes
/// nothing rendered.
pub async fn a_first_release_settles(mut world: World) -> World {
    let commit = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&commit).await;
    let deployment = world.deployment("east").await;
    assert_eq!(deployment.at("/spec/replicas").and_then(Value::as_u64), Some(3));
    assert_eq!(text(&deployment, IMAGE), GOOD);
    let before = world.cluster("east").count_writes();
    let same = world.commit("a word", &[("README.md", Some("nothing rendered"))]);
    world.until_synced(&same).await;
    world.look().await;
    world.look().await;
    let writes = (world.cluster("east").writes)();
    assert_eq!(writes.len(), before, "needless writes: {:?}", &writes[before..]);
    world
}

/// A bad image is found, brought back and held; a good commit then goes through.
pub async fn a_bad_image_is_brought_back(mut world: World) -> World {
    let commit = world.commit_web(GOOD, "");
    world.start();
    world.until_synced(&commit).await;
    let before = world.deployment("east").await;
    let bad = world.commit_web(BAD, "");
    world.until_rolled_back(&bad).await;
    let status = world.web_status().unwrap();
    assert!(status.message.contains("Git still asks for"), "{}", status.message);
    let failure = status.failed.unwrap().failure;
    assert!(failure.reason.contains("ImagePull"), "{failure}");
    assert!(failure.message.contains(BAD), "in the container's own words: {failure}");
    let after = world.deployment("east").await;
    assert_eq!(after.at("/spec/template"), before.at("/spec/template"), "the template is as it was");
    failing::stays_held(&mut world, bad).await;
    let good = world.commit_web(BETTER, "");
    world.until_synced(&good).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
    world
}
