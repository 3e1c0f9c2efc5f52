//! Standard shapes of densities: place 0 and scale 1, in scipy's parameterisation.
//!
//! What is one another's mirror or multiple is one shape: chi² is a gamma, Rayleigh a Weibull,
//! `weibull_max` and `gumbel_l` are mirrored. Sources: Johnson, Kotz and Balakrishnan, *Continuous
//! Univariate Distributions*; for scores see [`crps`].

mod crps;
mod distribution;
mod moments;
mod quantile;
mod special;

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use statrs::function::erf::{erf, erfc};

/// Euler's constant γ.
const EULER: f64 = 0.577_215_664_901_532_9;
/// ½ ln 2π.
const HALF_LN_2PI: f64 = 0.918_938_533_204_672_8;

/// A family with its shape parameters, each above zero where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Normal.
    Norm,
    /// `df`.
    T(f64),
    Laplace,
    Logistic,
    Cauchy,
    /// From 0 to 1.
    Uniform,
    /// From 0 on.
    Expon,
    /// `c`, from 0 on.
    Weibull(f64),
    /// `s`, from 0 on.
    LogNorm(f64),
    /// `a`, from 0 on.
    Gamma(f64),
    /// `df`, from 0 on.
    Chi(f64),
    /// `a` and `b`, from 0 to 1.
    Beta(f64, f64),
    /// `b`, from 1 on.
    Pareto(f64),
    /// `dfn` and `dfd`, from 0 on.
    F(f64, f64),
    /// The right-skewed one.
    Gumbel,
    /// `a`, of any sign.
    SkewNorm(f64),
    /// `a`, from 0 on.
    InvGamma(f64),
    /// `a` of any sign, and `b`.
    JohnsonSu(f64, f64),
    /// `c` of any sign but 0, for which it is Gumbel's; bounded by 1/c.
    GenExtreme(f64),
}

impl Shape {
    /// Where the density is above zero.
    pub(super) fn support(self) -> (f64, f64) {
        match self {
            Self::Norm
            | Self::T(_)
            | Self::Laplace
            | Self::Logistic
            | Self::Cauchy
            | Self::Gumbel
            | Self::SkewNorm(_)
            | Self::JohnsonSu(..) => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Uniform | Self::Beta(..) => (0.0, 1.0),
            Self::Expon
            | Self::Weibull(_)
            | Self::LogNorm(_)
            | Self::Gamma(_)
            | Self::Chi(_)
            | Self::F(..)
            | Self::InvGamma(_) => (0.0, f64::INFINITY),
            Self::Pareto(_) => (1.0, f64::INFINITY),
            Self::GenExtreme(c) if c > 0.0 => (f64::NEG_INFINITY, 1.0 / c),
            Self::GenExtreme(c) => (1.0 / c, f64::INFINITY),
        }
    }
}

/// Φ, the standard normal's cdf.
fn phi(z: f64) -> f64 {
    0.5 * erfc(-z * FRAC_1_SQRT_2)
}

/// ln Φ, also where Φ is too small for a number.
fn ln_phi(z: f64) -> f64 {
    if z > -30.0 {
        return phi(z).ln();
    }
    let r = 1.0 / (z * z);
    let series = -r * (1.0 - r * (3.0 - r * (15.0 - r * 105.0)));
    ln_normal(z) - (-z).ln() + series.ln_1p()
}

/// The logarithm of the standard normal's density.
fn ln_normal(z: f64) -> f64 {
    -0.5 * z * z - HALF_LN_2PI
}

/// E|X| of a normal variable around `mean`.
pub(super) fn norm_distance(mean: f64, scale: f64) -> f64 {
    let z = mean / scale;
    mean * erf(z * FRAC_1_SQRT_2) + scale * (2.0 / PI).sqrt() * (-0.5 * z * z).exp()
}
