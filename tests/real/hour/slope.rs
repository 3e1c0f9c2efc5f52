//! Whether a series grows, from samples that hang together.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// The line through a series, a straight one by least squares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slope {
    /// In units an hour.
    pub(crate) rate: f64,
    /// Its standard error; not a number with fewer than three blocks.
    pub(crate) error: f64,
    /// Half the width of its interval of 95 %.
    pub(crate) half: f64,
    /// How many blocks of samples it is made of.
    pub(crate) blocks: usize,
}

/// What a slope says, held against a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The whole interval is below the bound.
    Flat,
    /// The whole interval is above the bound.
    Grows,
    /// The bound is inside: the run was too short to tell.
    Open,
}

impl Slope {
    /// Of a series of seconds and values. Samples that follow each other are alike, and would make the
    /// error too small: each is the mean of a block of `block` seconds. What comes before `warm` seconds
    /// is left out.
    pub(crate) fn of(series: &[(f64, f64)], warm: f64, block: f64) -> Self {
        let means = means(series, warm, block);
        let count = means.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| means.iter().map(of).sum::<f64>() / count;
        let (at, value) = (mean(|it| it.0), mean(|it| it.1));
        let spread: f64 = means.iter().map(|it| (it.0 - at).powi(2)).sum();
        let both: f64 = means.iter().map(|it| (it.0 - at) * (it.1 - value)).sum();
        let slope = both / spread;
        let rest = |it: &(f64, f64)| (it.1 - value - slope * (it.0 - at)).powi(2);
        let rest: f64 = means.iter().map(rest).sum();
        let error = (rest / (count - 2.0) / spread).sqrt();
        let quantile = StudentsT::new(0.0, 1.0, count - 2.0);
        let quantile = quantile.map_or(f64::NAN, |it| it.inverse_cdf(0.975));
        Self {
            rate: slope,
            error,
            half: quantile * error,
            blocks: means.len(),
        }
    }

    /// Whether it is below a bound in units an hour.
    pub(crate) fn verdict(&self, bound: f64) -> Verdict {
        if self.rate + self.half <= bound {
            Verdict::Flat
        } else if self.rate - self.half > bound {
            Verdict::Grows
        } else {
            Verdict::Open
        }
    }
}

/// The means of whole blocks, with their middles in hours.
fn means(series: &[(f64, f64)], warm: f64, block: f64) -> Vec<(f64, f64)> {
    let last = series.last().map_or(0.0, |(at, _)| *at);
    let mut means = Vec::new();
    let mut from = warm;
    // The last sample of a whole block may come a moment early.
    while from + 0.98 * block <= last {
        let inside = series
            .iter()
            .filter(|(at, _)| (from..from + block).contains(at));
        let values: Vec<f64> = inside.map(|(_, value)| *value).collect();
        if !values.is_empty() {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            means.push(((from + block / 2.0) / 3_600.0, mean));
        }
        from += block;
    }
    means
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use rstest::rstest;

    use super::*;

    /// An hour, each 10 s: from 20 on, by `slope` an hour, with noise that hangs together for minutes.
    fn hour(slope: f64, seed: u64) -> Vec<(f64, f64)> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut noise = 0.0;
        (0..=360)
            .map(|sample| {
                let at = 10.0 * f64::from(sample);
                noise = 0.9 * noise + random.random_range(-0.05..0.05);
                (at, 20.0 + slope * at / 3_600.0 + noise)
            })
            .collect()
    }

    #[rstest]
    #[case(0.0, Verdict::Flat)]
    #[case(-3.0, Verdict::Flat)]
    #[case(3.0, Verdict::Grows)]
    fn an_hour_tells_a_leak_from_noise(#[case] leak: f64, #[case] expected: Verdict) {
        for seed in 0..20 {
            let slope = Slope::of(&hour(leak, seed), 600.0, 300.0);
            assert_eq!(slope.blocks, 10);
            assert_eq!(slope.verdict(1.0), expected, "{slope:?}");
            assert!((slope.rate - leak).abs() < 4.0 * slope.error, "{slope:?}");
        }
    }

    #[test]
    fn what_comes_before_the_warm_up_does_not_count_and_too_little_says_nothing() {
        let mut series = hour(0.0, 1);
        let whole = Slope::of(&series, 600.0, 300.0);
        for (at, value) in &mut series {
            *value += if *at < 600.0 { -15.0 } else { 0.0 };
        }
        let warm = Slope::of(&series, 600.0, 300.0);
        assert!((warm.rate - whole.rate).abs() < 1e-12);
        let short = Slope::of(&series[..100], 600.0, 300.0);
        assert_eq!((short.blocks, short.verdict(1.0)), (1, Verdict::Open));
    }

    #[test]
    fn the_error_is_that_of_the_text_books() {
        // Five blocks of one sample, an hour apart: slope 0.6, residuals with a sum of squares of 2.4.
        let series = [(0.0, 2.0), (1.0, 4.0), (2.0, 5.0), (3.0, 4.0), (4.0, 5.0)];
        let series: Vec<_> = series.map(|(at, it)| (3_600.0 * at, it)).to_vec();
        let slope = Slope::of(&[series, vec![(17_950.0, 5.0)]].concat(), 0.0, 3_600.0);
        assert!((slope.rate - 0.6).abs() < 1e-9, "{slope:?}");
        let error = (2.4_f64 / 3.0 / 10.0).sqrt();
        assert!((slope.error - error).abs() < 1e-9, "{slope:?}");
        // The 97.5 % quantile with three degrees of freedom.
        assert!((slope.half / error - 3.182_446).abs() < 1e-4, "{slope:?}");
    }
}
