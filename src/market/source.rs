//! What a source of prices is to the keeper.

use std::{ops::Range, time::Duration};

use async_trait::async_trait;

use super::MarketError;
use crate::{
    forecast::Candle,
    store::{Interval, Origin, Series},
};

/// What one request brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Complete candles that can be used. Some may lie outside of what was asked for.
    pub candles: Vec<Candle>,
    /// Rows of the answer, of use or not, complete or not. None at all is no answer: a source that is
    /// in order has some for every day of trading.
    pub rows: usize,
    /// Rows that can't be used.
    pub unusable: Vec<Unusable>,
}

impl Batch {
    /// Takes in a row of an answer as it was read. A candle that ends after `cutoff` (unix seconds) is of
    /// the interval that is running, or has only just ended, and is left out.
    pub(super) fn add(&mut self, row: Result<Candle, Unusable>, interval: Interval, cutoff: i64) {
        self.rows += 1;
        match row {
            Ok(candle) if candle.start + interval.seconds() <= cutoff => self.candles.push(candle),
            Ok(_) => {}
            Err(unusable) => self.unusable.push(unusable),
        }
    }
}

/// A row that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Start of its interval, unix seconds, if it can be read.
    pub start: Option<i64>,
    /// What is wrong with it.
    pub reason: String,
}

/// Where complete candles come from.
#[async_trait]
pub trait PriceSource: Send + Sync + 'static {
    /// Who it is.
    fn origin(&self) -> Origin;

    /// The most candles that one answer holds, if that is known.
    fn most(&self) -> Option<u32> {
        None
    }

    /// Asks once for the candles that start within `range` (unix seconds, end exclusive). The answer
    /// may hold fewer or others. What is `urgent` may use the last of the quota.
    ///
    /// # Errors
    /// Why there is no answer that can be used.
    async fn candles(
        &self,
        series: &Series,
        range: Range<i64>,
        urgent: bool,
    ) -> Result<Batch, MarketError>;

    /// How long the quota lets so many further requests take that are not urgent.
    async fn takes(&self, _requests: usize) -> Duration {
        Duration::ZERO
    }
}
