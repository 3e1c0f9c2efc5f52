//! The desk keeps a forecast ready for each topic, so that an open window finds its answer made.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Blocking, Builtin, DeskHandle, ForecastConfig, ForecastError, Forecaster, History, Outside,
    Source, Target, outside::Post, trainer::Trainer,
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
    handle: DeskHandle,
}

type Histories = HashMap<String, watch::Receiver<History>>;

impl Desk {
    /// A desk for these topics with the forecasts of [`Builtin`]. Each topic answers at once, with
    /// 0.0 until its first forecast is made.
    ///
    /// # Errors
    /// When the configuration makes no sense or a topic's ticker has no history.
    pub fn new(
        config: ForecastConfig,
        topics: Vec<TopicSpec>,
        histories: &Histories,
        clock: SharedClock,
    ) -> Result<Self, ForecastError> {
        let forecaster = Arc::new(Blocking::new(Builtin::new(config.clone())));
        Self::with_forecaster(config, topics, histories, clock, forecaster)
    }

    /// A desk whose forecasts come from `forecaster`, where no other answers.
    ///
    /// # Errors
    /// As [`Desk::new`].
    pub fn with_forecaster(
        config: ForecastConfig,
        topics: Vec<TopicSpec>,
        histories: &Histories,
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
            handle: DeskHandle {
                trainer: Arc::new(trainer),
                posts: Arc::default(),
            },
        })
    }

    /// Has some topics answered by forecasters outside the process; the built-in forecast stands in for
    /// them. To be called before the desk is shared.
    #[must_use]
    pub fn with_outside(self, outside: impl IntoIterator<Item = (TopicId, Outside)>) -> Self {
        let DeskHandle { mut trainer, posts } = self.handle;
        let mut posts = posts.as_ref().clone();
        for (topic, outside) in outside {
            let Some((spec, history)) = trainer.subject(topic) else {
                continue;
            };
            let is_blend = outside.source == Source::Blend;
            let (config, clock) = trainer.terms();
            let post = Post::new(spec, outside, history, config, clock);
            posts.insert(topic, Arc::new(post));
            if let Some(trainer) = Arc::get_mut(&mut trainer) {
                trainer.hush(topic, is_blend);
            }
        }
        let posts = Arc::new(posts);
        Self {
            handle: DeskHandle { trainer, posts },
        }
    }

    /// Where its forecasts are picked up.
    #[must_use]
    pub fn handle(&self) -> DeskHandle {
        self.handle.clone()
    }

    /// Makes a forecast for each topic whenever its candles change or grow too old, until `cancel`.
    /// Forecasters outside the process are asked for windows, see [`DeskHandle::prepare`].
    pub async fn run(&self, cancel: CancellationToken) {
        let mut topics = JoinSet::new();
        for topic in self.handle.trainer.questions() {
            topics.spawn(attend(self.handle.trainer.clone(), topic));
        }
        // Dropping the set ends its tasks. A training on its thread ends by itself.
        cancel.cancelled().await;
        for post in self.handle.posts.values() {
            post.give_up();
        }
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
        let is_closed = tokio::select! {
            changed = changes.changed() => changed.is_err(),
            () = trainer.nap(AGE_CHECK) => false,
        };
        if is_closed {
            trainer.nap(AGE_CHECK).await;
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
