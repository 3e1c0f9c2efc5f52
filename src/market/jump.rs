//! Closes that jump and are taken back by the next one.
//!
//! A wrong print looks like a crash that lasts for one candle. What tells them apart is what comes after:
//! a candle whose close is farther from the last good one than the bound is true if the next close stays
//! nearer to it than to the one before, and taken back if not. The newest candle has no next one: such a
//! jump is in doubt until it comes, unless a second source has seen it too.

use crate::forecast::Candle;

/// Seconds that may lie between a jump and the close before it. Over a longer gap a large change is no
/// jump.
const REACH: i64 = 24 * 3600;

/// What became of a close that jumped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// The next close is nearer to the one before.
    TakenBack {
        /// The last good close before it.
        before: f64,
        /// The close after it.
        after: f64,
    },
    /// There is no next one yet.
    InDoubt {
        /// The last good close before it.
        before: f64,
    },
}

/// Looks through candles in order of time. `bound` is the largest share by which a close may change.
/// Jumps that `vouched` knows, given the last
/// good close before them, are good.
pub(super) fn find<'a>(
    candles: impl Iterator<Item = &'a Candle>,
    bound: f64,
    vouched: impl Fn(&Candle, f64) -> bool,
) -> Vec<(Candle, Verdict)> {
    let most = bound.ln_1p();
    let mut found = Vec::new();
    let mut good: Option<&Candle> = None;
    let mut candles = candles.peekable();
    while let Some(candle) = candles.next() {
        let verdict = good
            .filter(|good| candle.start - good.start <= REACH)
            .filter(|good| distance(good.close, candle.close) > most)
            .filter(|good| !vouched(candle, good.close))
            .and_then(|good| judge(good.close, candle.close, candles.peek().map(|it| it.close)));
        match verdict {
            Some(verdict) => found.push((*candle, verdict)),
            None => good = Some(candle),
        }
    }
    found
}

fn judge(before: f64, close: f64, after: Option<f64>) -> Option<Verdict> {
    let Some(after) = after else {
        return Some(Verdict::InDoubt { before });
    };
    let taken_back = is_nearer(after, before, close);
    taken_back.then_some(Verdict::TakenBack { before, after })
}

/// Why a close that was taken back is not used.
pub(super) fn reason(before: f64, close: f64, after: f64) -> String {
    format!("its close jumps from {before} to {close}, and the next is {after}")
}

/// Whether a close is nearer to `one` than to `other`.
pub(super) fn is_nearer(close: f64, one: f64, other: f64) -> bool {
    distance(close, one) < distance(close, other)
}

fn distance(one: f64, other: f64) -> f64 {
    (one / other).ln().abs()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::market::testing::candle;

    const BEFORE: f64 = 100.0;

    fn found(closes: &[f64], vouched: Option<i64>) -> Vec<(i64, Verdict)> {
        let candles: Vec<_> = (0..)
            .zip(closes)
            .map(|(hour, close)| candle(hour * 3600, *close))
            .collect();
        let found = find(candles.iter(), 0.25, |candle, _| {
            vouched.is_some_and(|hour| candle.start == hour * 3600)
        });
        found
            .into_iter()
            .map(|(candle, verdict)| (candle.start / 3600, verdict))
            .collect()
    }

    const fn back(before: f64, after: f64) -> Verdict {
        Verdict::TakenBack { before, after }
    }

    #[rstest]
    #[case::calm(&[100.0, 124.0, 100.0], &[])]
    #[case::up_and_back(&[100.0, 130.0, 101.0], &[(1, back(100.0, 101.0))])]
    #[case::down_and_back(&[100.0, 70.0, 99.0], &[(1, back(100.0, 99.0))])]
    #[case::a_true_crash(&[100.0, 70.0, 72.0, 71.0], &[])]
    #[case::half_way_back(&[100.0, 60.0, 75.0], &[])]
    #[case::more_than_half_way_back(&[100.0, 60.0, 85.0], &[(1, back(100.0, 85.0))])]
    #[case::the_newest(&[100.0, 70.0], &[(1, Verdict::InDoubt { before: BEFORE })])]
    #[case::twice(&[100.0, 1.0, 100.0, 1e9, 100.0], &[(1, back(100.0, 100.0)), (3, back(100.0, 100.0))])]
    #[case::after_one_taken_back(&[100.0, 1.0, 99.0, 98.0], &[(1, back(100.0, 99.0))])]
    fn a_jump_is_judged_by_what_follows(
        #[case] closes: &[f64],
        #[case] expected: &[(i64, Verdict)],
    ) {
        assert_eq!(found(closes, None), expected);
    }

    #[test]
    fn a_jump_that_another_source_has_seen_is_good() {
        assert_eq!(found(&[100.0, 70.0], Some(1)), []);
        let back = [100.0, 70.0, 100.0, 101.0];
        assert_eq!(found(&back, Some(1)), [], "so both were true");
    }

    #[test]
    fn over_a_day_s_gap_a_large_change_is_no_jump() {
        let candles = [candle(0, 100.0), candle(30 * 3600, 50.0)];
        assert_eq!(find(candles.iter(), 0.25, |_, _| false), []);
    }
}
