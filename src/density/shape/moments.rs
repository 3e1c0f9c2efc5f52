//! Means and variances.

use std::f64::consts::PI;

use statrs::function::gamma::{gamma, ln_gamma};

use super::{EULER, Shape, special::ln_beta};

/// ζ(2), ζ(3), ζ(4).
const ZETA: [f64; 3] = [
    1.644_934_066_848_226_4,
    1.202_056_903_159_594_2,
    1.082_323_233_711_138_2,
];

impl Shape {
    /// The mean, where there is one; it may overflow.
    pub(in super::super) fn mean(self) -> Option<f64> {
        Some(match self {
            Self::Norm | Self::Laplace | Self::Logistic => 0.0,
            Self::T(df) if df > 1.0 => 0.0,
            Self::Uniform => 0.5,
            Self::Expon => 1.0,
            Self::Weibull(c) => gamma(1.0 + 1.0 / c),
            Self::LogNorm(s) => (0.5 * s * s).exp(),
            Self::Gamma(a) => a,
            // √2 Γ((k+1)/2) / Γ(k/2)
            Self::Chi(df) => (2.0 * PI).sqrt() * (-ln_beta(0.5 * df, 0.5)).exp(),
            Self::Beta(a, b) => a / (a + b),
            Self::Pareto(b) if b > 1.0 => b / (b - 1.0),
            Self::F(_, d) if d > 2.0 => d / (d - 2.0),
            Self::Gumbel => EULER,
            Self::SkewNorm(a) => (2.0 / PI).sqrt() * a / a.hypot(1.0),
            Self::InvGamma(a) if a > 1.0 => 1.0 / (a - 1.0),
            Self::JohnsonSu(a, b) => -(0.5 / (b * b)).exp() * (a / b).sinh(),
            Self::GenExtreme(c) if c > -1.0 => -ln_gamma_1p(c).exp_m1() / c,
            Self::T(_)
            | Self::Pareto(_)
            | Self::F(..)
            | Self::InvGamma(_)
            | Self::GenExtreme(_)
            | Self::Cauchy => return None,
        })
    }

    /// The variance, where there is one; it may overflow.
    pub(in super::super) fn variance(self) -> Option<f64> {
        Some(match self {
            Self::Laplace => 2.0,
            Self::Logistic => PI * PI / 3.0,
            Self::T(df) if df > 2.0 => df / (df - 2.0),
            Self::Uniform => 1.0 / 12.0,
            Self::Norm | Self::Expon => 1.0,
            Self::Weibull(c) => gamma(1.0 + 1.0 / c).powi(2) * ln_gamma_spread(1.0 / c).exp_m1(),
            Self::LogNorm(s) => (s * s).exp_m1() * (s * s).exp(),
            Self::Gamma(a) => a,
            Self::Chi(df) => df - self.mean()?.powi(2),
            Self::Beta(a, b) => a / (a + b) * (b / (a + b)) / (a + b + 1.0),
            Self::Pareto(b) if b > 2.0 => b / ((b - 1.0).powi(2) * (b - 2.0)),
            Self::F(n, d) if d > 4.0 => {
                2.0 * (d / (d - 2.0)).powi(2) * (n + d - 2.0) / (n * (d - 4.0))
            }
            Self::Gumbel => PI * PI / 6.0,
            Self::SkewNorm(_) => 1.0 - self.mean()?.powi(2),
            Self::InvGamma(a) if a > 2.0 => 1.0 / ((a - 1.0).powi(2) * (a - 2.0)),
            Self::JohnsonSu(a, b) => {
                let r = 1.0 / (b * b);
                0.5 * r.exp_m1() * (r.exp() * (2.0 * a / b).cosh() + 1.0)
            }
            Self::GenExtreme(c) if c > -0.5 => {
                (2.0 * ln_gamma_1p(c)).exp() * ln_gamma_spread(c).exp_m1() / (c * c)
            }
            Self::T(_)
            | Self::Pareto(_)
            | Self::F(..)
            | Self::InvGamma(_)
            | Self::GenExtreme(_)
            | Self::Cauchy => return None,
        })
    }
}

/// ln Γ(1 + h), also for small h.
pub(super) fn ln_gamma_1p(h: f64) -> f64 {
    if h.abs() > 1e-3 {
        return ln_gamma(1.0 + h);
    }
    h * (-EULER + h * (ZETA[0] / 2.0 - h * (ZETA[1] / 3.0 - h * ZETA[2] / 4.0)))
}

/// ln Γ(1 + 2h) − 2 ln Γ(1 + h), also for small h.
fn ln_gamma_spread(h: f64) -> f64 {
    if h.abs() > 1e-3 {
        return ln_gamma(1.0 + 2.0 * h) - 2.0 * ln_gamma(1.0 + h);
    }
    h * h * (ZETA[0] - h * (2.0 * ZETA[1] - h * 3.5 * ZETA[2]))
}
