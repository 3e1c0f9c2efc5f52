//! The past: what the store keeps of it, and what is fetched.

use std::{ops::Range, sync::Arc};

use tokio::time::{Instant, timeout_at};

use super::{
    FeedError,
    desk::{Desk, close, seconds},
    live::Supplies,
};
use crate::{
    market::{self, FetchError, Fetched},
    ops::Event,
    predict::Prices,
    store::StoreError,
};

/// After how many seconds a past that could not be fetched is asked for again.
const AGAIN: i64 = 3_600;

impl Desk {
    /// Fetches the past, as far as it comes in time; the rest goes on behind.
    pub(super) async fn history(&mut self) -> Result<Prices, FeedError> {
        for place in 0..self.assets.len() {
            self.begin_fetch(place).await?;
        }
        let deadline = Instant::now() + self.config.patience;
        let mut failed = None;
        while let Ok(Some(Ok((place, done)))) = timeout_at(deadline, self.fetches.join_next()).await
        {
            failed = self.note_fetch(place, done).or(failed);
        }
        let mut prices = Prices::default();
        for place in 0..self.assets.len() {
            prices.merge(self.load(place).await?);
        }
        match failed.filter(|_| prices.is_empty() && self.fetches.is_empty()) {
            Some(cause) => Err(FeedError::NoPrices { cause }),
            None => Ok(prices),
        }
    }

    /// Asks the first source for what is missing; the second where the first one's quota would make it
    /// take too long.
    pub(super) async fn begin_fetch(&mut self, place: usize) -> Result<(), StoreError> {
        let series = self.assets[place].series.clone();
        let Supplies {
            first,
            second,
            store,
        } = self.supplies.clone();
        let within = self.past();
        let known = store.candles(&series, within.clone()).await?.len();
        let wanted = (within.end - within.start) / self.config.interval.seconds();
        let missing = usize::try_from(wanted).unwrap_or(0).saturating_sub(known);
        let rows = usize::try_from(self.config.market.step_days).unwrap_or(1) * 24;
        let takes = first.takes(missing.div_ceil(rows)).await;
        let mut sources = vec![first];
        if let Some(second) = second {
            if takes > self.config.patience {
                self.reporter.emit(Event::Notice {
                    cause: format!(
                        "{} of the past would take {} min of {}'s quota",
                        series,
                        takes.as_secs() / 60,
                        sources[0].origin()
                    ),
                    remedy: format!("they are asked of {} instead", second.origin()),
                });
                sources.clear();
            }
            sources.push(second);
        }
        let mut market = self.config.market.clone();
        market.history = self.config.history;
        let clock = Arc::clone(&self.clock);
        self.fetches.spawn(async move {
            let fetching =
                market::fetch(store.as_ref(), &series, &sources, &market, &clock, |_| ());
            (place, fetching.await)
        });
        Ok(())
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

    /// The past that is kept of an asset.
    pub(super) async fn load(&mut self, place: usize) -> Result<Prices, StoreError> {
        let within = self.past();
        let span = self.config.interval.seconds();
        let asset = &mut self.assets[place];
        let kept = self.supplies.store.candles(&asset.series, within).await?;
        if let Some(last) = kept.last() {
            let last = (last.candle.start, last.candle.close);
            asset.newest = Some(
                asset
                    .newest
                    .map_or(last, |known| if known.0 < last.0 { last } else { known }),
            );
        }
        let closes = kept.iter().map(|it| close(&it.candle, span)).collect();
        Ok(Prices::of(&asset.name, closes))
    }

    /// The past of an asset lacks something, which is to be asked for at a time (unix seconds).
    pub(super) fn miss(&mut self, at: i64, place: usize) {
        if self.missing.iter().all(|(_, known)| *known != place) {
            self.missing.push((at, place));
        }
    }

    /// Begins to fetch what is missing of the past and due.
    pub(super) async fn fetch_again(&mut self, now: i64) {
        let due: Vec<_> = self.missing.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, place) in due {
            if let Err(cause) = self.begin_fetch(place).await {
                self.not_kept(&cause);
            }
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
