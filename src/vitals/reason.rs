//! What may stand in the way of a window, and what counts as too old and too little.

use serde::{Deserialize, Serialize};

use crate::{chain::Uallo, types::TopicId};

/// What counts as too old and too little.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Age in seconds above which candles are not forecast from.
    pub candle_seconds: f64,
    /// A balance below this is low.
    pub low_balance: Uallo,
    /// Whether forecasts are needed; not in a room without prices.
    pub forecasts: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            candle_seconds: 6.0 * 3_600.0,
            low_balance: Uallo(0),
            forecasts: true,
        }
    }
}

/// Why no window could be answered, or only with no forecast. The words in snake case are the metric's
/// labels and the JSON's `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The process has begun and is not ready yet.
    Starting,
    /// The competition has not begun.
    Waiting,
    /// Another worker leads the wallet.
    Standby,
    /// It begins anew.
    Restarting,
    /// It could not go on.
    Failed,
    /// It was asked to stop.
    Stopping,
    /// It has stopped.
    Stopped,
    /// No node answers.
    NoNodes,
    /// Nodes answer and no block comes.
    NoBlocks,
    /// The wallet can't pay.
    NoCoins,
    /// There are no prices to forecast from, or they are too old.
    NoPrices,
    /// No source gives prices at present. Windows are answered from what is known, until that is too old.
    NoNewPrices,
    /// A topic can't be answered: the wallet is not registered or not allowed, or the topic is not active.
    TopicClosed,
    /// Nothing may be sent: the wallet's lease is past its end.
    Silent,
    /// A task gives no sign of life.
    Stuck,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Starting,
        Self::Waiting,
        Self::Standby,
        Self::Restarting,
        Self::Failed,
        Self::Stopping,
        Self::Stopped,
        Self::NoNodes,
        Self::NoBlocks,
        Self::NoCoins,
        Self::NoPrices,
        Self::NoNewPrices,
        Self::TopicClosed,
        Self::Silent,
        Self::Stuck,
    ];

    /// As a label and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Standby => "standby",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::NoNodes => "no_nodes",
            Self::NoBlocks => "no_blocks",
            Self::NoCoins => "no_coins",
            Self::NoPrices => "no_prices",
            Self::NoNewPrices => "no_new_prices",
            Self::TopicClosed => "topic_closed",
            Self::Silent => "silent",
            Self::Stuck => "stuck",
        }
    }

    /// Whether all is as it should be although no window could be answered: nobody has to be woken.
    #[must_use]
    pub const fn is_expected(self) -> bool {
        matches!(self, Self::Waiting | Self::Standby)
    }

    /// Whether a process that was ready is down meanwhile. A topic that is closed is the chain's matter, and
    /// what a process does is told by when it ran.
    #[must_use]
    pub const fn is_downtime(self) -> bool {
        matches!(
            self,
            Self::NoNodes
                | Self::NoBlocks
                | Self::NoCoins
                | Self::NoPrices
                | Self::Silent
                | Self::Stuck
        )
    }

    /// Whether windows are answered as well as ever meanwhile.
    #[must_use]
    pub const fn is_ahead(self) -> bool {
        matches!(self, Self::NoNewPrices)
    }
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hindrance {
    /// Which.
    pub reason: Reason,
    /// The topic, when it is one topic's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicId>,
    /// Why.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

impl Hindrance {
    pub(super) fn new(reason: Reason, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            reason,
            topic: None,
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}
