//! Ridge and elastic net from moments: the fit to a thousand rows, at the cost of five.

use linfa::{Dataset, traits::Fit};
use linfa_elasticnet::ElasticNet;
use ndarray::{Array1, Array2};

use super::{
    challengers::Coefficients,
    lessons::{Features, Moments, WIDTH},
};

/// Rounds of a fit. The solver's own stopping rule never holds without an l1 part, and returns over
/// lags that overlap as these do settle in fewer.
const ITERATIONS: u32 = 60;
/// How exactly it is solved where its stopping rule holds.
const TOLERANCE: f64 = 1e-12;
/// Part of a feature's own square below which what it adds to those before it is rounding.
const NEGLIGIBLE: f64 = 1e-12;

/// A linear fit with squared errors and without an intercept, on standardised features.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeastSquares {
    /// Weight of the penalty, for each row.
    pub(super) penalty: f64,
    /// Share of the penalty that is on absolute coefficients, from 0 to 1; the rest is on squares.
    pub(super) l1: f64,
}

impl LeastSquares {
    /// Fits. Squared errors depend on the rows only through their moments, and any rows with the same
    /// moments have the same solution: the Cholesky factor of the moments is such rows, and as few as
    /// there are features. linfa takes the penalty for each row, so fewer rows take a larger one.
    pub(super) fn fit(self, moments: &Moments) -> Option<Coefficients> {
        let scales = moments.scales();
        let (records, labels) = factor(moments, &scales);
        let ratio = moments.rows as f64 / WIDTH as f64;
        let weights = self.solve(records, labels, ratio)?;
        Coefficients::unscaled(weights, &scales)
    }

    fn solve(self, records: Array2<f64>, labels: Array1<f64>, ratio: f64) -> Option<Features> {
        let model = ElasticNet::params()
            .penalty(self.penalty * ratio)
            .l1_ratio(self.l1)
            .with_intercept(false)
            .tolerance(TOLERANCE)
            .max_iterations(ITERATIONS)
            .fit(&Dataset::new(records, labels))
            .ok()?;
        model.hyperplane().as_slice()?.try_into().ok()
    }
}

/// Upper triangular rows R and labels q with R'R and R'q the moments of the standardised features. A
/// feature that those before it make up gets a row of zeros.
fn factor(moments: &Moments, scales: &Features) -> (Array2<f64>, Array1<f64>) {
    let gram = |i: usize, j: usize| moments.gram[i][j] / (scales[i] * scales[j]);
    let mut rows = Array2::<f64>::zeros((WIDTH, WIDTH));
    let mut labels = Array1::<f64>::zeros(WIDTH);
    for i in 0..WIDTH {
        let above = |j: usize| (0..i).map(|k| rows[[k, i]] * rows[[k, j]]).sum::<f64>();
        let square = gram(i, i) - above(i);
        if square <= NEGLIGIBLE * gram(i, i) {
            continue;
        }
        let pivot = square.sqrt();
        let across: f64 = (0..i).map(|k| rows[[k, i]] * labels[k]).sum();
        let row: Vec<f64> = (i..WIDTH)
            .map(|j| (gram(i, j) - above(j)) / pivot)
            .collect();
        labels[i] = (moments.cross[i] / scales[i] - across) / pivot;
        for (j, value) in (i..WIDTH).zip(row) {
            rows[[i, j]] = value;
        }
    }
    (rows, labels)
}

#[cfg(test)]
#[allow(
    clippy::float_cmp,
    reason = "a coefficient that is left out is exactly zero"
)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use rstest::rstest;

    use super::*;
    use crate::forecast::lessons::Lesson;

    /// Correlated features on different scales, and a label that depends on two of them.
    fn lessons(count: usize) -> Vec<Lesson> {
        let mut random = StdRng::seed_from_u64(7);
        let mut draw = || random.random_range(-1.0..1.0_f64);
        let lesson = |_| {
            let common = draw();
            let x = [
                draw(),
                common + 0.5 * draw(),
                3.0 * (common + 0.5 * draw()),
                0.1 * draw(),
                draw() + common,
            ];
            Lesson::new(x, 0.4 * x[0] - 0.2 * x[2] + draw())
        };
        (0..count).map(lesson).collect()
    }

    fn full(fit: LeastSquares, lessons: &[Lesson]) -> Features {
        let scales = Moments::of(lessons).scales();
        let scaled = lessons
            .iter()
            .flat_map(|l| (0..WIDTH).map(|k| l.features[k] / scales[k]));
        let records = Array2::from_shape_vec((lessons.len(), WIDTH), scaled.collect());
        let labels = lessons.iter().map(|lesson| lesson.label).collect();
        let weights = fit.solve(records.expect("the shape"), labels, 1.0);
        Coefficients::unscaled(weights.expect("a fit"), &scales)
            .expect("finite")
            .0
    }

    #[rstest]
    #[case(0.3, 0.0)]
    #[case(0.05, 0.0)]
    #[case(0.2, 0.5)]
    #[case(0.05, 0.9)]
    fn from_moments_it_is_the_fit_to_all_rows(#[case] penalty: f64, #[case] l1: f64) {
        let lessons = lessons(400);
        let fit = LeastSquares { penalty, l1 };
        let fast = fit.fit(&Moments::of(&lessons)).expect("a fit").0;
        let slow = full(fit, &lessons);
        for (fast, slow) in fast.iter().zip(slow) {
            assert!((fast - slow).abs() < 1e-9, "{fast} instead of {slow}");
        }
        assert!(fast.iter().any(|weight| weight.abs() > 0.01), "{fast:?}");
        if l1 > 0.0 {
            assert!(fast.contains(&0.0), "{fast:?}");
        }
    }

    #[test]
    fn a_ridge_of_one_feature_is_its_formula() {
        let lessons: Vec<_> = (1..=3)
            .map(|k| Lesson::new([f64::from(k), 0.0, 0.0, 0.0, 0.0], f64::from(k) / 2.0))
            .collect();
        let fit = LeastSquares {
            penalty: 0.5,
            l1: 0.0,
        };
        let weights = fit.fit(&Moments::of(&lessons)).expect("a fit").0;
        // In the standardised feature: n · 0.5 / (n + n · 0.5).
        assert!((weights[0] - 0.5 / 1.5).abs() < 1e-12, "{weights:?}");
        assert_eq!(weights[1..], [0.0; 4]);
    }

    #[test]
    fn features_that_repeat_each_other_do_no_harm() {
        let same: Vec<_> = (0..100)
            .map(|k| Lesson::new([f64::from(k % 5) - 2.0; WIDTH], f64::from(k % 5) - 2.0))
            .collect();
        let fit = LeastSquares {
            penalty: 0.1,
            l1: 0.0,
        };
        let weights = fit.fit(&Moments::of(&same)).expect("a fit");
        let all = weights.predict(&[1.0; WIDTH]);
        assert!((all - 0.98).abs() < 0.01, "{weights:?}");
    }
}
