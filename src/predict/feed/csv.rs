//! Files of candles, replayed as if they came now.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};

use super::{Feed, FeedError, MarketClock};
use crate::{
    market::{CsvPrices, CsvReport, read_csv_of},
    predict::Prices,
    store::{Close, Interval},
};

/// What a replay is made from.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The assets, each with its file of candles.
    pub files: BTreeMap<String, PathBuf>,
    /// How much of the past comes at once. Of a shorter file its first half does.
    pub history: Duration,
    /// How many times as fast as real time the rest comes.
    pub speed: f64,
    /// Where an earlier replay stood: this one goes on from there.
    pub resume: Option<OffsetDateTime>,
}

/// Files of candles as a feed. A candle's close comes when the market's clock shows the end of the
/// candle; the clock stands at the end of the history until the first batch is waited for.
#[derive(Debug)]
pub struct CsvFeed {
    history: Prices,
    /// What is still to come, the next one last.
    ahead: Vec<(i64, String, f64)>,
    clock: MarketClock,
    intervals: BTreeMap<String, Interval>,
    reports: Vec<(PathBuf, CsvReport)>,
}

impl CsvFeed {
    /// Reads the files. It takes about a second for a year of minutes.
    ///
    /// # Errors
    /// When there is no file, one can't be read, or the speed makes no sense.
    pub fn open(replayed: &Replayed) -> Result<Self, FeedError> {
        let speed = replayed.speed;
        if !(speed > 0.0 && speed <= 1e6) {
            return Err(FeedError::Speed { speed });
        }
        let mut closes = Vec::new();
        let mut intervals = BTreeMap::new();
        let mut reports = Vec::new();
        for (asset, path) in &replayed.files {
            let (found, prices) = read(path)?;
            intervals.insert(asset.clone(), found);
            closes.extend(prices.candles.iter().map(|candle| {
                let at = candle.start + found.seconds();
                (at, asset.clone(), candle.close)
            }));
            reports.push((path.clone(), prices.report));
        }
        closes.sort_by(|one, other| (other.0, &other.1).cmp(&(one.0, &one.1)));
        let start = start(&closes, replayed).ok_or(FeedError::NoAsset)?;
        let kept = i64::try_from(replayed.history.as_secs()).unwrap_or(i64::MAX);
        let past = closes.split_off(closes.partition_point(|(at, ..)| *at > start));
        let mut history = Prices::default();
        for (at, asset, price) in past.into_iter().rev() {
            if at >= start.saturating_sub(kept) {
                history.add(&asset, Close { at, price });
            }
        }
        let date = OffsetDateTime::from_unix_timestamp(start).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Ok(Self {
            history,
            ahead: closes,
            clock: MarketClock::standing_at(date, speed),
            intervals,
            reports,
        })
    }

    /// The market's clock.
    #[must_use]
    pub fn clock(&self) -> MarketClock {
        self.clock.clone()
    }

    /// The assets, each with the interval of its candles.
    #[must_use]
    pub const fn intervals(&self) -> &BTreeMap<String, Interval> {
        &self.intervals
    }

    /// What was found in each file beside candles: gaps, duplicates, rows that are of no use.
    #[must_use]
    pub fn reports(&self) -> &[(PathBuf, CsvReport)] {
        &self.reports
    }
}

#[async_trait]
impl Feed for CsvFeed {
    async fn history(&mut self) -> Result<Prices, FeedError> {
        Ok(std::mem::take(&mut self.history))
    }

    async fn next(&mut self) -> Option<Prices> {
        self.clock.run();
        let (at, ..) = self.ahead.last()?;
        sleep_until(self.clock.when(*at)).await;
        let now = Instant::now();
        let mut prices = Prices::default();
        while let Some((at, asset, price)) =
            self.ahead.pop_if(|(at, ..)| self.clock.when(*at) <= now)
        {
            prices.add(&asset, Close { at, price });
        }
        Some(prices)
    }

    fn pace(&self) -> Duration {
        let seconds = self.intervals.values().map(|it| it.seconds()).min();
        Duration::from_secs(seconds.unwrap_or_default().unsigned_abs())
    }
}

/// Where the history ends, of closes that come the latest first: at a close.
fn start(closes: &[(i64, String, f64)], replayed: &Replayed) -> Option<i64> {
    let (first, last) = (closes.last()?.0, closes.first()?.0);
    let history = i64::try_from(replayed.history.as_secs()).unwrap_or(i64::MAX);
    let wanted = first.saturating_add(history.min((last - first) / 2));
    let wanted = replayed
        .resume
        .map_or(wanted, |at| at.unix_timestamp().max(wanted));
    let place = closes.partition_point(|(at, ..)| *at > wanted);
    closes.get(place).map(|(at, ..)| *at)
}

/// Reads a file whose candles last as long as the shortest distance between two of them.
fn read(path: &Path) -> Result<(Interval, CsvPrices), FeedError> {
    let prices = read_csv_of(path, Interval::Minute)?;
    let distances = prices
        .candles
        .windows(2)
        .map(|pair| pair[1].start - pair[0].start);
    let Some(seconds) = distances.min() else {
        return Ok((Interval::Minute, prices));
    };
    let interval = Interval::ALL.into_iter().find(|it| it.seconds() == seconds);
    match interval {
        Some(Interval::Minute) => Ok((Interval::Minute, prices)),
        Some(interval) => Ok((interval, read_csv_of(path, interval)?)),
        None => Err(FeedError::Interval {
            path: path.to_owned(),
            seconds,
        }),
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
