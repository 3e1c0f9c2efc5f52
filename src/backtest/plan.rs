//! What is walked, and the walk.

use std::{ops::Range, time::Duration};

use time::{Date, OffsetDateTime};

use super::{
    BacktestError, Row, Summary, Unforecast,
    rows::{rows, seconds},
    summary::Rules,
};
use crate::{
    evaluate::Bootstrap,
    forecast::{Candle, ForecastConfig, HOUR, Walk},
};

/// Days that are drawn together in a bootstrap: the memory of markets, and four horizons of a week.
const BLOCK: Duration = Duration::from_hours(28 * 24);

/// How progress is told: units of work done, and all of them. Called from several threads.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// A backtest to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The engine's configuration; its `source` is the forecast that is tested.
    pub config: ForecastConfig,
    /// How far ahead is forecast; whole hours.
    pub horizon: Duration,
    /// Distance between two forecasts that are scored; whole hours, counted from 1970 in UTC.
    pub every: Duration,
    /// How much is visible at each hour: everything before when none. Hours before which there is less
    /// are not scored.
    pub visible: Option<Duration>,
    /// First day that is scored; the prices' first when none.
    pub from: Option<Date>,
    /// The day after the last that is scored; all when none.
    pub to: Option<Date>,
    /// How rows without a forecast count.
    pub unforecast: Unforecast,
    /// Series that are drawn for each interval.
    pub draws: usize,
    /// What the draws start from.
    pub seed: u64,
    /// Threads that share the work.
    pub threads: usize,
}

/// A backtest that was made.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// All forecasts of the period, in order of time, those without an outcome too.
    pub rows: Vec<Row>,
    /// Its figures.
    pub summary: Summary,
}

impl Plan {
    /// Walks `prices`, ascending, after what `history` holds of the time before them; only forecasts
    /// at `prices` are scored.
    ///
    /// # Errors
    /// When the plan makes no sense or leaves nothing to score.
    pub fn run(
        &self,
        history: &[Candle],
        prices: &[Candle],
        progress: Progress<'_>,
    ) -> Result<Backtest, BacktestError> {
        self.check()?;
        let first = prices.first().map_or(i64::MAX, |candle| candle.start);
        let before = history.iter().take_while(|candle| candle.start < first);
        let candles: Vec<Candle> = before.chain(prices).copied().collect();
        let oldest = candles.first().map_or(first, |candle| candle.start);
        let period = self.period(first, oldest);
        // What comes after the period is only needed for outcomes.
        let known = candles.partition_point(|candle| candle.start < period.end);
        if !self.has_outcome(&candles, &period) {
            return Err(self.nothing_to_score(prices));
        }
        let walk = Walk {
            config: &self.config,
            horizon: self.horizon,
            visible: self.visible,
            threads: self.threads,
        };
        let steps = walk.run(&candles[..known], progress);
        let times = (period, self.every, self.horizon);
        let rows = rows(steps, &candles, times, self.config.source);
        let summary = Summary::new(&rows, &self.rules()).ok_or(BacktestError::NothingMoved)?;
        Ok(Backtest { rows, summary })
    }

    fn check(&self) -> Result<(), BacktestError> {
        let spans = [
            ("--horizon", Some(self.horizon), "7d or 24h"),
            ("--every", Some(self.every), "1h or 24h"),
            ("--visible", self.visible, "28d"),
        ];
        for (what, span, example) in spans {
            let Some(value) = span else { continue };
            let whole = value.subsec_nanos() == 0 && value.as_secs().is_multiple_of(3600);
            if !whole || value.is_zero() {
                return Err(BacktestError::BadSpan {
                    what,
                    value,
                    example,
                });
            }
        }
        match (self.from, self.to) {
            (Some(from), Some(to)) if from >= to => Err(BacktestError::FromAfterTo { from, to }),
            _ => Ok(()),
        }
    }

    /// What is scored, in unix seconds: from `first` on at most, and where as much is visible as asked
    /// for when `oldest` is the first that is known.
    fn period(&self, first: i64, oldest: i64) -> Range<i64> {
        let midnight = |date: Date| date.midnight().assume_utc().unix_timestamp();
        let visible = oldest.saturating_add(self.visible.map_or(0, seconds));
        let from = self.from.map_or(first, midnight);
        from.max(first).max(visible)..self.to.map_or(i64::MAX, midnight)
    }

    /// Whether any forecast of the period can be scored: cheaper to know before the walk.
    fn has_outcome(&self, candles: &[Candle], period: &Range<i64>) -> bool {
        let (every, horizon) = (seconds(self.every), seconds(self.horizon));
        let known = |start: i64| candles.binary_search_by_key(&start, |it| it.start).is_ok();
        let mut starts = candles.iter().map(|candle| candle.start);
        starts.any(|start| {
            period.contains(&start) && start.rem_euclid(every) == 0 && known(start + horizon)
        })
    }

    fn nothing_to_score(&self, prices: &[Candle]) -> BacktestError {
        let day = |candle: Option<&Candle>| {
            let time = candle.and_then(|it| OffsetDateTime::from_unix_timestamp(it.start).ok());
            time.map_or_else(|| "-".to_owned(), |time| time.date().to_string())
        };
        BacktestError::NothingToScore {
            closes: prices.len(),
            first: day(prices.first()),
            last: day(prices.last()),
            hours: self.horizon.as_secs() / HOUR.unsigned_abs(),
        }
    }

    fn rules(&self) -> Rules {
        let rows = BLOCK.as_secs() / self.every.as_secs().max(1);
        Rules {
            source: self.config.source,
            horizon: self.horizon,
            every: self.every,
            visible: self.visible,
            unforecast: self.unforecast,
            bootstrap: Bootstrap {
                rows_per_block: usize::try_from(rows).unwrap_or(usize::MAX).max(1),
                draws: self.draws,
                seed: self.seed,
                threads: self.threads,
            },
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
