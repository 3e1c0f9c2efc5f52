//! Keeps the candles of one ticker complete and up to date.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Batch, MarketConfig, MarketError, Notice, Notices,
    book::{Book, is_recent},
    notice::tell,
    tiingo::seconds,
};
use crate::{
    clock::SharedClock,
    forecast::{Candle, History},
    store::{CandleRepository, Origin, Series, StoreError},
};

/// Pause after a failure that trying again soon does not mend, such as a refused key.
const LONG_PAUSE: Duration = Duration::from_secs(900);
/// Longest sleep at a stretch: a clock that is set, or a host that slept, is noticed after it.
const NAP: Duration = Duration::from_secs(60);

/// Where complete hourly candles come from.
#[async_trait]
pub trait PriceSource: Send + Sync + 'static {
    /// Asks once for the candles that start within `hours` (unix seconds, end exclusive). The answer
    /// may hold fewer or others. What is `urgent` may use the last of the quota.
    ///
    /// # Errors
    /// Why there is no answer that can be used.
    async fn hourly(
        &self,
        ticker: &str,
        hours: Range<i64>,
        urgent: bool,
    ) -> Result<Batch, MarketError>;
}

/// The task of one ticker: recalls candles from the store, fetches what is missing from the newest
/// hour back, and then each new candle soon after the full hour.
pub struct Keeper {
    config: MarketConfig,
    source: Arc<dyn PriceSource>,
    store: Arc<dyn CandleRepository>,
    clock: SharedClock,
    notices: Notices,
    history: watch::Sender<History>,
    book: Book,
    /// Failures in a row.
    failures: u32,
    /// Candles that came since the last notice.
    added: usize,
}

impl Keeper {
    /// A keeper, and where its history is seen; that is empty until the keeper runs.
    pub fn new(
        ticker: &str,
        config: MarketConfig,
        source: Arc<dyn PriceSource>,
        store: Arc<dyn CandleRepository>,
        clock: SharedClock,
        notices: Notices,
    ) -> (Self, watch::Receiver<History>) {
        let book = Book::new(ticker, seconds(config.history), seconds(config.poll));
        let (history, receiver) = watch::channel(book.history());
        let keeper = Self {
            config,
            source,
            store,
            clock,
            notices,
            history,
            book,
            failures: 0,
            added: 0,
        };
        (keeper, receiver)
    }

    /// Keeps the history until `cancel`. No answer of the source and no failure of the store ends it.
    pub async fn run(&mut self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.keep()).await;
    }

    async fn keep(&mut self) {
        self.recall().await;
        loop {
            let failed = self.catch_up().await.err();
            if self.added > 0 {
                self.tell_updated();
            }
            let due = match failed {
                Some(cause) => self.after_failure(&cause),
                None => self.next_due(),
            };
            self.wait_until(due).await;
        }
    }

    /// Waits for a time of the wall clock; no longer if the clock is set back.
    async fn wait_until(&self, due: i64) {
        let begun = self.settled_now();
        loop {
            let now = self.settled_now();
            if now < begun || now >= due {
                return;
            }
            sleep(Duration::from_secs(due.abs_diff(now)).min(NAP)).await;
        }
    }

    /// Unix seconds at or before which candles that ended are complete.
    fn settled_now(&self) -> i64 {
        self.clock.now().unix_timestamp() - seconds(self.config.settle)
    }

    async fn recall(&mut self) {
        let since = self.book.since(self.settled_now());
        let ticker = self.book.ticker().to_owned();
        match self.store.load(&ticker, since).await {
            Ok(candles) => {
                if !self.take_in(&candles).is_empty() {
                    self.tell_updated();
                }
            }
            Err(cause) => self.tell_not_kept(&cause),
        }
    }

    /// Fetches until nothing is missing that the source has.
    async fn catch_up(&mut self) -> Result<(), MarketError> {
        let step = i64::from(self.config.step_days) * 24 * 3600;
        loop {
            let now = self.settled_now();
            self.book.trim(now);
            let Some(hours) = self.book.missing(now, step) else {
                return Ok(());
            };
            let urgent = is_recent(&hours, now);
            let ticker = self.book.ticker();
            let batch = self.source.hourly(ticker, hours.clone(), urgent).await?;
            self.failures = 0;
            self.absorb(batch, hours).await;
        }
    }

    async fn absorb(&mut self, batch: Batch, hours: Range<i64>) {
        let news = self.take_in(&batch.candles);
        // While an answer brings something, the rest is asked for again; after that it is absent.
        if !news.iter().any(|candle| hours.contains(&candle.start)) {
            self.book.note_absent(hours, self.settled_now());
        }
        if !news.is_empty() {
            self.added += news.len();
            if let Err(cause) = self
                .store
                .keep(&Series::hourly(self.book.ticker()), Origin::Tiingo, &news)
                .await
            {
                self.tell_not_kept(&cause);
            }
        }
        if let Some(example) = batch.example {
            let notice = Notice::SetAside {
                ticker: self.book.ticker().to_owned(),
                count: batch.bad_rows,
                example,
            };
            tell(&self.notices, notice);
        }
    }

    /// Lets candles be known to all, and returns those that were not.
    fn take_in(&mut self, candles: &[Candle]) -> Vec<Candle> {
        let now = self.settled_now();
        let complete: Vec<Candle> = candles
            .iter()
            .filter(|candle| candle.end() <= now)
            .copied()
            .collect();
        let news = self.book.insert(&complete, now);
        if !news.is_empty() {
            self.history.send_replace(self.book.history());
        }
        news
    }

    /// When to ask again, in settled time.
    fn next_due(&self) -> i64 {
        let jitter = self.config.jitter.mul_f64(rand::random_range(0.0..1.0));
        self.book.next_ask(self.settled_now()) + seconds(jitter)
    }

    /// Tells of a failure, and returns when to try again.
    fn after_failure(&mut self, cause: &MarketError) -> i64 {
        let now = self.settled_now();
        let pause = self.pause_after(cause);
        let mut due = now + seconds(pause).max(1);
        if matches!(cause, MarketError::QuotaSpent { .. }) {
            // What is left of the quota is for the newest candle.
            due = due.min(now.div_euclid(3600) * 3600 + 3600);
        }
        let notice = Notice::Unavailable {
            ticker: self.book.ticker().to_owned(),
            cause: cause.cause(),
            remedy: cause.remedy().to_owned(),
            retry_in: Duration::from_secs(due.abs_diff(now)),
        };
        tell(&self.notices, notice);
        due
    }

    fn pause_after(&mut self, cause: &MarketError) -> Duration {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let backoff = self.config.backoff_min.saturating_mul(1 << doublings);
        let mut pause = backoff.min(self.config.backoff_max);
        if !cause.is_transient() {
            pause = pause.max(LONG_PAUSE);
        }
        pause = pause.mul_f64(rand::random_range(1.0..1.25));
        cause.retry_after().map_or(pause, |wait| wait.max(pause))
    }

    fn tell_updated(&mut self) {
        let notice = Notice::Updated {
            ticker: self.book.ticker().to_owned(),
            closes: self.book.len(),
            added: std::mem::take(&mut self.added),
            until: self.history.borrow().until(),
        };
        tell(&self.notices, notice);
    }

    fn tell_not_kept(&self, cause: &StoreError) {
        let notice = Notice::NotKept {
            ticker: self.book.ticker().to_owned(),
            cause: cause.to_string(),
        };
        tell(&self.notices, notice);
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
