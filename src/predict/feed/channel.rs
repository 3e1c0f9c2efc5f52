//! Prices that someone else receives.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Feed, FeedError};
use crate::predict::Prices;

/// A feed of what is sent to it. It ends when all senders are gone and all that was sent is told.
#[derive(Debug)]
pub(in crate::predict) struct ChannelFeed {
    history: Prices,
    batches: mpsc::Receiver<Prices>,
    pace: Duration,
}

impl ChannelFeed {
    /// A feed, given what is known of the past, where batches come from, and how far they usually lie
    /// apart.
    pub(in crate::predict) const fn new(
        history: Prices,
        batches: mpsc::Receiver<Prices>,
        pace: Duration,
    ) -> Self {
        Self {
            history,
            batches,
            pace,
        }
    }
}

#[async_trait]
impl Feed for ChannelFeed {
    async fn history(&mut self) -> Result<Prices, FeedError> {
        Ok(std::mem::take(&mut self.history))
    }

    async fn next(&mut self) -> Option<Prices> {
        self.batches.recv().await
    }

    fn pace(&self) -> Duration {
        self.pace
    }
}
