//! The continuous ranked probability score, in closed form.
//!
//! With X and X′ drawn alike it is E|X − z| − ½ E|X − X′| (Gneiting and Raftery, 2007). That equals
//! z (2F(z) − 1) + E min(X, X′) − 2 E[X; X ≤ z], and for most families the last is the mean times the
//! cdf of the size-biased family. Jordan, Krüger and Lerch (2019) give many in this form; Gini's
//! coefficients of the beta, F and gamma families are in the income literature of 1984 (*Econometrica* 52).

use std::f64::consts::{LN_2, PI};

use statrs::function::erf::erf;

use super::{
    EULER, Shape,
    distribution::{beta_of_f, ln_extreme},
    ln_normal,
    moments::ln_gamma_1p,
    norm_distance, phi,
    special::{beta_pq, exponential_integral, gamma_pq, ln_beta},
};

/// Below this `b` Johnson's closed form loses its digits.
const STEEPEST_JOHNSON: f64 = 0.15;

/// Beyond this exp(−z) loses its digits; up to here E₁ has them all.
const FAR: f64 = 700.0;

impl Shape {
    /// The score at `z`; none where there is no finite mean, or no closed form that keeps its digits.
    pub(in super::super) fn crps(self, z: f64) -> Option<f64> {
        let mean = self.mean().filter(|mean| mean.is_finite())?;
        let distance = z.abs();
        Some(match self {
            Self::Norm => norm_distance(z, 1.0) - 1.0 / PI.sqrt(),
            Self::Laplace => distance + (-distance).exp() - 0.75,
            Self::Logistic => distance + 2.0 * (-distance).exp().ln_1p() - 1.0,
            Self::Uniform => {
                let inside = z.clamp(0.0, 1.0);
                (z - inside).abs() + inside * (inside - 1.0) + 1.0 / 3.0
            }
            Self::Expon if z < 0.0 => 0.5 - z,
            Self::Expon => z + 2.0 * (-z).exp() - 1.5,
            // Where exp(−z) is too small for a number, E₁ of it is z − γ.
            Self::Gumbel if z > FAR => z - EULER - LN_2,
            Self::Gumbel => 2.0 * exponential_integral((-z).exp()) - z + EULER - LN_2,
            Self::T(df) => of_t(df, z),
            _ => {
                let (least, partial) = self.least_and_partial(mean, z)?;
                z * (self.cdf(z) - self.sf(z)) + least - 2.0 * partial
            }
        })
    }

    /// E min(X, X′) and E[X; X ≤ z].
    fn least_and_partial(self, mean: f64, z: f64) -> Option<(f64, f64)> {
        let (low, high) = self.support();
        let inside = z.clamp(low, high);
        Some(match self {
            Self::LogNorm(s) => (
                2.0 * mean * phi(-s * std::f64::consts::FRAC_1_SQRT_2),
                mean * phi(inside.ln() / s - s),
            ),
            Self::Weibull(c) => (
                mean * (-1.0 / c).exp2(),
                mean * gamma_pq(1.0 + 1.0 / c, inside.powf(c)).0,
            ),
            Self::Gamma(a) => (
                mean - (-ln_beta(0.5, a)).exp(),
                mean * gamma_pq(a + 1.0, inside).0,
            ),
            Self::Chi(df) => {
                let k = 0.5 * df;
                (
                    2.0 * mean * beta_pq(k + 0.5, k, 0.5, 0.5).0,
                    mean * gamma_pq(k + 0.5, 0.5 * inside * inside).0,
                )
            }
            Self::Beta(a, b) => {
                let spread = 2.0 / a * (ln_beta(2.0 * a, 2.0 * b) - 2.0 * ln_beta(a, b)).exp();
                (
                    mean * (1.0 - spread),
                    mean * beta_pq(a + 1.0, b, inside, 1.0 - inside).0,
                )
            }
            Self::Pareto(b) => (
                2.0 * b / (2.0 * b - 1.0),
                -mean * ((1.0 - b) * inside.ln()).exp_m1(),
            ),
            Self::F(dfn, dfd) => {
                let (a, b) = (0.5 * dfn, 0.5 * dfd);
                let spread =
                    2.0 / a * (ln_beta(2.0 * a, 2.0 * b - 1.0) - 2.0 * ln_beta(a, b)).exp();
                let (share, rest) = beta_of_f(dfn, dfd, inside);
                (
                    mean * (1.0 - spread),
                    mean * beta_pq(a + 1.0, b - 1.0, share, rest).0,
                )
            }
            Self::InvGamma(a) => (
                2.0 * mean * beta_pq(a, a - 1.0, 0.5, 0.5).0,
                mean * gamma_pq(a - 1.0, 1.0 / inside).1,
            ),
            Self::JohnsonSu(a, b) if b >= STEEPEST_JOHNSON => {
                let (w, grown) = (a + b * z.asinh(), (0.5 / (b * b)).exp());
                let half_distance = (a / b).cosh() * grown * erf(0.5 / b);
                let up = (-a / b).exp() * phi(w - 1.0 / b);
                let down = (a / b).exp() * phi(w + 1.0 / b);
                (mean - half_distance, 0.5 * grown * (up - down))
            }
            Self::SkewNorm(a) => {
                // By parts; what is left are probabilities of quadrants.
                let (tilted, angle) = (a * a / (2.0 + a * a), a / (2.0 + a * a).sqrt());
                let distance = 2.0 / PI.sqrt() * (1.0 + 2.0 / PI * tilted.asin())
                    - 4.0 / PI * mean * angle.asin();
                let density = 2.0 * ln_normal(z).exp() * phi(a * z);
                let partial = mean * phi(z * a.hypot(1.0)) - density;
                (mean - 0.5 * distance, partial)
            }
            Self::GenExtreme(c) => {
                let full = ln_gamma_1p(c).exp();
                let half_distance = -full * (-c * LN_2).exp_m1() / c;
                let t = ln_extreme(c, inside).exp();
                let partial = ((-t).exp() - full * gamma_pq(1.0 + c, t).1) / c;
                (mean - half_distance, partial)
            }
            _ => return None,
        })
    }
}

fn of_t(df: f64, z: f64) -> f64 {
    let shape = Shape::T(df);
    let within = 2.0 * df.sqrt() / (df - 1.0)
        * (ln_beta(0.5, df - 0.5) - 2.0 * ln_beta(0.5, 0.5 * df)).exp();
    let near = 2.0 * shape.ln_pdf(z).exp() * ((df + z * z) / (df - 1.0));
    z * (shape.cdf(z) - shape.sf(z)) + near - within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gumbels_score_goes_on_where_exponentials_end() {
        for z in [600.0, 699.9, 700.1, 745.0, 800.0, 1e6, 1e300] {
            // So far above, it is the distance to the mean less half of that between two draws.
            let expected = z - EULER - LN_2;
            let found = Shape::Gumbel.crps(z).unwrap();
            assert!((found - expected).abs() <= 1e-12 * expected, "{z} {found}");
        }
    }
}
