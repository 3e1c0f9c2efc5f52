//! Pairs for tests: made from whole numbers alone, so that any tool can make the same.

use super::Pair;

/// `n` pairs of a small generator (x ← (1103515245·x + 12345) mod 2³¹, from 42; the outcome and the
/// noise from its upper bits). Each seventh outcome is 0, each eleventh forecast is 0.
pub(super) fn pairs(n: usize) -> Vec<Pair> {
    let mut state: u64 = 42;
    let mut next = || {
        state = (1_103_515_245 * state + 12_345) % (1 << 31);
        (state >> 8) as f64 / f64::from(1 << 22) - 1.0
    };
    let mut mood = 0.0;
    (0..n)
        .map(|row| {
            mood = 0.8 * mood + 0.02 * next();
            let noise = next();
            let outcome = if row % 7 == 3 { 0.0 } else { mood };
            let forecast = 0.1 * mood + 0.004 * noise;
            let forecast = if row % 11 == 5 { 0.0 } else { forecast };
            Pair { forecast, outcome }
        })
        .collect()
}
