//! A standard shape at a place, in a scale.

use super::shape::Shape;

/// One family's density.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) shape: Shape,
    pub(super) loc: f64,
    /// Never zero; below zero the shape is mirrored.
    pub(super) scale: f64,
}

impl Part {
    pub(super) const fn new(shape: Shape, loc: f64, scale: f64) -> Self {
        Self { shape, loc, scale }
    }

    fn standard(&self, x: f64) -> f64 {
        (x - self.loc) / self.scale
    }

    pub(super) fn cdf(&self, x: f64) -> f64 {
        if self.scale > 0.0 {
            self.shape.cdf(self.standard(x))
        } else {
            self.shape.sf(self.standard(x))
        }
    }

    /// What is above `x`: 1 − cdf, exact where it is small.
    pub(super) fn sf(&self, x: f64) -> f64 {
        if self.scale > 0.0 {
            self.shape.sf(self.standard(x))
        } else {
            self.shape.cdf(self.standard(x))
        }
    }

    pub(super) fn ln_pdf(&self, x: f64) -> f64 {
        self.shape.ln_pdf(self.standard(x)) - self.scale.abs().ln()
    }

    pub(super) fn mean(&self) -> Option<f64> {
        let mean = self.loc + self.scale * self.shape.mean()?;
        Some(mean).filter(|mean| mean.is_finite())
    }

    pub(super) fn variance(&self) -> Option<f64> {
        let variance = self.scale * self.scale * self.shape.variance()?;
        Some(variance).filter(|variance| variance.is_finite())
    }

    /// Where the density begins and ends.
    pub(super) fn support(&self) -> [f64; 2] {
        let (low, high) = self.shape.support();
        let [a, b] = [low, high].map(|z| self.loc + self.scale * z);
        [a.min(b), a.max(b)]
    }

    /// Where the cdf is `p`, to a relative 1e-15 of its distance from the shape's own zero.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        let p = if self.scale > 0.0 { p } else { 1.0 - p };
        self.loc + self.scale * self.shape.quantile(p)
    }

    /// By a closed form; None where there is none, or no finite mean.
    pub(super) fn crps(&self, x: f64) -> Option<f64> {
        Some(self.scale.abs() * self.shape.crps(self.standard(x))?)
    }
}
