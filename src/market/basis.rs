//! How far two sources of the same prices lie apart.

use std::fmt;

use serde::Serialize;

use crate::store::Pair;

/// The log differences of two sources' closes, first less second, over the intervals that both have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Basis {
    /// Intervals that both have.
    pub pairs: usize,
    /// Mean: how much the first stands above the second.
    pub mean: f64,
    /// Mean of the absolute differences.
    pub mean_absolute: f64,
    /// The largest absolute difference.
    pub largest: f64,
}

impl Basis {
    /// None without a pair.
    #[must_use]
    pub fn of(pairs: &[Pair]) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let count = pairs.len() as f64;
        let difference = |pair: &Pair| (pair.first / pair.second).ln();
        let absolute = |pair: &Pair| difference(pair).abs();
        Some(Self {
            pairs: pairs.len(),
            mean: pairs.iter().map(difference).sum::<f64>() / count,
            mean_absolute: pairs.iter().map(absolute).sum::<f64>() / count,
            largest: pairs.iter().map(absolute).fold(0.0, f64::max),
        })
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| share * 100.0;
        write!(
            f,
            "{:.3} % on average (mean {:+.3} %, at most {:.3} %) over {} candles",
            percent(self.mean_absolute),
            percent(self.mean),
            percent(self.largest),
            self.pairs,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_mean_and_largest_differences() {
        assert_eq!(Basis::of(&[]), None);
        let pair = |first: f64, second: f64| Pair {
            start: 0,
            first,
            second,
        };
        let e = std::f64::consts::E;
        let basis = Basis::of(&[pair(e, 1.0), pair(1.0, e * e), pair(2.0, 2.0)]).unwrap();
        assert_eq!(basis.pairs, 3);
        let near = |one: f64, other: f64| (one - other).abs() < 1e-12;
        assert!(near(basis.mean, -1.0 / 3.0), "{basis:?}");
        assert!(near(basis.mean_absolute, 1.0) && near(basis.largest, 2.0));
    }
}
