//! Configuration of the Predict worker.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::store::{DeploymentEffect, Interval, PredictionConfig};

/// Section `[predict]`: what models are told and asked, and how it is stored.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct PredictConfig {
    /// The assets whose prices models are told, by the name that models know; each with its pair at
    /// Tiingo.
    pub assets: BTreeMap<String, String>,
    /// The interval of the candles whose closes are told. Finer ones cost more requests at Tiingo.
    pub resolution: Interval,
    /// How much of the past a model is told that knows nothing, and is kept in memory.
    #[serde(with = "humantime_serde")]
    pub history: Duration,
    /// What is asked for. An empty list asks for nothing but what is in the database.
    pub schedules: Vec<ScheduleConfig>,
    /// What answers must look like.
    pub answers: AnswerShape,
    /// A model that was there within this time and can't be asked is stored as `ABSENT`.
    #[serde(with = "humantime_serde")]
    pub absent_within: Duration,
    /// What a new deployment does to a model's metrics: `keep` or `reset`.
    pub on_deployment: DeploymentEffect,
    /// The answers by which the best performers are told when there are no scores.
    #[serde(with = "humantime_serde")]
    pub performance: Duration,
    /// How long predictions are kept; 0 keeps them for ever.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// The most that the outbox takes on disk, in MiB, while the database is away; above it the oldest
    /// facts go.
    pub outbox_mib: u64,
    /// How often the database is tried again while it is away: the first pause, which doubles, and the
    /// longest.
    #[serde(with = "humantime_serde")]
    pub retry_min: Duration,
    /// See `retry_min`.
    #[serde(with = "humantime_serde")]
    pub retry_max: Duration,
    /// How long one write to the database may take before it counts as failed.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// How long the first tick waits for models that are still joining.
    #[serde(with = "humantime_serde")]
    pub settle: Duration,
}

/// What answers must look like; another shape is that model's failure.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AnswerShape {
    /// A list of as many densities as the horizon has steps, or an empty one.
    #[default]
    Densities,
    /// A finite number.
    Number,
    /// Anything.
    Any,
}

/// One prediction that is asked for again and again.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The asset, one of `assets`.
    pub asset: String,
    /// How far ahead.
    #[serde(with = "humantime_serde")]
    pub horizon: Duration,
    /// The width of one step, of which the horizon is a multiple.
    #[serde(with = "humantime_serde")]
    pub step: Duration,
    /// From one round to the next.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Whether rounds are made.
    #[serde(default = "yes")]
    pub active: bool,
    /// The place among those with the same horizon, step and interval, which take turns within the
    /// interval.
    #[serde(default)]
    pub order: u32,
    /// Ask only so many models, the best performers.
    #[serde(default)]
    pub best: Option<u32>,
}

const fn yes() -> bool {
    true
}

impl ScheduleConfig {
    fn of(asset: &str, horizon: u64, step: u64, interval: u64) -> Self {
        Self {
            asset: asset.into(),
            horizon: Duration::from_secs(horizon),
            step: Duration::from_secs(step),
            interval: Duration::from_secs(interval),
            active: true,
            order: 0,
            best: None,
        }
    }

    /// The same in whole seconds, as it is stored.
    #[must_use]
    pub fn stored(&self) -> PredictionConfig {
        let seconds = |span: Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        PredictionConfig {
            asset: self.asset.clone(),
            horizon: seconds(self.horizon),
            step: seconds(self.step),
            interval: seconds(self.interval),
            active: self.active,
            order: self.order,
            best: self.best,
        }
    }
}

impl Default for PredictConfig {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            assets: BTreeMap::from([("BTC".into(), "btcusd".into())]),
            resolution: Interval::Minute,
            history: Duration::from_secs(30 * DAY),
            schedules: vec![
                ScheduleConfig::of("BTC", DAY, 300, 3_600),
                ScheduleConfig::of("BTC", 3_600, 60, 720),
                ScheduleConfig::of("BTC", 7 * DAY, 7 * DAY, 3_600),
            ],
            answers: AnswerShape::default(),
            absent_within: Duration::from_secs(DAY),
            on_deployment: DeploymentEffect::default(),
            performance: Duration::from_secs(7 * DAY),
            retention: Duration::from_secs(180 * DAY),
            outbox_mib: 2_048,
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            settle: Duration::from_secs(30),
        }
    }
}
