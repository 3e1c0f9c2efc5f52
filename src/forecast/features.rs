//! Features and labels on a grid of hours. Lags are hours on the clock, never rows; what is computed
//! for an hour uses closes up to that hour alone.

use super::{Candle, HOUR};

/// Lags in hours with 28 days of closes or more.
pub(super) const FULL_LAGS: &[usize] = &[24, 168, 336];
/// Lags in hours with fewer.
pub(super) const REDUCED_LAGS: &[usize] = &[24, 72];

/// Half-life in hours of the volatility that scales everything.
const SLOW: f64 = 720.0;
/// Half-life in hours of the volatility that is compared with it.
const FAST: f64 = 24.0;
/// Lowest volatility of an hour; keeps flat prices from dividing by zero.
const LEAST_SIGMA: f64 = 1e-5;
/// Scaled values beyond this are held there.
const CLIP: f64 = 4.0;
/// Hours that the close at a lag may lie further back when its own hour is missing.
const TOLERANCE: usize = 3;

/// Log closes by the hour, with the volatility known at each. Index 0 is the oldest hour.
#[derive(Debug)]
pub(super) struct Grid {
    prices: Vec<Option<f64>>,
    slow: Vec<f64>,
    fast: Vec<f64>,
}

impl Grid {
    /// The grid of the newest `hours` hours up to the newest candle. The candles are ascending.
    pub(super) fn new(candles: &[Candle], hours: usize) -> Self {
        let prices = lay_out(candles, hours);
        let slow = volatility(&prices, SLOW);
        let fast = volatility(&prices, FAST);
        Self { prices, slow, fast }
    }

    /// Index of the newest hour, which always has a close; none without candles.
    pub(super) fn newest(&self) -> Option<usize> {
        self.prices.len().checked_sub(1)
    }

    /// How many hours up to and including `at` have a close.
    pub(super) fn closes(&self, at: usize) -> usize {
        self.prices.iter().take(at + 1).flatten().count()
    }

    /// Volatility of one hour as known at `at`: the standard deviation of the log-return.
    pub(super) fn sigma(&self, at: usize) -> f64 {
        self.slow.get(at).copied().unwrap_or(LEAST_SIGMA)
    }

    /// The features of an hour: the return over each lag in units of its volatility, and how lively
    /// the last day was against the last months. None when the hour has no close; a feature is none
    /// when the close at its lag is missing.
    pub(super) fn features(&self, at: usize, lags: &[usize]) -> Option<Vec<Option<f64>>> {
        let price = self.price(at)?;
        let sigma = self.sigma(at);
        let mut row: Vec<_> = lags
            .iter()
            .map(|&lag| {
                let before = self.near(at.checked_sub(lag)?)?;
                Some(clip((price - before) / (sigma * (lag as f64).sqrt())))
            })
            .collect();
        let lively = self.fast.get(at).map(|fast| clip((fast / sigma).ln()));
        row.push(lively);
        Some(row)
    }

    /// The return over the next `horizon` hours in units of the volatility known at `at`. None when
    /// one of the two closes is missing.
    pub(super) fn label(&self, at: usize, horizon: usize) -> Option<f64> {
        let change = self.price(at.checked_add(horizon)?)? - self.price(at)?;
        Some(clip(change / (self.sigma(at) * (horizon as f64).sqrt())))
    }

    fn price(&self, at: usize) -> Option<f64> {
        *self.prices.get(at)?
    }

    /// The close of an hour, or the last one known then if that is not too long before.
    fn near(&self, at: usize) -> Option<f64> {
        (at.saturating_sub(TOLERANCE)..=at)
            .rev()
            .find_map(|hour| self.price(hour))
    }
}

fn clip(value: f64) -> f64 {
    value.clamp(-CLIP, CLIP)
}

