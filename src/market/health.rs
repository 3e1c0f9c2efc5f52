//! How the prices of a ticker are, for everyone who asks.

use crate::store::Origin;

/// State of one ticker's hourly prices. Times are unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Closes that forecasts are made from.
    pub closes: usize,
    /// End of the newest candle.
    pub until: Option<i64>,
    /// Who gave the newest candle.
    pub source: Option<Origin>,
    /// Whether the stand-in is asked in place of the first source.
    pub standing_in: bool,
    /// Hours without a candle, from the first that is kept up to now.
    pub missing: usize,
    /// Start of a newest candle that is held back, since it jumps.
    pub in_doubt: Option<i64>,
    /// What is wrong with the first source, and since when.
    pub trouble: Option<Trouble>,
    /// Whether all has been asked for that can be had at present.
    pub caught_up: bool,
}

/// Why a source can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Unix seconds of the first failure in a row.
    pub since: i64,
    /// What happened last.
    pub cause: String,
}
