//! Outcomes in SQL.

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{
    Answered, Field, Noted, OutcomeRepository, Peers, Record, Resolution, Standing, Store,
    StoreError, Wallet,
    outcomes_rows::{answered, noted, parsed, peers, record, topic_of, unnoted},
};
use crate::types::{Nonce, TopicId};

/// Among the newest of a topic, those that the chain was not asked about. The lowest nonce is looked up
/// once: what lies below it, and is never asked about, is not read.
const UNASKED: &str = "SELECT * FROM outcomes WHERE chain_id = ?1 AND address = ?2 AND topic = ?3 \
    AND asked = 0 AND nonce >= (SELECT min(nonce) FROM (SELECT nonce FROM outcomes \
        WHERE chain_id = ?1 AND address = ?2 AND topic = ?3 ORDER BY nonce DESC LIMIT ?4)) \
    ORDER BY nonce DESC LIMIT ?4";

/// Resolved forecasts without a rank whose others are known; those without others are not read.
const UNRANKED: &str = "SELECT o.*, p.combined, p.inferers FROM outcomes o JOIN peers p \
    ON p.chain_id = o.chain_id AND p.topic = o.topic AND p.nonce = o.nonce \
    WHERE o.chain_id = ? AND o.address = ? AND o.topic = ? AND o.outcome IS NOT NULL \
    AND o.place IS NULL AND o.peered = 1 ORDER BY o.nonce LIMIT ?";

#[async_trait]
impl OutcomeRepository for Store {
    async fn unnoted(
        &self,
        wallet: &Wallet,
        topics: &[TopicId],
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Answered>, StoreError> {
        let sql = sqlx::AssertSqlSafe(unnoted(topics));
        sqlx::query(sql)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(after.0)
            .bind(limit)
            .try_map(answered)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    async fn note(&self, wallet: &Wallet, forecasts: &[Noted]) -> Result<(), StoreError> {
        self.write_notes(wallet, forecasts).await
    }

    async fn newest(&self, wallet: &Wallet, topics: &[TopicId]) -> Result<Vec<Noted>, StoreError> {
        let mut all = Vec::new();
        for topic in topics {
            let found = sqlx::query(
                "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
                 ORDER BY nonce DESC LIMIT 1",
            )
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .try_map(noted)
            .fetch_optional(&self.pool)
            .await;
            all.extend(found.map_err(|cause| self.failed(cause))?);
        }
        Ok(all)
    }

    async fn unresolved(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        until: OffsetDateTime,
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        sqlx::query(
            "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
             AND nonce > ? AND opened <= ? AND resolved IS NULL ORDER BY nonce LIMIT ?",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(topic.0.cast_signed())
        .bind(after.0)
        .bind(until.unix_timestamp())
        .bind(limit)
        .try_map(noted)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    async fn resolve(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        at: OffsetDateTime,
        outcomes: &[(Nonce, Option<Resolution>)],
    ) -> Result<(), StoreError> {
        self.write_outcomes(wallet, topic, at, outcomes).await
    }

    async fn resolved(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        since: OffsetDateTime,
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        sqlx::query(
            "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
             AND nonce > ? AND opened >= ? AND outcome IS NOT NULL ORDER BY nonce LIMIT ?",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(topic.0.cast_signed())
        .bind(after.0)
        .bind(since.unix_timestamp())
        .bind(limit)
        .try_map(|row| record(&row))
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    async fn unasked(
        &self,
        wallet: &Wallet,
        topics: &[TopicId],
        reach: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        let mut all = Vec::new();
        for topic in topics {
            let found = sqlx::query(UNASKED)
                .bind(&wallet.chain_id)
                .bind(&wallet.address)
                .bind(topic.0.cast_signed())
                .bind(reach)
                .try_map(noted)
                .fetch_all(&self.pool)
                .await;
            all.extend(found.map_err(|cause| self.failed(cause))?);
        }
        all.sort_by_key(|it: &Noted| (std::cmp::Reverse(it.key.nonce), it.key.topic));
        Ok(all)
    }

    async fn keep_peers(
        &self,
        wallet: &Wallet,
        forecast: &Noted,
        peers: Option<&Peers>,
    ) -> Result<(), StoreError> {
        self.write_peers(wallet, forecast, peers).await
    }

    async fn unranked(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        limit: u32,
    ) -> Result<Vec<(Record, Peers)>, StoreError> {
        sqlx::query(UNRANKED)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .bind(limit)
            .try_map(|row| Ok((record(&row)?, peers(&row)?)))
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    async fn rank(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        fields: &[(Nonce, Field)],
    ) -> Result<(), StoreError> {
        self.write_ranks(wallet, topic, fields).await
    }

    async fn drop_peers(&self, before: OffsetDateTime, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM peers WHERE (chain_id, topic, nonce) IN \
             (SELECT chain_id, topic, nonce FROM peers WHERE opened < ? LIMIT ?)",
        )
        .bind(before.unix_timestamp())
        .bind(limit)
        .execute(&self.pool)
        .await;
        done.map(|done| done.rows_affected())
            .map_err(|cause| self.failed(cause))
    }

    async fn save_standing(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        standing: &Standing,
    ) -> Result<(), StoreError> {
        let text = json(standing, "a standing")?;
        let done = sqlx::query(
            "INSERT INTO standings (chain_id, address, topic, standing) VALUES (?, ?, ?, ?) \
             ON CONFLICT (chain_id, address, topic) DO UPDATE SET standing = excluded.standing",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(topic.0.cast_signed())
        .bind(text)
        .execute(&self.pool)
        .await;
        done.map(drop).map_err(|cause| self.failed(cause))
    }

    async fn standings(&self, wallet: &Wallet) -> Result<Vec<(TopicId, Standing)>, StoreError> {
        sqlx::query(
            "SELECT topic, standing FROM standings WHERE chain_id = ? AND address = ? \
             ORDER BY topic",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .try_map(|row: SqliteRow| {
            let standing = parsed(&row.try_get::<String, _>("standing")?)?;
            Ok((topic_of(&row)?, standing))
        })
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }
}

/// Forgets what was learnt of a wallet on a chain, and what others answered there.
pub(super) async fn forget(all: &mut SqliteConnection, wallet: &Wallet) -> Result<(), sqlx::Error> {
    for table in ["outcomes", "standings"] {
        let sql = format!("DELETE FROM {table} WHERE chain_id = ? AND address = ?");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .execute(&mut *all)
            .await?;
    }
    sqlx::query("DELETE FROM peers WHERE chain_id = ?")
        .bind(&wallet.chain_id)
        .execute(all)
        .await
        .map(drop)
}

fn json(value: &impl serde::Serialize, what: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt {
        what,
        cause: error.to_string(),
    })
}

#[cfg(test)]
#[path = "outcomes_tests.rs"]
mod tests;
