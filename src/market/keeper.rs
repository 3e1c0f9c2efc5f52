//! Keeps the candles of one ticker complete and up to date.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Health, MarketConfig, Notices, PriceSource, shelf::Shelf, supply::Supply, tiingo::seconds,
};
use crate::{clock::SharedClock, forecast::History, store::CandleRepository};

/// Longest sleep at a stretch: a clock that is set, or a host that slept, is noticed after it.
const NAP: Duration = Duration::from_secs(60);

/// The task of one ticker: recalls candles from the store, fetches what is missing from the newest
/// hour back, and then each new candle soon after the full hour. What another process writes to the
/// store, such as an import, is taken in at the next fetch, at the latest after the next full hour.
pub struct Keeper {
    pub(super) shelf: Shelf,
    pub(super) first: Supply,
    pub(super) second: Option<Supply>,
    /// How long the first may be out until the second stands in, in seconds.
    pub(super) patience: i64,
    /// The basis above which it is told.
    pub(super) max_basis: f64,
    /// Since when the second source stands in, settled time.
    pub(super) standing: Option<i64>,
    /// When it began to run, settled time.
    pub(super) begun: Option<i64>,
    /// When the two sources were compared last, settled time.
    pub(super) compared: Option<i64>,
    /// Until when it naps.
    due: i64,
}

impl Keeper {
    /// A keeper, and where its history is seen; that is empty until the keeper runs.
    pub fn new(
        ticker: &str,
        config: &MarketConfig,
        source: Arc<dyn PriceSource>,
        store: Arc<dyn CandleRepository>,
        clock: SharedClock,
        notices: Notices,
    ) -> (Self, watch::Receiver<History>) {
        let shelf = Shelf::new(ticker, config, store, clock, notices);
        let receiver = shelf.history.subscribe();
        let keeper = Self {
            shelf,
            first: Supply::new(source, config),
            second: None,
            patience: seconds(config.stand_in_after),
            max_basis: config.max_basis,
            standing: None,
            begun: None,
            compared: None,
            due: i64::MIN,
        };
        (keeper, receiver)
    }

    /// Gives it a second source, which stands in while the first is out, confirms jumps, and is compared
    /// with the first once a day.
    #[must_use]
    pub fn with_stand_in(mut self, source: Arc<dyn PriceSource>, config: &MarketConfig) -> Self {
        self.second = Some(Supply::new(source, config));
        self
    }

    /// Where it is seen how the prices are.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shelf.health.subscribe()
    }

    /// Keeps the history until `cancel`. No answer of a source and no failure of the store ends it.
    pub async fn run(&mut self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.keep()).await;
    }

    async fn keep(&mut self) {
        self.begun.get_or_insert(self.shelf.settled_now());
        self.shelf.recall().await;
        self.spare_set_aside().await;
        loop {
            self.round().await;
            self.show_health();
            self.wait().await;
            self.shelf.recall().await;
        }
    }

    async fn round(&mut self) {
        if self.shelf.settled_now() >= self.first.due {
            self.first.serve(&mut self.shelf).await;
        }
        self.confirm().await;
        let wake = self.stand_in().await;
        self.compare().await;
        self.shelf.tell_news();
        self.due = wake.map_or(self.first.due, |at| at.min(self.first.due));
    }

    /// Candles that were set aside in an earlier run are not asked for at once.
    async fn spare_set_aside(&mut self) {
        let now = self.shelf.settled_now();
        let since = self.shelf.book.since(now);
        let store = &self.shelf.store;
        let Ok(rows) = store.set_asides(&self.shelf.series, since).await else {
            return;
        };
        let supplies = [Some(&mut self.first), self.second.as_mut()];
        for supply in supplies.into_iter().flatten() {
            let origin = supply.origin();
            for row in rows.iter().filter(|row| row.source == origin) {
                supply.spare(row.start, now);
            }
        }
    }

    fn show_health(&self) {
        let trouble = self.first.out.clone();
        let standing_in = self.standing.is_some();
        let caught_up = self.first.due > self.shelf.settled_now() && self.first.complete;
        self.shelf.show_health(standing_in, trouble, caught_up);
    }

    /// Waits until something is due; no longer if the clock is set back.
    async fn wait(&mut self) {
        let begun = self.shelf.settled_now();
        loop {
            let now = self.shelf.settled_now();
            if now < begun {
                self.first.due = now;
                if let Some(second) = &mut self.second {
                    second.due = now;
                }
                return;
            }
            if now >= self.due {
                return;
            }
            let left = Duration::from_secs(self.due.abs_diff(now));
            self.shelf.nap(left.min(NAP)).await;
        }
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "backfill_tests.rs"]
mod backfill_tests;
