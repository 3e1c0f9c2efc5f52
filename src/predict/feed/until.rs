//! Waiting by the market's clock.

use std::time::Duration;

use crate::clock::{SharedClock, nap};

/// Longest sleep at a stretch: a clock that is set, or a host that slept, is noticed after it.
const NAP: Duration = Duration::from_secs(30);

/// Waits until a time, unix seconds.
pub(super) async fn until(clock: &SharedClock, due: i64) {
    loop {
        let left = due - clock.now().unix_timestamp();
        if left <= 0 {
            return;
        }
        let left = Duration::from_secs(left.unsigned_abs());
        nap(&**clock, NAP.min(left)).await;
    }
}

pub(super) fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
