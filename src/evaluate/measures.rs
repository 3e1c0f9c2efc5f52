//! The measures: the ratio to zero, and the seven of the Allora builder kit.

use serde::{Deserialize, Serialize};
use statrs::function::{beta::beta_reg, erf::erfc};

use super::{
    Grade, grade,
    sums::{Hits, Stretch, Sums},
};

/// The normal quantile of the kit's 95 % intervals.
const Z: f64 = 1.96;
/// A variance below this share of the mean square is rounding, not variation.
const FLAT: f64 = 1e-13;

/// A forecast and what came, both as log-returns over the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// What was forecast; finite.
    pub forecast: f64,
    /// What came; finite.
    pub outcome: f64,
}

/// The measures of a stretch of forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Pairs that were scored.
    pub n: usize,
    /// How many independent ones they are worth by the autocorrelation of the hits:
    /// n·(1 − ρ)/(1 + ρ), ρ = max(0, lag-1 autocorrelation of the hits), at least 2.
    pub n_effective: f64,
    /// Root mean square error, a log-return.
    pub rmse: f64,
    /// That of always answering 0.
    pub rmse_zero: f64,
    /// The one divided by the other: below 1 is better than zero.
    pub rmse_ratio: f64,
    /// Share of the outcomes other than 0 whose sign was forecast. A forecast of 0 is wrong.
    pub directional_accuracy: f64,
    /// Lower bound of its 95 % Wilson interval, with `n_effective`.
    pub da_ci_lower: f64,
    /// Its p-value against 50 %: one-tailed z-test with continuity correction, with `n_effective`;
    /// never above 0.5, as in the kit.
    pub da_p_value: f64,
    /// Pearson correlation of forecast and outcome; 0 when one of them does not vary.
    pub pearson_r: f64,
    /// Its two-sided p-value with all `n` pairs, as the kit takes it. Overlapping horizons make it far
    /// too small; see `pearson_p_value_effective`.
    pub pearson_p_value: f64,
    /// The same with `n_effective` pairs.
    pub pearson_p_value_effective: f64,
    /// 1 − WRMSE / WRMSE of zero, squared errors weighted by |outcome|: a share, above 0 is better.
    pub wrmse_improvement: f64,
    /// Σ ±|outcome| / Σ |outcome|, plus where the signs agree: the share of an oracle's directional
    /// return, from −1 to 1.
    pub czar: f64,
    /// How many of the seven reach the kit's bar; see [`Grade`].
    pub passed: u8,
    /// The letter for it.
    pub grade: Grade,
}

/// Scores pairs in order of time. None without pairs, when all outcomes are 0, and when a number is
/// not finite.
#[must_use]
pub fn score(pairs: &[Pair]) -> Option<Score> {
    Stretch::of(pairs).score()
}

pub(super) fn from_stretch(stretch: &Stretch) -> Option<Score> {
    let Stretch { sums, hits } = stretch;
    let usable = sums.yy > 0.0 && sums.yy.is_finite() && sums.ee.is_finite();
    if !usable {
        return None;
    }
    let accuracy = hits.right / hits.rows;
    let effective = effective_rows(hits);
    let r = correlation(sums);
    let mut score = Score {
        n: count(sums.n),
        n_effective: effective,
        rmse: (sums.ee / sums.n).sqrt(),
        rmse_zero: (sums.yy / sums.n).sqrt(),
        rmse_ratio: (sums.ee / sums.yy).sqrt(),
        directional_accuracy: accuracy,
        da_ci_lower: wilson_lower(accuracy, effective),
        da_p_value: better_than_a_coin(accuracy, effective),
        pearson_r: r,
        pearson_p_value: no_correlation(r, sums.n),
        pearson_p_value_effective: no_correlation(r, effective),
        wrmse_improvement: 1.0 - (sums.aee / sums.ayy).sqrt(),
        czar: sums.right / sums.a,
        passed: 0,
        grade: Grade::F,
    };
    score.passed = grade::passed(&score);
    score.grade = Grade::of(score.passed);
    Some(score)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of ones"
)]
fn count(n: f64) -> usize {
    n.round() as usize
}

/// Rows that the hits are worth; see [`Score::n_effective`].
fn effective_rows(hits: &Hits) -> f64 {
    if hits.rows <= 2.0 {
        return hits.rows;
    }
    let rho = autocorrelation(hits).max(0.0);
    (hits.rows * (1.0 - rho) / (1.0 + rho)).max(2.0)
}

/// Pearson correlation of each hit with the next; 0 when all but an end are alike.
fn autocorrelation(hits: &Hits) -> f64 {
    let n = hits.rows - 1.0;
    // Hits are 0 or 1: their squares sum to the same.
    let (before, after) = ((hits.right - hits.last) / n, (hits.right - hits.first) / n);
    let variances = before * (1.0 - before) * after * (1.0 - after);
    if variances <= 0.0 {
        return 0.0;
    }
    (hits.both / n - before * after) / variances.sqrt()
}

fn wilson_lower(share: f64, n: f64) -> f64 {
    let z = Z * Z / n;
    let margin = Z * (share * (1.0 - share) / n + z / (4.0 * n)).sqrt();
    (share + z / 2.0 - margin) / (1.0 + z)
}

fn better_than_a_coin(share: f64, n: f64) -> f64 {
    let z = (share - 0.5 - 0.5 / n) / (0.25 / n).sqrt();
    0.5 * erfc(z.max(0.0) / std::f64::consts::SQRT_2)
}

fn correlation(sums: &Sums) -> f64 {
    let (f, y) = (sums.f / sums.n, sums.y / sums.n);
    let (of_f, of_y) = (sums.ff / sums.n - f * f, sums.yy / sums.n - y * y);
    if of_f <= FLAT * sums.ff / sums.n || of_y <= FLAT * sums.yy / sums.n {
        return 0.0;
    }
    ((sums.fy / sums.n - f * y) / (of_f * of_y).sqrt()).clamp(-1.0, 1.0)
}

/// Two-sided p-value of a correlation of `n` pairs: the chance of one as large when there is none.
fn no_correlation(r: f64, n: f64) -> f64 {
    let rest = 1.0 - r * r;
    if n <= 2.0 || rest >= 1.0 {
        return 1.0;
    }
    if rest <= 0.0 {
        return 0.0;
    }
    beta_reg(n / 2.0 - 1.0, 0.5, rest)
}

#[cfg(test)]
#[path = "measures_tests.rs"]
mod tests;
