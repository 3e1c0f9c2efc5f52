//! Predictions in SQLite.

mod closes;
mod configs;
mod models;
mod predictions;
mod rounds;
mod scores;
mod snapshots;

use std::{borrow::Cow, path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, SqlSafeStr, SqlitePool, Transaction,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    super::{Lives, StoreError, database::failure, one_connection, pages::beside},
    KnownConfigs,
};

const MIGRATIONS: [(i64, &str, &str); 2] = [
    (
        1,
        "predictions",
        include_str!("../../migrations/predictions_sqlite/0001_predictions.sql"),
    ),
    (
        2,
        "scores",
        include_str!("../../migrations/predictions_sqlite/0002_scores.sql"),
    ),
];
/// How long one waits for another process's write.
const BUSY: Duration = Duration::from_secs(5);
/// What a connection that only looks keeps of the file in memory, in KiB below zero.
const READING_CACHE: &str = "-512";
/// Making a file and switching it to WAL fails at once when another process does the same.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// A file of SQLite's. It has one writer at a time, so there is one connection that writes; what reads
/// has another, and neither waits for the other.
#[derive(Debug)]
pub(super) struct Sqlite {
    pub(super) writer: SqlitePool,
    pub(super) reader: SqlitePool,
    configs: KnownConfigs,
    place: String,
}

impl Sqlite {
    /// What is committed survives a power cut (`synchronous = FULL`): whoever hands facts over deletes
    /// them afterwards. A batch is one transaction, so that costs little.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", "67108864")
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let mut tries = 0;
        loop {
            match Self::connect(&options, place.clone()).await {
                Err(StoreError::Database { cause, .. }) if is_locked(&cause) && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE * tries).await;
                }
                done => return done,
            }
        }
    }

    /// Reads a file without leaving anything beside it. While nobody else has it open, its write-ahead log is
    /// in it, and it is read as one that does not change: not for long.
    pub(super) async fn read(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let is_at_rest = !beside(path, "-wal").exists();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(is_at_rest)
            .pragma("query_only", "ON")
            .pragma("cache_size", READING_CACHE)
            .busy_timeout(Duration::from_secs(1))
            .disable_statement_logging();
        let reader = one(&options, Lives::OnDisk).await;
        let reader = reader.map_err(|cause| failure(place.clone(), cause))?;
        let found = "SELECT count(*) FROM sqlite_schema WHERE name = 'snapshots'";
        let found: Result<i64, _> = sqlx::query_scalar(found).fetch_one(&reader).await;
        match found {
            Ok(0) => Err(StoreError::Older { place }),
            Err(cause) => Err(failure(place, cause)),
            Ok(_) => Ok(Self {
                writer: reader.clone(),
                reader,
                configs: KnownConfigs::default(),
                place,
            }),
        }
    }

    pub(super) async fn in_memory() -> Result<Self, StoreError> {
        let place = "memory".to_owned();
        let failed = |cause| StoreError::Database {
            place: place.clone(),
            cause,
        };
        let options = SqliteConnectOptions::from_str("sqlite::memory:").map_err(failed)?;
        let writer = one(&options, Lives::InMemory).await.map_err(failed)?;
        migrate(&writer, &place).await?;
        Ok(Self {
            reader: writer.clone(),
            writer,
            configs: KnownConfigs::default(),
            place,
        })
    }

    async fn connect(options: &SqliteConnectOptions, place: String) -> Result<Self, StoreError> {
        let failed = |cause| StoreError::Database {
            place: place.clone(),
            cause,
        };
        let writer = one(options, Lives::OnDisk).await.map_err(failed)?;
        migrate(&writer, &place).await?;
        let options = options.clone().pragma("query_only", "ON");
        let reader = one(&options, Lives::OnDisk).await.map_err(failed)?;
        Ok(Self {
            writer,
            reader,
            configs: KnownConfigs::default(),
            place,
        })
    }

    /// A transaction that has the right to write from its start: one that only asks for it later is
    /// refused at once when another process has written in between.
    async fn write(&self) -> Result<Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }

    pub(super) fn failed(&self, cause: sqlx::Error) -> StoreError {
        StoreError::Database {
            place: self.place.clone(),
            cause,
        }
    }
}

fn is_locked(cause: &sqlx::Error) -> bool {
    let error = cause.as_database_error();
    let code = error.and_then(sqlx::error::DatabaseError::code);
    let code: Option<i32> = code.as_deref().and_then(|code: &str| code.parse().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

async fn one(options: &SqliteConnectOptions, lives: Lives) -> Result<SqlitePool, sqlx::Error> {
    one_connection(lives).connect_with(options.clone()).await
}

/// The migrator has no lock of its own for SQLite: one transaction around it is one.
async fn migrate(pool: &SqlitePool, place: &str) -> Result<(), StoreError> {
    let work = async {
        let mut connection = pool.acquire().await?;
        let mut all = connection.begin_with("BEGIN IMMEDIATE").await?;
        migrator().run_direct(None, &mut *all, false).await?;
        all.commit().await?;
        Ok::<(), MigrateError>(())
    };
    work.await.map_err(|cause| match cause {
        MigrateError::Execute(cause) => StoreError::Database {
            place: place.to_owned(),
            cause,
        },
        cause => StoreError::Tables {
            place: place.to_owned(),
            cause: Box::new(cause),
        },
    })
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let sql = sql.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.dangerous_set_table_name(Cow::Borrowed(super::MIGRATIONS_TABLE));
    migrator
}

#[cfg(test)]
#[path = "statements_tests.rs"]
mod tests;
