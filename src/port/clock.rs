//! The time, as the shell of the engine gets it. The pure core is handed moments.

use crate::model::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}
