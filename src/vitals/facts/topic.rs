//! What is known of a topic: its windows and its forecasts.

use serde::{Deserialize, Serialize};

use super::{Moment, Obstacle};
use crate::{
    chain::Uallo,
    forecast::{Fallback, Labelled, Report, Source},
    ops::{Status, WindowSource},
    types::{Height, Nonce},
};

/// One topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Topic {
    /// Why it can't be answered at present.
    pub obstacle: Option<Obstacle>,
    /// The newest window, and the answer to it.
    pub window: Option<Window>,
    /// The next window, as far as it is known.
    pub next: Option<Next>,
    /// The newest forecast.
    pub forecast: Option<ForecastNow>,
    /// Since when forecasts are a fallback, or stand in for the wanted one.
    pub fallback_since: Moment,
    /// What was counted since the start.
    pub counts: Counts,
    /// How forecasts have done against what the price did.
    pub record: Option<Record>,
    /// The newest value's distance from the others' mean, in their standard deviations.
    pub z: Option<f64>,
    /// The chain's newest score of an answer of ours that was heard of.
    pub score: Option<f64>,
    /// The chain's moving average of our scores.
    pub score_ema: Option<f64>,
    /// Rewards that were heard of since the start; none before the first.
    pub rewards: Option<Uallo>,
}

/// A window, and the answer to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its nonce: the height of the block that opened it.
    pub nonce: Nonce,
    /// Its last block, when that was told.
    #[serde(default)]
    pub end: Option<Height>,
    /// When it was heard of.
    #[serde(default)]
    pub opened: Moment,
    /// How it was heard of.
    #[serde(default)]
    pub source: Option<WindowSource>,
    /// What became of it; none until something was sent.
    #[serde(default)]
    pub status: Option<Status>,
    /// When that was so.
    #[serde(default)]
    pub status_at: Moment,
    /// The value as signed.
    #[serde(default)]
    pub value: Option<String>,
    /// The transaction.
    #[serde(default)]
    pub hash: Option<String>,
    /// The node that took it.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The block that holds it.
    #[serde(default)]
    pub height: Option<Height>,
    /// The fee.
    #[serde(default)]
    pub fee: Option<Uallo>,
    /// From the event to the mempool, in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// Whether it was signed before the window opened.
    #[serde(default)]
    pub presigned: Option<bool>,
    /// Why it was missed, refused or delayed.
    #[serde(default)]
    pub cause: Option<String>,
}

impl Window {
    /// One of which only the nonce is known.
    #[must_use]
    pub const fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            end: None,
            opened: Moment(None),
            source: None,
            status: None,
            status_at: Moment(None),
            value: None,
            hash: None,
            endpoint: None,
            height: None,
            fee: None,
            latency_ms: None,
            presigned: None,
            cause: None,
        }
    }
}

/// A window to come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Next {
    /// The block that opens it.
    pub opens: Height,
    /// Its last block.
    pub closes: Option<Height>,
    /// When it opens, by the usual time between blocks.
    pub expected: Moment,
}

/// A forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastNow {
    /// The number, in the target's unit.
    pub value: f64,
    /// The numbers of a topic with several outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Labelled>,
    /// Where it comes from.
    pub source: Source,
    /// Why it is a fallback, or stands in for the wanted one.
    #[serde(default)]
    pub fallback: Option<Fallback>,
    /// When it was made.
    #[serde(default)]
    pub made: Moment,
    /// End of the newest candle that it saw.
    #[serde(default)]
    pub data_until: Moment,
    /// Closes that it saw.
    #[serde(default)]
    pub closes: usize,
    /// How long it took to make, in milliseconds.
    #[serde(default)]
    pub took_ms: f64,
    /// Its parts, for the built-in forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What was counted in a topic since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Windows that were heard of.
    pub opened: u64,
    /// Submissions that a mempool took.
    pub submitted: u64,
    /// Times that the same bytes were sent once more.
    pub resent: u64,
    /// Submissions in a block.
    pub included: u64,
    /// Windows that closed with ours in the set that counts.
    pub counted: u64,
    /// Windows in which better inferers took all places.
    pub outranked: u64,
    /// Refusals by the chain.
    pub refused: u64,
    /// Submissions that a node could not take.
    pub delayed: u64,
    /// Windows that closed without an answer of ours.
    pub missed: u64,
    /// Answers that were a fallback.
    pub fallbacks: u64,
}

/// How forecasts have done against what the price did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Forecasts in it.
    pub n: usize,
    /// Our root mean square deviation against that of zero.
    pub ratio: Option<f64>,
    /// Our mean place among the others, from 0, the best, to 1.
    pub mean_place: Option<f64>,
    /// The newest rank, and among how many.
    pub place: Option<u32>,
    /// Among how many.
    pub places: Option<u32>,
}
