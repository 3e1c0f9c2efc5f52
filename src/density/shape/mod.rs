//! Standard shapes of densities: place 0, scale 1, in scipy's parameterisation.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

use statrs::function::erf::{erf, erfc, erfc_inv};

/// A family with its shape parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Norm,
}

impl Shape {
    pub(super) fn cdf(self, z: f64) -> f64 {
        0.5 * erfc(-z * FRAC_1_SQRT_2)
    }
    pub(super) fn sf(self, z: f64) -> f64 {
        0.5 * erfc(z * FRAC_1_SQRT_2)
    }
    pub(super) fn ln_pdf(self, z: f64) -> f64 {
        -0.5 * z * z - 0.5 * (2.0 * PI).ln()
    }
    pub(super) fn mean(self) -> Option<f64> {
        Some(0.0)
    }
    pub(super) fn variance(self) -> Option<f64> {
        Some(1.0)
    }
    pub(super) fn quantile(self, p: f64) -> f64 {
        -SQRT_2 * erfc_inv(2.0 * p)
    }
    pub(super) fn crps(self, z: f64) -> Option<f64> {
        Some(norm_distance(z, 1.0) - 1.0 / PI.sqrt())
    }
}

/// E|X| of a normal variable around `mean`: Gneiting's A.
pub(super) fn norm_distance(mean: f64, scale: f64) -> f64 {
    let z = mean / scale;
    mean * erf(z * FRAC_1_SQRT_2) + scale * (2.0 / PI).sqrt() * (-0.5 * z * z).exp()
}
