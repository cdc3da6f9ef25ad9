//! Sluice: a declarative GitOps reconciliation engine with gray release built in.
//!
//! The program is a line: read, check, render, compare, plan, roll out. The modules below stand in
//! reading order and each uses only those before it; a test (`tidy`) holds them to it. From
//! [`model`] to [`port`] everything but [`telemetry`] is pure: no client, file, clock or
//! environment, and the time is an argument.

pub mod model;

pub mod diagnostic;

pub mod definition;
