//! The market's time in a replay.

use std::sync::{Arc, OnceLock};

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::clock::Clock;

/// A clock that stands at a date until it is started, and then runs so many times as fast as real time.
/// Clones are one clock.
#[derive(Clone, Debug)]
pub struct MarketClock {
    start: OffsetDateTime,
    speed: f64,
    begun: Arc<OnceLock<Instant>>,
}

impl MarketClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn standing_at(start: OffsetDateTime, speed: f64) -> Self {
        Self {
            start,
            speed,
            begun: Arc::default(),
        }
    }

    /// How many times as fast as real time it runs.
    #[must_use]
    pub const fn speed(&self) -> f64 {
        self.speed
    }

    /// Starts it, unless it runs; gives when it was started.
    pub(super) fn run(&self) -> Instant {
        *self.begun.get_or_init(Instant::now)
    }

    /// When it shows a time (unix seconds), given that it runs.
    pub(super) fn when(&self, at: i64) -> Instant {
        let ahead = (at - self.start.unix_timestamp()) as f64 / self.speed;
        let ahead = std::time::Duration::try_from_secs_f64(ahead).unwrap_or_default();
        self.run() + ahead
    }
}

impl Clock for MarketClock {
    fn now(&self) -> OffsetDateTime {
        let elapsed = self.begun.get().map(Instant::elapsed).unwrap_or_default();
        let ahead = time::Duration::seconds_f64(elapsed.as_secs_f64() * self.speed);
        self.start.checked_add(ahead).unwrap_or(self.start)
    }
}
