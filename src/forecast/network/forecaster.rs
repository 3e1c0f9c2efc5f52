//! A network of models as a forecaster of the desk's. It answers from memory.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::watch, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::{BlendConfig, Ensemble, Expected, NetworkState, Said, record::Record, voices};
use crate::{
    clock::SharedClock,
    forecast::{
        Answer, Builtin, Candle, Days, Fallback, ForecastConfig, Forecaster, History, LiveFuse,
        NetworkPart, NetworkReport, Opinion, Question, Report, Source, builtin::in_unit,
        forecaster::panicked, outside::outside, prior::Horizon,
    },
};

/// Models that a report names.
const NAMED: usize = 20;
/// Seconds that clocks may be apart: what is dated later is no answer of now.
const APART: i64 = 60;

/// Answers with what a network of models expects, or with its blend with the built-in forecast.
#[derive(Clone)]
pub struct NetworkForecaster {
    inner: Arc<Inner>,
    state: watch::Receiver<NetworkState>,
}

struct Inner {
    source: Source,
    /// The desk's own.
    built_in: Arc<Builtin>,
    forecast: ForecastConfig,
    blend: BlendConfig,
    clock: SharedClock,
    /// The record as it was last walked.
    record: Mutex<Option<Record>>,
}

impl NetworkForecaster {
    /// Answers as a blend, or with the models alone. `built_in` is the one that stands in for it.
    #[must_use]
    pub fn new(
        is_blend: bool,
        built_in: Arc<Builtin>,
        state: watch::Receiver<NetworkState>,
        (forecast, blend): (ForecastConfig, BlendConfig),
        clock: SharedClock,
    ) -> Self {
        let source = if is_blend {
            Source::Blend
        } else {
            Source::Models
        };
        let inner = Inner {
            source,
            built_in,
            forecast,
            blend,
            clock,
            record: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
            state,
        }
    }

    /// Walks the record whenever something has come that may matter to it, so that it is done before it is
    /// asked for. Until `cancel`.
    pub async fn keep(
        &self,
        mut history: watch::Receiver<History>,
        horizon: Duration,
        cancel: CancellationToken,
    ) {
        let mut state = self.state.clone();
        loop {
            let (inner, known) = (Arc::clone(&self.inner), state.borrow_and_update().clone());
            let prices = history.borrow_and_update().clone();
            if known.edition > 0 {
                // A panic leaves no record, and is told where it is asked for.
                let _ = spawn_blocking(move || inner.walk(&prices, &known, horizon)).await;
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                Ok(()) = state.changed() => {}
                Ok(()) = history.changed() => {}
                else => return cancel.cancelled().await,
            }
        }
    }

    /// Where its answers come from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.inner.source
    }
}

#[async_trait]
impl Forecaster for NetworkForecaster {
    async fn forecast(&self, question: &Question) -> Result<Answer, Fallback> {
        let (inner, question) = (Arc::clone(&self.inner), question.clone());
        let state = self.state.borrow().clone();
        // The record of a year takes some milliseconds, once a day.
        let work = tokio::task::spawn_blocking(move || inner.answer(&question, &state));
        match work.await {
            Ok(answer) => answer,
            Err(failed) if failed.is_panic() => Err(panicked(failed.into_panic().as_ref())),
            // The runtime shuts down.
            Err(_) => Err(Fallback::Late),
        }
    }

    fn edition(&self) -> u64 {
        self.state.borrow().edition
    }
}

impl Inner {
    fn answer(&self, question: &Question, state: &NetworkState) -> Result<Answer, Fallback> {
        let now = self.clock.now().unix_timestamp();
        let age = self.blend.age(question.horizon);
        let answers = Self::young(state, now, age)?;
        let candles = &question.history.candles;
        let Some(close) = candles.last().map(|candle| candle.close) else {
            return Err(outside("no prices are known beside the models' answers"));
        };
        let horizon = Horizon::new(question.horizon);
        let (opinion, days) = self.built_in.review(&question.history, question.horizon);
        let opinion = opinion.map(|it| held_back(it, question.live));
        let ensemble = self.ensemble(&days, state, candles, horizon);
        let known = opinion.as_ref().ok();
        let scale = known.map(|it| horizon.scale(it.report.sigma));
        let heard = voices(&answers, &state.standings, now, age);
        let said = ensemble.say(&heard, known.map(|it| it.log_return), scale);
        let said = said.ok_or_else(|| self.too_few(answers.len()))?;
        let log_return = match self.source {
            Source::Blend => match said.blend {
                Some(blend) => blend,
                None => return Err(opinion.err().unwrap_or(Fallback::Late)),
            },
            _ => said.models,
        };
        Ok(Answer {
            value: in_unit(question.target, close, log_return),
            values: Vec::new(),
            source: self.source,
            report: Some(self.report(opinion.ok(), &said, answers.len())),
        })
    }

