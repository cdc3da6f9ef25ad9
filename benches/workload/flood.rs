//! The peer of a first apply: the same objects, each one server-side apply PATCH, so many at a time,
//! and nothing else. No client that applies objects can be faster than this API server answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Client;
use serde_json::Value;

/// Applies objects, so many at a time.
pub async fn apply(client: &Client, manager: &str, objects: &[Value], at_once: usize) -> Duration {
    let begun = Instant::now();
    let manager: Arc<str> = manager.into();
    futures::stream::iter(objects)
        .map(|object| {
            let (client, manager) = (client.clone(), manager.clone());
            async move {
                let uri = format!("{}?fieldManager={manager}&force=true", path(object));
                let request = http::Request::patch(uri)
                    .header("content-type", "application/apply-patch+yaml")
                    .body(serde_json::to_vec(object).unwrap())
                    .unwrap();
                let answer = client.request::<Value>(request).await;
                answer.unwrap_or_else(|error| panic!("{}: {error}", path(object)));
            }
        })
        .buffer_unordered(at_once)
        .collect::<Vec<()>>()
        .await;
    begun.elapsed()
}

/// The path of an object of the kinds of the workload.
pub fn path(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let api = text("/apiVersion");
    let root = if api.contains('/') { "apis" } else { "api" };
    let plural = match text("/kind") {
        "Ingress" => "ingresses".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    format!("/{root}/{api}/namespaces/{namespace}/{plural}/{name}")
}
