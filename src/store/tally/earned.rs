//! What the wallet has earned, and how fast it was, read beside whoever writes it.

use std::collections::BTreeMap;

use sqlx::Row as _;
use time::OffsetDateTime;

use super::Ledger;
use crate::{
    store::{
        StoreError, Wallet,
        earnings::{date, key_of, milliseconds, topic_of},
    },
    types::{Height, Nonce, TopicId, WindowKey},
};

/// The chain's score of our inference of a nonce.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoncedScore {
    /// The nonce.
    pub nonce: Nonce,
    /// When it was scored.
    pub at: OffsetDateTime,
    /// The score, where it is known.
    pub score: Option<f64>,
    /// The moving average of our scores with it, where it is known; without a score, the one before it.
    pub ema: Option<f64>,
}

/// What a block paid us as an inferer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reward {
    /// The block.
    pub height: Height,
    /// Its time.
    pub at: OffsetDateTime,
    /// What it paid, in uallo.
    pub amount: f64,
}

/// What a topic has brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earnings {
    /// Scores by nonce.
    pub scores: Vec<NoncedScore>,
    /// Rewards by block.
    pub rewards: Vec<Reward>,
}

const SCORES: &str = "SELECT topic, nonce, at, score, ema FROM scores \
    WHERE chain_id = ? AND address = ? AND at >= ? ORDER BY topic, nonce";

const REWARDS: &str = "SELECT topic, height, at, amount FROM rewards \
    WHERE chain_id = ? AND address = ? AND at >= ? ORDER BY topic, height";

const LATENCIES: &str = "SELECT topic, nonce, micros FROM latencies \
    WHERE chain_id = ? AND address = ? AND nonce >= ? ORDER BY nonce, topic";

impl Ledger {
    /// What a wallet was scored and paid since a time, by topic; the oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn earnings(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<BTreeMap<TopicId, Earnings>, StoreError> {
        let since = milliseconds(since);
        let scores = self.rows_since(SCORES, wallet, since, |row| {
            let score = NoncedScore {
                nonce: Nonce(row.try_get("nonce")?),
                at: date(row.try_get("at")?),
                score: row.try_get("score")?,
                ema: row.try_get("ema")?,
            };
            Ok((topic_of(row)?, score))
        });
        let scores = scores.await?;
        let rewards = self.rows_since(REWARDS, wallet, since, |row| {
            let amount: String = row.try_get("amount")?;
            let amount = amount.parse();
            let reward = Reward {
                height: Height(row.try_get("height")?),
                at: date(row.try_get("at")?),
                amount: amount.map_err(|_| sqlx::Error::Decode("no amount".into()))?,
            };
            Ok((topic_of(row)?, reward))
        });
        let mut all: BTreeMap<TopicId, Earnings> = BTreeMap::new();
        for (topic, reward) in rewards.await? {
            all.entry(topic).or_default().rewards.push(reward);
        }
        for (topic, score) in scores {
            all.entry(topic).or_default().scores.push(score);
        }
        Ok(all)
    }

    /// How fast a wallet's answers were from a nonce on: from a window's event to a node's mempool, in
    /// milliseconds; by nonce.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn latencies(
        &self,
        wallet: &Wallet,
        since_nonce: Nonce,
    ) -> Result<Vec<(WindowKey, f64)>, StoreError> {
        let rows = self.rows_since(LATENCIES, wallet, since_nonce.0, |row| {
            let micros: i64 = row.try_get("micros")?;
            Ok((key_of(row)?, micros as f64 / 1e3))
        });
        rows.await
    }
}
