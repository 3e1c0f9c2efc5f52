//! How well models did at what is forecast, as it was known at any time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A mean over the newest days below this is no bad luck: it counts whatever was before. The scores of
/// a week are mostly luck, and a good model's may well be below zero.
const COLLAPSE: f64 = -0.15;
/// The newest days that tell of a collapse, in seconds.
const NEWEST: i64 = 7 * 86_400;
/// The most that a round can cost, in losses of the reference: as the Scoring worker has it, one answer
/// that is wholly wrong is not held against a model for ever.
const WORST: f64 = 6.0;

/// What a model's answer to one round was worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// When its horizon had passed, unix seconds: it is known from then on.
    pub at: i64,
    /// Its continuous ranked probability score; the smaller the better.
    pub loss: f64,
    /// That of the reference, which knows only how far prices moved before.
    pub reference: f64,
}

/// The scores of a network's models over time, at one asset and horizon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standings(BTreeMap<Arc<str>, Vec<(i64, f64)>>);

impl Standings {
    /// Takes scores in any order. Those of which either is no number, or whose reference is not above
    /// zero, are left out. `half_life` is that of a score's weight.
    #[must_use]
    pub fn new(
        scores: impl IntoIterator<Item = (Arc<str>, Standing)>,
        half_life: Duration,
    ) -> Self {
        let mut all: BTreeMap<Arc<str>, Vec<Standing>> = BTreeMap::new();
        for (model, it) in scores {
            let can_be_told = it.reference > 0.0 && it.reference.is_finite();
            if can_be_told && !it.loss.is_nan() {
                all.entry(model).or_default().push(it);
            }
        }
        let half_life = half_life.as_secs_f64().max(1.0);
        let of = |mut scores: Vec<Standing>| {
            scores.sort_by(|a, b| {
                let by_time = a.at.cmp(&b.at);
                by_time.then_with(|| a.loss.total_cmp(&b.loss))
            });
            over_time(&scores, half_life)
        };
        Self(all.into_iter().map(|(model, it)| (model, of(it))).collect())
    }

    /// What a model is worth by the scores from before a time: how much of the reference's loss it saved
    /// over its rounds, of which one counts half as much for each half-life of its age. The greater the
    /// better; 0 is as good as knowing nothing. The newest week counts instead when it is very low: a
    /// model that breaks down is not saved by what it was. None without a score.
    #[must_use]
    pub fn of(&self, model: &str, before: i64) -> Option<f64> {
        let all = self.0.get(model)?;
        let known = all.partition_point(|(at, _)| *at < before);
        Some(all.get(known.checked_sub(1)?)?.1)
    }
}

/// What a model is worth after each of its scores.
fn over_time(scores: &[Standing], half_life: f64) -> Vec<(i64, f64)> {
    let (mut loss, mut reference, mut last) = (0.0, 0.0, 0);
    let mut first = 0;
    let mut worth = Vec::with_capacity(scores.len());
    for (place, it) in scores.iter().enumerate() {
        let fade = (-((it.at - last) as f64) / half_life).exp2();
        loss = loss * fade + bounded(it);
        reference = reference * fade + it.reference;
        last = it.at;
        while it.at - scores[first].at >= NEWEST {
            first += 1;
        }
        let newest = &scores[first..=place];
        let (lost, due) = newest.iter().fold((0.0, 0.0), |(lost, due), it| {
            (lost + bounded(it), due + it.reference)
        });
        let (mean, newest) = (1.0 - loss / reference, 1.0 - lost / due);
        worth.push((it.at, if newest < COLLAPSE { newest } else { mean }));
    }
    worth
}

fn bounded(it: &Standing) -> f64 {
    it.loss.clamp(0.0, WORST * it.reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn standings(losses: &[(i64, f64)]) -> Standings {
        let all = losses.iter().map(|(day, loss)| {
            let (at, loss, reference) = (day * DAY, *loss, 1.0);
            (
                Arc::from("a"),
                Standing {
                    at,
                    loss,
                    reference,
                },
            )
        });
        Standings::new(all, Duration::from_hours(24))
    }

    fn near(standing: Option<f64>, expected: f64) {
        assert!((standing.unwrap() - expected).abs() < 1e-12, "{standing:?}");
    }

    #[test]
    fn what_came_later_is_not_known() {
        let all = standings(&[(2, 0.6), (1, 0.9), (3, 1.9)]);
        assert_eq!(all.of("a", DAY), None);
        near(all.of("a", DAY + 1), 0.1);
        // (0.4 + 0.5 · 0.1) / 1.5
        near(all.of("a", 3 * DAY), 0.3);
        assert_eq!(all.of("b", 3 * DAY), None);
    }

    #[test]
    fn a_model_that_breaks_down_is_not_saved_by_its_past() {
        let good = (1..=20).map(|day| (day, 0.5));
        let bad: Vec<_> = good.chain((21..=27).map(|day| (day, 1.2))).collect();
        near(standings(&bad).of("a", 28 * DAY), -0.2);
        // One bad day is bad luck.
        assert!(standings(&bad[..21]).of("a", 28 * DAY).unwrap() > 0.0);
    }

    #[test]
    fn no_round_costs_more_than_the_worst() {
        near(standings(&[(1, f64::INFINITY)]).of("a", 2 * DAY), -5.0);
        near(standings(&[(1, 1e300)]).of("a", 2 * DAY), -5.0);
        assert_eq!(standings(&[(1, f64::NAN)]).of("a", 2 * DAY), None);
        let zero = Standing {
            at: 0,
            loss: 1.0,
            reference: 0.0,
        };
        let none = Standings::new([("a".into(), zero)], Duration::from_hours(24));
        assert_eq!(none.of("a", DAY), None);
    }
}
