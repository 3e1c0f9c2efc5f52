//! Who forecasts: one trait for the built-in models and for those outside the process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Fallback, Fitted, History, Labelled, LiveFuse, Model, Report, Source, Target};
use crate::types::{Nonce, TopicId};

/// What a forecaster is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// For which topic.
    pub topic: TopicId,
    /// For which window; none when it is asked outside of any.
    pub nonce: Option<Nonce>,
    /// The labels that a value is wanted for; empty when one number is wanted.
    pub labels: Vec<String>,
    /// The candles that are known.
    pub history: History,
    /// How far ahead of the newest candle's end.
    pub horizon: Duration,
    /// What is forecast.
    pub target: Target,
    /// How far the topic's built-in forecast is trusted by what was submitted; none without a record. For
    /// those that build upon that forecast.
    pub live: Option<LiveFuse>,
}

/// What a forecaster answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// In the target's unit; 0.0 when there are `values`.
    pub value: f64,
    /// One for each label; empty when one number was wanted.
    pub values: Vec<Labelled>,
    /// Never [`Source::Fallback`].
    pub source: Source,
    /// How it came about, for the built-in forecast.
    pub report: Option<Report>,
}

impl From<Fitted> for Answer {
    fn from(fitted: Fitted) -> Self {
        Self {
            value: fitted.value,
            values: Vec::new(),
            source: fitted.source,
            report: fitted.report,
        }
    }
}

/// Answers questions. It is asked off the submission's path and may take its time; whoever waits for
/// it waits no longer than it wants to.
#[async_trait]
pub trait Forecaster: Send + Sync + 'static {
    /// Answers, or tells why there is no answer. Dropping the future ends all that it began.
    ///
    /// # Errors
    /// Why another forecast is the better one.
    async fn forecast(&self, question: &Question) -> Result<Answer, Fallback>;

    /// A number that grows when its answer may have become another one, though the candles have not
    /// changed. It is asked once more then; what it answered before stands until it answers again.
    fn edition(&self) -> u64 {
        0
    }
}

/// A model of this process as a forecaster: it blocks, and so it computes on a thread of its own.
#[derive(Clone, Debug)]
pub struct Blocking<M>(Arc<M>);

impl<M: Model> Blocking<M> {
    /// Lets `model` answer.
    pub fn new(model: M) -> Self {
        Self(Arc::new(model))
    }
}

#[async_trait]
impl<M: Model> Forecaster for Blocking<M> {
    async fn forecast(&self, question: &Question) -> Result<Answer, Fallback> {
        let (model, question) = (Arc::clone(&self.0), question.clone());
        let fit = move || {
            let Question {
                history,
                horizon,
                target,
                ..
            } = &question;
            model.fit_predict(history, *horizon, *target)
        };
        match tokio::task::spawn_blocking(fit).await {
            Ok(fitted) => fitted.map(Answer::from),
            Err(failed) if failed.is_panic() => Err(panicked(failed.into_panic().as_ref())),
            // The runtime shuts down.
            Err(_) => Err(Fallback::Late),
        }
    }
}

/// A panic as a reason.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Fallback {
    let text = panic.downcast_ref::<&str>().copied();
    let words = text
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no words");
    let detail = format!("the model panicked: {words}");
    Fallback::Unfit { detail }
}
