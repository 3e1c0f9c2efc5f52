//! The shape of a configuration file.

use std::path::PathBuf;

use serde::Deserialize;

use crate::{
    alerts::AlertsConfig,
    chain::{ChainConfig, FeeConfig},
    forecast::{BlendConfig, ForecastConfig},
    learning::LearningConfig,
    market::MarketConfig,
    models::ModelsConfig,
    ops::OpsConfig,
    predict::PredictConfig,
    score::ScoreConfig,
    standby::StandbyConfig,
    worker::{CompetitionConfig, TopicConfig, WorkerConfig},
};

/// Every key that a configuration file may hold. Each section belongs to its room.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Document {
    pub network: String,
    pub real_coins: bool,
    pub data_dir: PathBuf,
    pub prices: Option<PathBuf>,
    pub chain_id: Option<String>,
    pub rpc: Option<Vec<String>>,
    pub ws: Option<Vec<String>>,
    pub chain: ChainConfig,
    pub fees: FeeConfig,
    pub worker: WorkerConfig,
    pub market: MarketConfig,
    pub forecast: ForecastConfig,
    pub blend: BlendConfig,
    pub learning: LearningConfig,
    pub models: ModelsConfig,
    pub predict: PredictConfig,
    pub score: ScoreConfig,
    pub standby: StandbyConfig,
    pub ops: OpsConfig,
    pub alerts: AlertsConfig,
    pub topics: Vec<TopicConfig>,
    pub competition: Option<CompetitionConfig>,
}

/// The sections and keys of the first level, for hints on variables' names.
pub(super) const KEYS: [&str; 22] = [
    "network",
    "real_coins",
    "data_dir",
    "prices",
    "chain_id",
    "rpc",
    "ws",
    "chain",
    "fees",
    "worker",
    "market",
    "forecast",
    "blend",
    "learning",
    "models",
    "predict",
    "score",
    "standby",
    "ops",
    "alerts",
    "topics",
    "competition",
];

impl Default for Document {
    fn default() -> Self {
        Self {
            network: "testnet".into(),
            real_coins: false,
            data_dir: "data".into(),
            prices: None,
            chain_id: None,
            rpc: None,
            ws: None,
            chain: ChainConfig::default(),
            fees: FeeConfig::default(),
            worker: WorkerConfig::default(),
            market: MarketConfig::default(),
            forecast: ForecastConfig::default(),
            blend: BlendConfig::default(),
            learning: LearningConfig::default(),
            models: ModelsConfig::default(),
            predict: PredictConfig::default(),
            score: ScoreConfig::default(),
            standby: StandbyConfig::default(),
            ops: OpsConfig::default(),
            alerts: AlertsConfig::default(),
            topics: vec![TopicConfig::default()],
            competition: None,
        }
    }
}
