//! Opening the embedded database.

use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions as _, SqlSafeStr, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use tokio::sync::watch;

use super::{
    StoreError, check,
    connection::{Lives, one_connection},
    is_damage,
};

const MIGRATIONS: [(i64, &str, &str); 9] = [
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
    (7, "runs", include_str!("migrations/0007_runs.sql")),
    (8, "earnings", include_str!("migrations/0008_earnings.sql")),
    (9, "unready", include_str!("migrations/0009_unready.sql")),
];

/// What a connection keeps of the file in memory, in KiB below zero: the worker asks by keys, and more would
/// grow with the file for days.
const CACHE: &str = "-256";

/// The store: every repository trait is implemented on it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) pool: SqlitePool,
    place: String,
    lives: Lives,
    /// Whether it was found damaged.
    damaged: watch::Sender<bool>,
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
            .pragma("cache_size", CACHE)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            // A long read may make the log grow; afterwards it gives the disk back.
            .pragma("journal_size_limit", "4194304")
            // What is slow is told by the rooms that wait for it.
            .disable_statement_logging();
        Self::connect(options, place, Lives::OnDisk).await
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
        Self::connect(options, place, Lives::InMemory).await
    }

    pub(super) async fn connect(
        options: SqliteConnectOptions,
        place: String,
        lives: Lives,
    ) -> Result<Self, StoreError> {
        let pool = one_connection(lives)
            .connect_with(options)
            .await
            .map_err(|cause| failure(place.clone(), cause))?;
        let store = Self {
            pool,
            place,
            lives,
            damaged: watch::Sender::new(false),
        };
        migrator()
            .run(&store.pool)
            .await
            .map_err(|cause| store.not_migrated(cause))?;
        Ok(store)
    }

    /// A store that only reads what is there.
    pub(super) fn of_pool(pool: SqlitePool, place: String) -> Self {
        let (lives, damaged) = (Lives::OnDisk, watch::Sender::new(false));
        Self {
            pool,
            place,
            lives,
            damaged,
        }
    }

    /// Becomes true when SQLite finds the file damaged.
    #[must_use]
    pub fn damaged(&self) -> watch::Receiver<bool> {
        self.damaged.subscribe()
    }

    /// Whether it ends with the process.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.lives == Lives::InMemory
    }

    /// Its only connection: while it is held, the database is as one whose disk hangs.
    #[cfg(test)]
    pub(crate) async fn hung(&self) -> sqlx::pool::PoolConnection<sqlx::Sqlite> {
        self.pool.acquire().await.unwrap()
    }

    /// Runs a statement as another hand would.
    #[cfg(test)]
    pub(crate) async fn run_for_test(&self, sql: &'static str) {
        let _done = sqlx::query(sql).execute(&self.pool).await.unwrap();
    }

    /// From here on it fails.
    #[cfg(test)]
    pub(crate) async fn broken(&self) {
        self.pool.close().await;
    }

    fn not_migrated(&self, cause: MigrateError) -> StoreError {
        match cause {
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => {
                self.failed(cause)
            }
            cause => StoreError::Tables {
                place: self.place.clone(),
                cause: Box::new(cause),
            },
        }
    }

    /// Wraps a database error with the place that it came from.
    pub(super) fn failed(&self, cause: sqlx::Error) -> StoreError {
        let error = failure(self.place.clone(), cause);
        if error.is_damage() && !self.damaged.send_replace(true) {
            check::mark(Path::new(&self.place));
        }
        error
    }
}

pub(super) fn failure(place: String, cause: sqlx::Error) -> StoreError {
    if is_damage(&cause) {
        StoreError::Damaged { place, cause }
    } else {
        StoreError::Database { place, cause }
    }
}

/// The newest of the tables' versions that is known here.
pub(super) fn newest_migration() -> i64 {
    MIGRATIONS.iter().map(|it| it.0).max().unwrap_or_default()
}

/// Whether the tables of a database that is only read are those of this version, which alone can be read:
/// a worker brings older ones up to date at its start.
pub(super) async fn check_tables(pool: &SqlitePool, place: &str) -> Result<(), StoreError> {
    let newest = newest_migration();
    let found: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success = 1")
            .fetch_one(pool)
            .await;
    let found = found.map_err(|cause| failure(place.to_owned(), cause))?;
    match found.unwrap_or_default() {
        found if found == newest => Ok(()),
        found if found > newest => {
            let cause = Box::new(MigrateError::VersionMissing(found));
            let place = place.to_owned();
            Err(StoreError::Tables { place, cause })
        }
        _ => Err(StoreError::Older {
            place: place.to_owned(),
        }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn little_of_the_file_is_kept_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("worker.db")).await.unwrap();
        let kept = sqlx::query_scalar::<_, i64>("PRAGMA cache_size");
        let kept = kept.fetch_one(&store.pool).await.unwrap();
        assert_eq!(kept, CACHE.parse::<i64>().unwrap());
    }
}
