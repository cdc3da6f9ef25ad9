//! Kubernetes-compatible API servers in one process.
