//! The period in which the worker answers.

use time::OffsetDateTime;

/// A competition's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first moment.
    pub start: OffsetDateTime,
    /// The first moment after it.
    pub end: OffsetDateTime,
}

/// Where a moment stands to the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun; this is how long to wait.
    Before(time::Duration),
    /// It runs for this long still.
    Running(time::Duration),
    /// It is over.
    Over,
}

impl Period {
    /// Where `now` stands.
    #[must_use]
    pub fn phase(&self, now: OffsetDateTime) -> Phase {
        if now < self.start {
            Phase::Before(self.start - now)
        } else if now < self.end {
            Phase::Running(self.end - now)
        } else {
            Phase::Over
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::{Duration, macros::datetime};

    const PERIOD: Period = Period {
        start: datetime!(2025-09-16 0:00 UTC),
        end: datetime!(2025-12-15 0:00 UTC),
    };

    #[test]
    fn the_start_is_inside_and_the_end_is_not() {
        let second = Duration::SECOND;
        assert_eq!(PERIOD.phase(PERIOD.start - second), Phase::Before(second));
        assert_eq!(
            PERIOD.phase(PERIOD.start),
            Phase::Running(PERIOD.end - PERIOD.start)
        );
        assert_eq!(PERIOD.phase(PERIOD.end - second), Phase::Running(second));
        assert_eq!(PERIOD.phase(PERIOD.end), Phase::Over);
        assert_eq!((PERIOD.end - PERIOD.start).whole_hours(), 2160);
    }
}
