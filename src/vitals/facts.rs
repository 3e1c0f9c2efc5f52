//! What is known of a worker. Every part has its default, so that a file of an older or a newer version is
//! read as far as it goes.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Histogram, Limits};
use crate::{
    chain::Uallo,
    forecast::{Fallback, Labelled, Report, Source},
    ops::{Level, Need, Phase, Status, WindowSource},
    types::{Height, Nonce, TopicId},
};

/// A date and time in UTC that may not be known; RFC 3339 in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(#[serde(with = "time::serde::rfc3339::option")] pub Option<OffsetDateTime>);

impl Moment {
    /// Seconds from here to `now`; none while it is not known, and below zero for what is to come.
    #[must_use]
    pub fn age(self, now: OffsetDateTime) -> Option<f64> {
        self.0.map(|at| (now - at).as_seconds_f64())
    }
}

impl From<OffsetDateTime> for Moment {
    fn from(at: OffsetDateTime) -> Self {
        Self(Some(at))
    }
}

/// How a worker fares, by all that it told since its start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vitals {
    /// When it told the newest of this.
    pub at: Moment,
    /// What counts as too old and too little.
    pub limits: Limits,
    /// The process.
    pub process: Process,
    /// What the start waits for, while it waits.
    pub waiting: Option<Waiting>,
    /// The period in which windows are answered.
    pub competition: Competition,
    /// The chain's newest block.
    pub head: Head,
    /// The WebSocket that brings windows.
    pub socket: Socket,
    /// The endpoints, in the order of the configuration.
    pub endpoints: Vec<Endpoint>,
    /// The wallet.
    pub wallet: Wallet,
    /// The topics.
    pub topics: BTreeMap<TopicId, Topic>,
    /// Prices by ticker.
    pub prices: BTreeMap<String, Prices>,
    /// From a window's event to a node's mempool.
    pub latency: Histogram,
    /// What several workers of the wallet do; none where this is the only one.
    pub standby: Option<Standby>,
    /// Tasks without a sign of life, by name, and since when.
    pub stuck: BTreeMap<String, Moment>,
    /// How often something was told that is not as it should be.
    pub trouble_count: u64,
    /// The newest of those, the oldest first; 20 at most.
    pub troubles: VecDeque<Trouble>,
}

/// The process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// The network's name.
    pub network: String,
    /// The chain's id.
    pub chain_id: String,
    /// The wallet's address.
    pub address: String,
    /// When it began.
    pub started: Moment,
    /// What it does.
    pub phase: Option<Phase>,
    /// Since when.
    pub since: Moment,
    /// Why, in words.
    pub message: String,
    /// What to do, when it could not go on.
    pub remedy: String,
    /// From the start until it could answer, in milliseconds.
    pub start_ms: Option<u64>,
    /// How often in a row it has begun anew by itself.
    pub begun_anew: u32,
    /// The host's clock ahead of the chain's, in seconds, when that was far; below zero for behind.
    pub clock_lead: Option<f64>,
}

/// What a start waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// What for.
    pub need: Need,
    /// Why.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// Since when.
    pub since: Moment,
}

/// The period in which windows are answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Competition {
    /// When it begins, while it has not.
    pub start: Moment,
    /// When it ends.
    pub end: Moment,
}

/// The chain's newest block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// Its height.
    pub height: Option<Height>,
    /// When it was heard of.
    pub heard: Moment,
    /// The usual time between two blocks, in milliseconds.
    pub block_ms: Option<f64>,
    /// The version of the emissions module.
    pub emissions: String,
}

/// The WebSocket that brings windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Socket {
    /// Whether it is open.
    pub is_connected: bool,
    /// To whom.
    pub endpoint: String,
    /// Since when it is so.
    pub since: Moment,
    /// Why it was lost last.
    pub cause: String,
    /// How often it was lost.
    pub losses: u64,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// The URL without what may be secret.
    pub endpoint: String,
    /// Whether it is asked.
    pub is_healthy: bool,
    /// Since when it is so.
    pub since: Moment,
    /// What is wrong with it, while something is.
    pub cause: Option<String>,
    /// Whether transactions go to it first.
    pub is_pinned: bool,
    /// The height of its newest answer.
    pub height: Option<Height>,
    /// Blocks that this was behind.
    pub lag: i64,
    /// The moving average of the time that its answers take, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Failures since it answered last.
    pub failures: u32,
}

/// The wallet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wallet {
    /// Its balance.
    pub balance: Option<Uallo>,
    /// When that was asked for.
    pub balance_at: Moment,
    /// Since when it is below the configured amount.
    pub low_since: Moment,
    /// That amount, when it was told.
    pub threshold: Option<Uallo>,
    /// How it is given coins.
    pub remedy: String,
    /// Fees.
    pub fees: Fees,
    /// Since when the chain refuses submissions for want of coins.
    pub refused_since: Moment,
}

/// Fees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fees {
    /// Paid since the start.
    pub paid: Uallo,
    /// Transactions that they were paid for.
    pub transactions: u64,
    /// The newest of them.
    pub newest: String,
    /// Paid in the last 24 hours, as far as that was counted.
    pub day: Option<Uallo>,
    /// The most that they may be.
    pub day_most: Option<Uallo>,
}

