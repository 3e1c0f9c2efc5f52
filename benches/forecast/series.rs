//! Prices that are made up: noise, with or without a signal in it.

use allora_worker::forecast::Candle;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Standard deviation of an hour's return without a signal.
const SIGMA: f64 = 0.006;
/// Midnight of 2023-01-01.
const START: i64 = 1_672_531_200;

/// Hourly prices whose drift follows the return of the last `lag` hours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    pub(crate) days: usize,
    /// Hours.
    pub(crate) lag: usize,
    /// Drift of an hour in standard deviations, for each standard deviation of the return over the
    /// lag. Below zero prices turn back.
    pub(crate) strength: f64,
    /// The day from which the drift has the other sign.
    pub(crate) flip: Option<usize>,
}

impl Series {
    /// One of such series.
    pub(crate) fn candles(self, seed: u64) -> Vec<Candle> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut logs = vec![0.0_f64];
        for hour in 1..=self.days * 24 {
            let drift = self.sign(hour) * self.strength * self.signal(&logs).clamp(-3.0, 3.0);
            logs.push(logs[hour - 1] + SIGMA * (drift + normal(&mut random)));
        }
        (START..).step_by(3600).zip(logs).map(candle).collect()
    }

    /// Share of the variance of the return over `hours` that the return over the lag explains.
    pub(crate) fn explained(self, candles: &[Candle], hours: usize) -> f64 {
        let logs: Vec<f64> = candles.iter().map(|candle| candle.close.ln()).collect();
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for at in self.lag..logs.len() - hours {
            let x = self.signal(&logs[..=at]).clamp(-3.0, 3.0);
            let y = logs[at + hours] - logs[at];
            (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
        }
        xy * xy / (xx * yy)
    }

    fn signal(self, logs: &[f64]) -> f64 {
        let newest = logs[logs.len() - 1];
        let before = logs
            .len()
            .checked_sub(1 + self.lag)
            .map_or(newest, |at| logs[at]);
        (newest - before) / (SIGMA * (self.lag as f64).sqrt())
    }

    fn sign(self, hour: usize) -> f64 {
        let turned = self.flip.is_some_and(|day| hour >= day * 24);
        if turned { -1.0 } else { 1.0 }
    }
}

fn candle((start, log): (i64, f64)) -> Candle {
    let close = 30_000.0 * log.exp();
    Candle {
        start,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1.0,
    }
}

/// A draw from the standard normal distribution.
fn normal(random: &mut StdRng) -> f64 {
    let size = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    size * (std::f64::consts::TAU * random.random::<f64>()).cos()
}
