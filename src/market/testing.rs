//! A scripted source, for tests on paused time.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Batch, MarketError, PriceSource, quota::Quota};
use crate::{
    clock::SharedClock,
    forecast::{Candle, HOUR},
    store::{Origin, Series},
};

/// One scripted answer; without one, the source gives all that it has of the hours asked for.
pub(super) enum Turn {
    Fail(MarketError),
    /// At most so many candles, the newest ones.
    Short(usize),
    /// Not a single row.
    Empty,
}

/// A source with a candle for each hour, except some.
pub(super) struct Fake {
    pub(super) clock: SharedClock,
    pub(super) origin: Origin,
    pub(super) script: Mutex<VecDeque<Turn>>,
    /// Hours that it does not have.
    pub(super) lacks: Mutex<Vec<i64>>,
    /// Closes that are not 1.0.
    pub(super) closes: Mutex<BTreeMap<i64, f64>>,
    /// The failure that every answer is, while it is set.
    pub(super) down: Mutex<Option<fn() -> MarketError>>,
    /// The most rows of an answer, the oldest ones.
    pub(super) cap: Option<usize>,
    /// Hours before this did not exist.
    pub(super) listed: i64,
    pub(super) quota: Option<Quota>,
    pub(super) asked: Mutex<Vec<(Instant, Range<i64>, bool)>>,
}

impl Fake {
    pub(super) fn new(clock: &SharedClock, origin: Origin) -> Self {
        Self {
            clock: Arc::clone(clock),
            origin,
            script: Mutex::default(),
            lacks: Mutex::default(),
            closes: Mutex::default(),
            down: Mutex::default(),
            cap: None,
            listed: i64::MIN,
            quota: None,
            asked: Mutex::default(),
        }
    }

    pub(super) fn asked(&self) -> Vec<(Instant, Range<i64>, bool)> {
        self.asked.lock().expect("asked").clone()
    }

    pub(super) fn set_down(&self, failure: Option<fn() -> MarketError>) {
        *self.down.lock().expect("down") = failure;
    }

    pub(super) fn set_close(&self, hour: i64, close: f64) {
        self.closes.lock().expect("closes").insert(hour, close);
    }

    pub(super) fn set_lacks(&self, hours: &[i64]) {
        *self.lacks.lock().expect("lacks") = hours.to_vec();
    }

    fn has(&self, hour: i64) -> bool {
        let exists = hour >= self.listed && hour + HOUR <= self.clock.now().unix_timestamp();
        exists && !self.lacks.lock().expect("lacks").contains(&hour)
    }

    fn candle(&self, hour: i64) -> Candle {
        let closes = self.closes.lock().expect("closes");
        candle(hour, closes.get(&hour).copied().unwrap_or(1.0))
    }
}

#[async_trait]
impl PriceSource for Fake {
    fn origin(&self) -> Origin {
        self.origin
    }

    async fn candles(
        &self,
        _series: &Series,
        hours: Range<i64>,
        urgent: bool,
    ) -> Result<Batch, MarketError> {
        if let Some(quota) = &self.quota {
            let granted = quota.take(urgent).await;
            granted.map_err(|retry_after| MarketError::QuotaSpent { retry_after })?;
        }
        let asked = (Instant::now(), hours.clone(), urgent);
        self.asked.lock().expect("asked").push(asked);
        if let Some(failure) = *self.down.lock().expect("down") {
            return Err(failure());
        }
        let turn = self.script.lock().expect("a script").pop_front();
        let mut candles: Vec<_> = (hours.start / HOUR..hours.end / HOUR)
            .map(|hour| hour * HOUR)
            .filter(|hour| self.has(*hour))
            .map(|hour| self.candle(hour))
            .collect();
        match turn {
            Some(Turn::Fail(cause)) => return Err(cause),
            Some(Turn::Short(rows)) => drop(candles.drain(..candles.len().saturating_sub(rows))),
            Some(Turn::Empty) => return Ok(Batch::default()),
            None => {}
        }
        candles.truncate(self.cap.unwrap_or(usize::MAX));
        // Whole days are answered with, so the hours around are rows as well.
        let rows = candles.len() + usize::from(hours.end > self.listed);
        Ok(Batch {
            candles,
            rows,
            ..Batch::default()
        })
    }

    async fn takes(&self, requests: usize) -> Duration {
        match &self.quota {
            Some(quota) => quota.takes(requests).await,
            None => Duration::ZERO,
        }
    }
}

/// A candle that opened at 1.0.
pub(super) fn candle(start: i64, close: f64) -> Candle {
    Candle {
        start,
        open: 1.0,
        high: close.max(1.0),
        low: close.min(1.0),
        close,
        volume: 1.0,
    }
}