/// One topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Topic {
    /// Why it can't be answered at present.
    pub obstacle: Option<Obstacle>,
    /// The newest window, and the answer to it.
    pub window: Option<Window>,
    /// The next window, as far as it is known.
    pub next: Option<Next>,
    /// The newest forecast.
    pub forecast: Option<ForecastNow>,
    /// Since when forecasts are a fallback, or stand in for the wanted one.
    pub fallback_since: Moment,
    /// What was counted since the start.
    pub counts: Counts,
    /// How forecasts have done against what the price did.
    pub record: Option<Record>,
    /// The newest value's distance from the others' mean, in their standard deviations.
    pub z: Option<f64>,
    /// The chain's newest score of an answer of ours that was heard of.
    pub score: Option<f64>,
    /// The chain's moving average of our scores.
    pub score_ema: Option<f64>,
    /// Rewards that were heard of since the start; none before the first.
    pub rewards: Option<Uallo>,
}

/// Why a topic can't be answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Obstacle {
    /// Why.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// Since when.
    pub since: Moment,
}

/// A window, and the answer to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its nonce: the height of the block that opened it.
    pub nonce: Nonce,
    /// Its last block, when that was told.
    #[serde(default)]
    pub end: Option<Height>,
    /// When it was heard of.
    #[serde(default)]
    pub opened: Moment,
    /// How it was heard of.
    #[serde(default)]
    pub source: Option<WindowSource>,
    /// What became of it; none until something was sent.
    #[serde(default)]
    pub status: Option<Status>,
    /// When that was so.
    #[serde(default)]
    pub status_at: Moment,
    /// The value as signed.
    #[serde(default)]
    pub value: Option<String>,
    /// The transaction.
    #[serde(default)]
    pub hash: Option<String>,
    /// The node that took it.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The block that holds it.
    #[serde(default)]
    pub height: Option<Height>,
    /// The fee.
    #[serde(default)]
    pub fee: Option<Uallo>,
    /// From the event to the mempool, in milliseconds.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// Whether it was signed before the window opened.
    #[serde(default)]
    pub presigned: Option<bool>,
    /// Why it was missed, refused or delayed.
    #[serde(default)]
    pub cause: Option<String>,
}

impl Window {
    /// One of which only the nonce is known.
    #[must_use]
    pub const fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            end: None,
            opened: Moment(None),
            source: None,
            status: None,
            status_at: Moment(None),
            value: None,
            hash: None,
            endpoint: None,
            height: None,
            fee: None,
            latency_ms: None,
            presigned: None,
            cause: None,
        }
    }
}

/// A window to come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Next {
    /// The block that opens it.
    pub opens: Height,
    /// Its last block.
    pub closes: Option<Height>,
    /// When it opens, by the usual time between blocks.
    pub expected: Moment,
}

/// A forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastNow {
    /// The number, in the target's unit.
    pub value: f64,
    /// The numbers of a topic with several outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Labelled>,
    /// Where it comes from.
    pub source: Source,
    /// Why it is a fallback, or stands in for the wanted one.
    #[serde(default)]
    pub fallback: Option<Fallback>,
    /// When it was made.
    #[serde(default)]
    pub made: Moment,
    /// End of the newest candle that it saw.
    #[serde(default)]
    pub data_until: Moment,
    /// Closes that it saw.
    #[serde(default)]
    pub closes: usize,
    /// How long it took to make, in milliseconds.
    #[serde(default)]
    pub took_ms: f64,
    /// Its parts, for the built-in forecast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What was counted in a topic since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Windows that were heard of.
    pub opened: u64,
    /// Submissions that a mempool took.
    pub submitted: u64,
    /// Times that the same bytes were sent once more.
    pub resent: u64,
    /// Submissions in a block.
    pub included: u64,
    /// Windows that closed with ours in the set that counts.
    pub counted: u64,
    /// Windows in which better inferers took all places.
    pub outranked: u64,
    /// Refusals by the chain.
    pub refused: u64,
    /// Submissions that a node could not take.
    pub delayed: u64,
    /// Windows that closed without an answer of ours.
    pub missed: u64,
    /// Answers that were a fallback.
    pub fallbacks: u64,
}

/// How forecasts have done against what the price did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Forecasts in it.
    pub n: usize,
    /// Our root mean square deviation against that of zero.
    pub ratio: Option<f64>,
    /// Our mean place among the others, from 0, the best, to 1.
    pub mean_place: Option<f64>,
    /// The newest rank, and among how many.
    pub place: Option<u32>,
    /// Among how many.
    pub places: Option<u32>,
}

/// The prices of one ticker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prices {
    /// Closes that are known.
    pub closes: usize,
    /// End of the newest candle.
    pub until: Moment,
    /// When they were fetched last.
    pub updated: Moment,
    /// Who stands in for the first source.
    pub stand_in: Option<StandIn>,
    /// Why they can't be had at present.
    pub obstacle: Option<Obstacle>,
    /// Hours of a long stretch that are still to be fetched.
    pub hours_left: Option<usize>,
}

/// Another source of prices in place of the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StandIn {
    /// Who stands in.
    pub source: String,
    /// For whom.
    pub first: String,
    /// Why.
    pub cause: String,
    /// Since when.
    pub since: Moment,
}

/// Who this worker is among those of its wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It follows, and takes over when the leader fails.
    #[default]
    Waits,
    /// It leads and answers.
    Leads,
    /// It sends nothing: its lease is past its end.
    Silent,
    /// It goes on while the database of all is down.
    Alone,
}

/// What several workers of the wallet do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standby {
    /// What this one calls itself.
    pub name: String,
    /// Who it is.
    pub role: Role,
    /// Who leads, as far as another does.
    pub leader: Option<String>,
    /// Since when it is so.
    pub since: Moment,
    /// Why, when something is wrong.
    pub cause: Option<String>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// When.
    pub at: Moment,
    /// How much it matters.
    pub level: Level,
    /// What, and what to do.
    pub message: String,
}
