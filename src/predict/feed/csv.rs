//! Files of candles, replayed as if they came now.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};

use super::{Feed, FeedError, MarketClock};
use crate::{
    clock::SharedClock,
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
}

/// Files of candles as a feed. A candle's close comes when the market's clock shows the end of the
/// candle; the clock stands at the end of the history until the first batch is waited for, and stays at
/// the last close.
#[derive(Debug)]
pub struct CsvFeed {
    /// What is still to come, the next one last; before the history was asked for, that as well.
    ahead: Vec<(i64, String, f64)>,
    /// Where the history ends: at a close.
    start: i64,
    /// How many seconds of the history count.
    kept: i64,
    last: i64,
    speed: f64,
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
        let (Some(first), Some(last)) = (closes.last(), closes.first()) else {
            return Err(FeedError::NoAsset);
        };
        let (first, last) = (first.0, last.0);
        let kept = i64::try_from(replayed.history.as_secs()).unwrap_or(i64::MAX);
        let start = first.saturating_add(kept.min((last - first) / 2));
        let start = close_before(&closes, start);
        Ok(Self {
            ahead: closes,
            start,
            kept,
            last,
            speed,
            clock: MarketClock::between(date(start), date(last), speed),
            intervals,
            reports,
        })
    }

    /// The same, going on where an earlier replay stood: at the last close that was known then. It has a
    /// clock of its own.
    ///
    /// # Errors
    /// [`FeedError::Over`] when no closes come after that.
    pub fn going_on(self, at: OffsetDateTime) -> Result<Self, FeedError> {
        if at.unix_timestamp() >= self.last {
            let last = date(self.last);
            return Err(FeedError::Over { at, last });
        }
        let start = close_before(&self.ahead, self.start.max(at.unix_timestamp()));
        Ok(Self {
            start,
            clock: MarketClock::between(date(start), date(self.last), self.speed),
            ..self
        })
    }

    /// The market's clock.
    #[must_use]
    pub fn clock(&self) -> SharedClock {
        Arc::new(self.clock.clone())
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
        let ahead = self.ahead.partition_point(|(at, ..)| *at > self.start);
        let past = self.ahead.split_off(ahead);
        let mut history = Prices::default();
        for (at, asset, price) in past.into_iter().rev() {
            if at >= self.start.saturating_sub(self.kept) {
                history.add(&asset, Close { at, price });
            }
        }
        Ok(history)
    }

    async fn next(&mut self) -> Option<Prices> {
        self.clock.run();
        let Some((at, ..)) = self.ahead.last() else {
            self.clock.finish();
            return None;
        };
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

/// The last close that is not after a time, of closes that come the latest first.
fn close_before(closes: &[(i64, String, f64)], time: i64) -> i64 {
    let place = closes.partition_point(|(at, ..)| *at > time);
    closes.get(place).map_or(time, |(at, ..)| *at)
}

fn date(at: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
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
