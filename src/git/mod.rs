//! The Git source: fetch into a bare store, read trees from the object database.