    /// The answers that are not too old, nor of the future.
    fn young(state: &NetworkState, now: i64, age: i64) -> Result<Vec<Expected>, Fallback> {
        if state.edition == 0 {
            return Err(outside("the models' predictions have not been read yet"));
        }
        let young =
            |it: &&Expected| it.at <= now.saturating_add(APART) && now.saturating_sub(it.at) <= age;
        // Clocks are a little apart.
        let here = |it: &Expected| Expected {
            at: it.at.min(now),
            ..it.clone()
        };
        let answers: Vec<_> = state.newest.iter().filter(young).map(here).collect();
        if !answers.is_empty() {
            return Ok(answers);
        }
        if let Some(cause) = &state.missing {
            return Err(outside(cause.as_ref()));
        }
        let known = state.newest.iter().map(|it| now - it.at).min();
        let last = known.map_or_else(
            || "none is stored".to_owned(),
            |age| format!("the newest is {} min old", age / 60),
        );
        Err(outside(format!(
            "no model's answer is younger than {} min (blend.max_age, or a quarter of the horizon): {last}; \
             see that the Predict worker runs",
            age / 60
        )))
    }

    fn too_few(&self, answered: usize) -> Fallback {
        outside(format!(
            "{answered} models answered, and fewer than blend.least = {} distinct opinions among them \
             count: copies are one, and a score at or below zero counts for nothing",
            self.blend.least
        ))
    }

    fn walk(&self, history: &History, state: &NetworkState, horizon: Duration) {
        let (_, days) = self.built_in.review(history, horizon);
        self.ensemble(&days, state, &history.candles, Horizon::new(horizon));
    }

    /// The record up to now: as it stands when nothing has come that matters to it.
    fn ensemble(
        &self,
        days: &Days,
        state: &NetworkState,
        candles: &[Candle],
        horizon: Horizon,
    ) -> Arc<Ensemble> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Ensemble::new(&self.forecast, &self.blend, horizon.given);
        let age = self.blend.age(horizon.given);
        // Taken out, so that none is left half-way should this panic.
        let before = record.take();
        let walked = Record::walked(before, new, (days.all(), candles), state, (horizon, age));
        let ensemble = Arc::clone(&walked.ensemble);
        *record = Some(walked);
        ensemble
    }

    fn report(&self, opinion: Option<Opinion>, said: &Said, answered: usize) -> Report {
        let (weight, t) = match self.source {
            Source::Blend => (said.gate, said.gate_t),
            _ => (said.fuse, said.fuse_t),
        };
        let parts = &said.combined.parts;
        let named = parts.iter().take(NAMED).map(|part| NetworkPart {
            model: part.model.to_string(),
            value: part.value,
            weight: part.weight,
        });
        let network = NetworkReport {
            value: said.combined.value,
            built_in: opinion.as_ref().map(|it| it.log_return),
            built_in_source: opinion.as_ref().map(|it| it.source),
            answered,
            models: parts.len(),
            opinions: said.combined.opinions,
            weight,
            t,
            days: said.days,
            parts: named.collect(),
        };
        let report = opinion.map(|it| it.report).unwrap_or_default();
        Report {
            network: Some(network),
            ..report
        }
    }
}

/// The built-in forecast as the desk would give it.
fn held_back(mut opinion: Opinion, live: Option<LiveFuse>) -> Opinion {
    if let Some(fuse) = live.filter(|_| opinion.source.is_opinion()) {
        opinion.log_return = fuse.held(opinion.log_return);
        opinion.report.live_weight = Some(fuse.weight);
        opinion.report.live_t = fuse.t;
    }
    opinion
}

#[cfg(test)]
#[path = "forecaster_tests.rs"]
mod tests;
