//! Log closes on a grid of hours, and the volatility known at the newest. Lags are hours on the clock,
//! never rows; hours may be missing.

/// Half-life in hours of the volatility that scales everything.
const HALF_LIFE: f64 = 720.0;
/// Lowest volatility of an hour; keeps flat prices from dividing by zero.
const LEAST_SIGMA: f64 = 1e-5;
/// Hours that the close at a lag may lie further back when its own hour is missing.
const TOLERANCE: usize = 3;
/// Hours without a close after which what was known before says nothing any more.
pub(super) const LONGEST_GAP: i64 = 24 * 90;

/// Log closes by the hour. Index 0 is the first hour, the last index the newest, which has a close.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Number of hours from 1970 to index 0.
    first: i64,
    /// NaN where the hour is missing.
    prices: Vec<f64>,
    closes: usize,
    decay: f64,
    sum: f64,
    weight: f64,
}

/// What became of a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is the newest now.
    Taken,
    /// It is no price, or not newer than the newest.
    Ignored,
    /// It comes so late after the newest that a new grid must begin.
    TooLate,
}

impl Grid {
    pub(super) fn new() -> Self {
        Self {
            first: 0,
            prices: Vec::new(),
            closes: 0,
            decay: 0.5_f64.powf(1.0 / HALF_LIFE),
            sum: 0.0,
            weight: 0.0,
        }
    }

    /// Adds the close of an hour, numbered from 1970. The volatility is a bias-corrected exponentially
    /// weighted root mean square of hourly returns; a return over a gap counts as one observation of
    /// its hourly share.
    pub(super) fn push(&mut self, hour: i64, close: f64) -> Pushed {
        if !(close.is_finite() && close > 0.0) {
            return Pushed::Ignored;
        }
        let price = close.ln();
        let Some(newest) = self.newest() else {
            self.first = hour;
            self.prices.push(price);
            self.closes = 1;
            return Pushed::Taken;
        };
        let gap = hour.saturating_sub(self.hour(newest));
        if gap <= 0 {
            return Pushed::Ignored;
        }
        if gap > LONGEST_GAP {
            return Pushed::TooLate;
        }
        let change = price - self.prices[newest];
        for _ in 1..gap {
            self.prices.push(f64::NAN);
            self.sum *= self.decay;
            self.weight *= self.decay;
        }
        self.prices.push(price);
        self.closes += 1;
        self.sum = self.decay * self.sum + change * change / gap as f64;
        self.weight = self.decay * self.weight + 1.0;
        Pushed::Taken
    }

    /// Index of the newest hour; none without closes.
    pub(super) fn newest(&self) -> Option<usize> {
        self.prices.len().checked_sub(1)
    }

    /// The number from 1970 of an index's hour.
    pub(super) fn hour(&self, at: usize) -> i64 {
        self.first.saturating_add_unsigned(at as u64)
    }

    /// How many hours have a close.
    pub(super) const fn closes(&self) -> usize {
        self.closes
    }

    /// Standard deviation of one hour's log-return, as known at the newest hour.
    pub(super) fn sigma(&self) -> f64 {
        let square = if self.weight > 0.0 {
            self.sum / self.weight
        } else {
            0.0
        };
        square.sqrt().max(LEAST_SIGMA)
    }

    /// The log close of an hour.
    pub(super) fn price(&self, at: usize) -> Option<f64> {
        let price = *self.prices.get(at)?;
        (!price.is_nan()).then_some(price)
    }

    /// The log-return of the last `lag` hours in units of its standard deviation. None when the close
    /// at the lag, and those shortly before it, are missing.
    pub(super) fn momentum(&self, lag: usize) -> Option<f64> {
        let newest = self.newest()?;
        let before = self.near(newest.checked_sub(lag)?)?;
        Some((self.prices[newest] - before) / (self.sigma() * (lag as f64).sqrt()))
    }

    /// The close of an hour, or the last one known then if that is not too long before.
    fn near(&self, at: usize) -> Option<f64> {
        (at.saturating_sub(TOLERANCE)..=at)
            .rev()
            .find_map(|hour| self.price(hour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising(hours: impl IntoIterator<Item = i64>) -> Grid {
        let mut grid = Grid::new();
        for hour in hours {
            let close = 100.0 * (0.001 * hour as f64).exp();
            assert_eq!(grid.push(hour, close), Pushed::Taken);
        }
        grid
    }

    #[test]
    fn a_steady_rise_scales_with_the_root_of_the_lag() {
        let grid = rising(-100..300);
        // Each hour moves by one standard deviation: lag / sqrt(lag).
        let day = grid.momentum(25).expect("25 h");
        assert!((day - 5.0).abs() < 1e-9, "{day}");
        assert!((grid.sigma() - 0.001).abs() < 1e-12);
        assert_eq!(grid.momentum(400), None);
        assert_eq!(grid.newest().map(|at| grid.hour(at)), Some(299));
    }

    #[test]
    fn lags_are_hours_on_the_clock_although_rows_are_missing() {
        // Hours 300 to 349 are missing, and hour 376 (24 hours before the newest) with them.
        let grid = rising((0..=400).filter(|h| !(300..350).contains(h) && *h != 376));
        let day = grid.momentum(24).expect("taken from the hour before");
        let sigma = grid.sigma();
        assert!((day - 0.025 / (sigma * 24.0_f64.sqrt())).abs() < 1e-9);
        assert_eq!(grid.momentum(72), None, "72 hours before lies in the gap");
        assert_eq!(grid.price(376), None);
        assert!((sigma - 0.001).abs() < 0.0002, "{sigma}");
        assert_eq!(grid.closes(), 401 - 51);
    }

    #[test]
    fn takes_only_newer_prices() {
        let mut grid = rising(0..10);
        for (hour, close) in [(9, 5.0), (3, 5.0), (10, f64::NAN), (10, 0.0), (10, -1.0)] {
            assert_eq!(grid.push(hour, close), Pushed::Ignored);
        }
        assert_eq!(grid.push(9 + LONGEST_GAP + 1, 5.0), Pushed::TooLate);
        assert_eq!(grid.push(i64::MAX, 5.0), Pushed::TooLate);
        assert_eq!(grid.closes(), 10);
        assert_eq!(grid.push(9 + LONGEST_GAP, 5.0), Pushed::Taken);
    }

    #[test]
    fn flat_prices_have_the_least_volatility() {
        let mut grid = Grid::new();
        for hour in 0..100 {
            grid.push(hour, 7.0);
        }
        assert!((grid.sigma() - LEAST_SIGMA).abs() < f64::EPSILON);
        assert_eq!(grid.momentum(24), Some(0.0));
    }
}
