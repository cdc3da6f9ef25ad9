//! Reading, resolving, rendering and checking put together: definitions in, desired state out.

mod desired;

pub use desired::{Desired, DesiredApp, DesiredState, Hidden};
