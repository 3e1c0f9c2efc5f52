//! What a forecast has earned: its record of squared errors against another's, and the weight that
//! follows from it.

use std::collections::VecDeque;

use super::{ForecastConfig, prior::Horizon};

/// How a weight follows from a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GateRule {
    /// Newest outcomes that count, one a day.
    pub(super) days: usize,
    /// Outcomes below which nothing can be told.
    pub(super) least: usize,
    /// Lags of the Newey-West error: outcomes of overlapping spans repeat each other. For a horizon of
    /// some days twice these.
    pub(super) lags: usize,
    /// The t up to which the weight is 0.
    pub(super) shut: f64,
    /// The t from which the weight is 1; between them it grows evenly.
    pub(super) open: f64,
    /// The weight while nothing can be told.
    pub(super) untold: f64,
}

impl GateRule {
    /// The fuse of the prior, which is trusted until it has done clearly worse than zero.
    #[must_use]
    pub(super) fn fuse(config: &ForecastConfig, horizon: Horizon) -> Self {
        Self {
            shut: config.fuse_t,
            open: config.fuse_t + 1.0,
            untold: 1.0,
            ..Self::gate(config, horizon)
        }
    }

    /// The gate of a challenger, which is not trusted until it has done better than the prior.
    #[must_use]
    pub(super) fn gate(config: &ForecastConfig, horizon: Horizon) -> Self {
        Self {
            days: config.record_days as usize,
            least: config.record_least as usize,
            lags: horizon.days().saturating_mul(2).max(1),
            shut: config.gate_t,
            open: config.gate_t + 2.0,
            untold: 0.0,
        }
    }

    /// Outcomes from which a weight can be told.
    pub(super) fn needed(&self) -> usize {
        self.least.max(self.lags.saturating_mul(4))
    }
}

/// The record of a forecast against a baseline. Any forecast can be held against any other: feed it one
/// outcome a day, each only once it is known, and settle it then.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    rule: GateRule,
    gains: VecDeque<f64>,
    t: Option<f64>,
    weight: f64,
}

impl Gate {
    /// An empty record.
    #[must_use]
    pub(super) const fn new(rule: GateRule) -> Self {
        Self {
            rule,
            gains: VecDeque::new(),
            t: None,
            weight: rule.untold,
        }
    }

    /// Adds one day: what was forecast, what the baseline said then, and what came. Log-returns, or
    /// any other one unit. Numbers that are not finite are left out.
    pub(super) fn record(&mut self, forecast: f64, baseline: f64, outcome: f64) {
        let gain = (outcome - baseline).powi(2) - (outcome - forecast).powi(2);
        if !gain.is_finite() {
            return;
        }
        if self.gains.len() >= self.rule.days {
            self.gains.pop_front();
        }
        self.gains.push_back(gain);
    }

    /// Takes t and weight anew from what was recorded.
    pub(super) fn settle(&mut self) {
        self.t = (self.gains.len() >= self.rule.needed())
            .then(|| newey_west_t(self.gains.make_contiguous(), self.rule.lags));
        self.weight = self.t.map_or(self.rule.untold, |t| {
            let GateRule { shut, open, .. } = self.rule;
            ((t - shut) / (open - shut)).clamp(0.0, 1.0)
        });
    }

    /// Newey-West t of the mean gain, as of the last settling; none while the record is too short:
    /// below the rule's least, or below four times its lags.
    #[must_use]
    pub(super) const fn t(&self) -> Option<f64> {
        self.t
    }

    /// The weight that was earned, from 0 to 1, as of the last settling.
    #[must_use]
    pub(super) const fn weight(&self) -> f64 {
        self.weight
    }

    /// Days on the record.
    #[must_use]
    pub(super) fn days(&self) -> usize {
        self.gains.len()
    }
}

/// The mean over its standard error when neighbours up to `lags` apart are correlated (Bartlett's
/// weights). 0 where all values are the same but for rounding: no spread, nothing to tell by.
#[must_use]
pub(super) fn newey_west_t(values: &[f64], lags: usize) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let off: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let covariance = |lag: usize| {
        let pairs = off.iter().zip(off.iter().skip(lag));
        pairs.map(|(a, b)| a * b).sum::<f64>() / n
    };
    let later: f64 = (1..=lags.min(values.len().saturating_sub(1)))
        .map(|lag| (1.0 - lag as f64 / (lags as f64 + 1.0)) * covariance(lag))
        .sum();
    let error = ((covariance(0) + 2.0 * later) / n).sqrt();
    if error > 1e-6 * mean.abs() {
        mean / error
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: GateRule = GateRule {
        days: 10,
        least: 4,
        lags: 1,
        shut: 1.0,
        open: 3.0,
        untold: 0.0,
    };

    #[test]
    fn t_is_the_mean_over_an_error_that_knows_of_overlap() {
        // By hand: mean 2, covariances 2/3... of (1, 2, 3): off -1, 0, 1.
        let plain = newey_west_t(&[1.0, 2.0, 3.0], 0);
        assert!((plain - 2.0 / (2.0_f64 / 9.0).sqrt()).abs() < 1e-12);
        // Of (0, 0, 3, 3): mean 1.5, c0 2.25, c1 0.5625; with one lag 2.25 + 2 · 0.5 · 0.5625.
        let overlapping = newey_west_t(&[0.0, 0.0, 3.0, 3.0], 1);
        assert!((overlapping - 1.5 / (2.8125_f64 / 4.0).sqrt()).abs() < 1e-12);
        assert!(newey_west_t(&[-1e-10; 300], 2).abs() < f64::EPSILON);
        assert!(newey_west_t(&[], 2).abs() < f64::EPSILON);
    }

    #[test]
    fn opens_with_what_is_earned_and_shuts_again() {
        let mut gate = Gate::new(RULE);
        for day in 0..10 {
            gate.settle();
            assert_eq!(gate.t().is_some(), day >= 4, "{day}");
            // The forecast is closer on each day, by changing amounts.
            gate.record(0.1 + 0.01 * f64::from(day % 3), 0.0, 0.2);
        }
        gate.settle();
        assert!(gate.weight() > 0.99, "{gate:?}");
        for day in 0..10 {
            gate.record(-0.1 - 0.01 * f64::from(day % 3), 0.0, 0.2);
        }
        gate.settle();
        assert_eq!(gate.days(), 10);
        assert!(
            gate.weight() < f64::EPSILON && gate.t() < Some(-3.0),
            "{gate:?}"
        );
    }

    #[test]
    fn what_is_no_number_is_not_recorded() {
        let mut gate = Gate::new(RULE);
        gate.record(f64::NAN, 0.0, 0.1);
        gate.record(0.0, 1e200, 0.1);
        assert_eq!(gate.days(), 0);
        let trusted = GateRule {
            untold: 1.0,
            ..RULE
        };
        assert!(Gate::new(trusted).weight() > 0.99);
    }
}
