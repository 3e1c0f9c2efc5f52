//! One step's density: a family's, or a mixture of several.

use super::{
    part::Part,
    shape::{self, Shape},
};

/// The most densities in a mixture. Games allow three; what is paid for scoring grows with the square.
pub(super) const PARTS: usize = 32;

/// What a model says of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// With weights above zero that add up to one.
    parts: Vec<(f64, Part)>,
}

impl Density {
    /// Of parts whose weights add up to one; those without weight are left out.
    pub(super) fn new(mut parts: Vec<(f64, Part)>) -> Self {
        parts.retain(|(weight, _)| *weight > 0.0);
        Self { parts }
    }

    /// The mean; None where there is no finite one.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.weigh(Part::mean)
    }

    /// The variance; None where there is no finite one.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        if let [(_, part)] = self.parts.as_slice() {
            return part.variance();
        }
        let mean = self.mean()?;
        self.weigh(|part| Some(part.variance()? + (part.mean()? - mean).powi(2)))
    }

    /// The probability of no more than `x`.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        self.parts.iter().map(|(w, part)| w * part.cdf(x)).sum()
    }

    /// The logarithm of the density at `x`: −∞ where it is 0, +∞ at a pole.
    #[must_use]
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if let [(_, part)] = self.parts.as_slice() {
            return part.ln_pdf(x);
        }
        let of = |(weight, part): &(f64, Part)| weight.ln() + part.ln_pdf(x);
        let most = self.parts.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        if most.is_infinite() {
            return most;
        }
        let sum: f64 = self.parts.iter().map(|part| (of(part) - most).exp()).sum();
        most + sum.ln()
    }

    /// The continuous ranked probability score at `x`, ∫ (F(y) − 1{y ≥ x})² dy; None where there is no
    /// finite mean.
    #[must_use]
    pub fn crps(&self, x: f64) -> Option<f64> {
        let crps = match self.parts.as_slice() {
            [(_, part)] => part.crps(x),
            parts if parts.iter().all(|(_, part)| part.shape == Shape::Norm) => {
                Some(crps_of_norms(parts, x))
            }
            _ => None,
        };
        crps.filter(|crps| crps.is_finite())
            .map(|crps| crps.max(0.0))
    }

    fn weigh(&self, of: impl Fn(&Part) -> Option<f64>) -> Option<f64> {
        let mut sum = 0.0;
        for (weight, part) in &self.parts {
            sum += weight * of(part)?;
        }
        Some(sum).filter(|sum| sum.is_finite())
    }
}

/// The mean distance from `x` less half the mean distance between two draws (Grimit and others, 2006).
fn crps_of_norms(parts: &[(f64, Part)], x: f64) -> f64 {
    let mut crps = 0.0;
    for (i, (weight, part)) in parts.iter().enumerate() {
        let mut within =
            0.5 * weight * shape::norm_distance(0.0, part.scale * std::f64::consts::SQRT_2);
        for (other_weight, other) in &parts[..i] {
            let scale = part.scale.hypot(other.scale);
            within += other_weight * shape::norm_distance(part.loc - other.loc, scale);
        }
        crps += weight * (shape::norm_distance(x - part.loc, part.scale) - within);
    }
    crps
}
