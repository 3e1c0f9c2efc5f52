//! Forecasters, candles and journals that do as a scenario asks.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    forecast::{Candle, Fallback, Fitted, HOUR, History, Model, Source, Target},
    store::{Journal, StateName, Store, StoreError, Submission, Transition, Wallet},
};
use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::sync::watch;

/// Candles of so many days up to the present hour.
pub(crate) fn history(days: u32) -> History {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let end = now - now.rem_euclid(HOUR);
    let hours = i64::from(days) * 24 + 1;
    let candles: Vec<_> = (1..=hours)
        .rev()
        .map(|back| Candle {
            start: end - back * HOUR,
            open: 60_000.0,
            high: 60_100.0,
            low: 59_900.0,
            close: 60_000.0,
            volume: 1.0,
        })
        .collect();
    History {
        ticker: "btcusd".into(),
        candles: candles.into(),
    }
}

/// A forecaster with one opinion.
pub(crate) struct Constant(pub(crate) f64);

impl Model for Constant {
    fn fit_predict(&self, _: &History, _: Duration, _: Target) -> Result<Fitted, Fallback> {
        Ok(Fitted {
            value: self.0,
            source: Source::Gated,
            report: None,
        })
    }
}

/// When a [`Stopping`] journal stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// A journal that hangs for ever before or after it wrote a state, so that its worker stands there.
pub(crate) struct Stopping {
    inner: Arc<Store>,
    state: StateName,
    when: When,
    reached: watch::Sender<bool>,
}

impl Stopping {
    pub(crate) fn new(inner: Arc<Store>, when: When, state: StateName) -> Arc<Self> {
        Arc::new(Self {
            inner,
            state,
            when,
            reached: watch::Sender::new(false),
        })
    }

    /// Waits until the worker stands.
    pub(crate) async fn reached(&self) {
        let mut reached = self.reached.subscribe();
        let waited = tokio::time::timeout(crate::harness::WAIT, reached.wait_for(|it| *it)).await;
        assert!(waited.is_ok(), "{:?} was never journaled", self.state);
    }
}

#[async_trait]
impl Journal for Stopping {
    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError> {
        let here = steps.iter().any(|step| step.state.name() == self.state);
        if !(here && self.when == When::Before) {
            self.inner.append(steps).await?;
        }
        if here {
            self.reached.send_replace(true);
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError> {
        self.inner.unfinished(wallet).await
    }

    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError> {
        self.inner.recent(wallet, limit).await
    }

    async fn set_aside(&self, wallet: &Wallet, chain_id: &str) -> Result<(), StoreError> {
        self.inner.set_aside(wallet, chain_id).await
    }
}
