//! The API server as its clients see it.

mod access;
mod admission;
mod apply;
mod client;
mod custom;
mod kubectl;
mod reads;
mod writes;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::ManualClock;
use super::bootstrap;
use super::request::User;
use super::server::ApiServer;

/// An API server without sockets and controllers.
struct Server(Arc<ApiServer>);

const NOW: &str = "2026-05-01T10:00:00Z";

impl Server {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let server = Arc::new(ApiServer::new(clock, std::collections::BTreeMap::new()));
        bootstrap::fill(&mut server.store());
        Self(server)
    }

    /// A request as a user, with a media type for its body.
    fn ask_as(&self, user: &User, method: &str, path: &str, media: &str, body: &Value) -> (u16, Value) {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media)
            .header("user-agent", "test/1")
            .body(bytes)
            .unwrap();
        let response = self.0.handle(&request, Some(user));
        let code = response.status().as_u16();
        let body = futures::executor::block_on(response.into_body().collect()).unwrap().to_bytes();
        (code, serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body))))
    }

    fn ask(&self, method: &str, path: &str, media: &str, body: &Value) -> (u16, Value) {
        self.ask_as(&admin(), method, path, media, body)
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, "", &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, "application/json", body)
    }

    fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("PUT", path, "application/json", body)
    }

    fn apply(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("PATCH", path, "application/apply-patch+yaml", body)
    }
}

fn admin() -> User {
    User::new("admin", &["system:masters", "system:authenticated"])
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}})
}

fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}
