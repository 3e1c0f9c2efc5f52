//! What outlives the process: traits for the other rooms, and their one implementation in SQL.

mod candles;
mod candles_sql;
mod database;
mod journal;
mod journal_sql;
mod outcomes;
mod outcomes_rows;
mod outcomes_sql;
mod outcomes_writes;
mod packed;
mod predictions;
mod quota;
mod series;

pub use candles::{CandleRepository, Pair, SetAside, StoredCandle};
pub use database::Store;
pub use journal::{Journal, Refusal, SignedTx, State, StateName, Submission, Transition, Wallet};
pub use outcomes::{
    Answered, Field, Noted, OpenedBy, OutcomeRepository, Peers, Record, Resolution, Standing,
};
pub use packed::Packed;
pub use predictions::{
    Close, CloseRepository, ConfigKey, Deployment, DeploymentEffect, ModelRecord, ModelRepository,
    Prediction, PredictionConfig, PredictionConfigRepository, PredictionFilter,
    PredictionRepository, PredictionStatus, PredictionStore, StoredConfig, StoredPrediction,
};
pub use quota::{QuotaLimit, QuotaRepository};
pub use series::{Interval, Origin, Series};

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or can't be reached.
    #[error(
        "the database at {place} failed: {cause}; check that the disk has space and can be written to"
    )]
    Database {
        /// Which database.
        place: String,
        /// What it said.
        #[source]
        cause: sqlx::Error,
    },
    /// What was read makes no sense.
    #[error("the database holds {what} that can't be read: {cause}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// Why it makes no sense.
        cause: String,
    },
}
