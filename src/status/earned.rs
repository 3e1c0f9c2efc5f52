//! What answers have earned.

use std::collections::BTreeMap;

use super::Spans;
use crate::{
    chain::Uallo,
    store::{Earnings, Span},
    types::TopicId,
};

/// What was paid in each of the spans.
pub(super) fn rewards(earned: &[&Earnings], spans: &Spans<Span>) -> Spans<Uallo> {
    let paid = |span: Span| {
        let rewards = earned.iter().flat_map(|it| &it.rewards);
        let within = rewards.filter(|it| span.holds(it.at));
        whole(within.map(|it| it.amount).sum())
    };
    Spans {
        today: paid(spans.today),
        week: paid(spans.week),
        period: paid(spans.period),
    }
}

/// A topic's newest score, and the newest moving average.
pub(super) fn scores(
    earned: &BTreeMap<TopicId, Earnings>,
    topic: TopicId,
) -> (Option<f64>, Option<f64>) {
    let Some(known) = earned.get(&topic) else {
        return (None, None);
    };
    let newest = || known.scores.iter().rev();
    (
        newest().find_map(|it| it.score),
        newest().find_map(|it| it.ema),
    )
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an amount is not below zero, and a cast holds at the largest"
)]
fn whole(amount: f64) -> Uallo {
    Uallo(amount as u128)
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime, macros::datetime};

    use super::*;
    use crate::{
        store::{NoncedScore, Reward},
        types::{Height, Nonce},
    };

    const NOW: OffsetDateTime = datetime!(2025-10-16 12:00 UTC);

    fn reward(hours_ago: i64, amount: f64) -> Reward {
        Reward {
            height: Height(1_000 - hours_ago),
            at: NOW - Duration::hours(hours_ago),
            amount,
        }
    }

    fn score(nonce: i64, score: Option<f64>, ema: Option<f64>) -> NoncedScore {
        NoncedScore {
            nonce: Nonce(nonce),
            at: NOW,
            score,
            ema,
        }
    }

    #[test]
    fn each_span_has_what_was_paid_in_it_and_all_topics_add_up() {
        let since = |hours| Span {
            from: NOW - Duration::hours(hours),
            to: NOW,
        };
        let spans = Spans {
            today: since(12),
            week: since(168),
            period: since(1_000),
        };
        let one = Earnings {
            rewards: vec![reward(500, 4.0), reward(100, 2.0), reward(1, 1.0)],
            ..Earnings::default()
        };
        let other = Earnings {
            rewards: vec![reward(2, 8e18)],
            ..Earnings::default()
        };
        let told = rewards(&[&one, &other], &spans);
        let all = 8_000_000_000_000_000_000;
        // A sum of floats is exact to 16 places.
        assert!(told.today.0.abs_diff(all + 1) < 2_000);
        assert_eq!(rewards(&[&one], &spans).week, Uallo(3));
        assert_eq!(rewards(&[&one], &spans).period, Uallo(7));
        assert_eq!(rewards(&[], &spans), Spans::default());
    }

    #[test]
    fn the_newest_of_each_is_told_whichever_nonce_it_is_of() {
        let known = Earnings {
            scores: vec![
                score(1, Some(0.5), Some(0.25)),
                score(2, Some(0.75), None),
                score(3, None, None),
            ],
            ..Earnings::default()
        };
        let earned = BTreeMap::from([(TopicId(67), known)]);
        assert_eq!(scores(&earned, TopicId(67)), (Some(0.75), Some(0.25)));
        assert_eq!(scores(&earned, TopicId(68)), (None, None));
    }
}
