//! The past: what the store keeps of it, and what is fetched.

use std::{ops::Range, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    FeedError,
    desk::{Desk, Done, close},
    live::Supplies,
    until::seconds,
};
use crate::{
    clock::SharedClock,
    market::{self, FetchError, Fetched, MarketConfig, PriceSource},
    ops::{Event, Reporter},
    predict::Prices,
    store::{Series, StoreError, StoredCandle},
};

/// After how many seconds a past that could not be fetched is asked for again.
const AGAIN: i64 = 3_600;

impl Desk {
    /// Fetches the past, as far as it comes in time; the rest goes on behind.
    pub(super) async fn history(&mut self) -> Result<Prices, FeedError> {
        for place in 0..self.assets.len() {
            self.begin_fetch(place);
        }
        let deadline = Instant::now() + self.config.patience;
        let mut failed = None;
        while let Ok(Some(Ok(Done::Fetched(place, done)))) =
            timeout_at(deadline, self.works.join_next()).await
        {
            failed = self.note_fetch(place, done).or(failed);
        }
        let mut prices = Prices::default();
        for place in 0..self.assets.len() {
            let kept = self.load(place).await?;
            prices.merge(self.remember(place, &kept));
        }
        match failed.filter(|_| prices.is_empty() && self.works.is_empty()) {
            Some(cause) => Err(FeedError::NoPrices { cause }),
            None => Ok(prices),
        }
    }

    /// Begins to fetch what is missing of an asset's past.
    pub(super) fn begin_fetch(&mut self, place: usize) {
        let mut market = self.config.market.clone();
        market.history = self.config.history;
        let fetch = Fetch {
            series: self.assets[place].series.clone(),
            within: self.past(),
            patience: self.config.patience,
            market,
            supplies: self.supplies.clone(),
            clock: Arc::clone(&self.clock),
            reporter: self.reporter.clone(),
        };
        let fetching = async move { Done::Fetched(place, fetch.run().await) };
        self.works.spawn(fetching);
    }

    /// Tells of a fetch that failed; gives why.
    pub(super) fn note_fetch(
        &mut self,
        place: usize,
        done: Result<Fetched, FetchError>,
    ) -> Option<String> {
        let cause = done.err()?.to_string();
        self.reporter.emit(Event::Trouble {
            cause: format!(
                "the past of {} is not complete: {cause}",
                self.assets[place].series
            ),
            remedy: "it is asked for again in an hour; new prices are told all the same".into(),
        });
        let now = self.clock.now().unix_timestamp();
        self.miss(now + AGAIN, place);
        Some(cause)
    }

    /// Reads the past that is kept of an asset.
    pub(super) fn load(
        &self,
        place: usize,
    ) -> impl Future<Output = Result<Vec<StoredCandle>, StoreError>> + use<> {
        let (series, within) = (self.assets[place].series.clone(), self.past());
        let store = Arc::clone(&self.supplies.store);
        async move { store.candles(&series, within).await }
    }

    /// Takes in the past that was kept.
    pub(super) fn remember(&mut self, place: usize, kept: &[StoredCandle]) -> Prices {
        let span = self.config.interval.seconds();
        let asset = &mut self.assets[place];
        if let Some(last) = kept.last() {
            asset.told(&last.candle);
        }
        let closes = kept.iter().map(|it| close(&it.candle, span)).collect();
        Prices::of(&asset.name, closes)
    }

    /// The past of an asset lacks something, which is to be asked for at a time (unix seconds).
    pub(super) fn miss(&mut self, at: i64, place: usize) {
        if self.missing.iter().all(|(_, known)| *known != place) {
            self.missing.push((at, place));
        }
    }

    /// Begins to fetch what is missing of the past and due.
    pub(super) fn fetch_again(&mut self, now: i64) {
        let due: Vec<_> = self.missing.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, place) in due {
            self.begin_fetch(place);
        }
    }

    /// The past that is wanted, by the starts of candles.
    fn past(&self) -> Range<i64> {
        let span = self.config.interval.seconds();
        let now = self.clock.now().unix_timestamp() - seconds(self.config.market.settle);
        let full = |time: i64| time.div_euclid(span) * span;
        full(now - seconds(self.config.history))..full(now)
    }
}

/// A fetch of an asset's past.
struct Fetch {
    series: Series,
    /// The starts of candles.
    within: Range<i64>,
    patience: Duration,
    market: MarketConfig,
    supplies: Supplies,
    clock: SharedClock,
    reporter: Reporter,
}

impl Fetch {
    async fn run(self) -> Result<Fetched, FetchError> {
        let sources = self.sources().await?;
        let store = self.supplies.store.as_ref();
        market::fetch(
            store,
            &self.series,
            &sources,
            &self.market,
            &self.clock,
            |_| (),
        )
        .await
    }

    /// Who is asked for what is missing: the first source, then the second; only that where the first
    /// one's quota would make it take too long.
    async fn sources(&self) -> Result<Vec<Arc<dyn PriceSource>>, StoreError> {
        let Supplies {
            first,
            second,
            store,
        } = &self.supplies;
        let known = store
            .candles(&self.series, self.within.clone())
            .await?
            .len();
        let span = self.series.interval.seconds();
        let wanted = (self.within.end - self.within.start) / span;
        let missing = usize::try_from(wanted).unwrap_or(0).saturating_sub(known);
        let rows = usize::try_from(self.market.step_days).unwrap_or(1) * 24;
        let takes = first.takes(missing.div_ceil(rows)).await;
        let mut sources = vec![Arc::clone(first)];
        if let Some(second) = second {
            if takes > self.patience {
                self.reporter.emit(Event::Notice {
                    cause: format!(
                        "{} of the past would take {} min of {}'s quota",
                        self.series,
                        takes.as_secs() / 60,
                        first.origin()
                    ),
                    remedy: format!("they are asked of {} instead", second.origin()),
                });
                sources.clear();
            }
            sources.push(Arc::clone(second));
        }
        Ok(sources)
    }
}
