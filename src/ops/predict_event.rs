//! What the Predict worker does, as events.

use serde::Serialize;

/// Something that happened in the Predict worker: a line of its event log.
#[allow(
    missing_docs,
    reason = "the fields are named in full, with their units"
)]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PredictEvent {
    /// The process has begun.
    PredictStarting {
        version: &'static str,
        crunch_id: String,
        orchestrator: String,
        /// Without a password.
        database: String,
        prices: String,
        pid: u32,
    },
    /// The models that are there were brought up to date.
    PredictReady {
        models: usize,
        joining: usize,
        schedules: usize,
        /// Prices at hand, of all assets.
        closes: usize,
    },
    /// A model is known for the first time.
    ModelFirstSeen {
        model_id: String,
        model_name: Option<String>,
        cruncher_name: Option<String>,
        deployment_id: String,
    },
    /// A model can be called.
    ModelJoined {
        model_id: String,
        model_name: Option<String>,
        cruncher_name: Option<String>,
        deployment_id: String,
    },
    /// A model was deployed anew.
    ModelDeployed {
        model_id: String,
        before: String,
        deployment_id: String,
        /// `keep` or `reset` its metrics.
        effect: String,
    },
    /// A model was told what it had missed.
    ModelReplayed { model_id: String, took_ms: f64 },
    /// A model can't be brought up to date, or is called no more.
    ModelFailed {
        model_id: String,
        code: String,
        cause: String,
    },
    /// A run of a model was let go.
    ModelLeft {
        model_id: String,
        deployment_id: String,
        cause: String,
    },
    /// Many models did the same at once: how many did so besides those that were told singly.
    ModelsChanged {
        first_seen: u32,
        joined: u32,
        deployed: u32,
        replayed: u32,
        failed: u32,
        left: u32,
    },
    /// All models were told new prices.
    TickTold {
        assets: usize,
        closes: usize,
        asked: usize,
        succeeded: usize,
        failed: usize,
        timed_out: usize,
        /// Models that were told earlier prices as well, because they had missed them.
        behind: usize,
        took_ms: f64,
    },
    /// A round of predictions is complete.
    PredictionsCollected {
        config: String,
        slot: i64,
        asked: usize,
        succeeded: usize,
        failed: usize,
        timed_out: usize,
        absent: usize,
        took_ms: f64,
    },
    /// Rounds were not made while the worker was away or held up.
    RoundsMissed {
        config: String,
        rounds: u64,
        cause: String,
    },
    /// The database can't be written; what is to be stored waits on disk.
    StoreUnavailable {
        database: String,
        cause: String,
        waiting: u64,
        bytes: u64,
    },
    /// All that waited is stored.
    StoreCaughtUp {
        database: String,
        stored: u64,
        /// How long the database was away.
        seconds: u64,
    },
    /// The disk's share is full: the oldest facts that waited are lost.
    StoreOverflow { lost: u64, lost_in_all: u64 },
    /// Old predictions were removed.
    PredictionsPruned { removed: u64 },
    /// This worker shares the crunch's models with others from now on.
    ShareJoined {
        worker: String,
        /// Those that live, this one included.
        workers: usize,
        models: usize,
    },
    /// Other workers that share the models came, ended or died.
    WorkersChanged {
        joined: Vec<String>,
        left: Vec<String>,
        workers: usize,
    },
    /// This worker calls more models from now on.
    ModelsTakenOver {
        models: usize,
        /// Some of them.
        ids: Vec<String>,
        /// How many it has now.
        share: usize,
        workers: usize,
    },
    /// Models are other workers' from now on.
    ModelsHandedOver {
        models: usize,
        /// Some of them.
        ids: Vec<String>,
        share: usize,
        workers: usize,
    },
    /// This worker calls no model any more: it can't renew its leases, and others may take its place.
    ShareFenced { models: usize, cause: String },
    /// It calls its models again, after so many seconds.
    ShareResumed { models: usize, seconds: u64 },
    /// The file of prices has come to its end.
    PricesEnded { closes: usize },
}
