//! A target cluster through its API server.
//!
//! Requests carry their deadline; watches keep what is followed in memory, whole lists replacing
//! what was known before in one step. Nothing here decides: what to write, and whether to write it
//! again, is the worker's.

mod changes;
mod connect;
mod discovery;
mod error;
mod openapi;
mod rights;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, Request, header};
use kube::Client;
use serde_json::{Value, json};

use crate::model::{Manifest, ObjectKey, Resource};
use crate::port::cluster::{Answer, Apply, Cluster, ClusterError, Delete, Discovery, Patch};

pub use changes::Changes;
pub use connect::KubeConnect;
pub use watch::Rhythm;
use watch::Watches;

/// The deadline of one request. An API server's own is 60 s; a worker rather asks again than waits
/// so long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A cluster behind a client.
pub struct KubeCluster {
    client: Client,
    watches: Watches,
    schema: openapi::LastRead,
}

impl KubeCluster {
    /// A cluster behind a client. Makes no request.
    pub fn new(client: Client) -> Self {
        Self::with_rhythm(client, Rhythm::default())
    }

    /// The same, with watches that are renewed at another pace.
    pub fn with_rhythm(client: Client, rhythm: Rhythm) -> Self {
        Self { watches: Watches::new(client.clone(), rhythm), client, schema: openapi::LastRead::default() }
    }

    async fn send(&self, call: Call<'_>) -> Result<Value, ClusterError> {
        let mut request = Request::builder().method(call.method).uri(&call.uri);
        if let Some(user) = call.as_user {
            request = request.header("Impersonate-User", user);
        }
        if let Some(kind) = call.content_type {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let body = match &call.body {
            Some(body) => {
                serde_json::to_vec(body).map_err(|error| ClusterError::Invalid(error.to_string()))?
            }
            None => Vec::new(),
        };
        let request = request.body(body).map_err(|error| ClusterError::Invalid(error.to_string()))?;
        match tokio::time::timeout(REQUEST_TIMEOUT, self.client.request::<Value>(request)).await {
            Ok(answer) => answer.map_err(error::from_kube),
            Err(_) => Err(ClusterError::Unreachable(format!(
                "{} did not answer within {} s",
                call.uri,
                REQUEST_TIMEOUT.as_secs()
            ))),
        }
    }

    async fn send_object(&self, call: Call<'_>) -> Result<Manifest, ClusterError> {
        let value = self.send(call).await?;
        Manifest::new(value)
            .map_err(|error| ClusterError::Unreachable(format!("an answer that is no object: {error}")))
    }
}

/// One request.
struct Call<'a> {
    method: Method,
    uri: String,
    as_user: Option<&'a str>,
    content_type: Option<&'static str>,
    body: Option<Value>,
}

impl Call<'_> {
    fn get(uri: String) -> Self {
        Self { method: Method::GET, uri, as_user: None, content_type: None, body: None }
    }
}

/// The path of a kind's objects, in a namespace where they have one.
fn collection(resource: &Resource, namespace: Option<&str>) -> String {
    let root = if resource.group.is_empty() {
        format!("/api/{}", resource.version)
    } else {
        format!("/apis/{}/{}", resource.group, resource.version)
    };
    match namespace.filter(|_| resource.namespaced) {
        Some(namespace) => format!("{root}/namespaces/{namespace}/{}", resource.plural),
        None => format!("{root}/{}", resource.plural),
    }
}

fn path(resource: &Resource, key: &ObjectKey) -> String {
    format!("{}/{}", collection(resource, key.namespace.as_deref()), key.name)
}

impl Cluster for KubeCluster {
    fn discover(&self) -> Answer<'_, Discovery> {
        Box::pin(discovery::discover(self))
    }

    fn follow(&self, kinds: &BTreeSet<Resource>) {
        self.watches.follow(kinds);
    }

    fn is_synced(&self, resource: &Resource) -> bool {
        self.watches.is_synced(resource)
    }

    fn live(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        self.watches.object(resource, key)
    }

    fn departed(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Manifest>> {
        self.watches.departed(resource, key)
    }

    fn live_in(&self, resource: &Resource, namespace: Option<&str>) -> Vec<Arc<Manifest>> {
        self.watches.objects(resource, namespace)
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.watches.changed())
    }

    fn changes(&self, namespace: &str, app: Option<&str>) -> Option<u64> {
        Some(self.watches.changes(namespace, app))
    }

    fn get<'a>(&'a self, resource: &'a Resource, key: &'a ObjectKey) -> Answer<'a, Option<Manifest>> {
        Box::pin(async move {
            match self.send_object(Call::get(path(resource, key))).await {
                Ok(object) => Ok(Some(object)),
                Err(ClusterError::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn apply<'a>(&'a self, resource: &'a Resource, apply: Apply<'a>) -> Answer<'a, Manifest> {
        Box::pin(async move {
            let mut uri = format!(
                "{}?fieldManager={}&force={}",
                path(resource, &apply.object.key()),
                apply.manager,
                apply.force
            );
            if apply.dry_run {
                uri.push_str("&dryRun=All");
            }
            let mut body = apply.object.as_value().clone();
            body["apiVersion"] = json!(resource.api_version());
            self.send_object(Call {
                method: Method::PATCH,
                uri,
                as_user: apply.as_user,
                content_type: Some("application/apply-patch+yaml"),
                body: Some(body),
            })
            .await
        })
    }

    fn patch<'a>(&'a self, resource: &'a Resource, patch: Patch<'a>) -> Answer<'a, Manifest> {
        Box::pin(async move {
            self.send_object(Call {
                method: Method::PATCH,
                uri: format!("{}?fieldManager={}", path(resource, patch.key), patch.manager),
                as_user: patch.as_user,
                content_type: Some("application/json-patch+json"),
                body: Some(patch.operations.clone()),
            })
            .await
        })
    }

    fn put<'a>(&'a self, resource: &'a Resource, object: &'a Manifest) -> Answer<'a, Manifest> {
        Box::pin(async move {
            let replace = object.resource_version().is_some();
            let (method, uri) = if replace {
                (Method::PUT, path(resource, &object.key()))
            } else {
                (Method::POST, collection(resource, object.namespace()))
            };
            self.send_object(Call {
                method,
                uri: format!("{uri}?fieldManager={}", crate::model::FIELD_MANAGER),
                as_user: None,
                content_type: Some("application/json"),
                body: Some(object.as_value().clone()),
            })
            .await
        })
    }

    fn delete<'a>(&'a self, resource: &'a Resource, delete: Delete<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut preconditions = json!({"uid": delete.uid});
            if let Some(version) = delete.resource_version {
                preconditions["resourceVersion"] = json!(version);
            }
            let call = Call {
                method: Method::DELETE,
                uri: path(resource, delete.key),
                as_user: delete.as_user,
                content_type: Some("application/json"),
                body: Some(json!({
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "propagationPolicy": "Background",
                    "preconditions": preconditions,
                })),
            };
            match self.send(call).await {
                Ok(_) | Err(ClusterError::NotFound(_)) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }
}
