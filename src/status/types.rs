//! What is told.

use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    chain::Uallo,
    ops::Phase,
    store::{Pace, Tally, Uptime},
    types::TopicId,
    vitals::{Endpoint, ForecastNow, Head, Moment, Next, Prices, Record, Socket, Standby, Window},
};

/// How a worker fares and has fared.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When this was put together.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// In one word.
    pub state: State,
    /// The data folder that it was read from.
    pub data_dir: String,
    /// The process.
    pub process: Process,
    /// What stands in the way, or will, each with its remedy; the worst first.
    pub advice: Vec<Advice>,
    /// The competition, or all the time since the first start.
    pub period: Period,
    /// What is to be reached.
    pub goals: Goals,
    /// What became of the windows of all topics.
    pub windows: Spans<Tally>,
    /// How long the worker was ready.
    pub uptime: Uptimes,
    /// How long answers took.
    pub latency: Latency,
    /// The wallet, and what was paid.
    pub money: Money,
    /// The topics.
    pub topics: Vec<TopicStatus>,
    /// Prices by ticker.
    pub prices: std::collections::BTreeMap<String, Prices>,
    /// The chain's newest block.
    pub head: Head,
    /// The WebSocket that brings windows.
    pub socket: Socket,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// What several workers of the wallet do.
    pub standby: Option<Standby>,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs and would answer a window now, or has to wait and nothing is wrong.
    Running,
    /// It runs, and something stands in the way.
    Trouble,
    /// It does not run.
    Stopped,
    /// It never ran here.
    NeverStarted,
}

impl State {
    /// The exit code, as `systemctl status` gives it: 0 running, 1 in trouble, 3 not running.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Trouble => 1,
            Self::Stopped | Self::NeverStarted => 3,
        }
    }
}

/// The process, or the last one.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Process {
    /// Whether it runs.
    pub life: Life,
    /// Its number.
    pub pid: Option<u32>,
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
    /// What it does, or did last.
    pub phase: Option<Phase>,
    /// Since when.
    pub since: Moment,
    /// The same in words.
    pub message: String,
    /// When the newest of this was told.
    pub told: Moment,
    /// When it ended, as well as it is known.
    pub ended: Moment,
    /// Why.
    pub why: Option<String>,
}

/// Whether a process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// No worker was ever started with this data folder.
    #[default]
    Never,
    /// It runs.
    Runs,
    /// It has ended in good order.
    Ended,
    /// It could not go on.
    Failed,
    /// It is gone without a word: killed, or its machine went down.
    Gone,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Windows are, or will be, missed.
    Trouble,
    /// A goal is missed, or something will go wrong.
    Warning,
    /// As it should be, though no window is answered.
    Notice,
}

/// Something to know, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, in one word.
    pub about: &'static str,
    /// The topic, if it is one topic's.
    pub topic: Option<TopicId>,
    /// What is so.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// The competition, or all the time since the first start.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Period {
    /// The competition's name.
    pub name: Option<String>,
    /// Its begin, or the first start.
    pub from: Moment,
    /// Its end, if it has one.
    pub to: Moment,
    /// Whether it is a competition's.
    pub is_competition: bool,
}

/// What is to be reached, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Goals {
    /// Windows answered.
    pub windows: f64,
    /// Time ready.
    pub uptime: f64,
}

impl Default for Goals {
    fn default() -> Self {
        Self {
            windows: 0.95,
            uptime: 0.99,
        }
    }
}

/// The same over three spans, each of which ends now, or with the period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spans<T> {
    /// Since midnight UTC.
    pub today: T,
    /// The last 7 days.
    pub week: T,
    /// The period.
    pub period: T,
}

impl<T> Spans<T> {
    /// The three with their names.
    pub fn named(&self) -> [(&'static str, &T); 3] {
        [
            ("today", &self.today),
            ("7 days", &self.week),
            ("period", &self.period),
        ]
    }
}

/// How long the worker was ready; none where it never ran.
pub type Uptimes = Spans<Option<Uptime>>;

/// How long answers took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Latency {
    /// Answers of this run that were measured.
    pub count: u64,
    /// From a window's event to a node's mempool, in milliseconds: half took less.
    pub p50_ms: Option<f64>,
    /// The same: 99 of 100 took less.
    pub p99_ms: Option<f64>,
    /// Blocks from the opening to ours being in, in the period.
    pub blocks: Option<Pace>,
}

/// The wallet, and what was paid.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Money {
    /// The balance when it was asked for last.
    pub balance: Option<Uallo>,
    /// When that was.
    pub balance_at: Moment,
    /// Fees of the last 24 hours, and what may still be paid.
    pub fees: Fees,
    /// Fees of confirmed transactions.
    pub spent: Spans<Uallo>,
    /// What the chain has paid for answers, in all topics.
    pub rewards: Spans<Uallo>,
    /// Fees a day of late.
    pub per_day: Option<Uallo>,
    /// Days that the balance lasts at that rate.
    pub lasts_days: Option<f64>,
    /// Whether that is until the competition's end.
    pub chances: Option<Chances>,
}

/// Whether the balance lasts until the competition's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chances {
    /// It does.
    Lasts,
    /// It does not.
    Short,
}

/// Fees of the last 24 hours, and what may still be paid.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fees {
    /// Paid.
    pub day: Uallo,
    /// The most that they may be (`fees.max_fee_per_day`); none where the configuration can't be read.
    pub most: Option<Uallo>,
    /// What is left of that.
    pub left: Option<Uallo>,
}

/// One topic.
#[derive(Clone, Debug, Serialize)]
pub struct TopicStatus {
    /// The topic.
    pub id: TopicId,
    /// What became of its windows.
    pub windows: Spans<Tally>,
    /// The newest window, and the answer to it.
    pub last: Option<Window>,
    /// The next window, as well as it is known.
    pub next: Option<Next>,
    /// The newest forecast: its value, where it comes from, and why.
    pub forecast: Option<ForecastNow>,
    /// The forecast's source, and why it is not the wanted one, in words.
    pub why: Option<String>,
    /// The chain's newest score of an answer of ours.
    pub score: Option<f64>,
    /// The chain's moving average of our scores.
    pub score_ema: Option<f64>,
    /// What the chain has paid for answers.
    pub rewards: Spans<Uallo>,
    /// How forecasts have done against what the price did.
    pub record: Option<Record>,
}
