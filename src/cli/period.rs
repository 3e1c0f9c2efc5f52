//! A competition's period: the worker waits for its start, and ends with it.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::{SharedClock, nap},
    ops::{Event, Reporter, Shutdown, TaskGroup},
    worker::{CompetitionConfig, Period, Phase},
};

/// The configured period.
pub(super) fn period(competition: &CompetitionConfig) -> Period {
    Period {
        start: competition.start,
        end: competition.end,
    }
}

/// Waits for the period's start. False when there is nothing to start: the period is over, or the
/// operator stopped the worker.
pub(super) async fn await_start(
    period: Option<Period>,
    clock: &SharedClock,
    reporter: &Reporter,
    shutdown: &Shutdown,
) -> bool {
    let Some(period) = period else {
        reporter.emit(Event::CompetitionActive { end: None });
        return true;
    };
    let mut told = false;
    loop {
        match period.phase(clock.now()) {
            Phase::Running(_) => {
                reporter.emit(Event::CompetitionActive {
                    end: Some(period.end),
                });
                return true;
            }
            Phase::Over => {
                reporter.emit(Event::CompetitionEnded { end: period.end });
                shutdown.request("the competition has ended");
                return false;
            }
            Phase::Before(wait) => {
                if !std::mem::replace(&mut told, true) {
                    let wait_seconds = wait.whole_seconds();
                    reporter.emit(Event::CompetitionWaiting {
                        start: period.start,
                        wait_seconds,
                    });
                }
                tokio::select! {
                    _ = shutdown.requested() => return false,
                    () = nap(&**clock, unsigned(wait)) => {}
                }
            }
        }
    }
}

/// Asks the worker to end when the period does.
async fn end_with(period: Period, clock: SharedClock, reporter: Reporter, shutdown: Shutdown) {
    // A clock that is set back before the start ends nothing.
    while let Phase::Running(left) | Phase::Before(left) = period.phase(clock.now()) {
        nap(&*clock, unsigned(left)).await;
    }
    reporter.emit(Event::CompetitionEnded { end: period.end });
    shutdown.request("the competition has ended");
    std::future::pending::<()>().await;
}

fn unsigned(wait: time::Duration) -> Duration {
    Duration::try_from(wait).unwrap_or_default()
}

/// Has the process end with the competition.
pub(super) fn watch(
    group: &mut TaskGroup,
    period: Period,
    (clock, reporter, shutdown): (&SharedClock, &Reporter, &Shutdown),
) {
    let told = (Arc::clone(clock), reporter.clone(), shutdown.clone());
    group.spawn_minor("competition", move || {
        let (clock, reporter, shutdown) = told.clone();
        end_with(period, clock, reporter, shutdown)
    });
}

#[cfg(test)]
mod tests {
    use time::{Duration as Span, macros::datetime};

    use super::*;
    use crate::clock::SimulatedClock;

    const PERIOD: Period = Period {
        start: datetime!(2025-09-16 0:00 UTC),
        end: datetime!(2025-12-15 0:00 UTC),
    };

    #[tokio::test(start_paused = true)]
    async fn a_host_that_slept_through_the_start_begins_when_it_wakes() {
        let clock = SimulatedClock::starting_at(PERIOD.start - Span::hours(8));
        let shared: SharedClock = Arc::new(clock.clone());
        let (reporter, shutdown) = (Reporter::recording().0, Shutdown::new());
        let started = await_start(Some(PERIOD), &shared, &reporter, &shutdown);
        let begun = tokio::time::Instant::now();
        let waking = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            clock.set(PERIOD.start + Span::HOUR);
        };
        let (started, ()) = tokio::join!(started, waking);
        assert!(started);
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_comes_with_the_date_however_the_clock_is_set() {
        let clock = SimulatedClock::starting_at(PERIOD.end - Span::HOUR);
        let shared: SharedClock = Arc::new(clock.clone());
        let shutdown = Shutdown::new();
        let ending = end_with(PERIOD, shared, Reporter::recording().0, shutdown.clone());
        let ending = tokio::spawn(ending);
        tokio::time::sleep(Duration::from_mins(30)).await;
        clock.set(PERIOD.end - Span::hours(2));
        tokio::time::sleep(Duration::from_mins(90)).await;
        assert_eq!(shutdown.reason(), None, "an hour back is an hour more");
        clock.set(PERIOD.start - Span::HOUR);
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(shutdown.reason(), None, "before the start is not over");
        clock.set(PERIOD.end);
        shutdown.requested().await;
        ending.abort();
    }
}
