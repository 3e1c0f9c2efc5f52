//! Opening the embedded database.

use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions as _, SqlSafeStr, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::StoreError;

const MIGRATIONS: [(i64, &str, &str); 6] = [
    (1, "journal", include_str!("migrations/0001_journal.sql")),
    (2, "candles", include_str!("migrations/0002_candles.sql")),
    (
        3,
        "transactions",
        include_str!("migrations/0003_transactions.sql"),
    ),
    (4, "market", include_str!("migrations/0004_market.sql")),
    (5, "outcomes", include_str!("migrations/0005_outcomes.sql")),
    (
        6,
        "journal_copy",
        include_str!("migrations/0006_journal_copy.sql"),
    ),
];

/// The store: every repository trait is implemented on it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: SqlitePool,
    place: String,
}

impl Store {
    /// Opens the SQLite database at `path`, makes it when it is missing, and brings its tables up to
    /// date. What is committed survives a power cut (`synchronous = FULL`).
    ///
    /// # Errors
    /// When the file can't be made or is not a database.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            // What is slow is told by the rooms that wait for it.
            .disable_statement_logging();
        Self::connect(options, place).await
    }

    /// An empty database in memory, for tests.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let place = "memory".to_owned();
        let options = SqliteConnectOptions::from_str("sqlite::memory:").map_err(|cause| {
            StoreError::Database {
                place: place.clone(),
                cause,
            }
        })?;
        Self::connect(options, place).await
    }

    async fn connect(options: SqliteConnectOptions, place: String) -> Result<Self, StoreError> {
        // One connection: SQLite has one writer, and a database in memory lives with its connection.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map_err(|cause| StoreError::Database {
                place: place.clone(),
                cause,
            })?;
        let store = Self { pool, place };
        migrator()
            .run(&store.pool)
            .await
            .map_err(|cause| store.failed(cause.into()))?;
        Ok(store)
    }

    /// Wraps a database error with the place that it came from.
    pub(super) fn failed(&self, cause: sqlx::Error) -> StoreError {
        StoreError::Database {
            place: self.place.clone(),
            cause,
        }
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.into())
}
