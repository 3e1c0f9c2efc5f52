//! The place of a question at the desk: its topics, its candles and its newest forecast.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, Shared};
use tokio::sync::watch;

use super::{Candle, Forecast, History, desk::TopicSpec};
use crate::types::TopicId;

/// A training under way, for all who wait for it.
pub(super) type Training = Shared<BoxFuture<'static, Arc<Forecast>>>;

/// The place of a question: topics that ask for the same share its forecasts.
pub(super) struct Slot {
    /// What the first of them asks for.
    pub(super) spec: TopicSpec,
    pub(super) topics: Vec<TopicId>,
    history: watch::Receiver<History>,
    state: Mutex<State>,
}

/// How far the trainings of a place have come.
pub(super) struct State {
    pub(super) latest: Arc<Forecast>,
    /// The candles that `latest` was made with.
    pub(super) of: Arc<[Candle]>,
    /// Number of the newest training that ended: an older one that ends later changes nothing.
    pub(super) ended: u64,
    pub(super) begun: u64,
    pub(super) under_way: Option<(Arc<[Candle]>, Training)>,
}

impl Slot {
    /// A place with one topic and what it answers until its first training.
    pub(super) fn new(
        spec: TopicSpec,
        history: watch::Receiver<History>,
        latest: Forecast,
    ) -> Self {
        let state = State {
            latest: Arc::new(latest),
            of: Arc::default(),
            ended: 0,
            begun: 0,
            under_way: None,
        };
        Self {
            history,
            state: Mutex::new(state),
            topics: vec![spec.topic],
            spec,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn latest(&self) -> Arc<Forecast> {
        self.state().latest.clone()
    }

    /// The newest forecast if it was made with these very candles.
    pub(super) fn made_with(&self, history: &History) -> Option<Arc<Forecast>> {
        let state = self.state();
        Arc::ptr_eq(&state.of, &history.candles).then(|| state.latest.clone())
    }

    pub(super) fn history(&self) -> History {
        self.history.borrow().clone()
    }

    pub(super) fn changes(&self) -> watch::Receiver<History> {
        self.history.clone()
    }
}

/// A question's forecast as that of one of the topics that ask it.
pub(super) fn for_topic(topic: TopicId, forecast: Arc<Forecast>) -> Arc<Forecast> {
    if forecast.topic == topic {
        return forecast;
    }
    let forecast = forecast.as_ref().clone();
    Arc::new(Forecast { topic, ..forecast })
}
