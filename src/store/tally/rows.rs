//! The rows that windows are counted from, read from a database that others may be writing.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use time::OffsetDateTime;

use super::{
    Followed, Payment, Run, Terms, Unready,
    runs::{run, terms},
    unready,
};
use crate::{
    store::{Lives, StateName, StoreError, Wallet, database, one_connection},
    types::{Height, WindowKey},
};

/// A window as the journal knows it: its newest state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournaledWindow {
    /// Which.
    pub key: WindowKey,
    /// The last block that takes a submission.
    pub end: Height,
    /// When its first step was written, which may be before it opened.
    pub first: OffsetDateTime,
    /// When a node first took the answer: within moments of the opening.
    pub sent: Option<OffsetDateTime>,
    /// When its newest step was written.
    pub last: OffsetDateTime,
    /// The newest state.
    pub state: StateName,
    /// Why it was missed, if it was.
    pub cause: Option<String>,
    /// The value that was signed last.
    pub value: Option<String>,
    /// Blocks from its opening to ours being in.
    pub blocks: Option<i64>,
    /// The transaction that holds ours, or was taken last.
    pub hash: Option<String>,
    /// The node that took it, as it is configured.
    pub endpoint: Option<String>,
}

/// What the database tells of a wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Windows by nonce.
    pub windows: Vec<JournaledWindow>,
    /// Runs, oldest first.
    pub runs: Vec<Run>,
    /// When those could answer no window, oldest first.
    pub unready: Vec<Unready>,
    /// Topics' terms by height.
    pub terms: Vec<Terms>,
    /// Transactions that a block holds, oldest first.
    pub payments: Vec<Payment>,
}

/// A worker's database, opened to be read: nothing is written, made or brought up to date.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) pool: SqlitePool,
    place: String,
}

/// What a connection keeps of the file in memory, in KiB below zero: it may be a worker's own process.
const CACHE: &str = "-512";

const RUNS: &str = "SELECT * FROM runs WHERE chain_id = ? AND address = ? ORDER BY id";

const UNREADY: &str = "SELECT u.* FROM unready u JOIN runs r ON r.id = u.run \
    WHERE r.chain_id = ? AND r.address = ? ORDER BY u.id";

const TERMS: &str = "SELECT * FROM topic_terms WHERE chain_id = ? ORDER BY topic, height";

const NEWEST: &str = "SELECT chain_id, address FROM \
    (SELECT chain_id, address, at FROM journal \
        UNION ALL SELECT chain_id, address, seen * 1000000 FROM runs) \
    ORDER BY at DESC LIMIT 1";

/// What is read whole each time.
pub(super) struct Rules {
    pub(super) runs: Vec<Run>,
    pub(super) unready: Vec<Unready>,
    pub(super) terms: Vec<Terms>,
}

impl Ledger {
    /// Opens the database at `path` to read it; none when there is none.
    ///
    /// # Errors
    /// When it can't be read, is damaged, or is not one of this version or an earlier one.
    pub async fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        let place = path.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .pragma("query_only", "1")
            .pragma("cache_size", CACHE)
            .busy_timeout(Duration::from_secs(2))
            // What is slow is told by the rooms that wait for it.
            .disable_statement_logging();
        let pool = one_connection(Lives::OnDisk);
        let pool = pool.connect_with(options).await;
        let pool = pool.map_err(|cause| database::failure(place.clone(), cause))?;
        let ledger = Self { pool, place };
        database::check_tables(&ledger.pool, &ledger.place).await?;
        Ok(Some(ledger))
    }

    /// A number that changes when somebody else has written.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn data_version(&self) -> Result<i64, StoreError> {
        let version = sqlx::query_scalar("PRAGMA data_version");
        version
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// The wallet that was last at work, and its chain.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn newest_wallet(&self) -> Result<Option<Wallet>, StoreError> {
        let found: Option<(String, String)> = sqlx::query_as(NEWEST)
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(found.map(|(chain_id, address)| Wallet { chain_id, address }))
    }

    /// All that is known of a wallet. `denom` is the coin that fees are paid in.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn past(&self, wallet: &Wallet, denom: &str) -> Result<Past, StoreError> {
        let mut all = Followed::default();
        all.follow(self, wallet, denom).await?;
        Ok(all.into_past())
    }

    /// The wallet's runs and its chain's terms.
    pub(super) async fn rules(&self, wallet: &Wallet) -> Result<Rules, StoreError> {
        let runs = self.rows(RUNS, wallet, run).await?;
        let unready = self.rows(UNREADY, wallet, unready::read).await?;
        let terms = self.rows(TERMS, wallet, terms).await?;
        Ok(Rules {
            runs,
            unready,
            terms,
        })
    }

    async fn rows<T>(
        &self,
        sql: &'static str,
        wallet: &Wallet,
        read: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let query = sqlx::query(sql).bind(&wallet.chain_id);
        let query = if sql == TERMS {
            query
        } else {
            query.bind(&wallet.address)
        };
        self.read_all(query.fetch_all(&self.pool).await, read)
    }

    /// Rows of a wallet from a time, or a nonce, on.
    pub(super) async fn rows_since<T>(
        &self,
        sql: &'static str,
        wallet: &Wallet,
        since: i64,
        read: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let query = sqlx::query(sql)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(since);
        let rows = query.fetch_all(&self.pool).await;
        self.read_all(rows, read)
    }

    pub(super) fn read_all<T>(
        &self,
        rows: Result<Vec<SqliteRow>, sqlx::Error>,
        read: impl Fn(&SqliteRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = rows.map_err(|cause| self.failed(cause))?;
        let read: Result<_, sqlx::Error> = rows.iter().map(read).collect();
        read.map_err(|cause| StoreError::Corrupt {
            what: "a row of the past",
            cause: cause.to_string(),
        })
    }

    pub(super) fn failed(&self, cause: sqlx::Error) -> StoreError {
        database::failure(self.place.clone(), cause)
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
