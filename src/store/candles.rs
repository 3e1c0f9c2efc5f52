//! The candles that were fetched once, so that a restart need not fetch them again.

use std::ops::Range;

use async_trait::async_trait;
use serde::Serialize;

use super::{Origin, Series, StoreError};
use crate::forecast::Candle;

/// A candle, and who gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredCandle {
    /// The candle. Its `start` is a multiple of its series' interval.
    pub candle: Candle,
    /// Who gave it.
    pub origin: Origin,
}

/// A candle that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Start of its interval, unix seconds.
    pub start: i64,
    /// Who gave it.
    pub source: Origin,
    /// When it was set aside, unix seconds.
    pub at: i64,
    /// What is wrong with it, and what it held.
    pub reason: String,
}

/// One interval's close from two sources.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Start of the interval, unix seconds.
    pub start: i64,
    /// The close of the first source.
    pub first: f64,
    /// The close of the second.
    pub second: f64,
}

/// Keeps complete candles by series and source. Of the same interval the candle of the strongest
/// source counts (see [`Origin`]); those of the others stay beside it, for comparison.
#[async_trait]
pub trait CandleRepository: Send + Sync + 'static {
    /// The candles of a series that count and start within a range (unix seconds), oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn candles(
        &self,
        series: &Series,
        range: Range<i64>,
    ) -> Result<Vec<StoredCandle>, StoreError>;

    /// Writes candles of one source, all or none. A candle of an interval that is known from the same
    /// source replaces the known one; if that was set aside, it no longer is.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn keep(
        &self,
        series: &Series,
        origin: Origin,
        candles: &[Candle],
    ) -> Result<(), StoreError>;

    /// Notes candles that are not used, and removes them from those that are.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn set_aside(&self, series: &Series, candles: &[SetAside]) -> Result<(), StoreError>;

    /// The candles of a series that were set aside and start at `since` (unix seconds) or later,
    /// oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn set_asides(&self, series: &Series, since: i64) -> Result<Vec<SetAside>, StoreError>;

    /// The closes of the intervals from `since` (unix seconds) on that two sources have, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn pairs(
        &self,
        series: &Series,
        sources: [Origin; 2],
        since: i64,
    ) -> Result<Vec<Pair>, StoreError>;

    /// The series of which there is anything, and how many candles each source has given.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn inventory(&self) -> Result<Vec<(Series, Origin, u64)>, StoreError>;

    /// The hourly candles of a ticker that start at `since` (unix seconds) or later, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn load(&self, ticker: &str, since: i64) -> Result<Vec<Candle>, StoreError> {
        let found = self.candles(&Series::hourly(ticker), since..i64::MAX).await;
        Ok(found?.into_iter().map(|it| it.candle).collect())
    }
}
