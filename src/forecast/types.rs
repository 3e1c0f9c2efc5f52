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
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The prior, with the challengers that have earned a say: 28 days of candles or more.
    Gated,
    /// The prior alone: 28 days of candles or more.
    Prior,
    /// A sign without skill: 14 to 28 days of candles.
    PriorCold,
    /// The mean of the challengers, however they have done.
    Linfa,
    /// The first challenger alone.
    Ridge,
    /// The elastic net alone.
    ElasticNet,
    /// The support vector regression alone.
    Svr,
    /// Always 0.0, by choice.
    Zero,
    /// An HTTP endpoint of the operator's.
    Http,
    /// A command of the operator's.
    Command,
    /// What a network of models expects.
    Models,
    /// The built-in forecast, moved towards the network's by the weight that this has earned.
    Blend,
    /// No change, which is 0.0 for a return and the newest close for a price: there was nothing better,
    /// see the reason.
    Fallback,
}

/// Why a forecast says that nothing changes, or why another stands in for the one that was wanted.
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
    /// The operator has switched forecasts off.
    SwitchedOff,
    /// A price is asked for and none is known: 0 is answered, and is no forecast.
    NoPrice {
        /// Why there is no forecast.
        detail: String,
    },
    /// The topic's forecaster outside the process gave nothing that can be used.
    Outside {
        /// What it said, or what is wrong with it.
        detail: String,
    },
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
            Self::SwitchedOff => f.write_str("forecasts are switched off (forecast.max_abs = 0)"),
            Self::NoPrice { detail } => write!(
                f,
                "NO PRICE IS KNOWN, and the topic asks for one: the answer 0 is no forecast ({detail}); \
                 give the ticker a price source"
            ),
            Self::Outside { detail } => {
                write!(f, "the forecaster outside gave no answer to use: {detail}")
            }
        }
    }
}

/// How the built-in forecast came about. Returns are log-returns over the topic's horizon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Standard deviation of an hour's log-return, as known now.
    pub sigma: f64,
    /// Mean of the squashed momenta, from -1 to 1.
    pub momentum: f64,
    /// What the prior says by itself.
    pub prior: f64,
    /// Its weight, from 0 to 1: 0 when it has done clearly worse than zero over the last year.
    pub prior_weight: f64,
    /// Newey-West t of its gain over zero; none while the record is too short to tell.
    pub prior_t: Option<f64>,
    /// The challengers, in their order of birth.
    pub challengers: Vec<ChallengerReport>,
    /// Closes that it was made from.
    pub closes: usize,
    /// Whether `forecast.max_abs` held it back.
    pub clamped: bool,
    /// Weight by what was really submitted for the topic, from 0 to 1; none without a record.
    #[serde(default)]
    pub live_weight: Option<f64>,
    /// Newey-West t of that record's gain over zero; none while it is too short to tell.
    #[serde(default)]
    pub live_t: Option<f64>,
    /// What a network of models said; none where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkReport>,
}

/// What a network of models said, and what it is worth. Returns are log-returns over the horizon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkReport {
    /// What the models together expect.
    pub value: f64,
    /// The built-in forecast beside it; none while there is none.
    pub built_in: Option<f64>,
    /// Who made that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_in_source: Option<Source>,
    /// Models that answered of late.
    pub answered: usize,
    /// Those among them that have weight.
    pub models: usize,
    /// Their opinions: copies of one another are one.
    pub opinions: usize,
    /// The weight of the models' value, from 0 to 1: against the built-in forecast for a blend, against
    /// zero for the models alone.
    pub weight: f64,
    /// Newey-West t of its gain; none while the record is too short to tell.
    pub t: Option<f64>,
    /// Days in the record.
    pub days: usize,
    /// The heaviest models, 20 at most.
    pub parts: Vec<NetworkPart>,
}

/// One model's part in what a network says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkPart {
    /// The model.
    pub model: String,
    /// What it expects.
    pub value: f64,
    /// Its share of the whole weight.
    pub weight: f64,
}

/// What one challenger says, and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChallengerReport {
    /// Its name, such as `ridge`.
    pub name: String,
    /// What it forecasts by itself; none while it has too few rows to be fitted.
    pub value: Option<f64>,
    /// Its weight against the prior, from 0 to 1.
    pub weight: f64,
    /// Newey-West t of its gain over the prior; none while its record is too short to tell.
    pub t: Option<f64>,
    /// Out-of-sample days that its record holds.
    pub days: usize,
}

/// One value of a topic that takes several, by its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    /// The label, as the topic lists it.
    pub label: String,
    /// Its value, always finite.
    pub value: f64,
}

/// A forecast and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// For which topic.
    pub topic: TopicId,
    /// The number, always finite, in the target's unit. 0.0 when there are `values`.
    pub value: f64,
    /// The numbers of a topic with several outputs; empty for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Labelled>,
    /// Where it comes from.
    pub source: Source,
    /// Why it says that nothing changes, when it is a fallback, or why the built-in forecast stands in for another.
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
    /// How long it took to make.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// How the built-in forecast came about; none for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

impl Forecast {
    /// Whether it is answered as `other` is, number for number.
    #[must_use]
    pub fn says_as(&self, other: &Self) -> bool {
        let bits = |it: &Labelled| it.value.to_bits();
        let same = |(a, b): (&Labelled, &Labelled)| a.label == b.label && bits(a) == bits(b);
        self.value.to_bits() == other.value.to_bits()
            && self.values.len() == other.values.len()
            && self.values.iter().zip(&other.values).all(same)
    }

    /// Whether it stands in for the topic's forecaster outside the process.
    #[must_use]
    pub const fn is_stand_in(&self) -> bool {
        matches!(self.fallback, Some(Fallback::Outside { .. }))
    }
}

fn milliseconds<S: serde::Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((took.as_secs_f64() * 1e6).round() / 1e3)
}
