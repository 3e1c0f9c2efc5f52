//! What the page shows. Each part is also given as JSON, under these names.

use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    forecast::{Report, Target},
    learning::Verdict,
    ops::Level,
    score::LeaderboardRow,
    status::Status,
    store::{Outcome, Standing},
    types::{Height, Nonce, TopicId},
    vitals::ForecastNow,
};

/// All that the page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Board {
    /// What `status --json` tells.
    pub status: Status,
    /// Who tells it.
    pub told: Told,
    /// A transaction's address at the network's explorer, with `{hash}` in its place; none where there is
    /// no explorer.
    pub explorer: Option<String>,
    /// The topics, in their order.
    pub topics: Vec<TopicBoard>,
    /// How long answers took.
    pub latency: LatencyBoard,
    /// The network of models; none where there is none.
    pub models: Option<ModelsBoard>,
    /// The newest lines of the event log, the oldest first; 500 at most.
    pub log: Vec<LogLine>,
}

impl Board {
    /// A topic's part; the first where the wanted one is not there, and none where there is none at all.
    #[must_use]
    pub fn topic(&self, wanted: Option<TopicId>) -> Option<&TopicBoard> {
        let found = self.topics.iter().find(|it| Some(it.id) == wanted);
        found.or_else(|| self.topics.first())
    }
}

/// Who tells what the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The worker itself, as it runs.
    Worker,
    /// Its files, read by another process: it may be down.
    Files,
}

/// One topic.
#[derive(Clone, Debug, Serialize)]
pub struct TopicBoard {
    /// The topic.
    pub id: TopicId,
    /// What is forecast, such as `BTC/USD`; none where the configuration does not tell.
    pub asset: Option<String>,
    /// In which unit.
    pub target: Option<Target>,
    /// How far ahead, in seconds.
    pub horizon_seconds: Option<i64>,
    /// The windows that the chain opened in the period, the oldest first; the newest 5,000 at most.
    pub windows: Vec<WindowRow>,
    /// Forecasts against what the price then did.
    pub track: Track,
    /// Where the newest compared forecast stood among the others'; none while there are no others.
    pub network: Option<NetworkNow>,
    /// The chain's scores of our answers, and the rewards for them.
    pub earnings: Earnings,
    /// How the newest forecast came about; none before the first.
    pub anatomy: Option<Anatomy>,
}

/// The chain's scores of our answers in a topic, and the rewards for them; ascending in time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Earnings {
    /// Scores; of the last 365 days at most.
    pub scores: Vec<ScorePoint>,
    /// Rewards; of the last 365 days at most.
    pub rewards: Vec<RewardPoint>,
}

/// The chain's score of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScorePoint {
    /// The answer's nonce.
    pub nonce: Nonce,
    /// When it was told.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Of this answer; the greater the better.
    pub score: Option<f64>,
    /// The moving average then.
    pub ema: Option<f64>,
}

/// A reward.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RewardPoint {
    /// The block that settled it.
    pub height: Height,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// How much, in uallo.
    pub amount: f64,
}

/// A window, and how it was answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowRow {
    /// Its nonce: the height of the block that opened it.
    pub nonce: Nonce,
    /// The last block that took an answer.
    pub end: Height,
    /// When it opened, as well as it is known.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether nobody watched, and it is taken to have opened by the topic's epoch length.
    pub is_estimated: bool,
    /// Blocks from its opening to ours being in; 1 is the soonest.
    pub blocks: Option<i64>,
    /// The block that holds ours.
    pub height: Option<Height>,
    /// From its event to a node's mempool, in milliseconds; none where it was not measured.
    pub latency_ms: Option<f64>,
    /// The value as signed, in the target's unit.
    pub value: Option<f64>,
    /// The transaction that holds ours, or was sent last.
    pub hash: Option<String>,
    /// The node that took it, without what may be secret.
    pub endpoint: Option<String>,
}

