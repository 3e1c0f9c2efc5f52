//! Models that are fitted in linfa and challenge the prior. None has an intercept: the mean of past
//! returns is no forecast.

use std::{fmt, sync::Arc};

use linfa::{Dataset, traits::Fit};
use linfa_svm::Svm;
use ndarray::{Array1, Array2};

use super::{
    Choice,
    lessons::{Features, Known, Lesson, Moments, WIDTH},
    linear::LeastSquares,
    prior::Horizon,
};

/// Lessons below which nothing is fitted: a quarter of a year.
pub(super) const LEAST_LESSONS: usize = 90;
/// Newest lessons that the support vector regression is fitted to, nine months: its cost grows with
/// their square, and an hour's forecast should not wait for it.
const SVR_LESSONS: usize = 270;
/// Strength of the ridge in independent lessons: as many would outweigh it half. It expects a feature
/// to explain about a hundredth of the next return's variance.
const STRENGTH: f64 = 100.0;
/// Penalty of the elastic net, for each lesson, and the share of it that zeroes coefficients: with
/// these a feature's correlation with the label must exceed 0.1.
const NET_PENALTY: f64 = 0.2;
const NET_L1: f64 = 0.5;
/// Errors below this, in standard deviations, are none to the support vector regression.
const SVR_MARGIN: f64 = 0.1;
/// How exactly it is solved. Far below what its coefficients can be known to.
const SVR_TOLERANCE: f64 = 1e-3;

/// A model that learns from daily lessons. Its fits are called at 00:00 UTC rows alone, with the
/// lessons whose outcome was known by then.
pub(super) trait Challenger: fmt::Debug + Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Days between two fits: 1, or 7 for one a week, on the first row from Monday on.
    fn every(&self) -> i64;

    /// Coefficients on the features as they are; none when the fit gives nothing usable.
    fn fit(&self, known: Known<'_>) -> Option<Coefficients>;
}

/// A fitted model: the expected return over the horizon, in units of its volatility, is their sum of
/// products with the features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Coefficients(pub(super) Features);

impl Coefficients {
    pub(super) fn predict(&self, features: &Features) -> f64 {
        self.0.iter().zip(features).map(|(w, x)| w * x).sum()
    }

    /// Those for the features as they are, from those for standardised ones; none unless finite.
    pub(super) fn unscaled(mut weights: Features, scales: &Features) -> Option<Self> {
        for (weight, scale) in weights.iter_mut().zip(scales) {
            *weight /= scale;
        }
        let finite = weights.iter().all(|weight| weight.is_finite());
        finite.then_some(Self(weights))
    }
}

/// The challengers that a choice needs, in their order of birth.
pub(super) fn challengers(choice: Choice, horizon: Horizon) -> Vec<Arc<dyn Challenger>> {
    // Lessons of a longer horizon overlap: so many make one.
    let overlap = horizon.days().max(1) as f64;
    let ridge = || Arc::new(Ridge { overlap }) as Arc<dyn Challenger>;
    let net = || Arc::new(Net) as Arc<dyn Challenger>;
    let svr = || Arc::new(Svr { overlap }) as Arc<dyn Challenger>;
    match choice {
        Choice::Gated | Choice::Linfa => vec![ridge(), net(), svr()],
        Choice::Ridge => vec![ridge()],
        Choice::ElasticNet => vec![net()],
        Choice::Svr => vec![svr()],
        Choice::Prior | Choice::Zero => Vec::new(),
    }
}

/// Ridge regression on all lessons, fitted daily.
#[derive(Debug)]
struct Ridge {
    overlap: f64,
}

impl Challenger for Ridge {
    fn name(&self) -> &'static str {
        "ridge"
    }

    fn every(&self) -> i64 {
        1
    }

    fn fit(&self, known: Known<'_>) -> Option<Coefficients> {
        let penalty = STRENGTH * self.overlap / known.moments.rows as f64;
        LeastSquares { penalty, l1: 0.0 }.fit(known.moments)
    }
}

/// Elastic net on all lessons, fitted daily.
#[derive(Debug)]
struct Net;

impl Challenger for Net {
    fn name(&self) -> &'static str {
        "elastic-net"
    }

    fn every(&self) -> i64 {
        1
    }

    fn fit(&self, known: Known<'_>) -> Option<Coefficients> {
        let (penalty, l1) = (NET_PENALTY, NET_L1);
        LeastSquares { penalty, l1 }.fit(known.moments)
    }
}

/// Linear support vector regression on the newest lessons, fitted weekly: large errors weigh less in
/// it. Its intercept is left out.
#[derive(Debug)]
struct Svr {
    overlap: f64,
}

impl Challenger for Svr {
    fn name(&self) -> &'static str {
        "svr"
    }

    fn every(&self) -> i64 {
        7
    }

    fn fit(&self, known: Known<'_>) -> Option<Coefficients> {
        let newest = known.rows.len().saturating_sub(SVR_LESSONS);
        let rows = &known.rows[newest..];
        let scales = Moments::of(rows).scales();
        // The inverse of the ridge's strength: the same trust in each independent lesson.
        let cost = 1.0 / (STRENGTH * self.overlap);
        let model = Svm::<f64, f64>::params()
            .c_svr(cost, Some(SVR_MARGIN))
            .linear_kernel()
            .eps(SVR_TOLERANCE)
            .fit(&standardised(rows, &scales)?)
            .ok()?;
        // What it says of one feature alone, without the intercept, is that feature's coefficient.
        let units = Array2::<f64>::eye(WIDTH);
        let weights = std::array::from_fn(|k| model.weighted_sum(&units.row(k)));
        Coefficients::unscaled(weights, &scales)
    }
}

fn standardised(rows: &[Lesson], scales: &Features) -> Option<Dataset<f64, f64, ndarray::Ix1>> {
    let scaled =
        |lesson: &Lesson| -> Features { std::array::from_fn(|k| lesson.features[k] / scales[k]) };
    let records = rows.iter().flat_map(scaled).collect();
    let records = Array2::from_shape_vec((rows.len(), WIDTH), records).ok()?;
    let labels: Array1<f64> = rows.iter().map(|lesson| lesson.label).collect();
    Some(Dataset::new(records, labels))
}
