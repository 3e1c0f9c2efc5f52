//! What is told of one prediction.

use serde::{Deserialize, Serialize};

use crate::{
    forecast::{Fallback, Forecast, Report, Source},
    types::{Height, Nonce, TopicId},
};

/// One entry of `predictions.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// When it was sent, ISO 8601 in UTC.
    pub timestamp: String,
    /// The topic.
    pub topic: TopicId,
    /// The window.
    pub nonce: Nonce,
    /// The value as signed.
    pub value: String,
    /// Where the value comes from, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// How it came about, when known.
    #[serde(flatten)]
    pub basis: Basis,
    /// What became of it.
    pub status: Status,
    /// The transaction.
    pub hash: String,
    /// The block that holds it, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<Height>,
}

/// How a prediction's value came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Closes that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<usize>,
    /// How long it took to make, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<f64>,
    /// Why it is 0, or why it stands in for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// The weights in it and the t by which they are given, for the built-in forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

impl From<&Forecast> for Basis {
    fn from(forecast: &Forecast) -> Self {
        Self {
            closes: Some(forecast.closes),
            took_ms: Some((forecast.took.as_secs_f64() * 1e6).round() / 1e3),
            fallback: forecast.fallback.clone(),
            report: forecast.report.clone(),
        }
    }
}

/// What became of a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Signed, not sent.
    DryRun,
    /// In a node's mempool.
    Submitted,
    /// In a block.
    Included,
    /// In the set that counts.
    Counted,
    /// In a block, but better inferers took all places.
    Outranked,
    /// Refused by the chain; a later attempt takes its place.
    Refused,
    /// The window closed without it.
    Missed,
}