/// Forecasts against what the price then did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Track {
    /// Forecasts whose horizon has passed, the oldest first; the newest 5,000 at most.
    pub points: Vec<TrackPoint>,
    /// Those whose horizon has not passed yet, the oldest first.
    pub pending: Vec<Pending>,
    /// How they have done altogether: ratio, its interval, places.
    pub standing: Option<Standing>,
    /// The interval of 95 % of the running ratio, at some of the points; empty while there is too little to
    /// tell.
    pub bands: Vec<Band>,
}

/// A forecast and what the price then did, both in the target's unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackPoint {
    /// Its nonce.
    pub nonce: Nonce,
    /// When its window opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened: OffsetDateTime,
    /// As submitted.
    pub value: f64,
    /// What there was to forecast.
    pub outcome: f64,
    /// Our root mean square deviation against that of "the price stays", of all up to this one; below 1
    /// ours is the smaller. None while nothing has moved.
    pub ratio: Option<f64>,
    /// Our rank by loss, 1 is the best, and among how many.
    pub place: Option<(u32, u32)>,
}

/// A forecast whose horizon has not passed yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pending {
    /// Its nonce.
    pub nonce: Nonce,
    /// When its window opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened: OffsetDateTime,
    /// As submitted, in the target's unit.
    pub value: f64,
}

/// An interval of the running ratio.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// Of all up to this time.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Where a forecast of ours stood among the others' for the same nonce; all values in the target's unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkNow {
    /// The nonce.
    pub nonce: Nonce,
    /// When its window opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened: OffsetDateTime,
    /// Ours.
    pub value: f64,
    /// The network's combined value; none when it had none.
    pub combined: Option<f64>,
    /// The others' values, ascending.
    pub others: Vec<f64>,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub spread: Option<f64>,
    /// Our distance from their mean in their standard deviations; none for too few others.
    pub z: Option<f64>,
    /// What that means.
    pub verdict: Option<Verdict>,
}

/// How a forecast came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anatomy {
    /// The forecast.
    pub forecast: ForecastNow,
    /// Its source, and why it is not the wanted one, in words.
    pub why: String,
    /// Its parts; none for one that was not built in.
    pub report: Option<Report>,
    /// Age of the newest candle that it saw, in seconds; none without candles.
    pub data_age_seconds: Option<f64>,
    /// Above that age nothing is forecast from candles, in seconds.
    pub data_age_limit_seconds: f64,
}

/// How long answers took, from a window's event to a node's mempool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LatencyBoard {
    /// The classes' upper bounds, inclusive, in milliseconds; the last class has none.
    pub bounds_ms: Vec<f64>,
    /// Answers in each class: one more than there are bounds.
    pub counts: Vec<u64>,
    /// All answers that were measured, in the period.
    pub count: u64,
    /// Half took less, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99 of 100 took less.
    pub p99_ms: Option<f64>,
    /// What is to be kept, in milliseconds.
    pub goal_ms: f64,
}

/// The network of models.
#[derive(Clone, Debug, Serialize)]
pub struct ModelsBoard {
    /// The crunch.
    pub crunch_id: String,
    /// When the leaderboard was taken; none while there is none.
    #[serde(with = "time::serde::rfc3339::option")]
    pub at: Option<OffsetDateTime>,
    /// Its rows, by rank.
    pub rows: Vec<LeaderboardRow>,
    /// The newest round; none before the first.
    pub round: Option<Round>,
    /// Why this can't be read at present.
    pub trouble: Option<String>,
}

/// A round in which the models were asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Round {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What was asked for, such as `BTC`.
    pub asset: String,
    /// How far ahead, in seconds.
    pub horizon_seconds: i64,
    /// Models by what became of their answer, such as `SUCCESS`.
    pub by_status: std::collections::BTreeMap<String, u64>,
}

/// A line of the event log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogLine {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// How much it matters.
    pub level: Level,
    /// What happened, such as `window_open`.
    pub event: String,
    /// The topic, if it is one topic's.
    pub topic: Option<TopicId>,
    /// In words.
    pub message: String,
}
