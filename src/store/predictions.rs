//! What models predicted, which models there are, and what they are asked for.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Packed, StoreError};

/// What became of a model in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PredictionStatus {
    /// It answered, in the right shape.
    Success,
    /// It failed, or answered nonsense.
    Failure,
    /// It did not answer in time.
    Timeout,
    /// It was due, and could not be asked.
    Absent,
}

impl PredictionStatus {
    /// The name under which it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Timeout => "TIMEOUT",
            Self::Absent => "ABSENT",
        }
    }
}

impl fmt::Display for PredictionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PredictionStatus {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Success, Self::Failure, Self::Timeout, Self::Absent];
        let found = all.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| format!("{name:?} is none of SUCCESS, FAILURE, TIMEOUT and ABSENT"))
    }
}

/// Names a configured prediction in its crunch: `BTC/86400/300`, with `/best10` for a subset. It stays
/// the same when the interval or the order change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigKey(pub String);

impl fmt::Display for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What models are asked for, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PredictionConfig {
    /// The asset, as models know it.
    pub asset: String,
    /// How far ahead, in seconds.
    pub horizon: u32,
    /// The width of one step, in seconds; the horizon is a multiple of it.
    pub step: u32,
    /// Seconds from one round to the next.
    pub interval: u32,
    /// Whether rounds are made.
    pub active: bool,
    /// The place among those of the same horizon, step and interval, which take turns within the
    /// interval.
    pub order: u32,
    /// Only so many models, the best performers; all when none is given.
    pub best: Option<u32>,
}

impl PredictionConfig {
    /// Its name in the crunch.
    #[must_use]
    pub fn key(&self) -> ConfigKey {
        let Self {
            asset,
            horizon,
            step,
            ..
        } = self;
        let best = self
            .best
            .map_or_else(String::new, |best| format!("/best{best}"));
        ConfigKey(format!("{asset}/{horizon}/{step}{best}"))
    }
}

/// A configured prediction as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConfig {
    /// What is asked for.
    pub config: PredictionConfig,
    /// The slot of the newest round that is done, unix seconds.
    pub performed: Option<i64>,
}

/// One model's part in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The crunch.
    pub crunch_id: String,
    /// What was asked for.
    pub config: ConfigKey,
    /// When the round was due by its schedule, unix seconds. A round is stored once for each model:
    /// (crunch, config, slot, model) is unique.
    pub slot: i64,
    /// The model.
    pub model_id: String,
    /// Its deployment; the last one known when it was absent.
    pub deployment_id: String,
    /// What became of it.
    pub status: PredictionStatus,
    /// The asset.
    pub asset: String,
    /// How far ahead, in seconds.
    pub horizon: u32,
    /// The width of one step, in seconds.
    pub step: u32,
    /// How long the model took, in microseconds; 0 when it was not asked.
    pub exec_time_us: u64,
    /// What it answered, as JSON text; none unless it succeeded.
    #[serde(skip)]
    pub payload: Option<Packed>,
    /// Why there is no answer, in words.
    pub detail: Option<String>,
    /// The newest close of the asset that models were told before they were asked, if there is one.
    pub base: Option<f64>,
    /// When the round began, to the millisecond.
    #[serde(with = "time::serde::rfc3339")]
    pub performed_at: OffsetDateTime,
    /// When the horizon has passed: `performed_at` + `horizon`.
    #[serde(with = "time::serde::rfc3339")]
    pub resolvable_at: OffsetDateTime,
}

/// A prediction as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPrediction {
    /// Its number, which grows in the order of storing.
    pub id: i64,
    /// The prediction.
    pub prediction: Prediction,
}

/// A model that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The crunch.
    pub crunch_id: String,
    /// The model; stable over redeploys.
    pub model_id: String,
    /// Its name, as it is now.
    pub model_name: Option<String>,
    /// The owner.
    pub cruncher_id: Option<String>,
    /// The owner's name, as it is now.
    pub cruncher_name: Option<String>,
    /// What is deployed now.
    pub deployment_id: String,
    /// When it was first seen.
    #[serde(with = "time::serde::rfc3339")]
    pub first_seen: OffsetDateTime,
    /// When it was last there to be called.
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen: OffsetDateTime,
    /// Its answers count for its metrics from here on.
    #[serde(with = "time::serde::rfc3339")]
    pub metrics_since: OffsetDateTime,
}

/// What a new deployment does to a model's metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentEffect {
    /// They go on.
    #[default]
    Keep,
    /// They begin anew.
    Reset,
}

