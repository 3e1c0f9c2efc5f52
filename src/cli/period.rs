//! A competition's period: the worker waits for its start, and ends with it.

use std::time::Duration;

use crate::{
    clock::SharedClock,
    ops::{Event, Reporter, Shutdown},
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
                    () = nap(clock, wait) => {}
                }
            }
        }
    }
}

/// Asks the worker to end when the period does.
pub(super) async fn end_with(
    period: Period,
    clock: SharedClock,
    reporter: Reporter,
    shutdown: Shutdown,
) {
    while let Phase::Running(left) = period.phase(clock.now()) {
        nap(&clock, left).await;
    }
    reporter.emit(Event::CompetitionEnded { end: period.end });
    shutdown.request("the competition has ended");
    std::future::pending::<()>().await;
}

/// Sleeps, a minute at most: the clock may be set while we sleep.
async fn nap(clock: &SharedClock, wait: time::Duration) {
    let wait = Duration::try_from(wait).unwrap_or_default();
    tokio::time::sleep(clock.timer(wait.min(Duration::from_mins(1)))).await;
}
