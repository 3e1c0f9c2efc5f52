//! What the chain makes of the wallet's answers: scores and rewards, and how fast the answers were.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{Store, StoreError, Wallet};
use crate::{
    chain::Uallo,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// How fast an answer was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnswerTime {
    /// The window that it answers.
    pub key: WindowKey,
    /// When a node took it.
    pub at: OffsetDateTime,
    /// From the window's event to the node's mempool, in milliseconds.
    pub latency_ms: f64,
}

/// The chain's score of our inference of a nonce.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The window.
    pub key: WindowKey,
    /// When it was scored.
    pub at: OffsetDateTime,
    /// The score, where it is known.
    pub score: Option<f64>,
    /// The moving average of our scores with it, where it is known; without a score, the one before it.
    pub ema: Option<f64>,
}

/// What a block paid us as an inferer of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The topic.
    pub topic: TopicId,
    /// The block.
    pub height: Height,
    /// The block's time.
    pub at: OffsetDateTime,
    /// What it paid.
    pub amount: Uallo,
}

/// Where it is kept how fast answers were and what they earned. Nothing of the path waits for it. All is
/// written as often as one likes: what is known stays.
#[async_trait]
pub trait EarningsRepository: Send + Sync + 'static {
    /// Keeps how fast answers were; of two to a window the first.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn note_times(&self, wallet: &Wallet, times: &[AnswerTime]) -> Result<(), StoreError>;

    /// Keeps scores. What is not known leaves what was.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn note_scores(&self, wallet: &Wallet, scores: &[Scored]) -> Result<(), StoreError>;

    /// Keeps what the block at `height` told of these topics, and that it was read: all or nothing.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn note_block(
        &self,
        wallet: &Wallet,
        height: Height,
        topics: &[TopicId],
        scores: &[Scored],
        paid: &[Paid],
    ) -> Result<(), StoreError>;

    /// Up to which block a topic's scores and rewards were read; none when they never were.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn read_until(
        &self,
        wallet: &Wallet,
        topic: TopicId,
    ) -> Result<Option<Height>, StoreError>;

    /// Forgets what is so much older than the newest of its kind. The host's date, which may be wrong, has
    /// no say.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn forget_earnings(&self, kept: Duration) -> Result<(), StoreError>;
}

const TIME: &str = "INSERT INTO latencies (chain_id, address, topic, nonce, at, micros) \
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";

const SCORE: &str = "INSERT INTO scores (chain_id, address, topic, nonce, at, score, ema) \
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chain_id, address, topic, nonce) DO UPDATE SET \
    at = CASE WHEN excluded.score IS NULL THEN scores.at ELSE excluded.at END, \
    score = COALESCE(excluded.score, scores.score), ema = COALESCE(excluded.ema, scores.ema)";

const PAID: &str = "INSERT INTO rewards (chain_id, address, topic, height, at, amount) \
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (chain_id, address, topic, height) DO UPDATE SET \
    at = excluded.at, amount = excluded.amount";

const READ: &str = "INSERT INTO earnings_read (chain_id, address, topic, height) \
    VALUES (?, ?, ?, ?) ON CONFLICT (chain_id, address, topic) DO UPDATE SET \
    height = max(earnings_read.height, excluded.height)";

/// All of it, from a database in memory to one on the disk that is attached as `home`.
pub(super) const BRING_HOME: &str = "BEGIN IMMEDIATE; \
    INSERT OR IGNORE INTO home.latencies SELECT * FROM main.latencies; \
    INSERT INTO home.scores SELECT * FROM main.scores WHERE true \
        ON CONFLICT (chain_id, address, topic, nonce) DO UPDATE SET \
        at = CASE WHEN excluded.score IS NULL THEN scores.at ELSE excluded.at END, \
        score = COALESCE(excluded.score, scores.score), ema = COALESCE(excluded.ema, scores.ema); \
    INSERT OR IGNORE INTO home.rewards SELECT * FROM main.rewards; \
    INSERT INTO home.earnings_read SELECT * FROM main.earnings_read WHERE true \
        ON CONFLICT (chain_id, address, topic) DO UPDATE SET \
        height = max(earnings_read.height, excluded.height); \
    COMMIT";

