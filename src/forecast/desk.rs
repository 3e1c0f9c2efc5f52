//! The desk keeps a forecast ready for each topic, so that an open window finds its answer made.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Builtin, Fallback, Forecast, ForecastConfig, ForecastError, Forecaster, History, LiveFuses,
    Target,
    trainer::{Trainer, for_topic},
};
use crate::{clock::SharedClock, types::TopicId};

/// How often the age of the newest candle is looked at again.
const AGE_CHECK: Duration = Duration::from_mins(1);

/// What a topic asks for, and of which prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// The topic.
    pub topic: TopicId,
    /// The pair, such as `btcusd`.
    pub ticker: String,
    /// How far ahead.
    pub horizon: Duration,
    /// What is forecast.
    pub target: Target,
}

impl TopicSpec {
    /// Whether another topic asks for the same.
    #[must_use]
    pub(super) fn asks_as(&self, other: &Self) -> bool {
        (&self.ticker, self.horizon, self.target) == (&other.ticker, other.horizon, other.target)
    }
}

/// Keeps the forecasts of all topics up to date while it runs.
#[derive(Clone, Debug)]
pub struct Desk {
    trainer: Arc<Trainer>,
}

/// Where forecasts are picked up. Clones share one desk; it works while the desk runs and without.
#[derive(Clone, Debug)]
pub struct DeskHandle {
    trainer: Arc<Trainer>,
}

impl Desk {
    /// A desk for these topics with the forecasts of [`Builtin`]. Each topic answers at once, with
    /// 0.0 until its first forecast is made.
    ///
    /// # Errors
    /// When the configuration makes no sense or a topic's ticker has no history.
    pub fn new(
        config: ForecastConfig,
        topics: Vec<TopicSpec>,
        histories: &HashMap<String, watch::Receiver<History>>,
        clock: SharedClock,
    ) -> Result<Self, ForecastError> {
        let forecaster = Arc::new(Builtin::new(config.clone()));
        Self::with_forecaster(config, topics, histories, clock, forecaster)
    }

    /// A desk whose forecasts come from `forecaster`.
    ///
    /// # Errors
    /// As [`Desk::new`].
    pub fn with_forecaster(
        config: ForecastConfig,
        topics: Vec<TopicSpec>,
        histories: &HashMap<String, watch::Receiver<History>>,
        clock: SharedClock,
        forecaster: Arc<dyn Forecaster>,
    ) -> Result<Self, ForecastError> {
        config.check()?;
        let mut trainer = Trainer::new(config, forecaster, clock);
        for spec in topics {
            let history = histories.get(&spec.ticker).cloned();
            let history = history.ok_or_else(|| unknown_ticker(&spec, histories))?;
            trainer.add(spec, history);
        }
        Ok(Self {
            trainer: Arc::new(trainer),
        })
    }

    /// Where its forecasts are picked up.
    #[must_use]
    pub fn handle(&self) -> DeskHandle {
        DeskHandle {
            trainer: self.trainer.clone(),
        }
    }

    /// Makes a forecast for each topic whenever its candles change or grow too old, until `cancel`.
    pub async fn run(&self, cancel: CancellationToken) {
        let mut topics = JoinSet::new();
        for topic in self.trainer.questions() {
            topics.spawn(attend(self.trainer.clone(), topic));
        }
        // Dropping the set ends its tasks. A training on its thread ends by itself.
        cancel.cancelled().await;
    }
}

impl DeskHandle {
    /// The newest forecast that was made, however old; none for a topic that the desk does not have.
    #[must_use]
    pub fn latest(&self, topic: TopicId) -> Option<Arc<Forecast>> {
        Some(for_topic(topic, self.trainer.slot(topic)?.latest()))
    }

    /// The newest forecast if it was made with the newest candles known, and these are not older than
    /// `max_age`.
    #[must_use]
    pub fn fresh(&self, topic: TopicId) -> Option<Arc<Forecast>> {
        let slot = self.trainer.slot(topic)?;
        let history = slot.history();
        if history.candles.is_empty() || self.trainer.is_stale(&history) {
            return None;
        }
        let forecast = slot.made_with(&history)?;
        Some(for_topic(topic, forecast))
    }

    /// A forecast within `deadline` and `train_deadline`, whatever happens: the fresh one, else one
    /// trained now, else the last one if its candles are not too old, else 0.0 with its reason.
    pub async fn within(&self, topic: TopicId, deadline: Duration) -> Arc<Forecast> {
        if let Some(fresh) = self.fresh(topic) {
            return fresh;
        }
        let Some(slot) = self.trainer.slot(topic) else {
            let detail = "the topic is not configured".to_owned();
            let reason = Fallback::Unfit { detail };
            return Arc::new(self.trainer.fallback(topic, &History::default(), reason));
        };
        let training = self.trainer.train(slot);
        let forecast = match timeout(self.trainer.patience(deadline), training).await {
            Ok(forecast) => forecast,
            Err(_) => self.trainer.last_or(slot, Fallback::Late),
        };
        for_topic(topic, forecast)
    }

    /// Holds built-in forecasts back by what was really submitted: each that is made from here on. To be
    /// called once; a second call changes nothing.
    pub fn follow(&self, fuses: watch::Receiver<LiveFuses>) {
        self.trainer.follow(fuses);
    }

    /// The candles that a topic is forecast from; none for a topic that the desk does not have.
    #[must_use]
    pub fn history(&self, topic: TopicId) -> Option<watch::Receiver<History>> {
        Some(self.trainer.slot(topic)?.changes())
    }

    /// Tells each forecast as it is made. A listener that falls behind gets `Lagged` and should read
    /// [`DeskHandle::latest`].
    #[must_use]
    pub fn prepared(&self) -> broadcast::Receiver<Arc<Forecast>> {
        self.trainer.prepared()
    }
}

/// Keeps one topic's forecast up to date.
async fn attend(trainer: Arc<Trainer>, topic: TopicId) {
    let Some(slot) = trainer.slot(topic) else {
        return;
    };
    let mut changes = slot.changes();
    let mut done = None;
    loop {
        let history = changes.borrow_and_update().clone();
        let stands = (trainer.is_stale(&history), trainer.live(slot));
        // Candles are trained with once, and once more when they grow too old or the live fuse changes.
        let due = done
            .as_ref()
            .is_none_or(|(of, was)| !Arc::ptr_eq(of, &history.candles) || *was != stands);
        if due {
            trainer.train(slot).await;
            done = Some((history.candles, stands));
        }
        // Changes during a training are one change. Without a sender only age is left to watch.
        if let Ok(Err(_)) = timeout(AGE_CHECK, changes.changed()).await {
            sleep(AGE_CHECK).await;
        }
    }
}

fn unknown_ticker(
    spec: &TopicSpec,
    histories: &HashMap<String, watch::Receiver<History>>,
) -> ForecastError {
    let mut known: Vec<_> = histories.keys().map(String::as_str).collect();
    known.sort_unstable();
    ForecastError::UnknownTicker {
        topic: spec.topic,
        ticker: spec.ticker.clone(),
        known: known.join(", "),
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
