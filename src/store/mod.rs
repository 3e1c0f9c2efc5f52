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
mod prediction_db;
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
pub use prediction_db::{DatabaseUrl, PredictionDb};
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
    /// The database server refused or can't be reached.
    #[error(
        "the database {place} failed: {cause}; check that it runs, that it can be reached from here, \
         and that its user may write"
    )]
    Server {
        /// Which database, without a password.
        place: String,
        /// What it said.
        #[source]
        cause: sqlx::Error,
    },
    /// The tables are not those that this version knows.
    #[error(
        "the tables of the database {place} can't be brought up to date: {cause}; if a newer worker \
         has used it, use that one, else name another database"
    )]
    Tables {
        /// Which database.
        place: String,
        /// Why.
        #[source]
        cause: Box<sqlx::migrate::MigrateError>,
    },
    /// The name of a database is no name of one.
    #[error("the database's address can't be used: {cause}")]
    Url {
        /// What is wrong, and what would be right. Never the password.
        cause: String,
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

impl StoreError {
    /// Whether the same may go well another time. Else it is what was to be stored that the database
    /// refuses, or what it holds that can't be read.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Tables { .. } | Self::Url { .. } => false,
            Self::Database { cause, .. } | Self::Server { cause, .. } => !is_refusal(cause),
        }
    }
}

/// Whether a database refuses the values themselves.
fn is_refusal(cause: &sqlx::Error) -> bool {
    let Some(error) = cause.as_database_error() else {
        return matches!(cause, sqlx::Error::Encode(_) | sqlx::Error::Decode(_));
    };
    let code = error.code().unwrap_or_default();
    // A row that is referred to can come back.
    if error.is_foreign_key_violation() {
        return false;
    }
    if error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        // Data, constraints, and limits such as an index row's size.
        return ["22", "23", "54"]
            .iter()
            .any(|class| code.starts_with(class));
    }
    // Too big, a constraint, a mismatch of types.
    let code: i32 = code.parse().unwrap_or_default();
    matches!(code & 0xff, 18..=20)
}