/// Tables that hold rows of a time.
const DATED: [&str; 3] = ["latencies", "scores", "rewards"];

#[async_trait]
impl EarningsRepository for Store {
    async fn note_times(&self, wallet: &Wallet, times: &[AnswerTime]) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            for it in times {
                sqlx::query(TIME)
                    .bind(&wallet.chain_id)
                    .bind(&wallet.address)
                    .bind(it.key.topic.0.cast_signed())
                    .bind(it.key.nonce.0)
                    .bind(milliseconds(it.at))
                    .bind(micros(it.latency_ms))
                    .execute(&mut *all)
                    .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn note_scores(&self, wallet: &Wallet, scores: &[Scored]) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            write_scores(&mut all, wallet, scores).await?;
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn note_block(
        &self,
        wallet: &Wallet,
        height: Height,
        topics: &[TopicId],
        scores: &[Scored],
        paid: &[Paid],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            write_scores(&mut all, wallet, scores).await?;
            for it in paid {
                sqlx::query(PAID)
                    .bind(&wallet.chain_id)
                    .bind(&wallet.address)
                    .bind(it.topic.0.cast_signed())
                    .bind(it.height.0)
                    .bind(milliseconds(it.at))
                    .bind(it.amount.0.to_string())
                    .execute(&mut *all)
                    .await?;
            }
            for topic in topics {
                sqlx::query(READ)
                    .bind(&wallet.chain_id)
                    .bind(&wallet.address)
                    .bind(topic.0.cast_signed())
                    .bind(height.0)
                    .execute(&mut *all)
                    .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn read_until(
        &self,
        wallet: &Wallet,
        topic: TopicId,
    ) -> Result<Option<Height>, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT height FROM earnings_read WHERE chain_id = ? AND address = ? AND topic = ?",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(topic.0.cast_signed())
        .fetch_optional(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))?;
        Ok(found.map(Height))
    }

    async fn forget_earnings(&self, kept: Duration) -> Result<(), StoreError> {
        let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        for table in DATED {
            let sql = format!("DELETE FROM {table} WHERE at < (SELECT max(at) FROM {table}) - ?");
            let done = sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(kept)
                .execute(&self.pool);
            done.await.map_err(|cause| self.failed(cause))?;
        }
        Ok(())
    }
}

async fn write_scores(
    all: &mut SqliteConnection,
    wallet: &Wallet,
    scores: &[Scored],
) -> Result<(), sqlx::Error> {
    for it in scores {
        sqlx::query(SCORE)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(it.key.topic.0.cast_signed())
            .bind(it.key.nonce.0)
            .bind(milliseconds(it.at))
            .bind(it.score)
            .bind(it.ema)
            .execute(&mut *all)
            .await?;
    }
    Ok(())
}

/// The chain began anew: what the last one paid and scored is kept under its own name.
pub(super) async fn set_aside(
    all: &mut SqliteConnection,
    chain_id: &str,
    aside: &str,
) -> Result<(), sqlx::Error> {
    for table in DATED {
        let sql = format!("UPDATE OR REPLACE {table} SET chain_id = ? WHERE chain_id = ?");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(aside)
            .bind(chain_id)
            .execute(&mut *all)
            .await?;
    }
    sqlx::query("DELETE FROM earnings_read WHERE chain_id = ?")
        .bind(chain_id)
        .execute(all)
        .await
        .map(drop)
}

/// The topic of a row.
pub(super) fn topic_of(row: &SqliteRow) -> Result<TopicId, sqlx::Error> {
    use sqlx::Row as _;
    Ok(TopicId(row.try_get::<i64, _>("topic")?.cast_unsigned()))
}

/// The window of a row.
pub(super) fn key_of(row: &SqliteRow) -> Result<WindowKey, sqlx::Error> {
    use sqlx::Row as _;
    Ok(WindowKey {
        topic: topic_of(row)?,
        nonce: Nonce(row.try_get("nonce")?),
    })
}

pub(super) fn milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

pub(super) fn date(milliseconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a cast holds at the bounds"
)]
fn micros(milliseconds: f64) -> i64 {
    (milliseconds * 1e3).round() as i64
}

#[cfg(test)]
#[path = "earnings_tests.rs"]
mod tests;
