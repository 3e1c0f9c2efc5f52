//! What is known of a worker. Every part has its default, so that a file of an older or a newer version is
//! read as far as it goes.

mod nodes;
mod prices;
mod process;
mod topic;
mod wallet;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use self::{
    nodes::{Endpoint, Head, Socket},
    prices::{Prices, StandIn},
    process::{Competition, Process, Role, Standby, Waiting},
    topic::{Counts, ForecastNow, Next, Record, Topic, Window},
    wallet::{Fees, Wallet},
};
use super::{Histogram, Limits};
use crate::{ops::Level, types::TopicId};

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

/// Why something can't be had, or not be answered.
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
