//! What is known of a network at a time.

use std::sync::Arc;

use super::{Expected, Round, Standings};

/// What a network of models answered and how it scored, as it was last read. Immutable: whoever reads
/// it anew publishes another one.
#[derive(Clone, Debug, Default)]
pub struct NetworkState {
    /// Grows with each change; 0 before the first reading.
    pub edition: u64,
    /// Grows with each change of `daily` or `standings`.
    pub record: u64,
    /// The round of each day's forecast, by time.
    pub daily: Arc<[Round]>,
    /// How the models did.
    pub standings: Arc<Standings>,
    /// Each model's newest answer.
    pub newest: Arc<[Expected]>,
    /// Why there are no answers, where the database tells.
    pub missing: Option<Arc<str>>,
}
