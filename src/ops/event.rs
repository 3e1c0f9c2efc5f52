//! Everything that the worker tells its operator, as one typed list.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{GaugeEvent, PredictEvent, ScoreEvent, StandbyEvent, WatchEvent};
use crate::{
    chain::Uallo,
    forecast::Forecast,
    learning::Verdict,
    store::OpenedBy,
    types::{Height, Nonce, TopicId},
};

/// How the worker learnt of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowSource {
    /// The chain's event, over the WebSocket.
    Event,
    /// A poll of the window's status.
    Poll,
    /// The journal, after a restart.
    Restart,
    /// The results of a block that went by unheard.
    CatchUp,
}

/// Something that happened. The variant's name in snake case is the line's `event`, and its fields
/// are the line's fields; `Event::message` puts it in words.
///
/// No field's name and no healthy event's text holds the word that the operator's alarm greps for.
#[allow(
    missing_docs,
    reason = "the fields are named in full, with their units"
)]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The process has begun.
    Starting {
        version: &'static str,
        network: String,
        chain_id: String,
        pid: u32,
    },
    /// Secrets and configuration are read.
    EnvironmentLoaded { address: String, prices: String },
    /// No other worker runs with this wallet here.
    SingletonPassed { pidfile: String },
    /// The competition runs, or there is none.
    CompetitionActive {
        #[serde(
            skip_serializing_if = "Option::is_none",
            with = "time::serde::rfc3339::option"
        )]
        end: Option<OffsetDateTime>,
    },
    /// The competition has not begun.
    CompetitionWaiting {
        #[serde(with = "time::serde::rfc3339")]
        start: OffsetDateTime,
        wait_seconds: i64,
    },
    /// The competition is over; the worker leaves.
    CompetitionEnded {
        #[serde(with = "time::serde::rfc3339")]
        end: OffsetDateTime,
    },
    /// The chain is reached and the wallet known to it.
    WorkerInitialized {
        address: String,
        balance: Uallo,
        topics: Vec<TopicId>,
        height: Height,
        emissions: String,
    },
    /// The wallet is being registered in a topic.
    Registering { topic: TopicId, fee: Uallo },
    /// The wallet is registered in a topic.
    Registered {
        topic: TopicId,
        hash: String,
        height: Height,
    },
    /// Windows are being waited for.
    PollingStarted { poll_seconds: u64 },
    /// A window could be answered now.
    Ready { topics: Vec<TopicId>, start_ms: u64 },
    /// The WebSocket is open and all its subscriptions are granted.
    WebsocketConnected { endpoint: String },
    /// The WebSocket is lost; it will be opened again.
    WebsocketLost {
        endpoint: String,
        cause: String,
        retry_ms: u64,
    },
    /// A submission window is open.
    WindowOpen {
        topic: TopicId,
        nonce: Nonce,
        window_end: Height,
        source: WindowSource,
    },
    /// The prepared forecast answers the window.
    ForecastUsed {
        topic: TopicId,
        nonce: Nonce,
        forecast: Forecast,
    },
    /// No prepared forecast is fresh; one is trained.
    ForecastTraining { topic: TopicId, nonce: Nonce },
    /// The forecast trained for this very window answers it.
    ForecastTrained {
        topic: TopicId,
        nonce: Nonce,
        forecast: Forecast,
    },
    /// A forecast stands ready for the next window.
    ForecastPrepared { forecast: Forecast },
    /// A topic's forecaster outside the process gives nothing that can be used.
    ForecasterFails {
        topic: TopicId,
        cause: String,
        remedy: String,
    },
    /// A topic's forecaster outside the process answers again.
    ForecasterBack { topic: TopicId, missed: u64 },
    /// A signed submission is in a node's mempool.
    Submitted {
        topic: TopicId,
        nonce: Nonce,
        value: String,
        hash: String,
        sequence: u64,
        fee: Uallo,
        endpoint: String,
        /// Whether it was signed and journaled before the window opened.
        presigned: bool,
        /// From the window's event to the node's answer.
        latency_ms: f64,
    },
    /// The same bytes are with a node once more: it had lost them, or another had not told.
    SubmissionResent {
        topic: TopicId,
        nonce: Nonce,
        hash: String,
        endpoint: String,
    },
    /// What would have been submitted.
    DryRun {
        topic: TopicId,
        nonce: Nonce,
        value: String,
        hash: String,
        tx: String,
    },
    /// The submission stands in a block.
    SubmissionSuccessful {
        topic: TopicId,
        nonce: Nonce,
        height: Height,
        hash: String,
        blocks_after_nonce: i64,
        gas_used: i64,
    },
    /// The window closed with our inference in the set that counts.
    Counted { topic: TopicId, nonce: Nonce },
    /// The window closed, and better inferers took all places.
    Outranked {
        topic: TopicId,
        nonce: Nonce,
        places: usize,
    },
    /// The chain refused a submission; `next` says what is done.
    SubmissionRefused {
        topic: TopicId,
        nonce: Nonce,
        codespace: String,
        code: u32,
        log: String,
        next: String,
    },
    /// A node could not take a submission; `next` says what is done.
    SubmissionDelayed {
        topic: TopicId,
        nonce: Nonce,
        cause: String,
        next: String,
    },
    /// A window closed without an answer of ours.
    WindowMissed {
        topic: TopicId,
        nonce: Nonce,
        window_end: Height,
        cause: String,
    },
    /// A submission of an earlier run is taken up again.
    SubmissionResumed {
        topic: TopicId,
        nonce: Nonce,
        state: String,
    },
    /// Our value among the others' for the same nonce, after its window has closed.
    ForecastCompared {
        topic: TopicId,
        nonce: Nonce,
        value: f64,
        /// Distance from the others' mean in their standard deviations; none for too few others.
        z: Option<f64>,
        /// Others.
        count: usize,
        mean: Option<f64>,
        spread: Option<f64>,
        /// The network's combined value.
        combined: Option<f64>,
        verdict: Verdict,
    },
    /// Submitted forecasts whose horizon has passed were held against what the price did. The value,
    /// the outcome and the losses (squared errors) are those of the newest nonce.
    ForecastResolved {
        topic: TopicId,
        nonce: Nonce,
        value: f64,
        outcome: f64,
        loss: f64,
        zero_loss: f64,
        /// Who told when the nonce's window opened.
        clock: OpenedBy,
        /// Our rank by loss, 1 is the best, and among how many.
        place: Option<u32>,
        places: Option<u32>,
        /// Forecasts that were resolved since it was told last.
        resolved: usize,
        /// Forecasts in the record: those of the last 365 days.
        n: usize,
        /// Our root mean square deviation from the outcomes against that of zero: below 1 ours is the
        /// smaller.
        ratio: Option<f64>,
        /// The ratio's interval of 95 %; none while there is too little to tell.
        interval: Option<(f64, f64)>,
        /// Our mean place among the others, from 0 (always the best) to 1.
        mean_place: Option<f64>,
        /// The same ratio against the median of the others' values, and the network's combined value.
        ratio_to_median: Option<f64>,
        ratio_to_network: Option<f64>,
        /// Weight of the built-in forecast by this record.
        live_weight: f64,
    },
    /// The wallet's balance.
    Balance { balance: Uallo },
    /// The wallet's balance is low.
    BalanceLow {
        balance: Uallo,
        threshold: Uallo,
        remedy: String,
    },
    /// The candles known after a fetch.
    PricesUpdated {
        ticker: String,
        closes: usize,
        added: usize,
        #[serde(with = "time::serde::rfc3339::option")]
        until: Option<OffsetDateTime>,
    },
    /// A long stretch of prices is being fetched.
    PricesBackfill {
        ticker: String,
        /// Who is asked.
        source: String,
        closes: usize,
        hours_left: usize,
        requests_left: usize,
        /// How long the quota lets them take; 0 when they all go at once.
        seconds_left: u64,
    },
    /// Another source is asked for prices in place of the first.
    PricesStandIn {
        ticker: String,
        /// Who stands in.
        source: String,
        /// For whom.
        first: String,
        cause: String,
    },
    /// The first source of prices is back.
    PricesBack {
        ticker: String,
        source: String,
        /// How long the other stood in.
        seconds: u64,
        /// Mean absolute log difference between the two, where both are known.
        basis: Option<f64>,
    },
    /// Prices can't be had at present.
    PricesUnavailable {
        ticker: String,
        cause: String,
        remedy: String,
        retry_seconds: u64,
    },
    /// A topic can't be served at present.
    TopicUnavailable {
        topic: TopicId,
        cause: String,
        remedy: String,
    },
    /// A node misbehaves.
    NodeTrouble { endpoint: String, cause: String },
    /// A node that had trouble is well again, after so many seconds.
    NodeWell { endpoint: String, seconds: u64 },
    /// Something is wrong that the operator should know of; the worker goes on.
    Trouble { cause: String, remedy: String },
    /// Something is not as one might think; nothing is wrong.
    Notice { cause: String, remedy: String },
    /// The worker can't go on.
    Fatal { cause: String, remedy: String },
    /// The worker was asked to stop.
    Stopping { signal: String, in_flight: usize },
    /// The worker has stopped.
    Stopped { reason: String },
    /// Of the process as a whole.
    #[serde(untagged)]
    Watch(WatchEvent),
    /// The Predict worker's own.
    #[serde(untagged)]
    Predict(PredictEvent),
    /// The Scoring worker's own.
    #[serde(untagged)]
    Score(ScoreEvent),
    /// What several workers of one wallet do.
    #[serde(untagged)]
    Standby(StandbyEvent),
    /// A reading, for those who listen alone.
    #[serde(untagged)]
    Gauge(GaugeEvent),
}

impl From<GaugeEvent> for Event {
    fn from(event: GaugeEvent) -> Self {
        Self::Gauge(event)
    }
}

impl From<PredictEvent> for Event {
    fn from(event: PredictEvent) -> Self {
        Self::Predict(event)
    }
}

impl From<ScoreEvent> for Event {
    fn from(event: ScoreEvent) -> Self {
        Self::Score(event)
    }
}

impl From<StandbyEvent> for Event {
    fn from(event: StandbyEvent) -> Self {
        Self::Standby(event)
    }
}

impl From<WatchEvent> for Event {
    fn from(event: WatchEvent) -> Self {
        Self::Watch(event)
    }
}
