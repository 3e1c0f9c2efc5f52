//! Trainings of the desk: off the async threads, one for the same candles however many ask, and filed
//! so that the newest result stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt, Shared, ready};
use tokio::sync::{broadcast, watch};

use super::{
    Answer, Candle, Fallback, Forecast, ForecastConfig, Forecaster, History, LiveFuse, LiveFuses,
    Question, Source, Target,
    bound::{clamped, unchanged},
    desk::TopicSpec,
    forecaster::panicked,
    live,
};
use crate::{clock::SharedClock, types::TopicId};

/// Prepared forecasts that a slow listener may be behind.
const BACKLOG: usize = 64;

/// A training under way, for all who wait for it.
type Training = Shared<BoxFuture<'static, Arc<Forecast>>>;

/// All topics' forecasts, and how they are made.
pub(super) struct Trainer {
    config: ForecastConfig,
    forecaster: Arc<dyn Forecaster>,
    clock: SharedClock,
    slots: Vec<Slot>,
    /// Where each topic's forecast is made.
    places: BTreeMap<TopicId, usize>,
    /// Topics that another forecaster answers: what is made for them only stands in, and is not told.
    quiet: BTreeSet<TopicId>,
    prepared: broadcast::Sender<Arc<Forecast>>,
    /// What was really submitted, once somebody tells.
    fuses: OnceLock<watch::Receiver<LiveFuses>>,
}

/// The place of a question: topics that ask for the same share its forecasts.
pub(super) struct Slot {
    /// What the first of them asks for.
    spec: TopicSpec,
    topics: Vec<TopicId>,
    history: watch::Receiver<History>,
    state: Mutex<State>,
}

struct State {
    latest: Arc<Forecast>,
    /// The candles that `latest` was made with.
    of: Arc<[Candle]>,
    /// Number of the newest training that ended: an older one that ends later changes nothing.
    ended: u64,
    begun: u64,
    under_way: Option<(Arc<[Candle]>, Training)>,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
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

impl fmt::Debug for Trainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.places.keys()).finish()
    }
}

impl Trainer {
    pub(super) fn new(
        config: ForecastConfig,
        forecaster: Arc<dyn Forecaster>,
        clock: SharedClock,
    ) -> Self {
        Self {
            config,
            forecaster,
            clock,
            slots: Vec::new(),
            places: BTreeMap::new(),
            quiet: BTreeSet::new(),
            prepared: broadcast::Sender::new(BACKLOG),
            fuses: OnceLock::new(),
        }
    }

    /// Adds a topic, which answers that nothing changes from now on until its first training.
    pub(super) fn add(&mut self, spec: TopicSpec, history: watch::Receiver<History>) {
        let same = |slot: &Slot| slot.spec.asks_as(&spec);
        if let Some(place) = self.slots.iter().position(same) {
            self.places.insert(spec.topic, place);
            self.slots[place].topics.push(spec.topic);
            return;
        }
        let latest = self.fallback(
            spec.topic,
            spec.target,
            &history.borrow(),
            self.nothing_known(),
        );
        let state = State {
            latest: Arc::new(latest),
            of: Arc::default(),
            ended: 0,
            begun: 0,
            under_way: None,
        };
        self.places.insert(spec.topic, self.slots.len());
        self.slots.push(Slot {
            history,
            state: Mutex::new(state),
            topics: vec![spec.topic],
            spec,
        });
    }

    /// A topic is answered by another forecaster.
    pub(super) fn hush(&mut self, topic: TopicId) {
        self.quiet.insert(topic);
    }

    /// What a topic asks for, and where its candles are seen.
    pub(super) fn subject(&self, topic: TopicId) -> Option<(TopicSpec, watch::Receiver<History>)> {
        let slot = self.slot(topic)?;
        let spec = TopicSpec {
            topic,
            ..slot.spec.clone()
        };
        Some((spec, slot.history.clone()))
    }

    /// One topic of each question.
    pub(super) fn questions(&self) -> Vec<TopicId> {
        self.slots.iter().map(|slot| slot.spec.topic).collect()
    }

    pub(super) fn slot(&self, topic: TopicId) -> Option<&Slot> {
        self.slots.get(*self.places.get(&topic)?)
    }

    pub(super) fn prepared(&self) -> broadcast::Receiver<Arc<Forecast>> {
        self.prepared.subscribe()
    }

