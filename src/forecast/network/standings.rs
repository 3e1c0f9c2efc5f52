//! How well models did, as it was known at any time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::BlendConfig;

/// A newest score below this is no bad luck: it counts whatever was before. The scores of
/// a week are mostly luck, and a good model's may well be below zero.
const COLLAPSE: f64 = -0.15;
/// Half-lives after which an old score has no say in the mean.
const LONGEST: u32 = 8;

/// A model's score at a time: how much of the reference's loss it saved. The greater the better; 0 is
/// as good as knowing nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// When it was known, unix seconds.
    pub at: i64,
    /// The score.
    pub score: f64,
}

/// The scores of a network's models over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standings(BTreeMap<Arc<str>, Vec<Standing>>);

impl Standings {
    /// Takes scores in any order. One that is no finite number is left out; of two of the same model and
    /// time the later one counts.
    #[must_use]
    pub fn new(scores: impl IntoIterator<Item = (Arc<str>, Standing)>) -> Self {
        let mut all: BTreeMap<Arc<str>, BTreeMap<i64, f64>> = BTreeMap::new();
        for (model, standing) in scores {
            if standing.score.is_finite() {
                all.entry(model)
                    .or_default()
                    .insert(standing.at, standing.score);
            }
        }
        let listed = |of: BTreeMap<i64, f64>| {
            of.into_iter()
                .map(|(at, score)| Standing { at, score })
                .collect()
        };
        Self(
            all.into_iter()
                .map(|(model, of)| (model, listed(of)))
                .collect(),
        )
    }

    /// What a model is worth by the scores from before a time: their mean, in which a score counts half
    /// as much for each half-life of its age. A newest one that is very low counts instead: a model that
    /// breaks down is not saved by what it was. None without a score that is young enough.
    #[must_use]
    pub fn of(&self, model: &str, before: i64, config: &BlendConfig) -> Option<f64> {
        let all = self.0.get(model)?;
        let known = all.get(..all.partition_point(|it| it.at < before))?;
        let newest = known.last()?;
        if before.saturating_sub(newest.at) > seconds(config.score_max_age) {
            return None;
        }
        let half_life = config.score_half_life.as_secs_f64().max(1.0);
        let oldest = before.saturating_sub(seconds(config.score_half_life.saturating_mul(LONGEST)));
        let (mut sum, mut total) = (0.0, 0.0);
        for it in known.iter().rev().take_while(|it| it.at >= oldest) {
            let weight = (-((newest.at - it.at) as f64) / half_life).exp2();
            sum += weight * it.score.clamp(-1.0, 1.0);
            total += weight;
        }
        let mean = if total > 0.0 {
            sum / total
        } else {
            newest.score
        };
        Some(if newest.score < COLLAPSE {
            newest.score
        } else {
            mean
        })
    }

    /// How many models have ever had a score.
    #[must_use]
    pub fn models(&self) -> usize {
        self.0.len()
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn standings(scores: &[(i64, f64)]) -> Standings {
        let all = scores.iter().map(|(day, score)| {
            let at = day * DAY;
            (Arc::from("a"), Standing { at, score: *score })
        });
        Standings::new(all)
    }

    fn config() -> BlendConfig {
        BlendConfig {
            score_half_life: Duration::from_hours(24),
            ..BlendConfig::default()
        }
    }

    #[test]
    fn what_came_later_is_not_known() {
        let all = standings(&[(1, 0.1), (2, 0.4), (3, -0.9)]);
        assert_eq!(all.of("a", DAY, &config()), None);
        assert_eq!(all.of("a", DAY + 1, &config()), Some(0.1));
        // (0.4 + 0.5 · 0.1) / 1.5
        let mean = all.of("a", 3 * DAY, &config()).unwrap();
        assert!((mean - 0.3).abs() < 1e-12, "{mean}");
        assert_eq!(all.of("b", 3 * DAY, &config()), None);
    }

    #[test]
    fn a_model_that_breaks_down_is_not_saved_by_its_past() {
        let all = standings(&[(1, 0.5), (2, 0.5), (3, 0.5), (4, -0.2)]);
        assert_eq!(all.of("a", 5 * DAY, &config()), Some(-0.2));
    }

    #[test]
    fn an_old_score_says_nothing() {
        let all = standings(&[(1, 0.5)]);
        assert_eq!(all.of("a", 8 * DAY, &config()), Some(0.5));
        assert_eq!(all.of("a", 8 * DAY + 1, &config()), None);
        assert_eq!(standings(&[(1, f64::NAN)]).models(), 0);
    }
}