/// A new deployment of a model that was known before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The crunch.
    pub crunch_id: String,
    /// The model.
    pub model_id: String,
    /// What was deployed before.
    pub before: String,
    /// What is deployed now.
    pub deployment_id: String,
    /// When it was first seen.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What it does to the metrics.
    pub effect: DeploymentEffect,
}

/// A price at a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Close {
    /// Unix seconds of the moment that it closes.
    pub at: i64,
    /// In the quote currency, above zero.
    pub price: f64,
}

/// Which predictions are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PredictionFilter {
    /// Of this crunch.
    pub crunch_id: Option<String>,
    /// Of this model.
    pub model_id: Option<String>,
    /// Of this asset.
    pub asset: Option<String>,
    /// Of this horizon, in seconds.
    pub horizon: Option<u32>,
    /// Performed at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Performed before this time.
    pub until: Option<OffsetDateTime>,
}

/// Keeps predictions.
#[async_trait]
pub trait PredictionRepository: Send + Sync + 'static {
    /// Stores predictions, all or none, in their order; one that is there already stays as it is, but
    /// that any other status takes the place of `ABSENT`, under the same number: a model that answered
    /// was there. Gives how many rows were written, be they new or such an `ABSENT`.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn save_all(&self, predictions: &[Prediction]) -> Result<u64, StoreError>;

    /// Predictions with numbers above `after`, by number, `most` of them at most.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn predictions(
        &self,
        filter: &PredictionFilter,
        after: i64,
        most: u32,
    ) -> Result<Vec<StoredPrediction>, StoreError>;

    /// When the newest prediction of a crunch was performed, if there is any.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn newest(&self, crunch_id: &str) -> Result<Option<OffsetDateTime>, StoreError>;

    /// Removes predictions of a crunch that were performed before a time, the oldest first, `most` of
    /// them at most. Gives how many.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn prune(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
        most: u32,
    ) -> Result<u64, StoreError>;

    /// The best models of a crunch, best first, `most` of them at most: by their score where there is
    /// one and the model was seen since a time, else by the share of their answers since that time (and
    /// since their `metrics_since`) that succeeded, and then by how fast they were.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn best(
        &self,
        crunch_id: &str,
        since: OffsetDateTime,
        most: u32,
    ) -> Result<Vec<String>, StoreError>;
}

/// Keeps models and their deployments.
#[async_trait]
pub trait ModelRepository: Send + Sync + 'static {
    /// Writes models as they are now, all or none. `first_seen` only ever becomes earlier, `last_seen`
    /// and `metrics_since` only ever later; when `metrics_since` does, the score is taken away.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn keep_models(&self, models: &[ModelRecord]) -> Result<(), StoreError>;

    /// All models of a crunch, by id.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn models(&self, crunch_id: &str) -> Result<Vec<ModelRecord>, StoreError>;

    /// Notes deployments; one that is there already (crunch, model, deployment) stays as it is.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn deployed(&self, deployments: &[Deployment]) -> Result<(), StoreError>;

    /// The deployments of a model, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn deployments(
        &self,
        crunch_id: &str,
        model_id: &str,
    ) -> Result<Vec<Deployment>, StoreError>;
}

/// Keeps what models are asked for.
#[async_trait]
pub trait PredictionConfigRepository: Send + Sync + 'static {
    /// Writes the predictions that the configuration names. Those that an earlier configuration named
    /// and this one does not become inactive; rows that other hands wrote stay as they are.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn declare(
        &self,
        crunch_id: &str,
        configs: &[PredictionConfig],
    ) -> Result<(), StoreError>;

    /// All of a crunch, by order and key. Rows that make no sense (a step of 0) are left out.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn configs(&self, crunch_id: &str) -> Result<Vec<StoredConfig>, StoreError>;

    /// Notes that rounds are done, by the slots that they were due in; a newer slot stays.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn performed(
        &self,
        crunch_id: &str,
        rounds: &[(ConfigKey, i64)],
    ) -> Result<(), StoreError>;
}

/// Keeps the prices that models were told, for whoever scores them.
#[async_trait]
pub trait CloseRepository: Send + Sync + 'static {
    /// Writes closes of an asset, all or none; a known time's close is replaced.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn keep_closes(&self, asset: &str, closes: &[Close]) -> Result<(), StoreError>;

    /// The closes of an asset within a range of unix seconds, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn closes(
        &self,
        asset: &str,
        range: std::ops::Range<i64>,
    ) -> Result<Vec<Close>, StoreError>;
}

/// All that a Predict worker stores.
pub trait PredictionStore:
    PredictionRepository + ModelRepository + PredictionConfigRepository + CloseRepository
{
}

impl<T> PredictionStore for T where
    T: PredictionRepository + ModelRepository + PredictionConfigRepository + CloseRepository
{
}
