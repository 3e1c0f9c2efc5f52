//! The journal in SQL.

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{
    Journal, Sent, SignedTx, State, Store, StoreError, Submission, Transition, Wallet, earnings,
    journal_rows::{Columns, corrupt, submission},
    outcomes_sql, tally,
};

const INSERT: &str = "INSERT INTO journal (at, chain_id, address, topic, nonce, window_end, state, \
    value, tx_hash, endpoint, height, code, codespace, detail) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Blocks before the newest nonce for which an unfinished submission is taken up: what is older has
/// long been decided, and a start must not read months.
pub(super) const REACH: i64 = 20_000;

const KEEP: &str = "INSERT OR IGNORE INTO transactions (hash, bytes, sequence) VALUES (?, ?, ?)";

/// The newest step of each window, with its first step's time and its newest signed transaction,
/// if that was not refused or replaced since.
const LATEST: &str = "SELECT j.*, \
    (SELECT min(f.at) FROM journal f WHERE f.chain_id = j.chain_id AND f.address = j.address \
        AND f.topic = j.topic AND f.nonce = j.nonce) AS since, \
    t.bytes AS s_bytes, t.hash AS s_hash, t.sequence AS s_sequence, s.value AS s_value \
    FROM journal j LEFT JOIN journal s ON s.id = \
        (SELECT max(p.id) FROM journal p WHERE p.chain_id = j.chain_id AND p.address = j.address \
            AND p.topic = j.topic AND p.nonce = j.nonce AND p.state = 'prepared') \
        AND NOT EXISTS (SELECT 1 FROM journal r WHERE r.chain_id = j.chain_id \
            AND r.address = j.address AND r.topic = j.topic AND r.nonce = j.nonce \
            AND r.id > s.id AND r.state IN ('rejected', 'superseded')) \
    LEFT JOIN transactions t ON t.hash = s.tx_hash \
    WHERE j.chain_id = ?1 AND j.address = ?2 AND j.id = \
        (SELECT max(n.id) FROM journal n WHERE n.chain_id = j.chain_id AND n.address = j.address \
            AND n.topic = j.topic AND n.nonce = j.nonce)";

/// Blocks before the newest nonce in which a day may lie: 24 hours of blocks of a second are 86 400.
pub(super) const DAY_OF_BLOCKS: i64 = 100_000;

/// Transactions that a node took or a block holds, and those whose windows' newest step is that they
/// were prepared: they may be out.
const SENT: &str = "SELECT t.hash, t.bytes, min(j.at) AS at \
    FROM journal j JOIN transactions t ON t.hash = j.tx_hash \
    WHERE j.chain_id = ?1 AND j.address = ?2 AND j.at >= ?3 \
        AND j.nonce > (SELECT max(m.nonce) - ?4 FROM journal m \
            WHERE m.chain_id = ?1 AND m.address = ?2) \
        AND (j.state IN ('broadcast', 'included') OR (j.state = 'prepared' AND NOT EXISTS \
            (SELECT 1 FROM journal n WHERE n.chain_id = j.chain_id AND n.address = j.address \
                AND n.topic = j.topic AND n.nonce = j.nonce AND n.id > j.id))) \
    GROUP BY t.hash ORDER BY at";

#[async_trait]
impl Journal for Store {
    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            write(&mut all, steps).await?;
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError> {
        let sql = format!(
            "{LATEST} AND j.state NOT IN ('counted', 'outranked', 'expired', 'superseded') \
                AND j.nonce > (SELECT max(m.nonce) - {REACH} FROM journal m \
                    WHERE m.chain_id = ?1 AND m.address = ?2) \
                ORDER BY j.nonce, j.topic"
        );
        self.submissions(sql, wallet, i64::MAX).await
    }

    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError> {
        let sql = format!("{LATEST} ORDER BY j.nonce DESC, j.topic");
        self.submissions(sql, wallet, limit.into()).await
    }

    async fn sent_since(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError> {
        let rows = sqlx::query(SENT)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(nanoseconds(since))
            .bind(DAY_OF_BLOCKS)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let sent = |row: &SqliteRow| {
            Ok(Sent {
                at: date(row.try_get("at")?),
                bytes: row.try_get("bytes")?,
                hash: row.try_get("hash")?,
            })
        };
        rows.iter()
            .map(|row| sent(row).map_err(|cause: sqlx::Error| corrupt(&cause)))
            .collect()
    }

    async fn set_aside(&self, wallet: &Wallet, chain_id: &str) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            sqlx::query("UPDATE journal SET chain_id = ? WHERE chain_id = ? AND address = ?")
                .bind(chain_id)
                .bind(&wallet.chain_id)
                .bind(&wallet.address)
                .execute(&mut *all)
                .await?;
            outcomes_sql::forget(&mut all, wallet).await?;
            tally::set_aside(&mut all, &wallet.chain_id, chain_id).await?;
            earnings::set_aside(&mut all, &wallet.chain_id, chain_id).await?;
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }
}

impl Store {
    async fn submissions(
        &self,
        sql: String,
        wallet: &Wallet,
        limit: i64,
    ) -> Result<Vec<Submission>, StoreError> {
        // Only constants of this file make up the text.
        let sql = sqlx::AssertSqlSafe(format!("{sql} LIMIT ?3"));
        let rows = sqlx::query(sql)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        rows.iter()
            .map(|row| submission(row, date(row.try_get("since")?)))
            .collect::<Result<_, _>>()
            .map_err(|cause| corrupt(&cause))
    }
}

/// Writes steps in a transaction; gives their numbers.
pub(super) async fn write(
    all: &mut SqliteConnection,
    steps: &[Transition],
) -> Result<Vec<i64>, sqlx::Error> {
    let mut numbers = Vec::new();
    let mut kept = None;
    for step in steps {
        // The windows of one transaction follow each other.
        if let State::Prepared(tx) = &step.state
            && kept != Some(&tx.hash)
        {
            keep(all, tx).await?;
            kept = Some(&tx.hash);
        }
        numbers.push(insert(all, step).await?);
    }
    Ok(numbers)
}

async fn keep(all: &mut SqliteConnection, tx: &SignedTx) -> Result<(), sqlx::Error> {
    sqlx::query(KEEP)
        .bind(&tx.hash)
        .bind(tx.bytes.as_slice())
        .bind(tx.sequence.cast_signed())
        .execute(all)
        .await
        .map(|_| ())
}

async fn insert(all: &mut SqliteConnection, step: &Transition) -> Result<i64, sqlx::Error> {
    let columns = Columns::from(step);
    sqlx::query(INSERT)
        .bind(nanoseconds(step.at))
        .bind(&step.wallet.chain_id)
        .bind(&step.wallet.address)
        .bind(step.key.topic.0.cast_signed())
        .bind(step.key.nonce.0)
        .bind(step.window_end.0)
        .bind(step.state.name().as_str())
        .bind(&step.value)
        .bind(columns.hash)
        .bind(columns.endpoint)
        .bind(columns.height)
        .bind(columns.code)
        .bind(columns.codespace)
        .bind(columns.detail)
        .execute(all)
        .await
        .map(|done| done.last_insert_rowid())
}

pub(super) fn nanoseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

pub(super) fn date(nanoseconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds.into())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
