//! What the process tells machines about itself: log lines and metrics.
//!
//! Names and labels stand here, once. Nothing here measures by itself: whoever sees something counts
//! it, and gauges are set when somebody asks.

mod log;
mod metrics;

pub use log::{FilterError, start_log};
pub use metrics::{Metrics, Write};

#[cfg(test)]
mod tests;
