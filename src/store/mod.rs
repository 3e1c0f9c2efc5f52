//! What outlives the process: traits for the other rooms, and their one implementation in SQL.

mod candles;
mod database;
mod journal;
mod journal_sql;

pub use candles::CandleRepository;
pub use database::Store;
pub use journal::{Journal, Refusal, SignedTx, State, StateName, Submission, Transition, Wallet};

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
