//! A topic's forecaster outside the process: asked for each window, its answers filed.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt, Shared, ready};
use tokio::{sync::watch, task::AbortHandle};

use super::{
    Candle, Fallback, Forecast, ForecastConfig, Forecaster, History, Labels, LiveFuse, Question,
    Source, desk::TopicSpec, forecaster::panicked,
};
use crate::{clock::SharedClock, types::Nonce};

/// A forecaster outside the process, and what the desk has to know of it.
#[derive(Clone)]
pub struct Outside {
    /// Who answers. It keeps its own time limit.
    pub forecaster: Arc<dyn Forecaster>,
    /// Whom its answers come from, also where others stand in for them.
    pub source: Source,
    /// The longest that it takes: it is asked so long before a window opens.
    pub time_limit: Duration,
    /// How many of the newest closes it is shown; with none it has its own sources.
    pub closes: usize,
    /// The labels that it answers, where the topic has several outputs; the topic's own when empty.
    pub labels: Vec<String>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside")
            .field("source", &self.source)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

/// What an inquiry brought: a forecast, or why there is none.
pub(super) type Outcome = Result<Arc<Forecast>, Fallback>;
/// A question that is under way, for all who wait for its answer.
pub(super) type Inquiry = Shared<BoxFuture<'static, Outcome>>;

/// One topic's correspondence with its forecaster.
pub(super) struct Post {
    pub(super) spec: TopicSpec,
    pub(super) outside: Outside,
    history: watch::Receiver<History>,
    pub(super) config: ForecastConfig,
    pub(super) clock: SharedClock,
    /// What the chain says of the topic's outputs; none inside for one with a single number.
    pub(super) labels: OnceLock<Option<Labels>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    begun: u64,
    under_way: Option<UnderWay>,
    done: Option<Done>,
    last_good: Option<Arc<Forecast>>,
}

struct UnderWay {
    number: u64,
    nonce: Option<Nonce>,
    task: AbortHandle,
    inquiry: Inquiry,
}

struct Done {
    nonce: Option<Nonce>,
    /// The candles that were known when it was asked.
    of: Arc<[Candle]>,
    /// The forecaster's edition then.
    edition: u64,
    outcome: Outcome,
}

impl Post {
    pub(super) fn new(
        spec: TopicSpec,
        outside: Outside,
        history: watch::Receiver<History>,
        config: ForecastConfig,
        clock: SharedClock,
    ) -> Self {
        Self {
            spec,
            outside,
            history,
            config,
            clock,
            labels: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what the chain says of the topic's outputs. The first word holds; what was
    /// answered before it was not judged by it, and is forgotten.
    pub(super) fn declare(&self, labels: Option<Labels>) {
        if self.labels.set(labels).is_ok() {
            let mut state = self.state();
            state.give_up();
            (state.done, state.last_good) = (None, None);
        }
    }

    /// Ends the question that is under way.
    pub(super) fn give_up(&self) {
        self.state().give_up();
    }

    /// A window opens at another block than was foretold: what was asked, or is being asked, for the one
    /// is for the other.
    pub(super) fn rename(&self, from: Nonce, to: Nonce) {
        let mut state = self.state();
        let State {
            under_way, done, ..
        } = &mut *state;
        let asked = under_way.iter_mut().map(|it| &mut it.nonce);
        let answered = done.iter_mut().map(|it| &mut it.nonce);
        for nonce in asked.chain(answered).filter(|it| **it == Some(from)) {
            *nonce = Some(to);
        }
    }

    /// What the topic takes, if it has several outputs.
    pub(super) fn labels(&self) -> Option<&Labels> {
        self.labels.get()?.as_ref()
    }

    /// The newest good answer, of whichever window.
    pub(super) fn last_good(&self) -> Option<Arc<Forecast>> {
        self.state().last_good.clone()
    }

    /// The candles that are known.
    pub(super) fn history(&self) -> History {
        self.history.borrow().clone()
    }

    /// The newest outcome, of whichever window.
    pub(super) fn latest(&self) -> Option<Outcome> {
        self.state().done.as_ref().map(|done| done.outcome.clone())
    }

    /// What was answered for a window with the newest candles that are known.
    pub(super) fn outcome(&self, nonce: Option<Nonce>) -> Option<Outcome> {
        let history = self.history();
        self.state().outcome(nonce, &history)
    }

    /// Asks for a window, once with the same candles and the same edition of what the forecaster knows
    /// (`again`: also after a failure; `live`: how far the built-in forecast is trusted), or joins the question that is under way for it; one that is under way for another window is given up. `tell`
    /// hears what came of it, after it is filed. It goes on if nobody waits for it.
    pub(super) fn ask(
        self: &Arc<Self>,
        nonce: Option<Nonce>,
        again: bool,
        live: Option<LiveFuse>,
        tell: impl FnOnce(&Outcome) + Send + 'static,
    ) -> Inquiry {
        let history = self.history();
        // Before it answers: what comes in between is asked for once more.
        let edition = self.outside.forecaster.edition();
        // Held while the task is started, so that two callers start one; filing waits for it.
        let mut state = self.state();
        let known = state.outcome(nonce, &history);
        let known = known.filter(|_| state.is_of(edition));
        if let Some(outcome) = known.filter(|it| it.is_ok() || !again) {
            return ready(outcome).boxed().shared();
        }
        if let Some(under_way) = state.under_way.as_ref().filter(|it| it.nonce == nonce) {
            return under_way.inquiry.clone();
        }
        state.give_up();
        state.begun += 1;
        let number = state.begun;
        let post = Arc::clone(self);
        let work = tokio::spawn(async move {
            let outcome = post.inquire(nonce, &history, live).await;
            post.file(number, nonce, &history, edition, outcome.clone());
            tell(&outcome);
            outcome
        });
        let task = work.abort_handle();
        let given_up = || outside("the next window's question took its place");
        let inquiry = async move { work.await.unwrap_or_else(|_| Err(given_up())) };
        let inquiry = inquiry.boxed().shared();
        state.under_way = Some(UnderWay {
            number,
            nonce,
            task,
            inquiry: inquiry.clone(),
        });
        inquiry
    }

    fn file(
        &self,
        number: u64,
        nonce: Option<Nonce>,
        history: &History,
        edition: u64,
        outcome: Outcome,
    ) {
        let mut state = self.state();
        let is_it = |it: &mut UnderWay| it.number == number;
        // It may be for another nonce by now.
        let asked = state.under_way.take_if(is_it);
        let nonce = asked.map_or(nonce, |it| it.nonce);
        if let Ok(forecast) = &outcome {
            state.last_good = Some(Arc::clone(forecast));
        }
        let of = Arc::clone(&history.candles);
        state.done = Some(Done {
            nonce,
            of,
            edition,
            outcome,
        });
    }

    async fn inquire(
        &self,
        nonce: Option<Nonce>,
        history: &History,
        live: Option<LiveFuse>,
    ) -> Outcome {
        self.check_prices(history)?;
        let shown = history.candles.len().saturating_sub(self.outside.closes);
        let question = Question {
            topic: self.spec.topic,
            nonce,
            labels: self.asked_labels(),
            history: History {
                ticker: self.spec.ticker.clone(),
                candles: match shown {
                    0 => Arc::clone(&history.candles),
                    _ => history.candles.get(shown..).unwrap_or_default().into(),
                },
            },
            horizon: self.spec.horizon,
            target: self.spec.target,
            live,
        };
        let began = Instant::now();
        let asked = AssertUnwindSafe(self.outside.forecaster.forecast(&question));
        let answer = asked.catch_unwind().await;
        let answer = answer.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))?;
        let close = history.candles.last().map(|candle| candle.close);
        let values = self.judge(&answer, close).map_err(outside)?;
        let closes = question.history.closes();
        Ok(Arc::new(Forecast {
            topic: self.spec.topic,
            value: if values.is_empty() { answer.value } else { 0.0 },
            values,
            source: answer.source,
            fallback: None,
            made_at: self.clock.now(),
            data_until: question.history.until(),
            closes,
            took: began.elapsed(),
            report: answer.report,
        }))
    }

    /// What it is asked for: the topic's labels, or those that were chosen where the chain was not asked.
    fn asked_labels(&self) -> Vec<String> {
        match self.labels.get() {
            Some(Some(labels)) => labels.names.clone(),
            Some(None) => Vec::new(),
            None => self.outside.labels.clone(),
        }
    }
}

impl State {
    fn give_up(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            under_way.task.abort();
        }
    }

    fn is_of(&self, edition: u64) -> bool {
        self.done
            .as_ref()
            .is_some_and(|done| done.edition == edition)
    }

    fn outcome(&self, nonce: Option<Nonce>, history: &History) -> Option<Outcome> {
        let done = self.done.as_ref()?;
        let fits = done.nonce == nonce && Arc::ptr_eq(&done.of, &history.candles);
        fits.then(|| done.outcome.clone())
    }
}

/// A reason of this kind.
pub(super) fn outside(detail: impl Into<String>) -> Fallback {
    let detail = detail.into();
    Fallback::Outside { detail }
}

#[cfg(test)]
#[path = "outside_tests.rs"]
mod tests;
