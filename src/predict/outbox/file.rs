//! The outbox's file: a SQLite database of its own.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use futures_util::TryStreamExt;
use sqlx::{
    ConnectOptions, QueryBuilder, Row as _, Sqlite, SqliteConnection, SqlitePool,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous,
    },
};

use tokio::sync::watch;

use super::row::Row;
use crate::{
    predict::PredictError,
    store::{self, Lives, one_connection},
};

const LAYOUT: i64 = 1;

/// Sequence numbers are never given twice, so that "all up to here" can't mean a newer fact. The size
/// stands before the long columns: adding sizes up reads no answers. What the database refuses can be
/// put back by hand, as a new fact.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS facts (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        fact TEXT NOT NULL,
        payload BLOB
    );
    CREATE INDEX IF NOT EXISTS facts_known ON facts (kind, seq)
        WHERE kind IN ('model', 'performed');
    CREATE TABLE IF NOT EXISTS refused (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        fact TEXT NOT NULL,
        payload BLOB,
        cause TEXT NOT NULL,
        refused_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    );
    PRAGMA user_version = 1;";

/// Rows of one INSERT.
const CHUNK: usize = 100;

/// The file, and what waits in it.
#[derive(Debug)]
pub(super) struct File {
    pub(super) pool: SqlitePool,
    path: PathBuf,
    facts: AtomicU64,
    bytes: AtomicU64,
    newest: AtomicI64,
    /// Whether it was found damaged.
    damaged: watch::Sender<bool>,
}

impl File {
    /// Opens the file, makes it when it is missing, and counts what waits in it.
    ///
    /// `synchronous = FULL`: what is appended survives a power cut too. One sync serves all that has
    /// gathered since the last one, so it costs little.
    pub(super) async fn open(path: &Path) -> Result<Self, PredictError> {
        let failed = |cause| PredictError::Outbox {
            path: path.to_owned(),
            cause,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", "4194304")
            .busy_timeout(Duration::from_secs(5))
            // Batches hold large rows: few of them shall wait between the threads.
            .row_buffer_size(16)
            .disable_statement_logging();
        // One connection: appending and draining take turns, each for one small transaction.
        let pool = one_connection(Lives::OnDisk)
            .connect_with(options)
            .await
            .map_err(failed)?;
        let file = Self {
            pool,
            path: path.to_owned(),
            facts: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            newest: AtomicI64::new(0),
            damaged: watch::Sender::new(false),
        };
        let ready = async {
            file.prepare().await?;
            file.count().await.map_err(failed)
        };
        if let Err(error) = ready.await {
            // SQLite removes a file's log when it closes it, and by then another may have its name.
            file.pool.close().await;
            return Err(error);
        }
        Ok(file)
    }

    async fn prepare(&self) -> Result<(), PredictError> {
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        if found > LAYOUT {
            return Err(PredictError::OutboxLayout {
                path: self.path.clone(),
                found,
                known: LAYOUT,
            });
        }
        sqlx::raw_sql(TABLES)
            .execute(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(())
    }

    pub(super) async fn count(&self) -> Result<(), sqlx::Error> {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(seq), 0) FROM facts",
        )
        .fetch_one(&self.pool)
        .await?;
        self.facts
            .store(row.try_get::<i64, _>(0)?.cast_unsigned(), Relaxed);
        self.bytes
            .store(row.try_get::<i64, _>(1)?.cast_unsigned(), Relaxed);
        self.newest.store(row.try_get(2)?, Relaxed);
        Ok(())
    }

