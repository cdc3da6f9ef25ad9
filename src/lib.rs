//! Sluice: a declarative GitOps reconciliation engine with gray release built in.
//!
//! The program is a line: read, check, render, compare, plan, roll out. The modules below stand in
//! reading order and each uses only those before it; a test (`tidy`) holds them to it. From
//! [`model`] to [`port`] everything but [`telemetry`] is pure: no client, file, clock or
//! environment, and the time is an argument.

pub mod model;

pub mod diagnostic;

pub mod settings;

pub mod telemetry;

pub mod definition;

pub mod signature;

pub mod resolve;

pub mod render;

pub mod check;

pub mod compile;

pub mod health;

pub mod diff;

pub mod inventory;

pub mod accepted;

pub mod wanted;

pub mod plan;

pub mod rollout;

pub mod port;

pub mod clock;

pub mod git;

pub mod cluster;

pub mod artifact;

pub mod ledger;

pub mod playground;

pub mod engine;

pub mod api;

pub mod cli;

#[cfg(test)]
mod tidy;
