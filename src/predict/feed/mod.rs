//! Where prices come from.

#[cfg(test)]
mod channel;
mod csv;
mod desk;
mod error;
mod live;
mod market_clock;
mod past;
mod stall;

use std::time::Duration;

use async_trait::async_trait;

#[cfg(test)]
pub(super) use self::channel::ChannelFeed;
use self::market_clock::MarketClock;
pub use self::{
    csv::{CsvFeed, Replayed},
    error::FeedError,
    live::{LiveConfig, LiveFeed, Supplies},
};
use super::Prices;

/// Gives closes: first those of the past, then each new one when its candle has ended.
#[async_trait]
pub trait Feed: Send + 'static {
    /// The closes of the past, as far as they are at hand. It is asked once, before the first `next`.
    ///
    /// # Errors
    /// When there are none, and there is no hope of any.
    async fn history(&mut self) -> Result<Prices, FeedError>;

    /// The closes that came since it was last asked: waits for at least one. None means that no more will
    /// come. A call that is given up loses nothing.
    async fn next(&mut self) -> Option<Prices>;

    /// How much market time usually lies between two batches.
    fn pace(&self) -> Duration;
}
