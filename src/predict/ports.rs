//! How the parts of the Predict worker know each other.

use time::OffsetDateTime;

use super::Fact;
use crate::{models::ModelInfo, store::Close};

/// Takes facts in their order and sees to it that they are stored.
pub trait Facts: Send + Sync + 'static {
    /// Takes facts. Never waits.
    fn put(&self, facts: Vec<Fact>);

    /// Whether they wait because the store is away or too slow.
    fn are_held_up(&self) -> bool {
        false
    }
}

/// Knows when models were there.
pub trait Attendance: Send + Sync + 'static {
    /// A model answered a call, whatever it answered.
    fn answered(&self, model: &ModelInfo);

    /// When this deployment of the model last answered, in this process or an earlier one.
    fn last_answer(&self, model: &ModelInfo) -> Option<OffsetDateTime>;
}

/// Knows what models were told of prices.
pub trait Quotes: Send + Sync + 'static {
    /// The newest close of an asset that models were told.
    fn newest(&self, asset: &str) -> Option<Close>;
}
