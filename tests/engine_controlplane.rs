//! The engine suite on a real control plane, with the engine as a user of its own and the rights of
//! `deploy/rights.yaml`.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

mod controlplane;
mod suite;

use std::collections::BTreeMap;
use std::sync::Arc;

use controlplane::{ADMIN, ControlPlane, ENGINE};
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
        admin: client(plane, ADMIN).await,
        connect: Arc::new(move || Ok(Arc::new(KubeCluster::new(engine.clone())) as Arc<dyn Cluster>)),
        writes: Arc::new(move || {
            plane
                .writes_by(ENGINE)
                .into_iter()
                .filter(|event| event.namespace == tenant || event.name.contains(tenant.as_str()))
                .map(|event| format!("{} {} {}/{}", event.verb, event.resource, event.namespace, event.name))
                .collect()
        }),
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
}
