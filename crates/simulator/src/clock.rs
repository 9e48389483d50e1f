//! The one place that reads clocks: devices and stand-ins live at the edge.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "simulated devices have clocks of their own"
)]
pub(crate) fn unix() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}

/// A monotonic instant, for latencies.
#[expect(clippy::disallowed_methods, reason = "latencies are measured here")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}
