//! Prices as they come, from the sources of the market room.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Feed, FeedError, desk::Desk};
use crate::{
    clock::SharedClock,
    market::{MarketConfig, PriceSource},
    ops::Reporter,
    predict::Prices,
    store::{CandleRepository, Interval, Origin},
};

/// Batches that may wait to be told. Above it the desk asks later.
const BATCHES: usize = 64;

/// What a live feed is made with.
#[derive(Clone, Debug)]
pub struct LiveConfig {
    /// The assets, each with its ticker.
    pub assets: BTreeMap<String, String>,
    /// How long each candle lasts.
    pub interval: Interval,
    /// How much of the past is wanted.
    pub history: Duration,
    /// How long the start waits for it. What comes later is told when it is there.
    pub patience: Duration,
    /// The market room's own settings: quota, pauses, who stands in and when.
    pub market: MarketConfig,
}

/// Where candles come from, and where they are kept.
#[derive(Clone)]
pub struct Supplies {
    /// Who is asked.
    pub first: Arc<dyn PriceSource>,
    /// Who stands in while the first is out, and while its quota is spent.
    pub second: Option<Arc<dyn PriceSource>>,
    /// Keeps what came, so that a restart need not ask for it again.
    pub store: Arc<dyn CandleRepository>,
}

/// Candles of the market room's sources as a feed. Each asset is asked for once in each pace: as often as
/// candles end, or less often where that would take more than four fifths of Tiingo's quota. A batch
/// then holds several candles of each asset.
pub struct LiveFeed {
    desk: Option<Desk>,
    batches: mpsc::Receiver<Prices>,
    sender: Option<mpsc::Sender<Prices>>,
    pace: Duration,
    cancel: CancellationToken,
    _ends_with_this: DropGuard,
}

impl LiveFeed {
    /// A feed that has asked for nothing so far.
    ///
    /// # Errors
    /// [`FeedError::NoAsset`]
    pub fn new(
        config: LiveConfig,
        supplies: Supplies,
        clock: SharedClock,
        reporter: Reporter,
    ) -> Result<Self, FeedError> {
        if config.assets.is_empty() {
            return Err(FeedError::NoAsset);
        }
        let pace = pace(&config, supplies.first.origin());
        let (sender, batches) = mpsc::channel(BATCHES);
        let cancel = CancellationToken::new();
        Ok(Self {
            desk: Some(Desk::new(config, pace, supplies, clock, reporter)),
            batches,
            sender: Some(sender),
            pace: Duration::from_secs(pace.unsigned_abs()),
            cancel: cancel.clone(),
            _ends_with_this: cancel.drop_guard(),
        })
    }
}

#[async_trait]
impl Feed for LiveFeed {
    async fn history(&mut self) -> Result<Prices, FeedError> {
        let Some(mut desk) = self.desk.take() else {
            return Ok(Prices::default());
        };
        let history = desk.history().await?;
        if let Some(sender) = self.sender.take() {
            // A task of its own, so that no request is given up with a call of `next`.
            tokio::spawn(
                self.cancel
                    .clone()
                    .run_until_cancelled_owned(desk.run(sender)),
            );
        }
        Ok(history)
    }

    async fn next(&mut self) -> Option<Prices> {
        self.batches.recv().await
    }

    fn pace(&self) -> Duration {
        self.pace
    }
}

/// Seconds between two requests for an asset: a whole number of candles.
pub(super) fn pace(config: &LiveConfig, first: Origin) -> i64 {
    let candle = config.interval.seconds();
    if first != Origin::Tiingo {
        return candle;
    }
    let market = &config.market;
    let granted = market.requests_per_hour.min(market.requests_per_day / 24);
    // A fifth is another worker's.
    let hourly = i64::from(granted * 4 / 5).max(1);
    let assets = i64::try_from(config.assets.len()).unwrap_or(i64::MAX);
    let seconds = assets.saturating_mul(3_600) / hourly;
    ((seconds + candle - 1) / candle).max(1) * candle
}

#[cfg(test)]
#[path = "live_tests/mod.rs"]
mod tests;
