//! A scripted source and a store in memory, for tests on paused time.

use std::{collections::VecDeque, ops::Range, sync::Mutex};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Batch, MarketError, PriceSource};
use crate::{
    clock::SharedClock,
    forecast::{Candle, HOUR},
};

/// One scripted answer; without one, the source gives all that it has of the hours asked for.
pub(super) enum Turn {
    Fail(MarketError),
    /// At most so many candles, the newest ones.
    Short(usize),
}

/// A source with a candle for each hour, except some.
pub(super) struct Fake {
    pub(super) clock: SharedClock,
    pub(super) script: Mutex<VecDeque<Turn>>,
    pub(super) lacks: Vec<i64>,
    pub(super) asked: Mutex<Vec<(Instant, Range<i64>, bool)>>,
}

impl Fake {
    pub(super) fn asked(&self) -> Vec<(Instant, Range<i64>, bool)> {
        self.asked.lock().expect("asked").clone()
    }
}

#[async_trait]
impl PriceSource for Fake {
    async fn hourly(
        &self,
        _ticker: &str,
        hours: Range<i64>,
        urgent: bool,
    ) -> Result<Batch, MarketError> {
        let asked = (Instant::now(), hours.clone(), urgent);
        self.asked.lock().expect("asked").push(asked);
        let turn = self.script.lock().expect("a script").pop_front();
        let now = self.clock.now().unix_timestamp();
        let mut candles: Vec<_> = (hours.start / HOUR..hours.end / HOUR)
            .map(|hour| candle(hour * HOUR, 1.0))
            .filter(|c| c.end() <= now && !self.lacks.contains(&c.start))
            .collect();
        match turn {
            Some(Turn::Fail(cause)) => return Err(cause),
            Some(Turn::Short(rows)) => drop(candles.drain(..candles.len().saturating_sub(rows))),
            None => {}
        }
        Ok(Batch {
            candles,
            ..Batch::default()
        })
    }
}

pub(super) fn candle(start: i64, close: f64) -> Candle {
    Candle {
        start,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close,
        volume: 1.0,
    }
}
