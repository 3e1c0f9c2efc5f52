//! What became of submitted forecasts, and what others answered.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{StoreError, Wallet};
use crate::forecast::Source;
use crate::types::{Height, Nonce, TopicId, WindowKey};

/// A window that the journal says holds an inference of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Which window.
    pub key: WindowKey,
    /// The last block that took a submission.
    pub window_end: Height,
    /// What was signed; none when another run of the wallet answered.
    pub value: Option<String>,
    /// Who made that value: [`Source::Fallback`] too where another stood in for the one that was wanted;
    /// none when the journal does not tell.
    pub source: Option<Source>,
    /// When the journal first heard of it being sent.
    pub at: OffsetDateTime,
}

/// Who told when a window opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenedBy {
    /// The header of the nonce's block, as it was heard.
    Header,
    /// A node that was asked for that block.
    Block,
    /// Our own journal: some seconds after the block.
    Journal,
}

impl OpenedBy {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Block => "block",
            Self::Journal => "journal",
        }
    }
}

/// A submitted forecast whose outcome is to be learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// Which window.
    pub key: WindowKey,
    /// The last block that took a submission.
    pub window_end: Height,
    /// As submitted, in the target's unit.
    pub value: f64,
    /// Who made it, as in [`Answered`].
    pub source: Option<Source>,
    /// When the nonce's block was made.
    pub opened: OffsetDateTime,
    /// Who told so.
    pub clock: OpenedBy,
    /// Whether the chain was asked for the others' values.
    pub is_asked: bool,
}

/// What became of a forecast. Losses are squared errors in the target's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// The close known at the window's opening.
    pub base: f64,
    /// The close one horizon later.
    pub close: f64,
    /// What was to be forecast, in the target's unit.
    pub outcome: f64,
    /// Our loss.
    pub loss: f64,
    /// The loss of "the price stays".
    pub zero_loss: f64,
}

/// Where a resolved forecast stands among the others of its nonce.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Our rank by loss; 1 is the best.
    pub place: u32,
    /// Inferers that were ranked, us included.
    pub places: u32,
    /// The loss of the median of the others' values; none without others.
    pub median_loss: Option<f64>,
    /// The loss of the network's combined value; none when it had none.
    pub combined_loss: Option<f64>,
}

/// A resolved forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Its nonce.
    pub nonce: Nonce,
    /// When its window opened.
    pub opened: OffsetDateTime,
    /// As submitted.
    pub value: f64,
    /// Who made it, as in [`Answered`].
    pub source: Option<Source>,
    /// What became of it.
    pub resolution: Resolution,
    /// How it stands among the others, if that is known.
    pub field: Option<Field>,
}

/// What others answered for a nonce.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peers {
    /// The network's combined value; none when it had none.
    pub combined: Option<f64>,
    /// The other inferers' values by their addresses.
    pub inferers: BTreeMap<String, f64>,
}

/// How a topic's resolved forecasts have done. Ratios are of root mean squared errors: below 1 ours is
/// the smaller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// When it was computed, unix seconds.
    pub at: i64,
    /// The newest nonce in it.
    pub nonce: i64,
    /// Resolved forecasts that it covers: those of the last 365 days.
    pub n: usize,
    /// Our root mean squared error, in the target's unit.
    pub rmse: f64,
    /// That of "the price stays".
    pub zero_rmse: f64,
    /// The first divided by the second; none while the second is zero.
    pub ratio: Option<f64>,
    /// The ratio's interval of 95 %; none while there is too little to tell.
    pub interval: Option<(f64, f64)>,
    /// Forecasts that were ranked among others.
    pub ranked: usize,
    /// Their mean place, from 0 (always the best) to 1 (always the last).
    pub mean_place: Option<f64>,
    /// Our error against that of the median of the others' values, where both are known.
    pub ratio_to_median: Option<f64>,
    /// Our error against that of the network's combined value, where both are known.
    pub ratio_to_network: Option<f64>,
    /// Weight of the built-in forecast by this record, from 0 to 1.
    pub live_weight: f64,
    /// Newey-West t of the record's gain over zero; none while it is too short.
    pub live_t: Option<f64>,
    /// Days in the record.
    pub live_days: usize,
}

/// Keeps what became of submitted forecasts.
#[async_trait]
pub trait OutcomeRepository: Send + Sync + 'static {
    /// The journal's answered windows of these topics with nonces above `after` that are not noted
    /// yet, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn unnoted(
        &self,
        wallet: &Wallet,
        topics: &[TopicId],
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Answered>, StoreError>;

    /// Notes forecasts. One that is noted already stays as it is.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn note(&self, wallet: &Wallet, forecasts: &[Noted]) -> Result<(), StoreError>;

    /// The newest noted forecast of each of these topics that has one.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn newest(&self, wallet: &Wallet, topics: &[TopicId]) -> Result<Vec<Noted>, StoreError>;

    /// A topic's forecasts that are not resolved, with windows opened at `until` or before and nonces
    /// above `after`, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn unresolved(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        until: OffsetDateTime,
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError>;

    /// Writes what became of forecasts of a topic, all or none; none for one that is given up. One
    /// that is resolved already stays as it is.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn resolve(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        at: OffsetDateTime,
        outcomes: &[(Nonce, Option<Resolution>)],
    ) -> Result<(), StoreError>;

    /// A topic's resolved forecasts with windows opened at `since` or later and nonces above `after`,
    /// oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn resolved(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        since: OffsetDateTime,
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError>;

    /// Of the newest `reach` forecasts of each of these topics, those for whose nonces the chain was
    /// not asked yet, the newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn unasked(
        &self,
        wallet: &Wallet,
        topics: &[TopicId],
        reach: u32,
    ) -> Result<Vec<Noted>, StoreError>;

    /// Keeps what the chain told of a nonce: the others' values, if it had them, and when its window
    /// opened.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn keep_peers(
        &self,
        wallet: &Wallet,
        forecast: &Noted,
        peers: Option<&Peers>,
    ) -> Result<(), StoreError>;

    /// A topic's resolved forecasts that are not ranked yet, each with what others answered; oldest
    /// first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn unranked(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        limit: u32,
    ) -> Result<Vec<(Record, Peers)>, StoreError>;

    /// Writes how forecasts of a topic stand among the others, all or none.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn rank(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        fields: &[(Nonce, Field)],
    ) -> Result<(), StoreError>;

    /// Drops up to `limit` nonces' values of others whose windows opened before `before`; tells how
    /// many were dropped.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn drop_peers(&self, before: OffsetDateTime, limit: u32) -> Result<u64, StoreError>;

    /// Replaces what is known of how a topic's forecasts have done.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn save_standing(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        standing: &Standing,
    ) -> Result<(), StoreError>;

    /// How each topic's forecasts have done, as last computed, by topic.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn standings(&self, wallet: &Wallet) -> Result<Vec<(TopicId, Standing)>, StoreError>;
}
