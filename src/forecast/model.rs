//! The regression: scaled past returns against the scaled return over the horizon.
//!
//! Labels of a long horizon overlap, so a few weeks hold only a few independent ones, and a plain fit
//! does worse than answering zero. Hence no intercept, a strong ridge, and only a share of its opinion.

use std::time::Duration;

use linfa::{Dataset, traits::Fit};
use linfa_elasticnet::ElasticNet;
use ndarray::{Array1, Array2};

use super::{
    Fallback, ForecastConfig, HOUR, History, Report, Source, Target,
    features::{FULL_LAGS, Grid, REDUCED_LAGS},
};

/// Labelled hours below which nothing is fitted.
const LEAST_ROWS: usize = 96;
/// Smallest log-return that is forecast: its sign is an opinion, an exact zero would be none.
const LEAST_RETURN: f64 = 1e-5;
/// Rounds of the fit. Its own stopping rule never holds for a pure ridge, and four features settle in
/// far fewer.
const ITERATIONS: u32 = 50;

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
/// [`BuiltIn`](super::BuiltIn).
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

/// A ridge regression over the last `window_days`, fitted anew for each forecast.
#[derive(Clone, Debug)]
pub struct Regression {
    config: ForecastConfig,
}

impl Regression {
    /// A regression with these limits.
    #[must_use]
    pub const fn new(config: ForecastConfig) -> Self {
        Self { config }
    }

    /// The log-return over `horizon` after the grid's hour `now`, from what was known then.
    fn log_return(
        &self,
        grid: &Grid,
        now: usize,
        horizon: Duration,
    ) -> Result<(f64, Source), Fallback> {
        let closes = grid.closes(now);
        let hours = whole_hours(horizon);
        let needed = self.needed(hours);
        if closes < needed {
            return Err(Fallback::ShortHistory { closes, needed });
        }
        let full = closes >= ForecastConfig::closes(self.config.full_days);
        // A horizon that is long against the history leaves rows for the short lags only.
        let choices = [
            (FULL_LAGS, Source::Gated),
            (REDUCED_LAGS, Source::PriorCold),
        ];
        for (lags, source) in choices.into_iter().skip(usize::from(!full)) {
            if let Some(data) = training_rows(grid, now, hours, lags) {
                let score = self.score(grid, now, lags, &data)?;
                return Ok((self.temper(score, grid.sigma(now), hours, horizon), source));
            }
        }
        let detail = format!(
            "hours are missing: fewer than {LEAST_ROWS} of {closes} closes have both their past and \
             a close {hours} hours later"
        );
        Err(Fallback::Unfit { detail })
    }

    /// Closes that a horizon needs at least.
    fn needed(&self, hours: usize) -> usize {
        let longest = REDUCED_LAGS.iter().max().copied().unwrap_or(0);
        let rows = LEAST_ROWS.saturating_add(longest).saturating_add(hours);
        rows.max(ForecastConfig::closes(self.config.min_days))
    }

    /// The fitted opinion on the next return, in standard deviations.
    fn score(
        &self,
        grid: &Grid,
        now: usize,
        lags: &[usize],
        data: &Dataset<f64, f64, ndarray::Ix1>,
    ) -> Result<f64, Fallback> {
        let unfit = |detail: String| Fallback::Unfit { detail };
        let model = ElasticNet::params()
            .penalty(self.config.ridge)
            .l1_ratio(0.0)
            .with_intercept(false)
            .max_iterations(ITERATIONS)
            .fit(data)
            .map_err(|cause| unfit(cause.to_string()))?;
        // A lag that falls into a gap says nothing.
        let row = grid.features(now, lags).unwrap_or_default();
        let weights = model.hyperplane().iter();
        let score: f64 = row
            .iter()
            .zip(weights)
            .map(|(x, w)| x.unwrap_or(0.0) * w)
            .sum();
        if score.is_finite() {
            Ok(score)
        } else {
            Err(unfit("the fit gave no finite number".into()))
        }
    }

    /// From standard deviations to a log-return that is small, and never zero.
    fn temper(&self, score: f64, sigma: f64, hours: usize, horizon: Duration) -> f64 {
        let hours = hours as f64;
        // Below an hour the drift shrinks in proportion.
        let share = (horizon.as_secs_f64() / HOUR as f64 / hours).min(1.0);
        let scale = sigma * hours.sqrt() * share * self.config.shrink;
        let limit = self.config.max_return;
        let size = (score.abs() * scale).clamp(LEAST_RETURN, limit);
        if score < 0.0 { -size } else { size }
    }
}

impl Model for Regression {
    fn fit_predict(
        &self,
        history: &History,
        horizon: Duration,
        target: Target,
    ) -> Result<Fitted, Fallback> {
        let window = ForecastConfig::closes(self.config.window_days);
        let grid = Grid::new(&history.candles, window);
        let (Some(now), Some(newest)) = (grid.newest(), history.candles.last()) else {
            let needed = self.needed(whole_hours(horizon));
            return Err(Fallback::ShortHistory { closes: 0, needed });
        };
        let (log_return, source) = self.log_return(&grid, now, horizon)?;
        let value = in_unit(target, newest.close, log_return);
        if value.is_finite() {
            Ok(Fitted {
                value,
                source,
                report: None,
            })
        } else {
            let detail = format!("a return of {log_return} on {} is no number", newest.close);
            Err(Fallback::Unfit { detail })
        }
    }
}

/// A log-return from the last price, in the target's unit.
fn in_unit(target: Target, price: f64, log_return: f64) -> f64 {
    match target {
        Target::LogReturn => log_return,
        Target::PercentReturn => 100.0 * log_return.exp_m1(),
        Target::Price => price * log_return.exp(),
    }
}

/// The horizon in hours, rounded up; at least one.
fn whole_hours(horizon: Duration) -> usize {
    let hours = horizon.as_secs().div_ceil(HOUR.unsigned_abs());
    usize::try_from(hours).unwrap_or(usize::MAX).max(1)
}

/// Features and labels of all hours whose label was known at `now`, that is, which end a horizon
/// before it. None when there are too few.
fn training_rows(
    grid: &Grid,
    now: usize,
    horizon: usize,
    lags: &[usize],
) -> Option<Dataset<f64, f64, ndarray::Ix1>> {
    let last = now.checked_sub(horizon)?;
    let first = lags.iter().max().copied().unwrap_or(0);
    let (mut records, mut labels) = (Vec::new(), Vec::new());
    for at in first..=last {
        let Some(row) = grid.features(at, lags) else {
            continue;
        };
        let row: Option<Vec<f64>> = row.into_iter().collect();
        if let (Some(row), Some(label)) = (row, grid.label(at, horizon)) {
            records.extend(row);
            labels.push(label);
        }
    }
    if labels.len() < LEAST_ROWS {
        return None;
    }
    let shape = (labels.len(), lags.len() + 1);
    let records = Array2::from_shape_vec(shape, records).ok()?;
    Some(Dataset::new(records, Array1::from_vec(labels)))
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
