//! From definitions to Kubernetes objects: one file per kind.
