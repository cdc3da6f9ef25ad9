//! Kubernetes-compatible API servers in one process.
//!
//! Several clusters, each with an object store, an API server and the workload controllers with
//! simulated pods. What `kubectl` and the engine see is meant to be what a real control plane
//! shows. Nothing here runs a container, keeps anything on disk or is fit for untrusted networks:
//! the servers listen on loopback, in plain HTTP.

mod clock;
pub mod controllers;
pub mod kinds;
mod objects;
#[allow(dead_code, unused_imports, reason = "the API server that uses the rest is about to land")]
mod store;

pub use clock::{Clock, ManualClock, SystemClock, TokioClock};
pub use objects::{Objects, ObjectsError};
pub use store::Store;
