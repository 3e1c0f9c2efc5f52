//! Quantiles.

use std::f64::consts::{LN_2, PI, SQRT_2};

use statrs::function::erf::erfc_inv;

use super::Shape;

/// Halvings that take a range of 1400 to the last digit of what is sought.
const HALVINGS: u32 = 64;

impl Shape {
    /// Where the cdf is `p`, 0 < p < 1.
    pub(in super::super) fn quantile(self, p: f64) -> f64 {
        match self {
            Self::Norm => normal(p),
            Self::LogNorm(s) => (s * normal(p)).exp(),
            Self::JohnsonSu(a, b) => ((normal(p) - a) / b).sinh(),
            Self::Laplace if p < 0.5 => (2.0 * p).ln(),
            Self::Laplace => -LN_2 - (-p).ln_1p(),
            Self::Logistic => p.ln() - (-p).ln_1p(),
            Self::Cauchy => (PI * (p - 0.5)).tan(),
            Self::Uniform => p,
            Self::Expon => -(-p).ln_1p(),
            Self::Weibull(c) => (-(-p).ln_1p()).powf(1.0 / c),
            Self::Pareto(b) => (-(-p).ln_1p() / b).exp(),
            Self::Gumbel => -(-p.ln()).ln(),
            Self::GenExtreme(c) => -(c * (-p.ln()).ln()).exp_m1() / c,
            Self::T(_) if (p - 0.5).abs() < f64::EPSILON => 0.0,
            Self::T(_) | Self::SkewNorm(_) => self.sought(p, f64::sinh),
            Self::Beta(..) => self.sought(p, |t| 1.0 / (1.0 + (-t).exp())),
            Self::Gamma(_) | Self::Chi(_) | Self::F(..) | Self::InvGamma(_) => {
                self.sought(p, f64::exp)
            }
        }
    }

    /// What a quantile takes, as the cdf's effort is counted.
    pub(in super::super) fn quantile_effort(self) -> u64 {
        match self {
            Self::T(_)
            | Self::SkewNorm(_)
            | Self::Beta(..)
            | Self::Gamma(_)
            | Self::Chi(_)
            | Self::F(..)
            | Self::InvGamma(_) => u64::from(HALVINGS) * self.effort(),
            _ => self.effort(),
        }
    }

    /// By halving, over a range that is stretched so that all magnitudes are in it.
    fn sought(self, p: f64, stretched: impl Fn(f64) -> f64) -> f64 {
        let is_below = |z: f64| {
            if p < 0.5 {
                self.cdf(z) < p
            } else {
                self.sf(z) > 1.0 - p
            }
        };
        let (mut low, mut high) = (-700.0, 700.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if is_below(stretched(middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        stretched(0.5 * (low + high))
    }
}

fn normal(p: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * p)
}
