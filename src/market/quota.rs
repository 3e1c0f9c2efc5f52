//! Counts requests, so that the plan's quota is not overrun.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::MarketConfig;
use crate::{
    clock::SharedClock,
    store::{QuotaLimit, QuotaRepository},
};

/// Milliseconds.
const HOUR: i64 = 3_600_000;
/// Milliseconds.
const DAY: i64 = 24 * HOUR;
/// The account under which Tiingo's requests are counted: a worker has one key.
pub(super) const ACCOUNT: &str = "tiingo";

/// The requests of the last hour and day, shared by all tickers of one key and, with a store, by all
/// processes and over restarts. Without one, or while it fails, the requests of this process count.
pub(super) struct Quota {
    per_hour: u32,
    per_day: u32,
    clock: SharedClock,
    store: Option<Arc<dyn QuotaRepository>>,
    /// Unix milliseconds of this process's requests.
    sent: Mutex<Vec<i64>>,
}

impl Quota {
    pub(super) fn new(config: &MarketConfig, clock: SharedClock) -> Self {
        Self {
            per_hour: config.requests_per_hour,
            per_day: config.requests_per_day,
            clock,
            store: None,
            sent: Mutex::default(),
        }
    }

    pub(super) fn remembering(mut self, store: Arc<dyn QuotaRepository>) -> Self {
        self.store = Some(store);
        self
    }

    /// Counts a request that is sent now. One that is not urgent must leave a fifth of the quota to
    /// those that are.
    ///
    /// # Errors
    /// How long until the request would be free.
    pub(super) async fn take(&self, urgent: bool) -> Result<(), Duration> {
        let (now, limits) = (self.now(), self.limits(urgent));
        let granted = match self.ask_store(now, &limits).await {
            Some(granted) => granted,
            None => fits(&self.own(now), now, &limits),
        };
        if granted {
            self.note(now);
            return Ok(());
        }
        let mut known = self.known(now).await;
        let free = reserve(&mut known, now, &limits, 1);
        Err(span(free - now).max(Duration::from_secs(1)))
    }

    /// How long so many further requests take that are not urgent.
    pub(super) async fn takes(&self, requests: usize) -> Duration {
        let now = self.now();
        let mut known = self.known(now).await;
        span(reserve(&mut known, now, &self.limits(false), requests) - now)
    }

    fn limits(&self, urgent: bool) -> [QuotaLimit; 2] {
        let share = |most: u32| if urgent { most } else { most - most / 5 };
        let limit = |span, most| QuotaLimit {
            span,
            most: share(most),
        };
        [limit(HOUR, self.per_hour), limit(DAY, self.per_day)]
    }

    fn now(&self) -> i64 {
        let milliseconds = self.clock.now().unix_timestamp_nanos() / 1_000_000;
        i64::try_from(milliseconds).unwrap_or(i64::MAX)
    }

    async fn ask_store(&self, now: i64, limits: &[QuotaLimit]) -> Option<bool> {
        let store = self.store.as_ref()?;
        let granted = store.request(ACCOUNT, now, limits).await;
        granted
            .inspect_err(|cause| tracing::warn!(%cause, "the quota is counted in memory"))
            .ok()
    }

    async fn known(&self, now: i64) -> Vec<i64> {
        if let Some(store) = &self.store
            && let Ok(known) = store.requests(ACCOUNT, now - DAY).await
        {
            return known;
        }
        self.own(now)
    }

    fn own(&self, now: i64) -> Vec<i64> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        // What lies ahead was sent before the clock was set back.
        sent.retain(|at| *at > now - DAY && *at <= now + HOUR);
        sent.clone()
    }

    fn note(&self, now: i64) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(now);
    }
}

fn fits(known: &[i64], now: i64, limits: &[QuotaLimit]) -> bool {
    limits.iter().all(|limit| {
        let within = known.iter().filter(|at| **at > now - limit.span).count();
        within < limit.most as usize
    })
}

/// Adds so many requests, each as soon as all limits allow it; gives when the last one is free.
fn reserve(known: &mut Vec<i64>, now: i64, limits: &[QuotaLimit], requests: usize) -> i64 {
    let mut last = now;
    for _ in 0..requests {
        for limit in limits {
            // The request that must leave the span before another fits into it.
            let blocking = known.len().checked_sub(limit.most as usize);
            if let Some(at) = blocking.and_then(|index| known.get(index)) {
                last = last.max(at + limit.span);
            }
        }
        known.push(last);
    }
    last
}

fn span(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use tokio::time::advance;

    use super::*;
    use crate::{clock::SimulatedClock, market::testing_store::Memory};

    fn quota(per_hour: u32, per_day: u32) -> Quota {
        let config = MarketConfig {
            requests_per_hour: per_hour,
            requests_per_day: per_day,
            ..MarketConfig::default()
        };
        let clock = SimulatedClock::starting_at(datetime!(2025-10-01 12:00 UTC));
        Quota::new(&config, Arc::new(clock))
    }

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_a_fifth_for_what_is_urgent() {
        let quota = quota(10, 1000);
        for _ in 0..8 {
            assert_eq!(quota.take(false).await, Ok(()));
        }
        advance(minutes(10)).await;
        assert_eq!(quota.take(false).await, Err(minutes(50)));
        assert_eq!(quota.take(true).await, Ok(()));
        assert_eq!(quota.take(true).await, Ok(()));
        assert_eq!(quota.take(true).await, Err(minutes(50)));
        advance(minutes(50)).await;
        assert_eq!(quota.take(false).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_to_the_day() {
        let quota = quota(50, 60);
        for hour in 0..24 {
            let mut granted = 0;
            while granted < 50 && quota.take(true).await.is_ok() {
                granted += 1;
            }
            assert_eq!(granted, [50, 10].get(hour).copied().unwrap_or(0), "{hour}");
            advance(minutes(60)).await;
        }
        assert_eq!(quota.take(true).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn tells_how_long_requests_will_take() {
        let quota = quota(50, 1000);
        assert_eq!(quota.takes(40).await, Duration::ZERO);
        assert_eq!(quota.takes(41).await, minutes(60));
        assert_eq!(quota.takes(100).await, minutes(120));
        for _ in 0..30 {
            assert_eq!(quota.take(false).await, Ok(()));
        }
        advance(minutes(15)).await;
        assert_eq!(quota.takes(10).await, Duration::ZERO);
        assert_eq!(quota.takes(14).await, minutes(45));
        assert_eq!(quota.takes(900).await, minutes(27 * 60 - 15));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_remembers_over_a_restart_and_for_another_process() {
        let store = Arc::new(Memory::default());
        let one = quota(10, 1000).remembering(Arc::clone(&store) as _);
        for _ in 0..8 {
            assert_eq!(one.take(false).await, Ok(()));
        }
        let other = quota(10, 1000).remembering(store);
        advance(minutes(10)).await;
        assert_eq!(other.takes(1).await, minutes(50));
        assert_eq!(one.take(false).await, Err(minutes(50)));
        assert_eq!(one.take(true).await, Ok(()));
    }
}
