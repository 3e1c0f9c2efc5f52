//! Prices for tests: made by a small generator, hourly, from 2023-01-01 on.

use crate::forecast::{Candle, HOUR};

/// 2023-01-01T00:00:00Z
pub(super) const START: i64 = 1_672_531_200;

/// `hours` candles whose log closes walk at random with slow moods.
pub(super) fn candles(hours: i64) -> Vec<Candle> {
    let mut state: u64 = 7;
    let mut next = || {
        state = (1_103_515_245 * state + 12_345) % (1 << 31);
        (state >> 8) as f64 / f64::from(1 << 22) - 1.0
    };
    let (mut mood, mut log) = (0.0, 10.0_f64);
    (0..hours)
        .map(|hour| {
            mood = 0.999 * mood + 0.0001 * next();
            log += mood + 0.008 * next();
            let close = log.exp();
            Candle {
                start: START + hour * HOUR,
                open: close,
                high: close,
                low: close,
                close,
                volume: 1.0,
            }
        })
        .collect()
}
