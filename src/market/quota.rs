//! Counts requests, so that the plan's quota is not overrun.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The requests of the last hour and day, shared by all tickers of one key.
///
/// A restart forgets them; the server's own count then has the last word.
#[derive(Debug)]
pub(super) struct Quota {
    per_hour: usize,
    per_day: usize,
    sent: Mutex<VecDeque<Instant>>,
}

impl Quota {
    pub(super) fn new(per_hour: u32, per_day: u32) -> Self {
        Self {
            per_hour: per_hour as usize,
            per_day: per_day as usize,
            sent: Mutex::default(),
        }
    }

    /// Counts a request that is sent now. One that is not urgent must leave a fifth of the quota to
    /// those that are.
    ///
    /// # Errors
    /// How long until the request would be free.
    pub(super) fn take(&self, urgent: bool) -> Result<(), Duration> {
        let now = Instant::now();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        while sent.front().is_some_and(|&at| now - at >= DAY) {
            sent.pop_front();
        }
        let share = |limit: usize| if urgent { limit } else { limit - limit / 5 };
        let wait = |limit: usize, span: Duration| -> Duration {
            // The request that must leave the span before another fits into it.
            let blocking = sent.len().checked_sub(limit).and_then(|at| sent.get(at));
            blocking.map_or(Duration::ZERO, |&at| span.saturating_sub(now - at))
        };
        let wait = wait(share(self.per_hour), HOUR).max(wait(share(self.per_day), DAY));
        if wait.is_zero() {
            sent.push_back(now);
            Ok(())
        } else {
            Err(wait)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_a_fifth_for_what_is_urgent() {
        let quota = Quota::new(10, 1000);
        for _ in 0..8 {
            assert_eq!(quota.take(false), Ok(()));
        }
        advance(Duration::from_secs(600)).await;
        assert_eq!(quota.take(false), Err(Duration::from_secs(3000)));
        assert_eq!(quota.take(true), Ok(()));
        assert_eq!(quota.take(true), Ok(()));
        assert_eq!(quota.take(true), Err(Duration::from_secs(3000)));
        advance(Duration::from_secs(3000)).await;
        assert_eq!(quota.take(false), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_to_the_day() {
        let quota = Quota::new(50, 60);
        for hour in 0..24 {
            let granted = (0..50).take_while(|_| quota.take(true).is_ok()).count();
            assert_eq!(granted, [50, 10].get(hour).copied().unwrap_or(0), "{hour}");
            advance(HOUR).await;
        }
        assert_eq!(quota.take(true), Ok(()));
    }
}
