//! Readings of the worker's own instruments. They are for those who listen alone: no log holds them.

use serde::Serialize;

use crate::{
    chain::Uallo,
    types::{Height, Nonce, TopicId},
};

/// What a start waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A node that answers.
    Nodes,
    /// Coins in the wallet.
    Coins,
}

/// One endpoint of the pool, as it fares.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EndpointGauge {
    /// The URL without what may be secret.
    pub endpoint: String,
    /// Whether it is asked: it names the right chain, keeps up, and does not rest after failures.
    pub is_healthy: bool,
    /// Whether transactions go to it first.
    pub is_pinned: bool,
    /// The height of its newest answer.
    pub height: Option<Height>,
    /// Blocks that this was behind the newest known one.
    pub lag: i64,
    /// The moving average of the time that its answers take, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Failures since it answered last.
    pub failures: u32,
    /// What is wrong with it, while something is.
    pub cause: Option<String>,
}

/// A reading.
#[allow(
    missing_docs,
    reason = "the fields are named in full, with their units"
)]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum GaugeEvent {
    /// A new block was heard of.
    Head {
        height: Height,
        /// The usual time between two blocks, in milliseconds.
        block_ms: f64,
    },
    /// How the endpoints fare, in the order of the configuration.
    Endpoints { endpoints: Vec<EndpointGauge> },
    /// The next window that a topic may open; none while none is known.
    NextWindow {
        topic: TopicId,
        opens: Option<Height>,
        closes: Option<Height>,
    },
    /// The chain's moving average of our scores in a topic, as it is now; none before our first answer.
    Score {
        topic: TopicId,
        ema: Option<f64>,
        /// The newest nonce that we answered, which is scored later.
        nonce: Option<i64>,
    },
    /// The chain has scored our answer to a window.
    Scored {
        topic: TopicId,
        nonce: Nonce,
        /// What the network's loss would have been without it, less what it was.
        score: Option<f64>,
        /// The moving average of our scores, this one included.
        ema: Option<f64>,
    },
    /// The chain has paid us for our answer to a window.
    Reward {
        topic: TopicId,
        nonce: Nonce,
        /// The block that paid.
        height: Height,
        amount: Uallo,
    },
    /// Nothing stands in the way of answering a topic.
    TopicOpen { topic: TopicId },
    /// The wallet's balance, as it is asked for between windows.
    Coins { balance: Uallo },
    /// A transaction in a block paid its fee. One that answers several windows is told as often.
    FeePaid { hash: String, fee: Uallo },
    /// The fees of the last 24 hours, and the most that they may be.
    FeesOfDay { paid: Uallo, most: Uallo },
    /// The start can't go on for want of something.
    Waiting {
        need: Need,
        cause: String,
        remedy: String,
    },
    /// The Predict worker's models, and how often they are told prices.
    Models {
        /// Those that were ever seen.
        known: usize,
        /// Those that the orchestrator runs; none before it has listed any.
        listed: Option<usize>,
        /// Those that can be called.
        callable: usize,
        /// The usual time between two ticks.
        pace_seconds: f64,
    },
    /// The predictions' database could not be written; so many facts wait on disk.
    StoreFailed { cause: String, waiting: u64 },
    /// All that waited is stored.
    StoreBack,
}
