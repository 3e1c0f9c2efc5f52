//! What the room's tests share: the bundled prices, and how far a forecast is from answering zero.

use std::{path::Path, sync::LazyLock, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Candle, Choice, ForecastConfig, HOUR, Step};

pub(super) const WEEK: Duration = Duration::from_secs(168 * 3600);

/// Gates that can be told of after two months, so that a test need not walk through years.
pub(super) fn hasty(source: Choice) -> ForecastConfig {
    ForecastConfig {
        source,
        record_days: 120,
        record_least: 60,
        ..ForecastConfig::default()
    }
}

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

/// Hourly prices whose drift follows the return of the last `lag` hours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planted {
    pub(super) seed: u64,
    pub(super) days: u32,
    /// Hours.
    pub(super) lag: usize,
    /// Drift of an hour in standard deviations, for each standard deviation of the return over the
    /// lag. Below zero prices turn back.
    pub(super) strength: f64,
    /// The day from which the drift has the other sign.
    pub(super) flip: Option<u32>,
}

impl Planted {
    pub(super) fn candles(self) -> Vec<Candle> {
        const SIGMA: f64 = 0.006;
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut logs = vec![0.0_f64];
        let hours = self.days * 24;
        for hour in 1..=hours {
            let newest = logs[logs.len() - 1];
            let before = logs
                .len()
                .checked_sub(1 + self.lag)
                .map_or(newest, |at| logs[at]);
            let signal = (newest - before) / (SIGMA * (self.lag as f64).sqrt());
            let flipped = self.flip.is_some_and(|day| hour >= day * 24);
            let strength = if flipped {
                -self.strength
            } else {
                self.strength
            };
            let drift = strength * signal.clamp(-3.0, 3.0);
            logs.push(newest + SIGMA * (drift + normal(&mut random)));
        }
        let close = |log: f64| 30_000.0 * log.exp();
        (0..)
            .zip(logs)
            .map(|(hour, log)| candle(hour, close(log)))
            .collect()
    }
}

/// A draw from the standard normal distribution.
fn normal(random: &mut StdRng) -> f64 {
    let size = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    size * (std::f64::consts::TAU * random.random::<f64>()).cos()
}
