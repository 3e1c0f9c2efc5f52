//! Prices with a part that can be known: a drift that comes and goes, which no price tells.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Standard deviation of an hour's log-return.
pub(crate) const SIGMA: f64 = 0.006;
/// Horizons after which half of a drift is gone.
const HALF_LIFE: f64 = 0.7;

/// Hourly closes, and what of the log-return over the next horizon could be known at each.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) closes: Vec<f64>,
    pub(crate) knowable: Vec<f64>,
}

impl Market {
    /// `days` days in which a share of `explained` of the variance of the return over so many hours could
    /// be known.
    pub(crate) fn new(seed: u64, days: usize, hours: usize, explained: f64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let decay = 0.5_f64.powf(1.0 / (HALF_LIFE * hours as f64));
        let reach = (1.0 - decay.powf(hours as f64)) / (1.0 - decay);
        // Of an hour's drift, in standard deviations.
        let strength = (hours as f64 * explained).sqrt() / reach;
        let (mut drift, mut log) = (normal(&mut random), 30_000.0_f64.ln());
        let (mut closes, mut knowable) = (Vec::new(), Vec::new());
        for _ in 0..days * 24 {
            closes.push(log.exp());
            knowable.push(SIGMA * strength * reach * drift);
            log += SIGMA * (strength * drift + normal(&mut random));
            drift = decay * drift + (1.0 - decay * decay).sqrt() * normal(&mut random);
        }
        Self { closes, knowable }
    }
}

/// A draw from the standard normal distribution.
pub(crate) fn normal(random: &mut StdRng) -> f64 {
    let size = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    size * (std::f64::consts::TAU * random.random::<f64>()).cos()
}
