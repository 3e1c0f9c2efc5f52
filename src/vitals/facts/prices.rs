//! What is known of prices.

use serde::{Deserialize, Serialize};

use super::{Moment, Obstacle};

/// The prices of one ticker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prices {
    /// Closes that are known.
    pub closes: usize,
    /// End of the newest candle.
    pub until: Moment,
    /// When they were fetched last.
    pub updated: Moment,
    /// Who stands in for the first source.
    pub stand_in: Option<StandIn>,
    /// Why they can't be had at present.
    pub obstacle: Option<Obstacle>,
    /// Hours of a long stretch that are still to be fetched.
    pub hours_left: Option<usize>,
}

/// Another source of prices in place of the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StandIn {
    /// Who stands in.
    pub source: String,
    /// For whom.
    pub first: String,
    /// Why.
    pub cause: String,
    /// Since when.
    pub since: Moment,
}
