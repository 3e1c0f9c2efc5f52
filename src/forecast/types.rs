//! What a forecast is made of, and what it says of itself.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::types::TopicId;

/// An hour of trading. Complete: its interval has passed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candle {
    /// Start of the hour, unix seconds; a multiple of 3600. The close is known an hour later.
    pub start: i64,
    /// First price, in quote currency.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded volume in base currency.
    pub volume: f64,
}

/// The candles known of one ticker: ascending, no two of the same hour, all prices finite and
/// positive. Hours may be missing.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The pair, such as `btcusd`.
    pub ticker: String,
    /// Its candles.
    pub candles: Arc<[Candle]>,
}

/// What a topic asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `ln(P[t+h] / P[t])`.
    LogReturn,
    /// `100 · (P[t+h] / P[t] − 1)`.
    PercentReturn,
    /// `P[t+h]`.
    Price,
}

/// Where a forecast comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The regression with all its features: 28 days of candles or more.
    Full,
    /// The regression with fewer features: 14 to 28 days of candles.
    Reduced,
    /// 0.0: there was nothing better, see the reason.
    Fallback,
}

/// Why a forecast is 0.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Fallback {
    /// Fewer than 14 days of candles are known.
    ShortHistory {
        /// Closes that are known.
        closes: usize,
        /// Closes that are needed.
        needed: usize,
    },
    /// The newest candle is older than allowed.
    StaleHistory {
        /// Its age in seconds.
        age_seconds: u64,
    },
    /// The fit did not succeed or gave no finite number.
    Unfit {
        /// What it said.
        detail: String,
    },
    /// No forecast was ready in time.
    Late,
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortHistory { closes, needed } => {
                write!(
                    f,
                    "{closes} of the {needed} closes that are needed are known"
                )
            }
            Self::StaleHistory { age_seconds } => {
                write!(f, "the newest candle is {} hours old", age_seconds / 3600)
            }
            Self::Unfit { detail } => write!(f, "the fit gave nothing usable: {detail}"),
            Self::Late => f.write_str("no forecast was ready in time"),
        }
    }
}

/// A forecast and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// For which topic.
    pub topic: TopicId,
    /// The number, always finite, in the target's unit.
    pub value: f64,
    /// Where it comes from.
    pub source: Source,
    /// Why it is 0.0, when it is a fallback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// End of the newest candle that it saw; none without candles.
    #[serde(with = "time::serde::rfc3339::option")]
    pub data_until: Option<OffsetDateTime>,
    /// Closes that it saw.
    pub closes: usize,
    /// How long the fit took.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub took: Duration,
}

fn milliseconds<S: serde::Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((took.as_secs_f64() * 1e6).round() / 1e3)
}