    /// Appends rows in their order, all or none.
    pub(super) async fn append(&self, rows: &[Row]) -> Result<(), sqlx::Error> {
        let mut all = self.pool.begin().await?;
        for chunk in rows.chunks(CHUNK) {
            let mut insert =
                QueryBuilder::<Sqlite>::new("INSERT INTO facts (kind, bytes, fact, payload) ");
            insert.push_values(chunk, |mut values, row| {
                values
                    .push_bind(row.kind.as_str())
                    .push_bind(i64::try_from(row.size()).unwrap_or(i64::MAX))
                    .push_bind(row.fact.as_str())
                    .push_bind(row.payload.as_deref());
            });
            // Only whole chunks have a text that comes again.
            let whole = chunk.len() == CHUNK;
            insert.build().persistent(whole).execute(&mut *all).await?;
        }
        let newest: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM facts")
            .fetch_one(&mut *all)
            .await?;
        all.commit().await?;
        let bytes: usize = rows.iter().map(Row::size).sum();
        self.facts.fetch_add(rows.len() as u64, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.newest.store(newest, Relaxed);
        Ok(())
    }

    /// The oldest rows after a number and not after another: `most` of them and about `bytes` at most,
    /// and at least one if there is one.
    pub(super) async fn batch(
        &self,
        after: i64,
        until: i64,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let mut found = sqlx::query(
            "SELECT seq, kind, fact, payload FROM facts WHERE seq > ? AND seq <= ? \
                ORDER BY seq LIMIT ?",
        )
        .bind(after)
        .bind(until)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch(&self.pool);
        let (mut rows, mut size) = (Vec::new(), 0);
        while let Some(row) = found.try_next().await? {
            let row = read(&row)?;
            size += row.size();
            if size > bytes && !rows.is_empty() {
                break;
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// Removes what is stored: all rows from a number to another.
    pub(super) async fn remove(&self, first: i64, last: i64) -> Result<(), sqlx::Error> {
        let mut all = self.pool.begin().await?;
        let gone = remove(&mut all, first, last).await?;
        all.commit().await?;
        self.gone(gone);
        Ok(())
    }

    /// Moves a row to those that were refused.
    pub(super) async fn refuse(&self, seq: i64, cause: &str) -> Result<(), sqlx::Error> {
        let mut all = self.pool.begin().await?;
        sqlx::query(
            "INSERT OR REPLACE INTO refused (seq, kind, bytes, fact, payload, cause) \
                SELECT seq, kind, bytes, fact, payload, ? FROM facts WHERE seq = ?",
        )
        .bind(cause)
        .bind(seq)
        .execute(&mut *all)
        .await?;
        let gone = remove(&mut all, seq, seq).await?;
        all.commit().await?;
        self.gone(gone);
        Ok(())
    }

    pub(super) fn gone(&self, (facts, bytes): (u64, u64)) {
        // What a hand put into the file was never counted.
        for (count, gone) in [(&self.facts, facts), (&self.bytes, bytes)] {
            let _ = count.fetch_update(Relaxed, Relaxed, |it| Some(it.saturating_sub(gone)));
        }
    }

    /// Facts that wait, and their bytes.
    pub(super) fn waiting(&self) -> (u64, u64) {
        (self.facts.load(Relaxed), self.bytes.load(Relaxed))
    }

    /// The number of the newest fact that was appended.
    pub(super) fn newest(&self) -> i64 {
        self.newest.load(Relaxed)
    }

    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Becomes true when SQLite finds the file damaged.
    pub(super) fn damaged(&self) -> watch::Receiver<bool> {
        self.damaged.subscribe()
    }

    /// Takes note of an error: a file that is damaged stays so until a start mends it.
    pub(super) fn met(&self, cause: &sqlx::Error) {
        if store::is_damage(cause) && !self.damaged.send_replace(true) {
            store::mark_damaged(&self.path);
        }
    }

    pub(super) fn failed(&self, cause: sqlx::Error) -> PredictError {
        self.met(&cause);
        PredictError::Outbox {
            path: self.path.clone(),
            cause,
        }
    }
}

/// Removes rows from a number to another; gives how many, and their bytes.
pub(super) async fn remove(
    all: &mut SqliteConnection,
    first: i64,
    last: i64,
) -> Result<(u64, u64), sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(*), coalesce(sum(bytes), 0) FROM facts WHERE seq BETWEEN ? AND ?",
    )
    .bind(first)
    .bind(last)
    .fetch_one(&mut *all)
    .await?;
    sqlx::query("DELETE FROM facts WHERE seq BETWEEN ? AND ?")
        .bind(first)
        .bind(last)
        .execute(all)
        .await?;
    let unsigned = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    Ok((unsigned(0)?, unsigned(1)?))
}

pub(super) fn read(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    Ok(Row {
        seq: row.try_get("seq")?,
        kind: row.try_get("kind")?,
        fact: row.try_get("fact")?,
        payload: row.try_get("payload")?,
    })
}
