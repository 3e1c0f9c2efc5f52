//! A challenger's place in the engine.

use std::sync::Arc;

use super::{
    ChallengerReport,
    challengers::{Challenger, Coefficients},
    gate::Gate,
    lessons::Features,
};

/// A challenger, what it has learnt and what it has earned.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    challenger: Arc<dyn Challenger>,
    model: Option<Coefficients>,
    /// The day of its last fit, numbered from 1970.
    fitted: Option<i64>,
    pub(super) gate: Gate,
}

impl Seat {
    pub(super) const fn new(challenger: Arc<dyn Challenger>, gate: Gate) -> Self {
        Self {
            challenger,
            model: None,
            fitted: None,
            gate,
        }
    }

    /// Its log-return over the horizon, whose deviation is `scale`, held within `limit`. None without
    /// a fit.
    pub(super) fn value(&self, features: &Features, scale: f64, limit: f64) -> Option<f64> {
        let value = self.model.as_ref()?.predict(features) * scale;
        (!value.is_nan()).then(|| value.clamp(-limit, limit))
    }

    /// Takes a new fit if one is due.
    pub(super) fn refit(
        &mut self,
        day: i64,
        fit: impl FnOnce(&dyn Challenger) -> Option<Coefficients>,
    ) {
        if is_due(self.challenger.every(), self.fitted, day) {
            self.model = fit(self.challenger.as_ref());
            self.fitted = Some(day);
        }
    }

    /// What is told of it, beside the value that it gave.
    pub(super) fn report(&self, value: Option<f64>) -> ChallengerReport {
        ChallengerReport {
            name: self.challenger.name().to_owned(),
            value,
            weight: self.gate.weight(),
            t: self.gate.t(),
            days: self.gate.days(),
        }
    }
}

/// Whether a challenger that was last fitted on one day is fitted again on another: once in each span
/// of so many days, counted from a Monday.
pub(super) fn is_due(every: i64, fitted: Option<i64>, day: i64) -> bool {
    // The first of January 1970 was a Thursday.
    let span = |day: i64| (day + 3).div_euclid(every);
    fitted.is_none_or(|fitted| span(fitted) < span(day))
}
