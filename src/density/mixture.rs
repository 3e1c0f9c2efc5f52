//! One step's density: a family's, or a mixture of several.

use super::{
    budget::{Budget, TooCostly},
    part::Part,
    quadrature::{Panel, integral},
    shape::{self, Shape},
};

/// The most densities in a mixture. Games allow three; what is paid for a score grows with the square.
pub(super) const PARTS: usize = 16;

/// The quantiles that a range is parted at before it is integrated over: no part's rise may lie unseen
/// between two of them.
const MARKED: [f64; 7] = [1e-6, 0.001, 0.1, 0.5, 0.9, 0.999, 1.0 - 1e-6];

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

    /// Half of what may come is below, half above.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Where the cdf is `p`, 0 < p < 1.
    fn quantile(&self, p: f64) -> f64 {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (_, part) in &self.parts {
            let own = part.quantile(p);
            (low, high) = (low.min(own), high.max(own));
        }
        // The mixture's lies between those of its parts.
        loop {
            let middle = low + 0.5 * (high - low);
            if !(low < middle && middle < high) {
                return middle;
            }
            if self.cdf(middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
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

    /// The probability of more than `x`: what `cdf` leaves to one, exact where it is small.
    #[must_use]
    pub fn sf(&self, x: f64) -> f64 {
        self.parts.iter().map(|(w, part)| w * part.sf(x)).sum()
    }

    /// The continuous ranked probability score at `x`, ∫ (F(y) − 1{y ≥ x})² dy; None where there is no
    /// finite mean. It is in closed form for single families and for mixtures of normals, and else
    /// integrated, to a relative 1e-7 at the worst.
    #[must_use]
    pub fn crps(&self, x: f64) -> Option<f64> {
        self.crps_within(&Budget::new(u64::MAX), x).ok().flatten()
    }

    /// The same, for no more than is left.
    pub(super) fn crps_within(&self, budget: &Budget, x: f64) -> Result<Option<f64>, TooCostly> {
        if self.mean().is_none() {
            return Ok(None);
        }
        budget.spend(self.effort());
        let closed = match self.parts.as_slice() {
            [(_, part)] => part.crps(x),
            parts if parts.iter().all(|(_, part)| part.shape == Shape::Norm) => {
                Some(crps_of_norms(parts, x))
            }
            _ => None,
        };
        let crps = closed.map_or_else(|| self.crps_by_quadrature(budget, x), Ok)?;
        budget.check()?;
        Ok(Some(crps.max(0.0)).filter(|crps| crps.is_finite()))
    }

    /// What the cdf at one place takes.
    fn effort(&self) -> u64 {
        self.parts.iter().map(|(_, part)| part.shape.effort()).sum()
    }

    /// What a function of the cdf at one place gives; nothing when it would cost more than is left.
    fn paid<'a>(
        &self,
        budget: &'a Budget,
        function: impl Fn(f64) -> f64 + 'a,
    ) -> impl Fn(f64) -> f64 + 'a {
        let effort = self.effort();
        move |y| {
            if budget.spend(effort) {
                function(y)
            } else {
                0.0
            }
        }
    }

    fn crps_by_quadrature(&self, budget: &Budget, x: f64) -> Result<f64, TooCostly> {
        let marks = self.marks(budget, x)?;
        let below: Vec<f64> = marks.iter().copied().filter(|mark| *mark <= x).collect();
        let above: Vec<f64> = marks.iter().copied().filter(|mark| *mark >= x).collect();
        let width = marks[marks.len() - 1] - marks[0];
        let mut panels = between(&below);
        panels.push(Panel::Below(below[0], width));
        let lower = integral(&self.paid(budget, |y| self.cdf(y).powi(2)), &panels);
        budget.check()?;
        let mut panels = between(&above);
        panels.push(Panel::Above(above[above.len() - 1], width));
        Ok(lower + integral(&self.paid(budget, |y| self.sf(y).powi(2)), &panels))
    }

    /// `x`, and the places between which the cdf is tame: its parts' supports' ends and quantiles.
    fn marks(&self, budget: &Budget, x: f64) -> Result<Vec<f64>, TooCostly> {
        let mut marks = vec![x];
        for (_, part) in &self.parts {
            budget.spend(part.shape.quantile_effort() * MARKED.len() as u64);
            budget.check()?;
            marks.extend(MARKED.map(|p| part.quantile(p)));
            marks.extend(part.support());
        }
        marks.retain(|mark| mark.is_finite());
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        Ok(marks)
    }

    /// E[min(|X − centre|, limit)²].
    pub(super) fn limited_variance(
        &self,
        budget: &Budget,
        centre: f64,
        limit: f64,
    ) -> Result<f64, TooCostly> {
        let beyond = |y: f64| 2.0 * y * (self.cdf(centre - y) + self.sf(centre + y));
        let far = self.marks(budget, centre)?.into_iter();
        let mut marks: Vec<f64> = far.map(|mark| (mark - centre).abs()).collect();
        marks.retain(|mark| *mark < limit);
        marks.push(limit);
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        let limited = integral(&self.paid(budget, beyond), &between(&marks));
        budget.check()?;
        Ok(limited)
    }

    fn weigh(&self, of: impl Fn(&Part) -> Option<f64>) -> Option<f64> {
        let mut sum = 0.0;
        for (weight, part) in &self.parts {
            sum += weight * of(part)?;
        }
        Some(sum).filter(|sum| sum.is_finite())
    }
}

fn between(marks: &[f64]) -> Vec<Panel> {
    let pairs = marks.windows(2);
    pairs.map(|pair| Panel::Between(pair[0], pair[1])).collect()
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
