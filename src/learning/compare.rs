//! Ours among the others: the z-score before the outcome is known, the rank after.

use super::LearningConfig;
use crate::{
    forecast::Target,
    store::{Field, Peers, Resolution},
};

/// How far our value is from the others'.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Ours, in the target's unit.
    pub value: f64,
    /// Inferers beside us.
    pub count: usize,
    /// The others' mean; none without others.
    pub mean: Option<f64>,
    /// Their standard deviation (n − 1), not below the floor; none for fewer than two.
    pub spread: Option<f64>,
    /// `(value − mean) / spread`; none for fewer others than are asked for.
    pub z: Option<f64>,
    /// The network's combined value, if it has one.
    pub combined: Option<f64>,
    /// What is to be made of it.
    pub verdict: Verdict,
}

/// What a z-score says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing unusual, or too few others to tell.
    Usual,
    /// Beyond `notice_z`.
    Notice,
    /// Beyond `warning_z`.
    Warning,
}

/// Compares our value with the others', who don't hold it: with ours among them no z could ever be
/// large (for six at most 2.04).
#[must_use]
pub fn compare(
    config: &LearningConfig,
    target: Target,
    value: f64,
    others: &[f64],
    combined: Option<f64>,
) -> Comparison {
    let count = others.len();
    let mean = (count > 0).then(|| others.iter().sum::<f64>() / count as f64);
    let spread = mean.filter(|_| count > 1).map(|mean| {
        let squares: f64 = others.iter().map(|it| (it - mean).powi(2)).sum();
        let deviation = (squares / (count as f64 - 1.0)).sqrt();
        deviation.max(floor(config, target, mean))
    });
    let enough = count >= config.least_peers as usize;
    let z = mean
        .zip(spread)
        .filter(|_| enough)
        .map(|(mean, spread)| (value - mean) / spread);
    let verdict = match z.map(f64::abs) {
        Some(z) if z > config.warning_z => Verdict::Warning,
        Some(z) if z > config.notice_z => Verdict::Notice,
        _ => Verdict::Usual,
    };
    Comparison {
        value,
        count,
        mean,
        spread,
        z,
        combined,
        verdict,
    }
}

/// The least spread in the target's unit.
fn floor(config: &LearningConfig, target: Target, mean: f64) -> f64 {
    match target {
        Target::LogReturn => config.least_spread,
        Target::PercentReturn => 100.0 * config.least_spread,
        Target::Price => config.least_spread * mean.abs(),
    }
}

/// Where a resolved forecast stands among the others of its nonce. Who errs as much as we do shares
/// our place.
#[must_use]
pub fn rank(resolution: &Resolution, peers: &Peers) -> Field {
    let loss = |value: f64| (value - resolution.outcome).powi(2);
    let values: Vec<f64> = peers.inferers.values().copied().collect();
    let better = values.iter().filter(|it| loss(**it) < resolution.loss);
    let count = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
    Field {
        place: count(better.count() + 1),
        places: count(values.len() + 1),
        median_loss: median(values).map(loss),
        combined_loss: peers.combined.map(loss),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[values.len() / 2 - 1], upper))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn against(value: f64, others: &[f64]) -> Comparison {
        let config = LearningConfig::default();
        compare(&config, Target::LogReturn, value, others, Some(0.25))
    }

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-12)
    }

    #[test]
    fn z_is_the_distance_from_the_others_mean_in_their_deviations() {
        // Mean 0.03; squares 4 + 1 + 0 + 1 + 4 = 10 of 0.01²; deviation 0.01·√2.5.
        let others = [0.01, 0.02, 0.03, 0.04, 0.05];
        let found = against(0.0, &others);
        assert!(near(found.mean, 0.03) && near(found.spread, 0.01 * 2.5_f64.sqrt()));
        assert!(near(found.z, -3.0 / 2.5_f64.sqrt()), "{found:?}");
        assert_eq!((found.count, found.combined), (5, Some(0.25)));
        assert_eq!(found.verdict, Verdict::Usual);
        let at = |z: f64| against(0.03 + z * 0.01 * 2.5_f64.sqrt(), &others).verdict;
        let verdicts = [1.9, 2.1, 2.9, -3.1].map(at);
        let (notice, warning) = (Verdict::Notice, Verdict::Warning);
        assert_eq!(verdicts, [Verdict::Usual, notice, notice, warning]);
    }

    #[test]
    fn few_others_give_no_z() {
        let found = against(9.0, &[0.1, 0.2, 0.1, 0.2]);
        assert!(near(found.mean, 0.15) && found.spread.is_some());
        assert_eq!((found.z, found.verdict), (None, Verdict::Usual));
        let found = against(9.0, &[]);
        assert_eq!((found.mean, found.spread, found.z), (None, None, None));
    }

    #[test]
    fn where_all_say_the_same_the_floor_is_the_spread() {
        assert!(near(against(0.0103, &[0.01; 5]).z, 3.0));
        let config = LearningConfig::default();
        let price = compare(&config, Target::Price, 50_010.0, &[50_000.0; 6], None);
        assert!(near(price.spread, 5.0) && near(price.z, 2.0), "{price:?}");
        let percent = compare(&config, Target::PercentReturn, 1.02, &[1.0; 6], None);
        assert!(near(percent.spread, 0.01) && percent.z.is_some_and(|z| (z - 2.0).abs() < 1e-9));
    }

    fn ranked(value: f64, others: &[f64], combined: Option<f64>) -> Field {
        let outcome = 0.5;
        let resolution = Resolution {
            base: 1.0,
            close: 1.0,
            outcome,
            loss: (value - outcome) * (value - outcome),
            zero_loss: outcome * outcome,
        };
        let inferers = others.iter().enumerate();
        let inferers: BTreeMap<_, _> = inferers.map(|(i, v)| (i.to_string(), *v)).collect();
        rank(&resolution, &Peers { combined, inferers })
    }

    #[test]
    fn the_rank_counts_who_was_closer() {
        // Off by: ours 0.25; theirs 0.5, 0.125, 0.25, 1; the median is (0.375 + 0.75) / 2.
        let field = ranked(0.25, &[0.0, 0.375, 0.75, 1.5], Some(1.0));
        assert_eq!((field.place, field.places), (2, 5));
        assert!(near(field.median_loss, 0.062_5 * 0.062_5));
        assert!(near(field.combined_loss, 0.25));
    }

    #[test]
    fn alone_we_are_first_of_one() {
        let field = ranked(0.5, &[], None);
        assert_eq!((field.place, field.places), (1, 1));
        assert_eq!((field.median_loss, field.combined_loss), (None, None));
        assert!(near(median(vec![3.0, 1.0, 2.0]), 2.0));
    }
}
