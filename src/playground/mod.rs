//! Kubernetes-compatible API servers in one process.
//!
//! Several clusters, each with an object store, an API server and the workload controllers with
//! simulated pods. What `kubectl` and the engine see is meant to be what a real control plane
//! shows. Nothing here runs a container, keeps anything on disk or is fit for untrusted networks:
//! the servers listen on loopback, in plain HTTP.

mod admission;
pub(crate) mod apply;
mod audit;
mod bootstrap;
mod clock;
mod cluster;
mod control;
pub mod controllers;
pub(crate) mod custom;
mod defaults;
mod discovery;
pub mod kinds;
mod objects;
mod protobuf;
mod rbac;
mod request;
mod rest;
pub(crate) mod schema;
mod select;
mod server;
mod status;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod validate;
mod view;

pub use crate::clock::{ManualClock, SystemClock, TokioClock};
pub use crate::port::clock::Clock;
pub use audit::AuditEvent;
pub use cluster::{Cluster, ENGINE_USER, Options, Playground, PlaygroundError};
pub use objects::{Objects, ObjectsError};
pub use store::Store;
