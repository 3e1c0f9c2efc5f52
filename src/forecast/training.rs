//! Trainings of the desk: off the async threads, one for the same candles however many ask, and filed
//! so that the newest result stays.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures_util::future::{FutureExt, ready};

use super::{
    Answer, Candle, Fallback, Forecast, History, Question,
    bound::clamped,
    desk::TopicSpec,
    forecaster::panicked,
    slot::{Slot, State, Training, for_topic},
    trainer::Trainer,
};

impl Trainer {
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
            // What it answers is held back below.
            live: None,
        };
        let asked = AssertUnwindSafe(self.forecaster.forecast(&question));
        let answer = asked.catch_unwind().await;
        let answer = answer.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        let answer = answer.map(|answer| match live {
            Some(fuse) => fuse.hold_back(answer, history, spec.target),
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
}
