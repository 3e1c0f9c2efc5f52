//! What became of the wallet's forecasts, read beside whoever learns it.

use sqlx::{Row as _, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::Ledger;
use crate::{
    store::{
        Noted, Peers, Record, Standing, StoreError, Wallet,
        outcomes_rows::{noted, parsed, peers, record, topic_of},
    },
    types::TopicId,
};

/// How far a topic's outcomes are known: it changes whenever one of them does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Forecasts that are noted.
    pub noted: i64,
    /// Those that are resolved, or given up.
    pub resolved: i64,
    /// Those that are ranked among others.
    pub ranked: i64,
    /// Those whose others are known.
    pub peered: i64,
    /// When the newest was resolved, unix seconds.
    pub newest: i64,
}

const LEARNT: &str = "SELECT count(*) AS noted, count(resolved) AS resolved, count(place) AS ranked, \
    COALESCE(sum(peered), 0) AS peered, COALESCE(max(resolved), 0) AS newest \
    FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ?";

const RESOLVED: &str = "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
    AND opened >= ? AND outcome IS NOT NULL ORDER BY nonce";

const PENDING: &str = "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
    AND resolved IS NULL ORDER BY nonce DESC LIMIT ?";

/// Of the newest forecasts the newest one whose others are known.
const COMPARED: &str = "SELECT o.*, p.combined, p.inferers FROM outcomes o JOIN peers p \
    ON p.chain_id = o.chain_id AND p.topic = o.topic AND p.nonce = o.nonce \
    WHERE o.chain_id = ?1 AND o.address = ?2 AND o.topic = ?3 AND o.nonce = \
        (SELECT max(n.nonce) FROM (SELECT nonce, peered FROM outcomes \
            WHERE chain_id = ?1 AND address = ?2 AND topic = ?3 ORDER BY nonce DESC LIMIT 500) n \
        WHERE n.peered = 1)";

const STANDINGS: &str =
    "SELECT topic, standing FROM standings WHERE chain_id = ? AND address = ? ORDER BY topic";

impl Ledger {
    /// How far a topic's outcomes are known.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn learnt(&self, wallet: &Wallet, topic: TopicId) -> Result<Learnt, StoreError> {
        let row = sqlx::query(LEARNT)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let number = |column: &str| row.try_get(column).map_err(|cause| self.failed(cause));
        Ok(Learnt {
            noted: number("noted")?,
            resolved: number("resolved")?,
            ranked: number("ranked")?,
            peered: number("peered")?,
            newest: number("newest")?,
        })
    }

    /// A topic's resolved forecasts with windows opened at `since` or later, by nonce.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn resolved(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        since: OffsetDateTime,
    ) -> Result<Vec<Record>, StoreError> {
        sqlx::query(RESOLVED)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .bind(since.unix_timestamp())
            .try_map(|row: SqliteRow| record(&row))
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// A topic's newest forecasts that are not resolved, `limit` of them at most, by nonce.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn pending(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        let found = sqlx::query(PENDING)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .bind(limit)
            .try_map(noted)
            .fetch_all(&self.pool)
            .await;
        let mut found = found.map_err(|cause| self.failed(cause))?;
        found.reverse();
        Ok(found)
    }

    /// A topic's newest forecast whose others are known, with what they answered; none when none of the
    /// newest 500 is.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn compared(
        &self,
        wallet: &Wallet,
        topic: TopicId,
    ) -> Result<Option<(Noted, Peers)>, StoreError> {
        sqlx::query(COMPARED)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .try_map(|row: SqliteRow| {
                let others = peers(&row)?;
                Ok((noted(row)?, others))
            })
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// How each topic's forecasts have done, as last computed, by topic.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn standings(&self, wallet: &Wallet) -> Result<Vec<(TopicId, Standing)>, StoreError> {
        sqlx::query(STANDINGS)
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