    /// Tells of a forecast that is ready.
    pub(super) fn tell(&self, forecast: Arc<Forecast>) {
        // That nobody listens is no failure.
        let _ = self.prepared.send(forecast);
    }

    /// Whether the operator has switched forecasts off.
    pub(super) fn is_switched_off(&self) -> bool {
        self.config.max_abs <= 0.0
    }

    /// What the desk was configured with, and its date.
    pub(super) fn terms(&self) -> (ForecastConfig, SharedClock) {
        (self.config.clone(), Arc::clone(&self.clock))
    }

    /// The newest forecast if it was made with the newest candles, and these are not too old.
    pub(super) fn fresh(&self, topic: TopicId) -> Option<Arc<Forecast>> {
        let slot = self.slot(topic)?;
        let history = slot.history();
        if self.is_switched_off() {
            let (target, reason) = (slot.spec.target, Fallback::SwitchedOff);
            return Some(Arc::new(self.fallback(topic, target, &history, reason)));
        }
        if history.candles.is_empty() || self.is_stale(&history) {
            return None;
        }
        let forecast = slot.made_with(&history)?;
        Some(for_topic(topic, forecast))
    }

    /// How long a training may be waited for.
    pub(super) const fn patience(&self) -> Duration {
        self.config.train_deadline
    }

    pub(super) fn follow(&self, fuses: watch::Receiver<LiveFuses>) {
        // The first one stays.
        let _ = self.fuses.set(fuses);
    }

    /// How far the built-in forecast of this place is trusted by what was submitted; none without a
    /// record. Topics that another forecaster answers say nothing of it.
    pub(super) fn live(&self, slot: &Slot) -> Option<LiveFuse> {
        let fuses = self.fuses.get()?.borrow().clone();
        let ours = slot.topics.iter().filter(|it| !self.quiet.contains(it));
        live::strictest(&fuses, ours)
    }

    /// Starts a training with the newest candles, or joins the one that is under way with them. It
    /// goes on, and its result is filed, even if nobody waits for it any more.
    pub(super) fn train(self: &Arc<Self>, slot: &Slot) -> Training {
        let history = slot.history();
        // Held while the thread is started, so that two callers start one; filing waits for it.
        let mut state = slot.state();
        if let Some((of, training)) = &state.under_way
            && Arc::ptr_eq(of, &history.candles)
        {
            return training.clone();
        }
        state.begun += 1;
        let number = state.begun;
        if let Some(reason) = self.hopeless(&history) {
            let forecast = self.fallback(slot.spec.topic, slot.spec.target, &history, reason);
            return ready(self.file(slot, &mut state, &history, number, forecast))
                .boxed()
                .shared();
        }
        let candles = history.candles.clone();
        let training = self.start(&slot.spec, history, number);
        state.under_way = Some((candles, training.clone()));
        training
    }

    fn start(self: &Arc<Self>, spec: &TopicSpec, history: History, number: u64) -> Training {
        let (trainer, topic) = (self.clone(), spec.topic);
        let late = Arc::new(self.fallback(topic, spec.target, &history, Fallback::Late));
        let work = tokio::spawn(async move {
            let slot = trainer.slot(topic)?;
            let forecast = trainer.fit(slot, &history).await;
            Some(trainer.file(slot, &mut slot.state(), &history, number, forecast))
        });
        // The join fails only when the runtime shuts down.
        async move { work.await.ok().flatten().unwrap_or(late) }
            .boxed()
            .shared()
    }

    async fn fit(&self, slot: &Slot, history: &History) -> Forecast {
        let (spec, live) = (&slot.spec, self.live(slot));
        let began = Instant::now();
        let question = Question {
            topic: spec.topic,
            nonce: None,
            labels: Vec::new(),
            history: history.clone(),
            horizon: spec.horizon,
            target: spec.target,
        };
        let asked = AssertUnwindSafe(self.forecaster.forecast(&question));
        let answer = asked.catch_unwind().await;
        let answer = answer.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        let answer = answer.map(|answer| match live {
            Some(fuse) => fuse.hold_back(answer, history, spec.horizon, spec.target),
            None => answer,
        });
        let mut forecast = match answer {
            Ok(answer) if answer.value.is_finite() => self.bounded(spec, history, answer),
            Ok(answer) => {
                let detail = format!("the model answered {}", answer.value);
                self.fallback(spec.topic, spec.target, history, Fallback::Unfit { detail })
            }
            Err(reason) => self.fallback(spec.topic, spec.target, history, reason),
        };
        forecast.took = began.elapsed();
        forecast
    }

