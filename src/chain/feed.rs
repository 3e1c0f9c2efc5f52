//! The chain's events over one WebSocket, kept alive for months.
//!
//! Three subscriptions: the openings of all topics' windows, block headers as the heartbeat that
//! proves that the socket lives, and our own transactions. A filtered subscription may rightly be
//! silent for an hour, so only the heartbeat tells a dead socket from a quiet one.

mod connection;
mod frame;
mod pace;
mod trial;

use std::{sync::Arc, time::Duration};

use rustls::ClientConfig;
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

pub use self::trial::{Trial, TrialOf};
use self::{frame::Loss, pace::Pace};
use super::{
    ChainConfig, ChainError, OpenWindow, Rpc, Version,
    jsonrpc::TxResult,
    rpc::{redacted, shown},
};
use crate::{clock::Jumps, pulse::Pulse, tls::Trust, types::Height};

/// What the feed tells.
#[derive(Clone, Debug)]
pub enum FeedEvent {
    /// The WebSocket is open and its three subscriptions are granted. Events may have been lost
    /// before: ask the chain what is open.
    Connected {
        /// The node's URL.
        endpoint: String,
    },
    /// The WebSocket is lost and will be opened again.
    Lost {
        /// The node's URL.
        endpoint: String,
        /// Why.
        cause: String,
        /// When.
        retry_in: Duration,
    },
    /// A new block.
    Block {
        /// Its height.
        height: Height,
        /// Its time.
        time: OffsetDateTime,
    },
    /// A block has opened submission windows.
    Opened {
        /// Which, of all topics.
        windows: Vec<OpenWindow>,
        /// When the frame arrived.
        seen: Instant,
    },
    /// A transaction of ours is in a block.
    Included {
        /// Its hash in upper-case hex.
        hash: String,
        /// The block.
        height: Height,
        /// How it went.
        result: TxResult,
    },
}

/// A connection that held this long is sound: the next loss starts with the shortest pause.
const SOUND_AFTER: Duration = Duration::from_mins(1);
/// Blocks after which a connection was of use, though it did not hold for that long. One that is lost with
/// each block is none: opened again at once, for ever, it would only fill the log.
const USEFUL_BLOCKS: u64 = 3;

/// The task that holds the WebSocket.
#[derive(Debug)]
pub struct Feed {
    config: ChainConfig,
    tls: Arc<ClientConfig>,
    urls: Vec<String>,
    chain_id: String,
    address: String,
    versions: watch::Receiver<Version>,
    events: mpsc::Sender<FeedEvent>,
    /// The newest block that any node told of.
    heads: watch::Receiver<Height>,
    pace: Pace,
    /// The nodes as questions find them.
    rpc: Option<Arc<Rpc>>,
    life: Pulse,
    jumps: Jumps,
}

impl Feed {
    /// A feed of the windows of all topics and of the transactions of `address`. `heads` tells of
    /// the chain's newest block, so that a node that is behind it is left.
    ///
    /// # Errors
    /// When a URL is no WebSocket URL or there is none.
    pub fn new(
        config: ChainConfig,
        urls: Vec<String>,
        chain_id: String,
        address: String,
        versions: watch::Receiver<Version>,
        heads: watch::Receiver<Height>,
        events: mpsc::Sender<FeedEvent>,
    ) -> Result<Self, ChainError> {
        crate::tls::install();
        let bad = |url: &str, cause: &str| ChainError::BadUrl {
            url: shown(url),
            cause: cause.to_owned(),
        };
        if urls.is_empty() {
            return Err(bad("ws", "the list is empty: name at least one"));
        }
        if let Some(url) = urls
            .iter()
            .find(|u| !u.starts_with("ws://") && !u.starts_with("wss://"))
        {
            return Err(bad(url, "it must begin with ws:// or wss://"));
        }
        let trust = Trust::with_file(config.ca_file.as_deref())?;
        let tls = trust.client()?;
        Ok(Self {
            config,
            tls,
            urls,
            chain_id,
            address,
            versions,
            events,
            heads,
            pace: Pace::default(),
            rpc: None,
            life: Pulse::unwatched(),
            jumps: Jumps::never(),
        })
    }

    /// The same, knowing from a pool which nodes rest after failures: those are connected to only when
    /// there is no other.
    #[must_use]
    pub fn knowing(mut self, rpc: Arc<Rpc>) -> Self {
        self.rpc = Some(rpc);
        self
    }

    /// Gives signs of life there.
    #[must_use]
    pub fn watched(mut self, life: Pulse) -> Self {
        self.life = life;
        self
    }

    /// Looks whether its socket still lives when the clock jumps: the host may have slept.
    #[must_use]
    pub fn waking(mut self, jumps: Jumps) -> Self {
        self.jumps = jumps;
        self
    }

    /// Follows the chain until it is cancelled, nobody listens, or the chain begins anew. A lost
    /// connection is opened again at the next URL, and when all have failed, after a pause that
    /// grows with each failure.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut failures = 0;
        let mut turn = 0;
        loop {
            turn = self.from(turn);
            let endpoint = self.urls[turn % self.urls.len()].clone();
            let (opened, told) = (Instant::now(), self.pace.told());
            let loss = tokio::select! {
                () = cancel.cancelled() => return,
                loss = self.follow(&endpoint) => loss,
            };
            if opened.elapsed() > SOUND_AFTER {
                failures = 0;
            } else if self.pace.told() >= told + USEFUL_BLOCKS {
                // The next one is waited for as after the first failure of all.
                failures = failures.min(self.urls.len() - 1);
            }
            let retry_in = match loss {
                Loss::Unheard => return,
                // The node is as good as before.
                Loss::Upgraded => Duration::ZERO,
                _ => {
                    turn += 1;
                    self.pause(failures)
                }
            };
            failures += 1;
            let is_final = matches!(loss, Loss::Anew(..));
            let report = FeedEvent::Lost {
                endpoint: redacted(&endpoint),
                cause: loss.to_string(),
                retry_in,
            };
            if self.events.send(report).await.is_err() || is_final {
                return;
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.life.during(tokio::time::sleep(retry_in)) => {}
                () = self.jumps.next() => {}
            }
        }
    }

    /// The first turn from this one on whose node does not rest; this one when all do.
    fn from(&self, turn: usize) -> usize {
        let Some(rpc) = &self.rpc else { return turn };
        let mut turns = (0..self.urls.len()).map(|step| turn.wrapping_add(step));
        let sound = turns.find(|turn| !rpc.rests(&self.urls[turn % self.urls.len()]));
        sound.unwrap_or(turn)
    }

    /// None as long as there is a URL that was not tried since. Then it doubles with each failure,
    /// within a fifth of jitter, so that workers don't return in step.
    fn pause(&self, failures: usize) -> Duration {
        let others = self.urls.len() - 1;
        let Some(failures) = failures.checked_sub(others) else {
            return Duration::ZERO;
        };
        let base = self
            .config
            .reconnect_min
            .saturating_mul(1_u32 << failures.min(16));
        base.mul_f64(rand::random_range(0.8..1.2))
            .min(self.config.reconnect_max)
    }
}

#[cfg(test)]
mod nodes_tests;
#[cfg(test)]
mod tests;
