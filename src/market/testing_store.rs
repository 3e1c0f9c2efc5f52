//! A store in memory that works at once: a database's thread would not be waited for by paused time.

use std::{collections::BTreeMap, ops::Range, sync::Mutex, time::Duration};

use async_trait::async_trait;
use tokio::time::sleep;

use crate::{
    forecast::Candle,
    store::{
        CandleRepository, Origin, Pair, QuotaLimit, QuotaRepository, Series, SetAside, StoreError,
        StoredCandle,
    },
};

/// Holds one series.
#[derive(Default)]
pub(crate) struct Memory {
    candles: Mutex<BTreeMap<(i64, Origin), Candle>>,
    aside: Mutex<BTreeMap<(i64, Origin), SetAside>>,
    requests: Mutex<Vec<i64>>,
    /// How long it takes to keep candles.
    pub(crate) keep_takes: Mutex<Duration>,
}

#[async_trait]
impl CandleRepository for Memory {
    async fn candles(
        &self,
        _: &Series,
        range: Range<i64>,
    ) -> Result<Vec<StoredCandle>, StoreError> {
        let kept = self.candles.lock().expect("kept");
        let mut best = BTreeMap::new();
        for ((start, origin), candle) in kept.iter().filter(|((at, _), _)| range.contains(at)) {
            let (origin, candle) = (*origin, *candle);
            // In the order of strength, so the last one stays.
            best.insert(*start, StoredCandle { candle, origin });
        }
        Ok(best.into_values().collect())
    }

    async fn keep(&self, _: &Series, origin: Origin, candles: &[Candle]) -> Result<(), StoreError> {
        let takes = *self.keep_takes.lock().expect("takes");
        if !takes.is_zero() {
            sleep(takes).await;
        }
        for candle in candles {
            let key = (candle.start, origin);
            self.candles.lock().expect("kept").insert(key, *candle);
            self.aside.lock().expect("aside").remove(&key);
        }
        Ok(())
    }

    async fn set_aside(&self, _: &Series, candles: &[SetAside]) -> Result<(), StoreError> {
        for candle in candles {
            let key = (candle.start, candle.source);
            self.candles.lock().expect("kept").remove(&key);
            self.aside
                .lock()
                .expect("aside")
                .insert(key, candle.clone());
        }
        Ok(())
    }

    async fn set_asides(&self, _: &Series, since: i64) -> Result<Vec<SetAside>, StoreError> {
        let aside = self.aside.lock().expect("aside");
        let rows = aside.values().filter(|row| row.start >= since);
        Ok(rows.cloned().collect())
    }

    async fn pairs(
        &self,
        _: &Series,
        [first, second]: [Origin; 2],
        since: i64,
    ) -> Result<Vec<Pair>, StoreError> {
        let kept = self.candles.lock().expect("kept");
        let pair = |((start, origin), candle): (&(i64, Origin), &Candle)| {
            let other = kept.get(&(*start, second))?;
            (*origin == first && *start >= since).then_some(Pair {
                start: *start,
                first: candle.close,
                second: other.close,
            })
        };
        Ok(kept.iter().filter_map(pair).collect())
    }

    async fn inventory(&self) -> Result<Vec<(Series, Origin, u64)>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl QuotaRepository for Memory {
    async fn request(&self, _: &str, at: i64, limits: &[QuotaLimit]) -> Result<bool, StoreError> {
        let mut requests = self.requests.lock().expect("requests");
        let within = |limit: &QuotaLimit| {
            let after = at - limit.span;
            requests.iter().filter(|it| **it > after).count() < limit.most as usize
        };
        let granted = limits.iter().all(within);
        if granted {
            requests.push(at);
        }
        Ok(granted)
    }

    async fn requests(&self, _: &str, since: i64) -> Result<Vec<i64>, StoreError> {
        let requests = self.requests.lock().expect("requests");
        Ok(requests.iter().copied().filter(|at| *at > since).collect())
    }
}
