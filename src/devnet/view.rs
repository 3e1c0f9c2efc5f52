//! What one endpoint shows of the chain, which need not be the truth.

use super::{control::Indexer, refusal::Refusal};

/// Through whose eyes a request is answered.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Where the endpoint listens.
    pub(super) address: String,
    /// How many blocks behind the truth its answers are.
    pub(super) lag: i64,
    /// How many blocks further its accounts are behind.
    pub(super) accounts_lag: i64,
    pub(super) indexer: Indexer,
    pub(super) catching_up: bool,
    /// The chain that it says it is of, when that is another.
    pub(super) chain_id: Option<String>,
    /// Whether it takes transactions and passes none on.
    pub(super) black_hole: bool,
    /// With what it refuses each transaction.
    pub(super) refusal: Option<Refusal>,
}
