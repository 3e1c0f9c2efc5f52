//! What is taken from the configuration.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{ConfigError, Overrides, Settings},
    forecast::{ForecastConfig, Target, TopicSource},
    learning::LearningConfig,
    market,
    ops::Artifacts,
    status,
    store::DatabaseUrl,
    types::TopicId,
    worker::TopicConfig,
};

/// How long a board waits for the models' database at most, where it can have it a moment later.
const PATIENCE: Duration = Duration::from_millis(20);

/// What is taken from the configuration.
#[derive(Clone, Debug)]
pub struct BoardPlan {
    /// What the status needs.
    pub status: status::Plan,
    /// What the topics ask for.
    pub topics: BTreeMap<TopicId, Asked>,
    /// A transaction's address at the network's explorer, with `{hash}` in its place.
    pub explorer: Option<String>,
    /// What counts as unusual among the others' values.
    pub learning: LearningConfig,
    /// Candles older than this are not forecast from.
    pub oldest_data: Duration,
    /// The network of models; none where it is not known where it would be.
    pub models: Option<ModelsPlan>,
    /// How long a board waits for the models' database, which is asked beside it.
    pub patience: Duration,
}

/// What a topic asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Of what, such as `BTC/USD`.
    pub asset: String,
    /// In which unit.
    pub target: Target,
    /// How far ahead.
    pub horizon: Duration,
}

/// Where the network of models is kept.
#[derive(Clone, Debug)]
pub struct ModelsPlan {
    /// The crunch.
    pub crunch_id: String,
    /// Its database.
    pub database: DatabaseUrl,
}

impl BoardPlan {
    /// By this process's configuration. One that a worker would refuse is told of, and the data folder is
    /// looked at all the same.
    ///
    /// # Errors
    /// When not even the data folder can be found out.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        match Settings::load(overrides) {
            Ok(settings) => Ok(Self::by(&settings)),
            Err(error) => {
                let artifacts = Settings::locate(overrides)?;
                let mut plan = Self::of(artifacts);
                plan.status.wrong = Some(error.to_string());
                Ok(plan)
            }
        }
    }

    /// By a worker's settings.
    #[must_use]
    pub fn by(settings: &Settings) -> Self {
        let topics = settings.topics.iter().map(|it| (it.id, Asked::by(it)));
        let database = settings.predictions().ok();
        Self {
            status: status::Plan::by(settings),
            topics: topics.collect(),
            explorer: settings.network.explorer.clone(),
            learning: settings.learning.clone(),
            oldest_data: settings.forecast.max_age,
            models: database.map(|database| ModelsPlan {
                crunch_id: crunch(settings),
                database,
            }),
            patience: PATIENCE,
        }
    }

    /// Of a data folder alone.
    #[must_use]
    pub fn of(artifacts: Artifacts) -> Self {
        Self {
            status: status::Plan::of(artifacts),
            topics: BTreeMap::new(),
            explorer: None,
            learning: LearningConfig::default(),
            oldest_data: ForecastConfig::default().max_age,
            models: None,
            patience: PATIENCE,
        }
    }
}

/// The crunch that the first topic hears, else the configured one.
fn crunch(settings: &Settings) -> String {
    let mut hearing = settings.topics.iter();
    let hearing = hearing.find(|it| it.source != TopicSource::Linfa);
    let named = hearing.and_then(|it| it.network.as_ref()?.crunch_id.clone());
    named.unwrap_or_else(|| settings.crunch_id.clone())
}

impl Asked {
    fn by(topic: &TopicConfig) -> Self {
        let pair = market::pair(&topic.ticker).filter(|(base, _)| !base.is_empty());
        let asset = pair.map_or_else(
            || topic.ticker.clone(),
            |(base, quote)| format!("{base}/{quote}"),
        );
        Self {
            asset: asset.to_ascii_uppercase(),
            target: topic.target,
            horizon: topic.horizon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_is_shown_as_a_pair() {
        for (ticker, shown) in [
            ("btcusd", "BTC/USD"),
            ("ethusdt", "ETH/USDT"),
            ("usd", "USD"),
            ("x", "X"),
        ] {
            let topic = TopicConfig {
                ticker: ticker.into(),
                ..TopicConfig::default()
            };
            assert_eq!(Asked::by(&topic).asset, shown);
        }
    }
}
