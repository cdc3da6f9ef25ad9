//! How many pods of a component are available, followed event by event.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use tokio::task::JoinHandle;

use crate::cli::demo::stage::world;
use crate::cli::failure::Failure;
use crate::playground::Cluster;

/// Counts the available pods of a component in one cluster, from a moment on.
///
/// A pod is available while it is ready and not on its way out. Every change of every pod is one
/// event of the watch, so no moment in between is missed.
pub struct Count {
    /// The cluster.
    pub cluster: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// At the beginning.
    pub first: usize,
    /// At the worst moment.
    pub least: usize,
    /// How many changes of pods were looked at.
    pub events: usize,
    /// Whether the watch broke: then nothing is known.
    pub broken: bool,
}

impl Count {
    /// Begins to count.
    ///
    /// # Errors
    /// The pods can't be listed or watched.
    pub async fn start(cluster: &Cluster, namespace: &str, selector: &str) -> Result<Self, Failure> {
        let pods: Api<Pod> = Api::namespaced(cluster.client("admin"), namespace);
        let list = pods.list(&ListParams::default().labels(selector)).await.map_err(world("list pods"))?;
        let version = list.metadata.resource_version.unwrap_or_default();
        let mut available: BTreeMap<String, bool> =
            list.items.iter().map(|pod| (name(pod), is_available(pod))).collect();
        let count = |available: &BTreeMap<String, bool>| available.values().filter(|is| **is).count();
        let first = count(&available);
        let seen = Arc::new(Mutex::new(Seen { first, least: first, events: 0, broken: false }));
        let watch = WatchParams::default().labels(selector).timeout(290);
        let mut events = pods.watch(&watch, &version).await.map_err(world("watch pods"))?.boxed();
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let event = events.try_next().await;
                let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(Some(WatchEvent::Added(pod) | WatchEvent::Modified(pod))) => {
                        available.insert(name(&pod), is_available(&pod));
                    }
                    Ok(Some(WatchEvent::Deleted(pod))) => {
                        available.remove(&name(&pod));
                    }
                    Ok(Some(WatchEvent::Bookmark(_))) => continue,
                    Ok(Some(WatchEvent::Error(_)) | None) | Err(_) => {
                        seen.broken = true;
                        return;
                    }
                }
                seen.events += 1;
                seen.least = seen.least.min(count(&available));
            }
        });
        Ok(Self { cluster: cluster.name().to_owned(), seen, task })
    }

    /// What was counted so far.
    pub fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn name(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

fn is_available(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
