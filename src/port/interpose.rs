//! Something that stands between the engine and a cluster and is told of every write: a meter, or a
//! test that ends the engine in the middle of one. Everything else goes through untouched.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::cluster::{Answer, Apply, Cluster, Delete, Discovery, Patch};
use crate::model::{Manifest, ObjectKey, Resource};

/// What a write does, in the verbs of an API server's audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Server-side apply.
    Apply,
    /// Server-side apply that changes nothing.
    DryRun,
    /// A JSON Patch.
    Patch,
    /// A new object.
    Create,
    /// Another object in the place of one.
    Update,
    /// A deletion.
    Delete,
}

/// A write that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// What it does.
    pub verb: Verb,
    /// To what kind.
    pub resource: &'a Resource,
    /// In which namespace; none = the kind has none.
    pub namespace: Option<&'a str>,
    /// To which object.
    pub name: &'a str,
}

/// Stands around the writes to a cluster.
pub trait Interpose: Send + Sync {
    /// Sends a write by awaiting `call`, now, later or never. What it is dropped with is not sent.
    fn around<'a, T: Send + 'a>(&'a self, write: Write<'a>, call: Answer<'a, T>) -> Answer<'a, T>;

    /// The worker waits for changes: a pass is over.
    fn waits(&self) {}
}

/// A cluster with something around its writes.
pub struct Interposed<I> {
    around: I,
    inner: Arc<dyn Cluster>,
}

impl<I: Interpose> Interposed<I> {
    /// Puts something around the writes to a cluster.
    pub fn new(around: I, inner: Arc<dyn Cluster>) -> Self {
        Self { around, inner }
    }
}

impl<'a> Write<'a> {
    fn of_key(verb: Verb, resource: &'a Resource, key: &'a ObjectKey) -> Self {
        Self { verb, resource, namespace: key.namespace.as_deref(), name: &key.name }
    }

    fn of_object(verb: Verb, resource: &'a Resource, object: &'a Manifest) -> Self {
        Self { verb, resource, namespace: object.namespace(), name: object.name() }
    }
}

impl<I: Interpose> Cluster for Interposed<I> {
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

    fn departed(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        self.inner.departed(resource, key)
    }

    fn live_in(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Arc<Manifest>> {
        self.inner.live_in(resource, namespace)
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        self.around.waits();
        self.inner.changed()
    }

    fn changes(&self, namespace: &str, app: Option<&str>) -> Option<u64> {
        self.inner.changes(namespace, app)
    }

    fn get<'a>(&'a self, resource: &'a Resource, key: &'a ObjectKey) -> Answer<'a, Option<Manifest>> {
        self.inner.get(resource, key)
    }

    fn apply<'a>(&'a self, resource: &'a Resource, apply: Apply<'a>) -> Answer<'a, Manifest> {
        let verb = if apply.dry_run { Verb::DryRun } else { Verb::Apply };
        let write = Write::of_object(verb, resource, apply.object);
        self.around.around(write, self.inner.apply(resource, apply))
    }

    fn patch<'a>(&'a self, resource: &'a Resource, patch: Patch<'a>) -> Answer<'a, Manifest> {
        let write = Write::of_key(Verb::Patch, resource, patch.key);
        self.around.around(write, self.inner.patch(resource, patch))
    }

    fn put<'a>(&'a self, resource: &'a Resource, object: &'a Manifest) -> Answer<'a, Manifest> {
        let verb = if object.resource_version().is_some() { Verb::Update } else { Verb::Create };
        let write = Write::of_object(verb, resource, object);
        self.around.around(write, self.inner.put(resource, object))
    }

    fn delete<'a>(&'a self, resource: &'a Resource, delete: Delete<'a>) -> Answer<'a, ()> {
        let write = Write::of_key(Verb::Delete, resource, delete.key);
        self.around.around(write, self.inner.delete(resource, delete))
    }
}
