//! Counts the writes to clusters, between the workers and the clients.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::definition::Access;
use crate::model::{ClusterName, Manifest, ObjectKey, Resource};
use crate::port::cluster::{Answer, Apply, Cluster, ClusterError, Connect, Delete, Discovery, Patch};
use crate::telemetry::{Metrics, Write};

/// Makes clients whose writes are counted.
pub struct Metered<C> {
    inner: C,
    metrics: Arc<Metrics>,
}

impl<C: Connect> Metered<C> {
    /// The same clients, counted.
    pub fn new(inner: C, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
    }
}

impl<C: Connect> Connect for Metered<C> {
    fn connect(&self, name: &ClusterName, access: &Access) -> Result<Arc<dyn Cluster>, ClusterError> {
        let inner = self.inner.connect(name, access)?;
        Ok(Arc::new(Counted { name: name.clone(), inner, metrics: self.metrics.clone() }))
    }
}

struct Counted {
    name: ClusterName,
    inner: Arc<dyn Cluster>,
    metrics: Arc<Metrics>,
}

impl Counted {
    fn count<'a, T: 'a>(&'a self, verb: &'static str, answer: Answer<'a, T>) -> Answer<'a, T> {
        Box::pin(async move {
            let answer = answer.await;
            let result = match &answer {
                Ok(_) => "done",
                Err(ClusterError::Unreachable(_) | ClusterError::Busy { .. }) => "unanswered",
                Err(_) => "refused",
            };
            self.metrics.wrote(&Write { cluster: self.name.to_string(), verb, result });
            answer
        })
    }
}

impl Cluster for Counted {
    fn discover(&self) -> Answer<'_, Discovery> {
        self.inner.discover()
    }

    fn follow(&self, kinds: &BTreeSet<Resource>) {
        self.inner.follow(kinds);
    }

    fn is_synced(&self, resource: &Resource) -> bool {
        self.inner.is_synced(resource)
    }

    fn live(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        self.inner.live(resource, key)
    }

    fn live_in(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Arc<Manifest>> {
        self.inner.live_in(resource, namespace)
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        self.inner.changed()
    }

    fn get<'a>(&'a self, resource: &'a Resource, key: &'a ObjectKey) -> Answer<'a, Option<Manifest>> {
        self.inner.get(resource, key)
    }

    fn apply<'a>(&'a self, resource: &'a Resource, apply: Apply<'a>) -> Answer<'a, Manifest> {
        let verb = if apply.dry_run { "dry-run" } else { "apply" };
        self.count(verb, self.inner.apply(resource, apply))
    }

    fn patch<'a>(&'a self, resource: &'a Resource, patch: Patch<'a>) -> Answer<'a, Manifest> {
        self.count("patch", self.inner.patch(resource, patch))
    }

    fn put<'a>(&'a self, resource: &'a Resource, object: &'a Manifest) -> Answer<'a, Manifest> {
        self.count("put", self.inner.put(resource, object))
    }

    fn delete<'a>(&'a self, resource: &'a Resource, delete: Delete<'a>) -> Answer<'a, ()> {
        self.count("delete", self.inner.delete(resource, delete))
    }
}
