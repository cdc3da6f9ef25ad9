//! The shape of the kinds that an API server serves, from its OpenAPI v3 documents.
//!
//! The index names each document with the hash of its content: while no hash changes, nothing is
//! read again. What can't be read leaves its kinds unchecked; nothing waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;

use super::{Call, KubeCluster, REQUEST_TIMEOUT, error};
use crate::model::ClusterFacts;
use crate::model::schema::{KnownSchema, Reducer};
use crate::port::cluster::ClusterError;

/// The most bytes of one document. The largest of Kubernetes itself has under 2 MiB; a group of many
/// custom resources may have ten times that.
const DOCUMENT_BYTES: usize = 32 << 20;

/// The most documents that are read.
const MOST_DOCUMENTS: usize = 1_000;

#[derive(Deserialize)]
struct Index {
    paths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "serverRelativeURL")]
    address: String,
}

/// What was read last: the documents by their addresses, hashes included, and what came of them.
#[derive(Default)]
pub(super) struct LastRead(Mutex<Option<(BTreeMap<String, String>, KnownSchema)>>);

/// The schema of the kinds that `facts` names; none where the API server does not publish it.
pub(super) async fn schema(cluster: &KubeCluster, facts: &ClusterFacts) -> Option<KnownSchema> {
    let index = match cluster.send(Call::get("/openapi/v3".to_owned())).await {
        Ok(value) => serde_json::from_value::<Index>(value).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let index = index
        .map_err(|error| tracing::warn!(%error, "the API server does not publish the shape of its kinds"))
        .ok()?;
    let served: BTreeSet<(String, &str)> =
        facts.resources.iter().map(|held| (held.api_version(), held.kind.as_str())).collect();
    let groups: BTreeSet<&str> = served.iter().map(|(api_version, _)| api_version.as_str()).collect();
    let wanted: BTreeMap<String, String> = index
        .paths
        .into_iter()
        .filter(|(path, _)| {
            let group = path.strip_prefix("apis/").or_else(|| path.strip_prefix("api/"));
            group.is_some_and(|group| groups.contains(group))
        })
        .map(|(path, entry)| (path, entry.address))
        .take(MOST_DOCUMENTS)
        .collect();
    let last = cluster.schema.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((_, known)) = last.filter(|(addresses, _)| *addresses == wanted) {
        return Some(known);
    }
    let mut reducer = Reducer::default();
    let mut whole = true;
    for (path, address) in &wanted {
        let taken = match document(cluster, address).await {
            Ok(bytes) => reducer
                .add(&bytes, |api_version, kind| served.contains(&(api_version.to_owned(), kind)))
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = taken {
            tracing::warn!(%path, %error, "the shape of some kinds can't be read; they stay unchecked");
            whole = false;
        }
    }
    let known = KnownSchema::new(Arc::new(reducer.finish()));
    let read = whole.then(|| (wanted, known.clone()));
    *cluster.schema.0.lock().unwrap_or_else(PoisonError::into_inner) = read;
    Some(known)
}

async fn document(cluster: &KubeCluster, address: &str) -> Result<Vec<u8>, ClusterError> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(address)
        .header(header::ACCEPT, "application/json")
        .body(kube::client::Body::empty())
        .map_err(|error| ClusterError::Invalid(error.to_string()))?;
    let read = async {
        let response = cluster.client.send(request).await.map_err(error::from_kube)?;
        if !response.status().is_success() {
            return Err(ClusterError::Unreachable(format!("status {}", response.status())));
        }
        let body = Limited::new(response.into_body(), DOCUMENT_BYTES).collect().await;
        let body = body.map_err(|error| ClusterError::Unreachable(error.to_string()))?;
        Ok(body.to_bytes().to_vec())
    };
    match tokio::time::timeout(REQUEST_TIMEOUT, read).await {
        Ok(answer) => answer,
        Err(_) => Err(ClusterError::Unreachable(format!("{address} did not answer in time"))),
    }
}
