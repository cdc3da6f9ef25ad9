//! The least pace at which a server must send: a byte now and then is as good as silence.

use std::time::Duration;

use tokio::time::Instant;

use super::store::FetchLimits;

/// Watches the pace of one answer.
pub(super) struct Pace {
    stall: Duration,
    least_bytes: u64,
    since: Instant,
    in_window: u64,
}

impl Pace {
    /// A pace that is watched from now on.
    pub(super) fn new(limits: &FetchLimits) -> Self {
        Self { stall: limits.stall, least_bytes: limits.least_bytes, since: Instant::now(), in_window: 0 }
    }

    /// When the answer is given up, unless enough comes before.
    pub(super) fn deadline(&self) -> Instant {
        self.since + self.stall
    }

    /// So many bytes came. The clock starts anew only when enough of them did.
    pub(super) fn came(&mut self, bytes: usize) {
        self.in_window += bytes as u64;
        if self.in_window >= self.least_bytes {
            self.in_window = 0;
            self.since = Instant::now();
        }
    }
}
