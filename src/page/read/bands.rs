//! How sure the running ratio is.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    evaluate::{Bootstrap, Pair},
    forecast::Target,
    page::Band,
    store::Record,
};

/// Intervals of one record at most.
const MOST: usize = 24;
/// Series that are drawn for each: the ends then lie within a hundredth or so of those of many more.
const DRAWS: usize = 300;
/// What the draws start from: the same record gives the same intervals.
const SEED: u64 = 28;
/// The least length of a block.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// The intervals of a topic's running ratio. Those of an earlier part of the record are kept while the
/// record only grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Bands {
    /// By the number of forecasts.
    known: BTreeMap<usize, Option<Band>>,
    /// The record's beginning and the length of a block: with others nothing known holds.
    of: Option<(i64, usize)>,
}

impl Bands {
    /// The intervals at even steps, and of the whole record. Outcomes overlap over a horizon, so blocks of
    /// two of them are drawn, of a week at least; three blocks give the first interval.
    pub(super) fn of(
        &mut self,
        records: &[Record],
        target: Option<Target>,
        horizon: Option<Duration>,
    ) -> Vec<Band> {
        let block = rows_per_block(records, horizon.unwrap_or(WEEK));
        let of = records.first().map(|it| (it.nonce.0, block));
        if self.of != of {
            (self.known, self.of) = (BTreeMap::new(), of);
        }
        let pairs: Vec<Pair> = records.iter().map(|it| pair(it, target)).collect();
        let wanted = wanted(records.len());
        self.known.retain(|count, _| wanted.contains(count));
        for count in wanted {
            self.known
                .entry(count)
                .or_insert_with(|| band(&pairs[..count], records.get(count - 1)?, block));
        }
        self.known.values().flatten().cloned().collect()
    }
}

/// After how many forecasts: even steps that stay the same while the record grows, until it has doubled.
fn wanted(count: usize) -> Vec<usize> {
    let mut step = 1;
    while count / step > MOST - 1 {
        step *= 2;
    }
    let mut all: Vec<usize> = (1..=count / step).map(|it| it * step).collect();
    if count > 0 && all.last() != Some(&count) {
        all.push(count);
    }
    all
}

fn band(pairs: &[Pair], newest: &Record, block: usize) -> Option<Band> {
    let bootstrap = Bootstrap {
        rows_per_block: block,
        draws: DRAWS,
        seed: SEED,
        threads: 1,
    };
    let interval = bootstrap.intervals(pairs).rmse_ratio?;
    Some(Band {
        at: newest.opened,
        low: interval.low,
        high: interval.high,
    })
}

/// What "the price stays" is for a price is the price: both are measured from there.
fn pair(record: &Record, target: Option<Target>) -> Pair {
    let zero = match target {
        Some(Target::Price) => record.resolution.base,
        _ => 0.0,
    };
    Pair {
        forecast: record.value - zero,
        outcome: record.resolution.outcome - zero,
    }
}

/// By the mean distance between two windows, rounded so that it stays while the record grows.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive count, and 1 where it is not"
)]
fn rows_per_block(records: &[Record], horizon: Duration) -> usize {
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return 1;
    };
    let span = (last.opened - first.opened).as_seconds_f64();
    let gaps = records.len() as f64 - 1.0;
    if span <= 0.0 || gaps <= 0.0 {
        return 1;
    }
    let seconds = (horizon * 2).max(WEEK).as_secs_f64();
    let minutes = (span / gaps / 60.0).round().max(1.0);
    ((seconds / 60.0 / minutes).round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use time::{Duration as Span, macros::datetime};

    use super::*;
    use crate::{store::Resolution, types::Nonce};

    const WEEKLY: Option<Duration> = Some(WEEK);

    /// Daily forecasts that are half of what came, give or take.
    fn records(count: i64) -> Vec<Record> {
        let record = |day: i64| {
            let outcome = 0.01 * ((day * 5 % 11) as f64 - 5.2);
            let value = outcome * 0.5 + 0.001 * ((day * 7 % 13) as f64 - 6.0);
            Record {
                nonce: Nonce(day),
                opened: datetime!(2025-01-01 0:00 UTC) + Span::days(day),
                value,
                source: None,
                resolution: Resolution {
                    base: 1.0,
                    close: outcome.exp(),
                    outcome,
                    loss: (value - outcome).powi(2),
                    zero_loss: outcome * outcome,
                },
                field: None,
            }
        };
        (0..count).map(record).collect()
    }

    #[test]
    fn steps_are_few_and_stay_while_the_record_grows() {
        assert!(wanted(0).is_empty());
        for count in 1..3_000 {
            let steps = wanted(count);
            assert!(
                steps.len() <= MOST && steps.last() == Some(&count),
                "{count}"
            );
            assert!(steps.is_sorted() && steps[0] > 0);
            let next = wanted(count + 1);
            let kept = steps.iter().filter(|it| next.contains(it)).count();
            assert!(kept + 1 >= steps.len() / 2, "{count}");
        }
    }

    #[test]
    fn what_was_drawn_bit_by_bit_is_what_is_drawn_at_once() {
        let all = records(200);
        let mut grown = Bands::default();
        for count in [0, 1, 41, 42, 43, 90, 150, 199] {
            let _bands = grown.of(&all[..count], None, WEEKLY);
        }
        let grown = grown.of(&all, None, WEEKLY);
        assert_eq!(grown, Bands::default().of(&all, None, WEEKLY));
        assert!(grown.len() > 10 && grown.len() <= MOST);
        // Three blocks of fourteen days come first.
        assert!(grown[0].at >= all[41].opened);
        for band in &grown {
            assert!(
                0.3 < band.low && band.low < band.high && band.high < 0.8,
                "{band:?}"
            );
        }
        // Another record: nothing of the first one is left.
        let mut bands = Bands::default();
        let _of_another = bands.of(&all[100..], None, WEEKLY);
        assert_eq!(bands.of(&all, None, WEEKLY), grown);
        assert!(bands.of(&[], None, None).is_empty());
    }
}