    /// An answer as a forecast, held at the bound.
    fn bounded(&self, spec: &TopicSpec, history: &History, answer: Answer) -> Forecast {
        let close = history.candles.last().map(|candle| candle.close);
        let (value, moved) = clamped(spec.target, close, answer.value, self.config.max_abs);
        let mut report = answer.report;
        if let Some(report) = report.as_mut().filter(|_| moved) {
            report.clamped = true;
        }
        Forecast {
            value,
            source: answer.source,
            report,
            fallback: None,
            ..self.fallback(spec.topic, spec.target, history, Fallback::Late)
        }
    }

    /// Files a forecast and tells of it, unless a newer training has ended. A fit that failed does
    /// not displace a forecast whose candles are not too old. Returns what is to be used.
    fn file(
        &self,
        slot: &Slot,
        state: &mut State,
        history: &History,
        number: u64,
        forecast: Forecast,
    ) -> Arc<Forecast> {
        let of_these = |(of, _): &(Arc<[Candle]>, Training)| Arc::ptr_eq(of, &history.candles);
        if state.under_way.as_ref().is_some_and(of_these) {
            state.under_way = None;
        }
        if number < state.ended {
            return state.latest.clone();
        }
        state.ended = number;
        if let Some(Fallback::Unfit { detail }) = &forecast.fallback {
            tracing::warn!(topic = %forecast.topic, detail, "no forecast could be fitted");
            if self.is_usable(&state.latest) {
                return state.latest.clone();
            }
        }
        if let Some(reason @ Fallback::NoPrice { .. }) = &forecast.fallback {
            tracing::error!(topic = %forecast.topic, "{reason}");
        }
        state.latest = Arc::new(forecast);
        state.of = history.candles.clone();
        for &topic in &slot.topics {
            if !self.quiet.contains(&topic) {
                self.tell(for_topic(topic, state.latest.clone()));
            }
        }
        state.latest.clone()
    }

    /// The last forecast if it is one and its candles are not too old, else no change for this reason.
    pub(super) fn last_or(&self, slot: &Slot, reason: Fallback) -> Arc<Forecast> {
        let latest = slot.latest();
        if self.is_usable(&latest) {
            return latest;
        }
        Arc::new(self.fallback(slot.spec.topic, slot.spec.target, &slot.history(), reason))
    }

    fn is_usable(&self, forecast: &Forecast) -> bool {
        let young = |until| self.clock.now() - until <= self.config.max_age;
        forecast.source != Source::Fallback && forecast.data_until.is_some_and(young)
    }

    /// Why no training would help.
    fn hopeless(&self, history: &History) -> Option<Fallback> {
        if self.is_switched_off() {
            return Some(Fallback::SwitchedOff);
        }
        let Some(age) = history.age(self.clock.now()) else {
            return Some(self.nothing_known());
        };
        (age > self.config.max_age).then_some(Fallback::StaleHistory {
            age_seconds: age.as_secs(),
        })
    }

    /// Whether the newest candle is too old; false without candles.
    pub(super) fn is_stale(&self, history: &History) -> bool {
        matches!(self.hopeless(history), Some(Fallback::StaleHistory { .. }))
    }

    fn nothing_known(&self) -> Fallback {
        Fallback::ShortHistory {
            closes: 0,
            needed: ForecastConfig::closes(self.config.min_days),
        }
    }

    /// No change for a reason, as of now: 0.0 for a return, the newest close that is known for a price.
    /// Without any close there is no honest answer to a price: it is 0.0, and the reason says so.
    pub(super) fn fallback(
        &self,
        topic: TopicId,
        target: Target,
        history: &History,
        reason: Fallback,
    ) -> Forecast {
        let close = history.candles.last().map(|candle| candle.close);
        let unchanged = unchanged(target, close);
        let reason = match unchanged {
            Some(_) => reason,
            None => Fallback::NoPrice {
                detail: reason.to_string(),
            },
        };
        Forecast {
            topic,
            value: unchanged.unwrap_or(0.0),
            values: Vec::new(),
            report: None,
            source: Source::Fallback,
            fallback: Some(reason),
            made_at: self.clock.now(),
            data_until: history.until(),
            closes: history.closes(),
            took: Duration::ZERO,
        }
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

#[cfg(test)]
#[path = "trainer_tests.rs"]
mod tests;
