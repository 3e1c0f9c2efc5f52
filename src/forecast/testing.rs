//! What the room's tests share: the bundled prices, and how far a forecast is from answering zero.

use std::{path::Path, sync::LazyLock, time::Duration};

use super::{Candle, HOUR, Step};

pub(super) const WEEK: Duration = Duration::from_secs(168 * 3600);

/// The bundled candles.
pub(super) static BUNDLED: LazyLock<Vec<Candle>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prices = crate::market::read_csv(&root.join("data/btcusd_1h_2023-01_2025-12.csv"));
    prices.expect("bundled prices").candles
});

/// A candle whose prices are all the same.
pub(super) fn candle(hour: i64, close: f64) -> Candle {
    Candle {
        start: hour * HOUR,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1.0,
    }
}

/// Squared errors of forecasts and of zero, by what came `hours` steps later in a history without gaps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Score {
    ours: f64,
    zero: f64,
}

impl Score {
    pub(super) fn add(&mut self, forecast: f64, outcome: f64) {
        self.ours += (outcome - forecast).powi(2);
        self.zero += outcome.powi(2);
    }

    /// Root mean square error against that of zero; below 1 is better.
    pub(super) fn ratio(&self) -> f64 {
        (self.ours / self.zero).sqrt()
    }
}

/// The score of all steps in a range of indices whose outcome is known.
pub(super) fn score(steps: &[Step], hours: usize, range: std::ops::Range<usize>) -> Score {
    let mut score = Score::default();
    let end = range.end.min(steps.len().saturating_sub(hours));
    for (at, step) in steps.iter().enumerate().take(end).skip(range.start) {
        let forecast = step
            .opinion
            .as_ref()
            .map_or(0.0, |opinion| opinion.log_return);
        score.add(forecast, (steps[at + hours].close / step.close).ln());
    }
    score
}
