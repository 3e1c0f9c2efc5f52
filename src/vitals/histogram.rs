//! How long things took, in fixed classes.

use serde::{Deserialize, Serialize};

/// The classes' upper bounds, inclusive, in milliseconds; the last class has none.
pub const BOUNDS_MS: [f64; 12] = [
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0,
];

/// Times by class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Histogram {
    /// Times in each class: those of [`BOUNDS_MS`], and the longer ones.
    pub counts: [u64; BOUNDS_MS.len() + 1],
    /// All times.
    pub count: u64,
    /// Their sum, in milliseconds.
    pub sum_ms: f64,
}

impl Histogram {
    /// Takes note of a time in milliseconds.
    pub fn note(&mut self, ms: f64) {
        let class = BOUNDS_MS.iter().position(|bound| ms <= *bound);
        self.counts[class.unwrap_or(BOUNDS_MS.len())] += 1;
        self.count += 1;
        self.sum_ms += ms;
    }

    /// The time below which such a share of all lies (0.5 is the median), in milliseconds: between the
    /// bounds of its class it is taken to lie evenly. None without times; the last bound for those beyond.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * self.count as f64;
        let mut below = 0.0;
        let mut least = 0.0;
        for (bound, count) in BOUNDS_MS.iter().zip(self.counts) {
            let count = count as f64;
            if count > 0.0 && below + count >= wanted {
                return Some(least + (bound - least) * (wanted - below) / count);
            }
            below += count;
            least = *bound;
        }
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_within_their_class() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(0.5), None);
        for ms in [0.5, 3.0, 4.0, 5.0, 5.1, 60.0, 70.0, 80.0, 90.0, 99_000.0] {
            times.note(ms);
        }
        assert_eq!((times.count, times.counts[2], times.counts[12]), (10, 3, 1));
        let median = times.quantile(0.5).unwrap();
        assert!((5.0..=10.0).contains(&median), "{median}");
        let high = times.quantile(0.8).unwrap();
        assert!((50.0..=100.0).contains(&high), "{high}");
        assert_eq!(times.quantile(1.0), Some(10_000.0));
    }
}
