//! What an API server serves: two requests, in the form that has all groups in one answer, and the
//! shape of its kinds.

use http::{Method, Request, header};
use serde::Deserialize;
use serde_json::Value;

use super::{Call, KubeCluster, REQUEST_TIMEOUT, error, openapi};
use crate::model::{ClusterFacts, Resource};
use crate::port::cluster::{ClusterError, Discovery};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Named,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize, Default)]
struct Named {
    /// The core group has none.
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Served>,
    /// `Current`, or `Stale` when the server behind an aggregated API does not answer.
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Served {
    resource: String,
    #[serde(default)]
    response_kind: Option<Kind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize, Default)]
struct Kind {
    #[serde(default)]
    kind: String,
}

pub(super) async fn discover(cluster: &KubeCluster) -> Result<Discovery, ClusterError> {
    let version = cluster.send(Call::get("/version".to_owned())).await?;
    let mut discovery = Discovery::default();
    discovery.facts.version = version["gitVersion"].as_str().unwrap_or_default().to_owned();
    for root in ["/api", "/apis"] {
        let value = get(cluster, root).await?;
        let groups: Groups = serde_json::from_value(value)
            .map_err(|error| ClusterError::Unreachable(format!("{root} can't be read: {error}")))?;
        for group in groups.items {
            take(&mut discovery, group);
        }
    }
    if discovery.facts.resources.is_empty() {
        return Err(ClusterError::Unreachable("the API server lists no resources".to_owned()));
    }
    discovery.facts.schema = openapi::schema(cluster, &discovery.facts).await;
    Ok(discovery)
}

async fn get(cluster: &KubeCluster, uri: &str) -> Result<Value, ClusterError> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(uri)
        .header(header::ACCEPT, format!("{AGGREGATED},application/json;q=0.9"))
        .body(Vec::new())
        .map_err(|error| ClusterError::Invalid(error.to_string()))?;
    match tokio::time::timeout(REQUEST_TIMEOUT, cluster.client.request::<Value>(request)).await {
        Ok(answer) => answer.map_err(error::from_kube),
        Err(_) => Err(ClusterError::Unreachable(format!("{uri} did not answer in time"))),
    }
}

/// Takes one group in; the versions come in the order of preference.
fn take(discovery: &mut Discovery, group: Group) {
    let facts: &mut ClusterFacts = &mut discovery.facts;
    let name = group.metadata.name.unwrap_or_default();
    for version in group.versions {
        if version.freshness == "Stale" {
            discovery.unanswered.push(name.clone());
        }
        for served in version.resources {
            // What can't be listed and watched is no object that is applied: reviews, bindings.
            if !served.verbs.iter().any(|verb| verb == "list") {
                continue;
            }
            facts.resources.push(Resource {
                group: name.clone(),
                version: version.version.clone(),
                kind: served.response_kind.map(|kind| kind.kind).unwrap_or_default(),
                plural: served.resource,
                namespaced: served.scope == "Namespaced",
            });
        }
    }
}