fn lay_out(candles: &[Candle], hours: usize) -> Vec<Option<f64>> {
    let Some(newest) = candles.last() else {
        return Vec::new();
    };
    let back = |candle: &Candle| usize::try_from((newest.start - candle.start) / HOUR).ok();
    let recent: Vec<(usize, f64)> = candles
        .iter()
        .rev()
        .map_while(|candle| Some((back(candle).filter(|&b| b < hours)?, candle.close.ln())))
        .collect();
    let span = recent.last().map_or(0, |(back, _)| back + 1);
    let mut prices = vec![None; span];
    for (back, price) in recent {
        prices[span - 1 - back] = Some(price);
    }
    prices
}

/// Bias-corrected, exponentially weighted root mean square of hourly returns, hour by hour. A return
/// over a gap counts as one observation of its hourly share.
fn volatility(prices: &[Option<f64>], half_life: f64) -> Vec<f64> {
    let decay = 0.5_f64.powf(1.0 / half_life);
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut last: Option<(usize, f64)> = None;
    let mut sigmas = Vec::with_capacity(prices.len());
    for (hour, price) in prices.iter().enumerate() {
        sum *= decay;
        weight *= decay;
        if let Some(price) = *price {
            if let Some((before, from)) = last {
                sum += (price - from).powi(2) / (hour - before) as f64;
                weight += 1.0;
            }
            last = Some((hour, price));
        }
        let square = if weight > 0.0 { sum / weight } else { 0.0 };
        sigmas.push(square.sqrt().max(LEAST_SIGMA));
    }
    sigmas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(hour: i64, close: f64) -> Candle {
        Candle {
            start: hour * HOUR,
            open: close,
            high: close,
            low: close,
            close,
            volume: 1.0,
        }
    }

    fn rising(hours: impl IntoIterator<Item = i64>) -> Vec<Candle> {
        let price = |h: i64| 100.0 * (0.001 * h as f64).exp();
        hours.into_iter().map(|h| candle(h, price(h))).collect()
    }

    #[test]
    fn a_steady_rise_scales_with_the_root_of_the_lag() {
        let grid = Grid::new(&rising(0..400), 1000);
        let row = grid.features(399, FULL_LAGS).expect("a row");
        // Each hour moves by one standard deviation: lag / sqrt(lag), held at 4.
        assert_eq!(row.len(), 4);
        assert!((row[0].expect("24 h") - 4.0).abs() < 1e-9);
        assert!((grid.sigma(399) - 0.001).abs() < 1e-9);
        let label = grid.label(399 - 9, 9).expect("a label");
        assert!((label - 3.0).abs() < 1e-9, "{label}");
    }

    #[test]
    fn lags_are_hours_on_the_clock_although_rows_are_missing() {
        // Hours 300 to 349 are missing, and hour 376 (24 hours before the newest) with them.
        let hours = (0..=400).filter(|h| !(300..350).contains(h) && *h != 376);
        let grid = Grid::new(&rising(hours), 1000);
        let row = grid.features(400, &[24, 72]).expect("a row");
        let day = row[0].expect("taken from the hour before");
        assert!((day - 4.0).abs() < 1e-9);
        assert_eq!(row[1], None, "72 hours before lies in the gap");
        assert_eq!(grid.features(376, &[24]), None);
        assert_eq!(grid.label(376, 10), None);
        assert!(
            (grid.sigma(400) - 0.001).abs() < 0.0002,
            "{}",
            grid.sigma(400)
        );
        assert_eq!(grid.closes(400), 401 - 51);
    }

    #[test]
    fn looks_back_no_further_than_the_window() {
        let mut candles = vec![candle(-1_000_000, 5.0)];
        candles.extend(rising(0..100));
        let grid = Grid::new(&candles, 50);
        assert_eq!(grid.newest(), Some(49));
        assert_eq!(grid.closes(49), 50);
        assert_eq!(Grid::new(&[], 50).newest(), None);
    }

    #[test]
    fn flat_prices_have_the_least_volatility() {
        let flat: Vec<_> = (0..100).map(|h| candle(h, 7.0)).collect();
        let grid = Grid::new(&flat, 1000);
        assert!((grid.sigma(99) - LEAST_SIGMA).abs() < f64::EPSILON);
        let row = grid.features(99, &[24]).expect("a row");
        assert_eq!(row, [Some(0.0), Some(0.0)]);
    }
}
