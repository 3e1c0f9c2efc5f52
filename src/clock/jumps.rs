//! Word of clocks that jumped, for all that waits.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::Clock;

/// Longest sleep at a stretch of what waits for a date: timers don't count the time in which a host
/// slept, and a clock may be set while one sleeps.
const LONGEST_NAP: Duration = Duration::from_mins(1);

/// Tells of jumps. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JumpTeller(watch::Sender<()>);

impl Default for JumpTeller {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl JumpTeller {
    /// Wakes all that listens.
    pub fn tell(&self) {
        self.0.send_replace(());
    }

    /// The jumps from now on.
    #[must_use]
    pub fn jumps(&self) -> Jumps {
        Jumps(Some(self.0.subscribe()))
    }
}

/// The jumps of a clock from some moment on.
#[derive(Clone, Debug, Default)]
pub struct Jumps(Option<watch::Receiver<()>>);

impl Jumps {
    /// Those of a clock that nobody watches: none.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// Waits for the next jump; several that were not waited for are one. Ends never when there can't be
    /// any more. Dropped before its end it loses none.
    pub async fn next(&mut self) {
        if let Some(told) = &mut self.0
            && told.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Sleeps for `wait`, a minute at most, and no longer than until the clock jumps: whoever waits for a
/// date looks at the clock again after each nap.
pub async fn nap(clock: &dyn Clock, wait: Duration) {
    let mut jumps = clock.jumps();
    tokio::select! {
        () = sleep(clock.timer(wait).min(LONGEST_NAP)) => {}
        () = jumps.next() => {}
    }
}

/// Waits for so long; time in which the host slept counts. A clock that is set ahead ends it early, and
/// one that is set back changes nothing.
pub async fn rest(clock: &dyn Clock, wait: Duration) {
    let (begun, from) = (Instant::now(), clock.now());
    loop {
        let by_date = Duration::try_from(clock.now() - from).unwrap_or_default();
        let left = wait.saturating_sub(begun.elapsed().max(by_date));
        if left.is_zero() {
            return;
        }
        nap(clock, left).await;
    }
}

#[cfg(test)]
mod tests {
    use time::{OffsetDateTime, ext::NumericalDuration as _};

    use super::*;
    use crate::clock::SimulatedClock;

    #[tokio::test(start_paused = true)]
    async fn a_nap_ends_after_a_minute_or_with_a_jump() {
        let clock = SimulatedClock::starting_at(OffsetDateTime::UNIX_EPOCH);
        let begun = Instant::now();
        nap(&clock, Duration::from_hours(5)).await;
        assert_eq!(begun.elapsed(), LONGEST_NAP);

        let begun = Instant::now();
        let jumping = async {
            sleep(Duration::from_secs(7)).await;
            clock.set(OffsetDateTime::UNIX_EPOCH - 1.hours());
        };
        tokio::join!(nap(&clock, Duration::from_hours(5)), jumping);
        assert_eq!(begun.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_counts_the_sleep_of_the_host_and_no_step_back() {
        let start = OffsetDateTime::UNIX_EPOCH + 100.hours();
        for (set_to, expected) in [
            (start + 3.hours(), 1_200),
            (start + 30.minutes(), 3_000),
            (start - 1.hours(), 3_600),
        ] {
            let clock = SimulatedClock::starting_at(start);
            let begun = Instant::now();
            let jumping = async {
                sleep(Duration::from_mins(20)).await;
                clock.set(set_to);
            };
            tokio::join!(rest(&clock, Duration::from_hours(1)), jumping);
            assert_eq!(begun.elapsed().as_secs(), expected, "{set_to}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn jumps_that_nobody_waited_for_are_one() {
        let teller = JumpTeller::default();
        teller.tell();
        let mut jumps = teller.jumps();
        teller.tell();
        teller.tell();
        jumps.next().await;
        let more = tokio::time::timeout(Duration::from_secs(1), jumps.next()).await;
        assert!(more.is_err());
        let never = tokio::time::timeout(Duration::from_secs(1), async {
            Jumps::never().next().await;
        });
        assert!(never.await.is_err());
    }
}
