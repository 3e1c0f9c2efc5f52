//! The middle and the end of figures.

use std::fmt;

/// The middle and the end of what was measured.
#[derive(Clone, Debug)]
pub struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    /// Of these figures.
    #[must_use]
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        Self { sorted: figures }
    }

    /// What this many percent of all do not exceed; NaN of nothing.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.sorted.len() * percent).div_ceil(100);
        let found = self.sorted.get(rank.saturating_sub(1));
        found.copied().unwrap_or(f64::NAN)
    }
}

impl Spread {
    /// Writes it with this unit after each figure.
    ///
    /// # Errors
    /// When nothing more can be written.
    pub fn write(&self, to: &mut impl fmt::Write, unit: &str) -> fmt::Result {
        write!(
            to,
            "p50 {:.1}{unit}, p99 {:.1}{unit}, at most {:.1}{unit} ({} measured)",
            self.percentile(50),
            self.percentile(99),
            self.percentile(100),
            self.sorted.len()
        )
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}
