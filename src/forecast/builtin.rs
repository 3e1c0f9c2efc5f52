//! The built-in forecaster: engines kept warm from one history to the next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use time::{OffsetDateTime, Time};

use super::{
    Candle, Days, Engine, Fallback, Fitted, ForecastConfig, HOUR, History, Model, Opinion, Target,
};

/// Seconds of a day.
const DAY: i64 = 24 * HOUR;
/// Candles that come before a history begins anew, as it does with each month.
const HOURS_OF_A_MONTH: usize = 31 * 24;

/// An engine and the closes that it knows, by the start of their hour.
#[derive(Debug)]
struct Warm {
    engine: Engine,
    known: Vec<(i64, f64)>,
    days: Days,
}

/// A place for a warm engine; empty while one works with it.
type Slot = Arc<Mutex<Option<Warm>>>;

/// The prior and its challengers, as configured. New candles at the end of a history are pushed into
/// the engine that made the last forecast; any other change begins anew from the whole history.
#[derive(Debug)]
pub struct Builtin {
    config: ForecastConfig,
    engines: Mutex<HashMap<(String, Duration), Slot>>,
}

impl Builtin {
    /// A forecaster with these limits.
    #[must_use]
    pub fn new(config: ForecastConfig) -> Self {
        Self {
            config,
            engines: Mutex::default(),
        }
    }

    /// Forecasts `target` over `horizon` from the newest candle's end on. A cold start takes its time.
    ///
    /// # Errors
    /// Why 0.0 is the better answer.
    pub fn forecast(
        &self,
        history: &History,
        horizon: Duration,
        target: Target,
    ) -> Result<Fitted, Fallback> {
        let Some(newest) = history.candles.last() else {
            let needed = ForecastConfig::closes(self.config.min_days);
            return Err(Fallback::ShortHistory { closes: 0, needed });
        };
        let candles = self.window(&history.candles, newest);
        let (opinion, _) = self.opinion(&history.ticker, horizon, candles);
        let opinion = opinion?;
        let value = in_unit(target, newest.close, opinion.log_return);
        if !value.is_finite() {
            let detail = format!(
                "a return of {} on {} is no number",
                opinion.log_return, newest.close
            );
            return Err(Fallback::Unfit { detail });
        }
        Ok(Fitted {
            value,
            source: opinion.source,
            report: Some(opinion.report),
        })
    }

    /// What follows from a history for the log-return over `horizon`, and what was said on each of its
    /// days: for whoever holds other forecasts against this one. It is the same engine as that of
    /// [`Builtin::forecast`], so that the two are one.
    pub fn review(
        &self,
        history: &History,
        horizon: Duration,
    ) -> (Result<Opinion, Fallback>, Days) {
        let candles = history.candles.last();
        let candles = candles.map_or(&[][..], |newest| self.window(&history.candles, newest));
        self.opinion(&history.ticker, horizon, candles)
    }

    /// The candles that a forecast is made from: those from the start of the month (UTC) on that holds
    /// the hour `history_days` before the newest. They begin at a fixed date, so that the forecast is
    /// the same however long the process has been up, and a cold start comes once a month.
    fn window<'a>(&self, candles: &'a [Candle], newest: &Candle) -> &'a [Candle] {
        let span = DAY * i64::from(self.config.history_days);
        let oldest = start_of_month(newest.start.saturating_sub(span));
        &candles[candles.partition_point(|candle| candle.start < oldest)..]
    }

    fn opinion(
        &self,
        ticker: &str,
        horizon: Duration,
        candles: &[Candle],
    ) -> (Result<Opinion, Fallback>, Days) {
        let slot = self.slot(ticker, horizon);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that none is left half-way should this panic.
        let warm = slot.take().and_then(|warm| warm.extended(candles));
        let warm = warm.unwrap_or_else(|| {
            let mut cold = Warm {
                engine: Engine::new(&self.config, horizon),
                known: Vec::with_capacity(candles.len() + HOURS_OF_A_MONTH),
                days: Days::default(),
            };
            cold.push(candles);
            cold
        });
        let said = (warm.engine.opinion(), warm.days.clone());
        *slot = Some(warm);
        said
    }

    fn slot(&self, ticker: &str, horizon: Duration) -> Slot {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines
            .entry((ticker.to_owned(), horizon))
            .or_default()
            .clone()
    }
}

impl Warm {
    /// With what is new; none if the candles are not those that it knows and later ones.
    fn extended(mut self, candles: &[Candle]) -> Option<Self> {
        let mut both = self.known.iter().zip(candles);
        let same = |((start, close), candle): (&(i64, f64), &Candle)| {
            *start == candle.start && close.to_bits() == candle.close.to_bits()
        };
        let shared = self.known.len();
        if shared > candles.len() || !both.all(same) {
            return None;
        }
        self.push(&candles[shared..]);
        Some(self)
    }

    fn push(&mut self, candles: &[Candle]) {
        for candle in candles {
            self.engine.push(candle.start, candle.close);
            self.days.note(&self.engine, candle);
            self.known.push((candle.start, candle.close));
        }
    }
}

impl Model for Builtin {
    fn fit_predict(
        &self,
        history: &History,
        horizon: Duration,
        target: Target,
    ) -> Result<Fitted, Fallback> {
        self.forecast(history, horizon, target)
    }
}

/// 00:00 UTC of the first day of the month that holds a time, unix seconds.
fn start_of_month(time: i64) -> i64 {
    let given = OffsetDateTime::from_unix_timestamp(time).ok();
    let first = given.and_then(|it| it.replace_day(1).ok());
    first.map_or(time, |it| it.replace_time(Time::MIDNIGHT).unix_timestamp())
}

/// A log-return from the last price, in the target's unit.
pub(super) fn in_unit(target: Target, price: f64, log_return: f64) -> f64 {
    match target {
        Target::LogReturn => log_return,
        Target::PercentReturn => 100.0 * log_return.exp_m1(),
        Target::Price => price * log_return.exp(),
    }
}

#[cfg(test)]
#[path = "builtin_tests.rs"]
mod tests;
