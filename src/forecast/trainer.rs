//! The desk's topics, the state of their forecasts, and what stands in where there is none.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::{broadcast, watch};

use super::{
    Fallback, Forecast, ForecastConfig, Forecaster, History, LiveFuse, LiveFuses, Source, Target,
    bound::unchanged,
    desk::TopicSpec,
    live,
    slot::{Slot, for_topic},
};
use crate::{
    clock::{SharedClock, nap},
    types::TopicId,
};

/// Prepared forecasts that a slow listener may be behind.
const BACKLOG: usize = 64;

/// All topics' forecasts, and how they are made.
pub(super) struct Trainer {
    pub(super) config: ForecastConfig,
    pub(super) forecaster: Arc<dyn Forecaster>,
    clock: SharedClock,
    slots: Vec<Slot>,
    /// Where each topic's forecast is made.
    places: BTreeMap<TopicId, usize>,
    /// Topics that another forecaster answers: what is made for them only stands in, and is not told.
    pub(super) quiet: BTreeSet<TopicId>,
    /// Those among them whose answers are the built-in forecast while nothing else has weight.
    blends: BTreeSet<TopicId>,
    prepared: broadcast::Sender<Arc<Forecast>>,
    /// What was really submitted, once somebody tells.
    fuses: OnceLock<watch::Receiver<LiveFuses>>,
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
            blends: BTreeSet::new(),
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
        self.places.insert(spec.topic, self.slots.len());
        self.slots.push(Slot::new(spec, history, latest));
    }

    /// A topic is answered by another forecaster, be it one that builds upon the built-in forecast.
    pub(super) fn hush(&mut self, topic: TopicId, is_blend: bool) {
        self.quiet.insert(topic);
        if is_blend {
            self.blends.insert(topic);
        }
    }

    /// What a topic asks for, and where its candles are seen.
    pub(super) fn subject(&self, topic: TopicId) -> Option<(TopicSpec, watch::Receiver<History>)> {
        let slot = self.slot(topic)?;
        let spec = TopicSpec {
            topic,
            ..slot.spec.clone()
        };
        Some((spec, slot.changes()))
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
    /// record. Topics that another forecaster answers say nothing of it, but for blends: what they answered
    /// as the built-in forecast is on their record.
    pub(super) fn live(&self, slot: &Slot) -> Option<LiveFuse> {
        let fuses = self.fuses.get()?.borrow().clone();
        let is_ours = |it: &&TopicId| !self.quiet.contains(it) || self.blends.contains(it);
        let ours = slot.topics.iter().filter(is_ours);
        live::strictest(&fuses, ours)
    }

    /// The last forecast if it is one and its candles are not too old, else no change for this reason.
    pub(super) fn last_or(&self, slot: &Slot, reason: Fallback) -> Arc<Forecast> {
        let latest = slot.latest();
        if self.is_usable(&latest) {
            return latest;
        }
        Arc::new(self.fallback(slot.spec.topic, slot.spec.target, &slot.history(), reason))
    }

    pub(super) fn is_usable(&self, forecast: &Forecast) -> bool {
        let young = |until| self.clock.now() - until <= self.config.max_age;
        forecast.source != Source::Fallback && forecast.data_until.is_some_and(young)
    }

    /// Why no training would help.
    pub(super) fn hopeless(&self, history: &History) -> Option<Fallback> {
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

    /// Sleeps, and no longer than until the clock jumps.
    pub(super) async fn nap(&self, time: Duration) {
        nap(&*self.clock, time).await;
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

#[cfg(test)]
#[path = "trainer_tests.rs"]
mod tests;
