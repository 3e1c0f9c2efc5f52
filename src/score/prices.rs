//! What an asset's price was at a time. Pure.

use crate::store::Close;

/// Closes of an asset, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    closes: Vec<Close>,
    spacing: i64,
}

impl Track {
    /// Closes in the order of their times; what is no price is left out.
    pub(super) fn new(mut closes: Vec<Close>) -> Self {
        closes.retain(|close| close.price.is_finite() && close.price > 0.0);
        let mut gaps: Vec<_> = closes
            .windows(2)
            .map(|pair| pair[1].at - pair[0].at)
            .collect();
        let middle = gaps.len() / 2;
        let spacing = if gaps.is_empty() {
            0
        } else {
            *gaps.select_nth_unstable(middle).1
        };
        Self { closes, spacing }
    }

    /// Seconds from one close to the next, in the middle.
    pub(super) const fn spacing(&self) -> i64 {
        self.spacing
    }

    /// The newest close at a time or before it, if it is not older than so many seconds.
    pub(super) fn at(&self, time: i64, oldest: i64) -> Option<f64> {
        let after = self.closes.partition_point(|close| close.at <= time);
        let close = self.closes.get(after.checked_sub(1)?)?;
        (time - close.at <= oldest).then_some(close.price)
    }

    /// How old a close may be that stands for the price at the ends of a step, in seconds: `tolerance`,
    /// or two closes' time where that is within the step. A price that is older than the step itself
    /// would tell nothing of it.
    pub(super) fn oldest(&self, tolerance: i64, step: i64) -> i64 {
        tolerance.max(step.min(self.spacing * 2))
    }
}

/// How far prices have come: what they tell of time. No other clock does, so that a replay is scored
/// as it goes, and a feed that stands still makes predictions wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// The newest close of the asset, unix seconds.
    pub(super) asset: i64,
    /// The newest close of any of the crunch's assets.
    pub(super) all: i64,
    /// How far they come past a gap before it stays one, in seconds.
    pub(super) give_up: i64,
}

/// What is known of the prices that a prediction needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// All of them, in the order of the times asked for.
    Prices(Vec<f64>),
    /// They may still come.
    NotYet,
    /// There will be none at this time, unix seconds.
    Never(i64),
}

/// The prices at times in ascending order.
pub(super) fn known(
    track: &Track,
    reach: Reach,
    oldest: i64,
    times: impl Iterator<Item = i64>,
) -> Known {
    let mut prices = Vec::with_capacity(times.size_hint().0);
    let mut waits = false;
    for time in times {
        let is_late = reach.all >= time.saturating_add(reach.give_up);
        match track.at(time, oldest) {
            Some(price) if is_late || reach.asset >= time => prices.push(price),
            None if is_late => return Known::Never(time),
            _ => waits = true,
        }
    }
    if waits {
        Known::NotYet
    } else {
        Known::Prices(prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(closes: &[(i64, f64)]) -> Track {
        let closes = closes.iter().map(|(at, price)| Close {
            at: *at,
            price: *price,
        });
        Track::new(closes.collect())
    }

    fn known(track: &Track, asset: i64, all: i64, times: &[i64]) -> Known {
        let reach = Reach {
            asset,
            all,
            give_up: 1_000,
        };
        super::known(track, reach, 90, times.iter().copied())
    }

    #[test]
    fn a_price_is_the_newest_close_that_is_not_too_old() {
        let track = track(&[(60, 1.0), (120, 2.0), (180, f64::NAN), (240, 4.0)]);
        assert_eq!(track.at(59, 90), None);
        assert_eq!(track.at(60, 90), Some(1.0));
        assert_eq!(track.at(119, 90), Some(1.0));
        assert_eq!(track.at(210, 90), Some(2.0));
        assert_eq!(track.at(211, 90), None);
        assert_eq!(track.at(330, 90), Some(4.0));
        assert_eq!(Track::default().at(0, 90), None);
    }

    #[test]
    fn wider_closes_serve_wider_steps() {
        let hourly = track(&[(0, 1.0), (3_600, 1.0), (7_200, 1.0), (86_400, 1.0)]);
        assert_eq!(hourly.spacing(), 3_600);
        assert_eq!(hourly.oldest(300, 86_400), 7_200);
        assert_eq!(hourly.oldest(300, 3_600), 3_600);
        assert_eq!(hourly.oldest(300, 60), 300);
        assert_eq!(track(&[(0, 1.0)]).oldest(300, 86_400), 300);
    }

    #[test]
    fn prices_that_may_come_are_waited_for_and_others_are_not() {
        let gap = track(&[(0, 1.0), (60, 2.0), (600, 3.0)]);
        let prices = |prices: &[f64]| Known::Prices(prices.to_vec());
        assert_eq!(
            known(&gap, 600, 600, &[30, 60, 600]),
            prices(&[1.0, 2.0, 3.0])
        );
        // A newer close may still come to stand at that time.
        assert_eq!(known(&gap, 600, 600, &[30, 630]), Known::NotYet);
        assert_eq!(known(&gap, 630, 630, &[30, 630]), prices(&[1.0, 3.0]));
        // A gap may be filled for a while, by the time that prices tell.
        assert_eq!(known(&gap, 600, 600, &[30, 400]), Known::NotYet);
        assert_eq!(known(&gap, 1_399, 1_399, &[400, 600]), Known::NotYet);
        assert_eq!(known(&gap, 1_400, 1_400, &[400, 600]), Known::Never(400));
        // Another asset's prices tell it as well.
        assert_eq!(known(&gap, 600, 1_700, &[30, 700]), Known::Never(700));
        assert_eq!(known(&gap, 600, 1_700, &[30, 660]), prices(&[1.0, 3.0]));
    }
}
