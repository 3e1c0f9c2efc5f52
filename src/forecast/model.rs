//! What makes forecasts, as the desk knows it.

use std::{sync::Arc, time::Duration};

use super::{Fallback, History, Report, Source, Target};

/// A number, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// In the target's unit; finite.
    pub value: f64,
    /// Never [`Source::Fallback`].
    pub source: Source,
    /// How it came about, for the built-in forecast.
    pub report: Option<Report>,
}

/// Makes a forecast from candles alone. It may take its time: it is called off the async threads, by
/// [`Blocking`](super::Blocking).
pub trait Model: Send + Sync + 'static {
    /// Forecasts `target` over `horizon` from the newest candle's end on.
    ///
    /// # Errors
    /// Why 0.0 is the better answer.
    fn fit_predict(
        &self,
        history: &History,
        horizon: Duration,
        target: Target,
    ) -> Result<Fitted, Fallback>;
}

impl<M: Model> Model for Arc<M> {
    fn fit_predict(
        &self,
        history: &History,
        horizon: Duration,
        target: Target,
    ) -> Result<Fitted, Fallback> {
        self.as_ref().fit_predict(history, horizon, target)
    }
}
