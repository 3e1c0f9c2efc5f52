//! Why the Predict worker can't go on.

use std::path::PathBuf;

/// Why a part of the Predict worker failed; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The outbox's file can't be used.
    #[error(
        "the outbox {path} can't be used: {cause}; check that its folder is there and can be written to and that the disk has space, or move the file away: what waits in it is not stored then"
    )]
    Outbox {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: sqlx::Error,
    },
    /// The outbox's file was written by another version.
    #[error(
        "the outbox {path} has the layout {found} and this version knows {known}: let the version that wrote it store what waits in it, or move the file away"
    )]
    OutboxLayout {
        /// Which file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// The layout that is known here.
        known: i64,
    },
}
