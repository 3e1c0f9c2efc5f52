//! The prior: a heavily shrunk momentum with fixed coefficients. A regression fitted to a few weeks of
//! overlapping returns does worse than answering zero; this one has nothing to fit.

use std::time::Duration;

use super::{ForecastConfig, HOUR, grid::Grid};

/// Lags in days over which the momentum is taken.
const LAGS: [usize; 3] = [28, 56, 90];
/// Hours of the horizon that the prior's numbers were measured at.
const WEEK: f64 = 168.0;
/// Smallest log-return that is forecast: its sign is an opinion, an exact zero would be none.
pub(super) const LEAST: f64 = 1e-5;

/// How far ahead is forecast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Horizon {
    /// As it was asked for.
    pub(super) given: Duration,
    /// Whole hours, rounded up; at least one.
    pub(super) hours: usize,
}

impl Horizon {
    pub(super) fn new(horizon: Duration) -> Self {
        let hours = horizon.as_secs().div_ceil(HOUR.unsigned_abs());
        let hours = usize::try_from(hours).unwrap_or(usize::MAX).max(1);
        Self {
            given: horizon,
            hours,
        }
    }

    /// Standard deviation of the log-return over it, from that of one hour.
    pub(super) fn scale(self, sigma: f64) -> f64 {
        sigma * (self.hours as f64).sqrt()
    }

    /// Days after which the return over one horizon no longer overlaps that of another; 0 within a day.
    pub(super) const fn days(self) -> usize {
        self.hours / 24
    }
}

/// The mean of the squashed momenta, from -1 to 1. It is always divided by three, so that a history too
/// short for a lag counts as no momentum there: that is the prior's own cold start.
pub(super) fn momentum(grid: &Grid) -> f64 {
    let squashed = |days: usize| grid.momentum(24 * days).map_or(0.0, f64::tanh);
    LAGS.into_iter().map(squashed).sum::<f64>() / LAGS.len() as f64
}

/// The log-return that follows from a momentum, never zero. Measured for a week; over another horizon
/// the drift is taken as constant, so that it grows in proportion. The deviation that it is divided by
/// is always that of a week.
pub(super) fn log_return(
    config: &ForecastConfig,
    horizon: Horizon,
    sigma: f64,
    momentum: f64,
) -> f64 {
    let week = (config.prior_drift / (sigma * WEEK.sqrt())).min(config.prior_cap) * momentum;
    let drift = week * (horizon.hours as f64 / WEEK);
    at_least(drift, momentum, LEAST)
}

/// A value whose size is at least `least`, with its own sign, or that of `sign` when it is zero.
pub(super) fn at_least(value: f64, sign: f64, least: f64) -> f64 {
    let negative = value < 0.0 || (value == 0.0 && sign < 0.0);
    let size = value.abs().max(least);
    if negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(168 * 3600);

    fn drift(horizon: Duration, sigma: f64, momentum: f64) -> f64 {
        let config = ForecastConfig::default();
        log_return(&config, Horizon::new(horizon), sigma, momentum)
    }

    #[test]
    fn is_bounded_in_calm_and_falls_with_volatility() {
        assert!((drift(WEEK, 1e-5, 0.5) - 0.003).abs() < 1e-15);
        let sigma = 0.1 / 168.0_f64.sqrt();
        assert!((drift(WEEK, sigma, -1.0) + 0.0025).abs() < 1e-15);
    }

    #[test]
    fn grows_with_the_horizon_and_is_never_zero() {
        let day = Duration::from_secs(86_400);
        assert!((drift(day, 1e-5, 1.0) - 0.006 / 7.0).abs() < 1e-15);
        assert!((drift(WEEK, 0.01, 0.0) - 1e-5).abs() < 1e-18);
        assert!((drift(WEEK, 0.01, -1e-9) + 1e-5).abs() < 1e-18);
    }

    #[test]
    fn a_horizon_is_whole_hours_whatever_it_is() {
        assert_eq!(Horizon::new(Duration::ZERO).hours, 1);
        assert_eq!(Horizon::new(Duration::from_secs(3601)).hours, 2);
        assert!(Horizon::new(Duration::MAX).scale(1.0).is_finite());
        assert_eq!(Horizon::new(WEEK).days(), 7);
    }
}
