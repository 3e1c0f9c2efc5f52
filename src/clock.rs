//! Wall-clock time behind a trait, so that tests decide what day it is.
//!
//! Durations and timers use `tokio::time`, which tests pause; this is for dates alone.

mod fast;
mod jumps;
mod readings;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;

pub use fast::FastClock;
pub use jumps::{JumpTeller, Jumps, nap, rest};
pub use readings::{Clocks, Jump, LATE, Reading, SystemClocks, jumps};

/// Tells the present date and time in UTC.
pub trait Clock: Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> OffsetDateTime;

    /// How long a timer has to run until so much of this clock's time has passed: the same, but for a
    /// clock that runs faster. Who waits for a date asks here first.
    fn timer(&self, span: Duration) -> Duration {
        span
    }

    /// Tells when it was set, or when the host was asleep or the process frozen: what waits for a date
    /// then looks again.
    fn jumps(&self) -> Jumps {
        Jumps::never()
    }
}

/// A clock that is shared by all rooms.
pub type SharedClock = Arc<dyn Clock>;

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// The operating system's clock, or a faster one, with word of its jumps.
#[derive(Clone, Debug, Default)]
pub struct WatchedClock {
    clock: FastClock,
    jumps: JumpTeller,
}

impl WatchedClock {
    /// This clock, whose jumps `jumps` tells of.
    #[must_use]
    pub const fn new(clock: FastClock, jumps: JumpTeller) -> Self {
        Self { clock, jumps }
    }
}

impl Clock for WatchedClock {
    fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    fn timer(&self, span: Duration) -> Duration {
        self.clock.timer(span)
    }

    fn jumps(&self) -> Jumps {
        self.jumps.jumps()
    }
}

/// A clock that starts at a given date and advances with `tokio`'s time, which tests may pause.
#[derive(Clone, Debug)]
pub struct SimulatedClock {
    origin: Arc<Mutex<(OffsetDateTime, tokio::time::Instant)>>,
    jumps: JumpTeller,
}

impl SimulatedClock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting_at(start: OffsetDateTime) -> Self {
        Self {
            origin: Arc::new(Mutex::new((start, tokio::time::Instant::now()))),
            jumps: JumpTeller::default(),
        }
    }

    /// Sets the date that the clock shows now: a jump, as after a suspend.
    pub fn set(&self, now: OffsetDateTime) {
        *self.origin.lock().unwrap_or_else(PoisonError::into_inner) =
            (now, tokio::time::Instant::now());
        self.jumps.tell();
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> OffsetDateTime {
        let (start, at) = *self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        start + at.elapsed()
    }

    fn jumps(&self) -> Jumps {
        self.jumps.jumps()
    }
}
