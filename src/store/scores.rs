//! How well models predicted: scores of single predictions, and the standings that follow from them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{ConfigKey, Packed, PredictionStatus, StoreError, StoredPrediction};

/// What a prediction was worth, once its horizon had passed. Several steps are averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The prediction's number.
    pub prediction: i64,
    /// Continuous ranked probability score, in the crunch's unit; the smaller the better. None for a
    /// density without a finite mean, and where there is no score at all.
    pub crps: Option<f64>,
    /// Logarithm of the density at what came; the greater the better. None for a number.
    pub log_score: Option<f64>,
    /// The CRPS of the reference that knows only how far prices moved before.
    pub crps_reference: Option<f64>,
    /// The log score of that reference.
    pub log_reference: Option<f64>,
    /// Why there is no score: the answer can't be read, or prices are missing for good.
    pub detail: Option<String>,
    /// When it was scored.
    pub scored_at: OffsetDateTime,
}

/// Where a reading of predictions stands: after this time, and after this number at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResolvedAfter {
    /// Their horizon's end.
    pub resolvable_at: OffsetDateTime,
    /// Their number.
    pub id: i64,
}

/// Predictions that wait for their scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waiting {
    /// By (`resolvable_at`, number), without their payloads: most of what waits for prices waits on.
    pub predictions: Vec<StoredPrediction>,
    /// Rows among them that can't be read.
    pub unreadable: u32,
    /// Where a reading goes on; none at the end.
    pub next: Option<ResolvedAfter>,
}

/// A model's part in a round whose horizon has passed, with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredPart {
    /// What was asked for.
    pub config: ConfigKey,
    /// When the round was due, unix seconds.
    pub slot: i64,
    /// The model.
    pub model_id: String,
    /// What became of it.
    pub status: PredictionStatus,
    /// When its horizon had passed.
    pub resolvable_at: OffsetDateTime,
    /// How far ahead it was asked, in seconds.
    pub horizon: u32,
    /// See [`Score`]; none when it is not scored, or could not be.
    pub crps: Option<f64>,
    /// See [`Score`].
    pub log_score: Option<f64>,
    /// See [`Score`].
    pub crps_reference: Option<f64>,
    /// See [`Score`].
    pub log_reference: Option<f64>,
    /// Whether it has been scored, be it in vain.
    pub is_scored: bool,
}

/// Where a reading of scored parts stands: after this model of this round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartAfter {
    /// What was asked for.
    pub config: ConfigKey,
    /// The round.
    pub slot: i64,
    /// The model.
    pub model_id: String,
}

/// A model's standing over one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowScore {
    /// What it is ranked by, the greater the better: how much of the reference's loss it saved. None
    /// when no round of the window can be scored.
    pub score: Option<f64>,
    /// The mean gain of its log score over the reference's; none as above.
    pub log_gain: Option<f64>,
    /// Rounds that it was due in and that count.
    pub rounds: u32,
    /// Those among them that it answered with a score.
    pub answered: u32,
}

/// A model's place on the leaderboard at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The model.
    pub model_id: String,
    /// Its place, from 1; none while it has no score.
    pub rank: Option<u32>,
    /// The short window: a day, if not configured otherwise.
    pub recent: WindowScore,
    /// The middle one: three days.
    pub steady: WindowScore,
    /// The long one, by which models are ranked: seven days.
    pub anchor: WindowScore,
}

/// What became of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundSummary {
    /// When it was performed.
    pub performed_at: OffsetDateTime,
    /// What was asked for.
    pub asset: String,
    /// How far ahead, in seconds.
    pub horizon: u32,
    /// Models by the status of their answers, such as `SUCCESS`.
    pub by_status: BTreeMap<String, u64>,
}

