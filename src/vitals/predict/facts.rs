//! What is known of a Predict worker.

use std::collections::BTreeMap;

use crate::{
    ops::Phase,
    vitals::{Histogram, Moment, Obstacle},
};

/// How a Predict worker fares, by all that it told since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Faring {
    /// The program's version.
    pub(super) version: String,
    /// The crunch whose models are called.
    pub(super) crunch: String,
    /// When the process began.
    pub(super) started: Moment,
    /// What it does.
    pub(super) phase: Option<Phase>,
    /// Since when.
    pub(super) since: Moment,
    /// Why, in words.
    pub(super) message: String,
    /// What to do, when it could not go on.
    pub(super) remedy: String,
    /// The models.
    pub(super) models: Models,
    /// What models were told.
    pub(super) ticks: Ticks,
    /// What models were asked, by config; as many as are ever configured.
    pub(super) rounds: BTreeMap<String, Rounds>,
    /// From a round's call to its last answer.
    pub(super) round_times: Histogram,
    /// The way into the database.
    pub(super) store: Store,
    /// Other workers that share the models; none where this is the only one.
    pub(super) share: Option<Share>,
    /// Why prices can't be had, by ticker; until the next tick.
    pub(super) no_prices: BTreeMap<String, Obstacle>,
    /// Tasks without a sign of life, by name, and since when.
    pub(super) stuck: BTreeMap<String, Moment>,
    /// How often something was told that is not as it should be.
    pub(super) troubles: u64,
}

/// The models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Models {
    /// Those that were ever seen.
    pub(super) known: usize,
    /// Those that the orchestrator runs; none while it has listed none.
    pub(super) listed: Option<usize>,
    /// Those that can be called by this worker.
    pub(super) callable: usize,
    /// Whether they were counted yet.
    pub(super) are_counted: bool,
}

/// How many models did what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// They answered.
    pub(super) succeeded: u64,
    /// They failed.
    pub(super) failed: u64,
    /// They did not answer in time.
    pub(super) timed_out: u64,
    /// They were not there to be asked.
    pub(super) absent: u64,
}

/// What models were told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ticks {
    /// Ticks.
    pub(super) told: u64,
    /// Closes in them.
    pub(super) closes: u64,
    /// What became of them.
    pub(super) answers: Answers,
    /// Models that were told the newest.
    pub(super) asked: usize,
    /// Those of them that took it.
    pub(super) took: usize,
    /// When that was told.
    pub(super) newest: Moment,
    /// From a tick's call to its last answer.
    pub(super) times: Histogram,
    /// The usual time between two of them, in seconds.
    pub(super) pace: Option<f64>,
}

/// The rounds of one config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rounds {
    /// Those that are complete.
    pub(super) made: u64,
    /// Those that were not made.
    pub(super) missed: u64,
    /// The predictions in them.
    pub(super) predictions: Answers,
    /// When the newest was complete.
    pub(super) newest: Moment,
}

/// The way into the database.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Store {
    /// Why it can't be written, while it can't.
    pub(super) away: Option<Obstacle>,
    /// Writes that failed.
    pub(super) failures: u64,
    /// What waited on disk at the newest failure; 0 once all is stored.
    pub(super) waiting: u64,
    /// What was lost for want of disk.
    pub(super) lost: u64,
}

/// What several workers share.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Share {
    /// Those that live, this one included.
    pub(super) workers: usize,
    /// Why this one calls no model, while it may not.
    pub(super) fenced: Option<Obstacle>,
}
