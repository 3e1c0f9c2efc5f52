//! How often something is tried, and how often it is told.

use std::time::Duration;

use tokio::time::Instant;

/// Pauses that double from the shortest to the longest.
#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) const fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            next: min,
        }
    }

    /// The next pause, up to a quarter shorter, so that workers don't come back in step.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        pause.mul_f64(rand::random_range(0.75..=1.0))
    }

    /// It went well: the next pause is the shortest again.
    pub(super) const fn reset(&mut self) {
        self.next = self.min;
    }
}

/// Lets something be told at once, and then no more often than each period.
#[derive(Debug)]
pub(super) struct Seldom {
    period: Duration,
    last: Option<Instant>,
}

impl Seldom {
    pub(super) const fn every(period: Duration) -> Self {
        Self { period, last: None }
    }

    /// Whether it may be told now, which counts as told.
    pub(super) fn due(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= self.period);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let (min, max) = (Duration::from_secs(1), Duration::from_secs(30));
        let mut backoff = Backoff::new(min, max);
        for whole in [1, 2, 4, 8, 16, 30, 30] {
            let pause = backoff.pause().as_secs_f64();
            let whole = f64::from(whole);
            assert!((0.75 * whole..=whole).contains(&pause), "{pause}");
        }
        backoff.reset();
        assert!(backoff.pause() <= min);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_seldom_is_told_at_once_and_then_by_its_period() {
        let mut seldom = Seldom::every(Duration::from_secs(600));
        let mut told = Vec::new();
        for minute in 0..=25 {
            if seldom.due() {
                told.push(minute);
            }
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        assert_eq!(told, [0, 10, 20]);
    }
}