/// An answer of a round, for whoever combines models.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundAnswer {
    /// When the round was due, unix seconds.
    pub slot: i64,
    /// When it began.
    pub performed_at: OffsetDateTime,
    /// The width of one step, in seconds.
    pub step: u32,
    /// The model.
    pub model_id: String,
    /// The newest close that models were told before they were asked.
    pub base: Option<f64>,
    /// What it answered, as JSON text.
    pub payload: Packed,
    /// When its horizon has passed.
    pub resolvable_at: OffsetDateTime,
    /// See [`Score`]; none while it is not scored, or when it could not be.
    pub crps: Option<f64>,
    /// See [`Score`].
    pub crps_reference: Option<f64>,
}

/// Keeps scores and standings.
#[async_trait]
pub trait ScoreRepository: Send + Sync + 'static {
    /// When the newest close of each asset of a crunch was, unix seconds, of those at `now` or before: a
    /// stray one of the future tells nothing. Assets without one are left out.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn newest_closes(
        &self,
        crunch_id: &str,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<String, i64>, StoreError>;

    /// Predictions of a crunch that succeeded, whose horizon had passed at `until`, and that are not
    /// scored: by (`resolvable_at`, number), after `after`, `most` of them at most. What is scored long
    /// since costs nothing. A row that can't be read is counted and left out.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn unscored(
        &self,
        crunch_id: &str,
        until: OffsetDateTime,
        after: Option<ResolvedAfter>,
        most: u32,
    ) -> Result<Waiting, StoreError>;

    /// The payloads of predictions by their numbers; what has none is left out.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn payloads(&self, predictions: &[i64]) -> Result<BTreeMap<i64, Packed>, StoreError>;

    /// Stores scores, all or none; a prediction that has one keeps it.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn keep_scores(&self, scores: &[Score]) -> Result<(), StoreError>;

    /// All parts of rounds whose horizon passed at `from` or later and before `until`, whatever became
    /// of them: by config's key, slot and model, after `after`, `most` of them at most.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn parts(
        &self,
        crunch_id: &str,
        from: OffsetDateTime,
        until: OffsetDateTime,
        after: Option<&PartAfter>,
        most: u32,
    ) -> Result<Vec<ScoredPart>, StoreError>;

    /// Stores a crunch's leaderboard, all or nothing, in the place of one of the same time. Unless there is
    /// a newer one, the models in it get their scores (that of the anchor window), by which the best
    /// performers are told, and models that are not in it lose theirs.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn keep_snapshots(
        &self,
        crunch_id: &str,
        snapshots: &[Snapshot],
    ) -> Result<(), StoreError>;

    /// A crunch's snapshots that were taken at `from` or later and before `until`, by time and rank; of
    /// each day (UTC) the last one alone when `daily`.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn snapshots(
        &self,
        crunch_id: &str,
        from: OffsetDateTime,
        until: OffsetDateTime,
        daily: bool,
    ) -> Result<Vec<Snapshot>, StoreError>;

    /// The newest leaderboard of a crunch, by rank; empty while there is none.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn leaderboard(&self, crunch_id: &str) -> Result<Vec<Snapshot>, StoreError>;

    /// Removes snapshots from before a time, but for the last one of each day (UTC). Gives how many.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn thin_snapshots(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
    ) -> Result<u64, StoreError>;
}

/// Reads rounds for whoever combines models into one forecast.
#[async_trait]
pub trait RoundRepository: Send + Sync + 'static {
    /// For each of `times` (unix seconds, ascending, further apart than `age`) the answers (`SUCCESS`
    /// alone) to the newest round whose slot lies before it by `age` seconds at most, by slot and model.
    /// Of several configs of this asset and horizon the one with the widest step counts, and none of a
    /// subset of the best.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn answers_before(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        times: &[i64],
        age: i64,
    ) -> Result<Vec<RoundAnswer>, StoreError>;

    /// Each model's newest answer (`SUCCESS` alone) to rounds of the same config whose slot lies in a
    /// range of unix seconds, by model.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn newest_answers(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        slots: std::ops::Range<i64>,
    ) -> Result<Vec<RoundAnswer>, StoreError>;
}
