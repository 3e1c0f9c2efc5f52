//! The rows that windows are counted from, read from a database that others may be writing.

use std::{path::Path, time::Duration};

use sqlx::{
    Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use time::OffsetDateTime;

use super::{
    Payment, Run, Terms, Unready,
    runs::{run, terms},
    unready,
};
use crate::{
    store::{Lives, StateName, StoreError, Wallet, database, journal_sql::date, one_connection},
    types::{Height, Nonce, TopicId, WindowKey},
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
    pool: SqlitePool,
    place: String,
}

/// Each window with its newest step, when it was first sent, and in which block it was.
const WINDOWS: &str = "SELECT j.topic, j.nonce, j.window_end, j.state, j.detail, j.at AS last, \
    g.first, g.sent, g.height, \
    (SELECT p.value FROM journal p WHERE p.id = g.signed) AS value \
    FROM (SELECT max(id) AS id, min(at) AS first, \
            min(CASE WHEN state = 'broadcast' THEN at END) AS sent, \
            min(CASE WHEN state = 'included' AND tx_hash <> '' THEN height END) AS height, \
            max(CASE WHEN state = 'prepared' THEN id END) AS signed \
        FROM journal WHERE chain_id = ?1 AND address = ?2 GROUP BY nonce, topic) g \
    JOIN journal j ON j.id = g.id ORDER BY j.nonce, j.topic";

/// Transactions that a block holds: those of an answer that is in, and those that a block has refused.
const PAYMENTS: &str = "SELECT t.bytes, min(j.at) AS at \
    FROM journal j JOIN transactions t ON t.hash = j.tx_hash \
    WHERE j.chain_id = ?1 AND j.address = ?2 AND (j.state = 'included' OR (j.state = 'broadcast' \
        AND 'rejected' = (SELECT n.state FROM journal n WHERE n.chain_id = j.chain_id \
            AND n.address = j.address AND n.topic = j.topic AND n.nonce = j.nonce \
            AND n.id > j.id ORDER BY n.id LIMIT 1))) \
    GROUP BY t.hash ORDER BY at";

const RUNS: &str = "SELECT * FROM runs WHERE chain_id = ? AND address = ? ORDER BY id";

const UNREADY: &str = "SELECT u.* FROM unready u JOIN runs r ON r.id = u.run \
    WHERE r.chain_id = ? AND r.address = ? ORDER BY u.id";

const TERMS: &str = "SELECT * FROM topic_terms WHERE chain_id = ? ORDER BY topic, height";

const NEWEST: &str = "SELECT chain_id, address FROM \
    (SELECT chain_id, address, at FROM journal \
        UNION ALL SELECT chain_id, address, seen * 1000000 FROM runs) \
    ORDER BY at DESC LIMIT 1";

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
            .busy_timeout(Duration::from_secs(2));
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
        let windows = self.rows(WINDOWS, wallet, window).await?;
        let payment = |row: &SqliteRow| {
            let bytes: Vec<u8> = row.try_get("bytes")?;
            Ok(Payment::of(date(row.try_get("at")?), &bytes, denom))
        };
        let payments = self.rows(PAYMENTS, wallet, payment).await?;
        let runs = self.rows(RUNS, wallet, run).await?;
        let unready = self.rows(UNREADY, wallet, unready::read).await?;
        let terms = self.rows(TERMS, wallet, terms).await?;
        Ok(Past {
            windows,
            runs,
            unready,
            terms,
            payments,
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
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.map_err(|cause| self.failed(cause))?;
        let read: Result<_, sqlx::Error> = rows.iter().map(read).collect();
        read.map_err(|cause| StoreError::Corrupt {
            what: "a row of the past",
            cause: cause.to_string(),
        })
    }

    fn failed(&self, cause: sqlx::Error) -> StoreError {
        database::failure(self.place.clone(), cause)
    }
}

fn window(row: &SqliteRow) -> Result<JournaledWindow, sqlx::Error> {
    let name: String = row.try_get("state")?;
    let state = StateName::parse(&name)
        .ok_or_else(|| sqlx::Error::Decode(format!("unknown state {name:?}").into()))?;
    let nonce: i64 = row.try_get("nonce")?;
    let height: Option<i64> = row.try_get("height")?;
    let cause: Option<String> = row.try_get("detail")?;
    Ok(JournaledWindow {
        key: WindowKey {
            topic: TopicId(row.try_get::<i64, _>("topic")?.cast_unsigned()),
            nonce: Nonce(nonce),
        },
        end: Height(row.try_get("window_end")?),
        first: date(row.try_get("first")?),
        sent: row.try_get::<Option<i64>, _>("sent")?.map(date),
        last: date(row.try_get("last")?),
        state,
        cause: cause.filter(|_| state == StateName::Expired),
        value: row.try_get("value")?,
        blocks: height.map(|height| height - nonce),
    })
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
