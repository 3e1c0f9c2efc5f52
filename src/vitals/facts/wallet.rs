//! What is known of the wallet.

use serde::{Deserialize, Serialize};

use super::Moment;
use crate::chain::Uallo;

/// The wallet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wallet {
    /// Its balance.
    pub balance: Option<Uallo>,
    /// When that was asked for.
    pub balance_at: Moment,
    /// Since when it is below the configured amount.
    pub low_since: Moment,
    /// That amount, when it was told.
    pub threshold: Option<Uallo>,
    /// How it is given coins.
    pub remedy: String,
    /// Fees.
    pub fees: Fees,
    /// Since when the chain refuses submissions for want of coins.
    pub refused_since: Moment,
}

/// Fees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fees {
    /// Paid since the start.
    pub paid: Uallo,
    /// Transactions that they were paid for.
    pub transactions: u64,
    /// The newest of them.
    pub newest: String,
    /// Paid in the last 24 hours, as far as that was counted.
    pub day: Option<Uallo>,
    /// The most that they may be.
    pub day_most: Option<Uallo>,
}
