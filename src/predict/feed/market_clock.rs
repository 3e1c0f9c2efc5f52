//! The market's time in a replay.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::clock::Clock;

/// A clock that stands at a date until it is started, then runs so many times as fast as real time, and
/// stands again at the end. Clones are one clock.
#[derive(Clone, Debug)]
pub(super) struct MarketClock {
    start: OffsetDateTime,
    end: OffsetDateTime,
    speed: f64,
    begun: Arc<OnceLock<Instant>>,
    is_over: Arc<AtomicBool>,
}

impl MarketClock {
    /// A clock that stands at `start` and goes as far as `end`.
    pub(super) fn between(start: OffsetDateTime, end: OffsetDateTime, speed: f64) -> Self {
        Self {
            start,
            end,
            speed,
            begun: Arc::default(),
            is_over: Arc::default(),
        }
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

    /// All prices were given: it shows the end, whatever rounding says.
    pub(super) fn finish(&self) {
        self.is_over.store(true, Relaxed);
    }
}

impl Clock for MarketClock {
    fn now(&self) -> OffsetDateTime {
        if self.is_over.load(Relaxed) {
            return self.end;
        }
        let elapsed = self.begun.get().map(Instant::elapsed).unwrap_or_default();
        let ahead = time::Duration::seconds_f64(elapsed.as_secs_f64() * self.speed);
        let now = self.start.checked_add(ahead).unwrap_or(self.end);
        now.min(self.end)
    }
}
