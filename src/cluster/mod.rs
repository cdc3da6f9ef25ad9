//! A target cluster through its API server.
