//! A clock that runs faster than time.

use std::{fmt, str::FromStr, time::Duration};

use time::OffsetDateTime;

use super::Clock;

/// The operating system's clock, run faster from a moment on: a season's hours pass in a second each, and
/// all processes that are told the same agree on the date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastClock {
    origin: OffsetDateTime,
    speed: u32,
}

impl FastClock {
    /// The highest speed: a day in less than a second.
    pub const FASTEST: u32 = 100_000;

    /// A clock that shows the system's time until `origin`, and from then on so many seconds a second.
    #[must_use]
    pub fn new(origin: OffsetDateTime, speed: u32) -> Self {
        let speed = speed.clamp(1, Self::FASTEST);
        Self { origin, speed }
    }
}

impl Default for FastClock {
    /// As fast as the system's.
    fn default() -> Self {
        Self::new(OffsetDateTime::UNIX_EPOCH, 1)
    }
}

impl Clock for FastClock {
    fn now(&self) -> OffsetDateTime {
        let now = OffsetDateTime::now_utc();
        let ahead = (now - self.origin).max(time::Duration::ZERO);
        let ahead = ahead.saturating_mul(i32::try_from(self.speed - 1).unwrap_or(i32::MAX));
        now.saturating_add(ahead)
    }

    fn timer(&self, span: Duration) -> Duration {
        span / self.speed
    }
}

/// As it is given on a command line: `1735689600000@3000` for unix milliseconds and the speed.
impl fmt::Display for FastClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.origin.unix_timestamp_nanos() / 1_000_000;
        write!(f, "{milliseconds}@{}", self.speed)
    }
}

impl FromStr for FastClock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (origin, speed) = text.split_once('@')?;
            let nanoseconds = i128::from(origin.parse::<i64>().ok()?) * 1_000_000;
            let origin = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
            let speed = speed.parse().ok()?;
            (1..=Self::FASTEST)
                .contains(&speed)
                .then(|| Self::new(origin, speed))
        };
        read().ok_or_else(|| {
            format!(
                "{text:?} is no clock: write unix milliseconds, @, and a speed from 1 to {}",
                Self::FASTEST
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_shows_an_hour_for_each_second_and_its_timers_are_short() {
        let now = OffsetDateTime::now_utc();
        let clock = FastClock::new(now - time::Duration::seconds(10), 3_600);
        let ahead = clock.now() - now;
        assert!(
            (9.9..11.0).contains(&(ahead.as_seconds_f64() / 3_600.0)),
            "{ahead}"
        );
        let hour = clock.timer(Duration::from_hours(1));
        assert_eq!(hour, Duration::from_secs(1));
        // Before it begins, and by default, it is the system's.
        let later = FastClock::new(now + time::Duration::HOUR, 3_600);
        for clock in [later, FastClock::default()] {
            assert!((clock.now() - now).whole_seconds() < 5);
        }
    }

    #[test]
    fn a_fast_clock_is_read_as_it_is_written() {
        let clock: FastClock = "1735689600123@3000".parse().unwrap();
        assert_eq!(clock.to_string(), "1735689600123@3000");
        for wrong in [
            "",
            "3000",
            "1@0",
            "x@3",
            "1@200000",
            "-9223372036854775808@2",
        ] {
            assert!(wrong.parse::<FastClock>().is_err(), "{wrong}");
        }
    }
}
