//! What is missing between candles.

use std::ops::Range;

/// Stretches of unix seconds without a candle, in order, of candles' starts in order. Beside those
/// between candles there may be one before the first and one after the last.
pub(super) fn find(
    starts: impl IntoIterator<Item = i64>,
    within: Range<i64>,
    interval: i64,
) -> Vec<Range<i64>> {
    let mut gaps = Vec::new();
    let mut expected = within.start;
    for start in starts {
        if start > expected {
            gaps.push(expected..start);
        }
        expected = expected.max(start + interval);
    }
    if within.end > expected {
        gaps.push(expected..within.end);
    }
    gaps
}

/// How many intervals are missing in all.
pub(super) fn missing(gaps: &[Range<i64>], interval: i64) -> usize {
    let each = gaps.iter().map(|gap| (gap.end - gap.start) / interval);
    usize::try_from(each.sum::<i64>()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_missing_at_the_ends_and_between() {
        let gaps = find([20, 30, 60], 0..90, 10);
        assert_eq!(gaps, [0..20, 40..60, 70..90]);
        assert_eq!(missing(&gaps, 10), 6);
        assert_eq!(find([0, 10], 0..20, 10), []);
        assert_eq!(find([], 0..20, 10), vec![0..20; 1]);
    }
}
