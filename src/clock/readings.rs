//! The system's three clocks side by side, and the jumps that they betray.

use std::{fmt, time::Duration};

use rustix::time::{ClockId, Timespec, clock_gettime};
use time::Duration as Span;

/// What the three clocks show at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The date, since 1970: it is set by people and by NTP.
    pub realtime: Span,
    /// Never set; stands still while the host sleeps. All timers go by it.
    pub monotonic: Duration,
    /// Never set; goes on while the host sleeps.
    pub boottime: Duration,
}

/// Shows the three clocks.
pub trait Clocks: Send + 'static {
    /// What they show now.
    fn read(&self) -> Reading;
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClocks;

impl Clocks for SystemClocks {
    fn read(&self) -> Reading {
        let lasting = |id| Duration::try_from(span(clock_gettime(id))).unwrap_or_default();
        Reading {
            realtime: span(clock_gettime(ClockId::Realtime)),
            monotonic: lasting(ClockId::Monotonic),
            boottime: lasting(ClockId::Boottime),
        }
    }
}

fn span(shown: Timespec) -> Span {
    Span::seconds(shown.tv_sec) + Span::nanoseconds(shown.tv_nsec)
}

/// A jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// The host slept for so long.
    Suspended(Duration),
    /// The date was set ahead or, if negative, back.
    Stepped(Span),
    /// This process was not run for so long: it was stopped, or the machine was starved.
    Frozen(Duration),
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspended(slept) => write!(f, "the host slept for {:.1} s", slept.as_secs_f64()),
            Self::Stepped(by) if by.is_negative() => {
                write!(f, "the clock was set back by {:.1} s", -by.as_seconds_f64())
            }
            Self::Stepped(by) => {
                write!(f, "the clock was set ahead by {:.1} s", by.as_seconds_f64())
            }
            Self::Frozen(away) => {
                write!(f, "the process was not run for {:.1} s", away.as_secs_f64())
            }
        }
    }
}

/// Two clocks that run apart by less between two looks have not jumped.
const TOLERATED: Duration = Duration::from_secs(1);
/// A look that comes later by more than this was held up: the process was away.
pub const LATE: Duration = Duration::from_secs(3);

/// The jumps between two readings, of which the later was to come `period` after the earlier.
#[must_use]
pub fn jumps(before: Reading, now: Reading, period: Duration) -> Vec<Jump> {
    let mut found = Vec::new();
    let ran = now.monotonic.saturating_sub(before.monotonic);
    let passed = now.boottime.saturating_sub(before.boottime);
    let late = ran.saturating_sub(period);
    if late > LATE {
        found.push(Jump::Frozen(late));
    }
    let slept = passed.saturating_sub(ran);
    if slept > TOLERATED {
        found.push(Jump::Suspended(slept));
    }
    let passed = Span::try_from(passed).unwrap_or(Span::MAX);
    let step = now
        .realtime
        .saturating_sub(before.realtime)
        .saturating_sub(passed);
    if step.unsigned_abs() > TOLERATED {
        found.push(Jump::Stepped(step));
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Span = Span::HOUR;

    /// Clocks that show these milliseconds after some start in October 2025.
    fn reading(realtime: i64, monotonic: u64, boottime: u64) -> Reading {
        Reading {
            realtime: Span::seconds(1_759_000_000) + Span::milliseconds(realtime),
            monotonic: Duration::from_millis(50_000 + monotonic),
            boottime: Duration::from_millis(90_000 + boottime),
        }
    }

    #[rstest]
    #[case::nothing((1_000, 1_000, 1_000), &[])]
    #[case::a_late_look((3_500, 3_500, 3_500), &[])]
    #[case::a_slewed_clock((1_400, 1_000, 1_000), &[])]
    #[case::a_stop((6_000, 6_000, 6_000), &[Jump::Frozen(Duration::from_secs(5))])]
    #[case::a_sleep((3_601_000, 1_000, 3_601_000), &[Jump::Suspended(Duration::from_hours(1))])]
    #[case::an_hour_ahead((3_601_000, 1_000, 1_000), &[Jump::Stepped(HOUR)])]
    #[case::an_hour_back((-3_599_000, 1_000, 1_000), &[Jump::Stepped(Span::ZERO.saturating_sub(HOUR))])]
    #[case::a_sleep_and_a_step(
        (10_000, 1_000, 3_601_000),
        &[Jump::Suspended(Duration::from_hours(1)), Jump::Stepped(Span::seconds(-3_591))]
    )]
    fn clocks_that_run_apart_betray_a_jump(
        #[case] (realtime, monotonic, boottime): (i64, u64, u64),
        #[case] expected: &[Jump],
    ) {
        let now = reading(realtime, monotonic, boottime);
        assert_eq!(jumps(reading(0, 0, 0), now, SECOND), expected);
    }

    #[test]
    fn clocks_that_run_backwards_are_borne() {
        let found = jumps(reading(0, 5_000, 5_000), reading(0, 0, 0), SECOND);
        assert_eq!(found, []);
        let found = jumps(
            reading(0, 0, 0),
            Reading {
                realtime: Span::MIN,
                ..reading(0, 1_000, 1_000)
            },
            SECOND,
        );
        assert!(matches!(found[..], [Jump::Stepped(by)] if by.is_negative()));
    }

    #[test]
    fn the_systems_clocks_run() {
        let before = SystemClocks.read();
        std::thread::sleep(Duration::from_millis(5));
        let now = SystemClocks.read();
        assert!(now.monotonic >= before.monotonic + Duration::from_millis(5));
        assert!(now.boottime >= now.monotonic);
        let date = time::OffsetDateTime::now_utc() - time::OffsetDateTime::UNIX_EPOCH;
        assert!((date - now.realtime).abs() < Span::seconds(5));
    }

    #[test]
    fn a_jump_says_which_way() {
        let back = Jump::Stepped(Span::ZERO.saturating_sub(HOUR)).to_string();
        assert_eq!(back, "the clock was set back by 3600.0 s");
        let slept = Jump::Suspended(Duration::from_millis(2_500)).to_string();
        assert_eq!(slept, "the host slept for 2.5 s");
    }
}
