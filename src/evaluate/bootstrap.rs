//! How sure the measures are: a circular block bootstrap.
//!
//! Whole blocks of consecutive rows are drawn, so that what neighbours share (outcomes overlap over a
//! horizon, and markets have moods) stays in each draw. Sums over the rows before each row are made
//! once; a draw then costs a handful of operations a block, however many rows a block holds.

use std::thread;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

use super::{
    Pair, Score,
    sums::{Hits, Stretch, Sums, is_hit},
};

/// Blocks below which nothing is said: too few to be drawn from.
const LEAST_BLOCKS: usize = 3;
/// Share of the draws on each side that a 95 % interval leaves out.
const TAIL: f64 = 0.025;

/// From where to where: 95 % of the draws lie between. Written as `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// 2.5 % of the draws lie below.
    pub low: f64,
    /// 2.5 % of the draws lie above.
    pub high: f64,
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// A 95 % interval for each measure of [`Score`]; none where there is too little to draw from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// Of [`Score::rmse_ratio`].
    pub rmse_ratio: Option<Interval>,
    /// Of [`Score::directional_accuracy`].
    pub directional_accuracy: Option<Interval>,
    /// Of [`Score::da_ci_lower`].
    pub da_ci_lower: Option<Interval>,
    /// Of [`Score::da_p_value`].
    pub da_p_value: Option<Interval>,
    /// Of [`Score::pearson_r`].
    pub pearson_r: Option<Interval>,
    /// Of [`Score::pearson_p_value`].
    pub pearson_p_value: Option<Interval>,
    /// Of [`Score::wrmse_improvement`].
    pub wrmse_improvement: Option<Interval>,
    /// Of [`Score::czar`].
    pub czar: Option<Interval>,
}

/// A circular block bootstrap. The same seed gives the same intervals, on any number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Consecutive rows that are drawn together: those of 28 days, for one.
    pub rows_per_block: usize,
    /// Series that are drawn.
    pub draws: usize,
    /// What the draws start from.
    pub seed: u64,
    /// Threads that draw; at least one.
    pub threads: usize,
}

impl Bootstrap {
    /// The intervals of pairs in order of time. Below three blocks of rows there are none.
    #[must_use]
    pub fn intervals(&self, pairs: &[Pair]) -> Intervals {
        let block = self.rows_per_block.max(1);
        if self.draws == 0 || pairs.len() / block < LEAST_BLOCKS {
            return Intervals::default();
        }
        let rows = Rows::new(pairs, block);
        let threads = self.threads.clamp(1, self.draws);
        let share = self.draws.div_ceil(threads);
        let drawn: Vec<Score> = thread::scope(|scope| {
            let rows = &rows;
            let parts: Vec<_> = (0..threads)
                .map(|part| part * share..((part + 1) * share).min(self.draws))
                .map(|part| {
                    let work = move || {
                        part.filter_map(|draw| rows.draw(self.seed, draw))
                            .collect::<Vec<_>>()
                    };
                    scope.spawn(work)
                })
                .collect();
            let joined = parts.into_iter().map(thread::ScopedJoinHandle::join);
            // A part that panicked draws nothing; sums of floats don't.
            joined.flat_map(Result::unwrap_or_default).collect()
        });
        let of = |measure: fn(&Score) -> f64| interval(drawn.iter().map(measure).collect());
        Intervals {
            rmse_ratio: of(|it| it.rmse_ratio),
            directional_accuracy: of(|it| it.directional_accuracy),
            da_ci_lower: of(|it| it.da_ci_lower),
            da_p_value: of(|it| it.da_p_value),
            pearson_r: of(|it| it.pearson_r),
            pearson_p_value: of(|it| it.pearson_p_value),
            wrmse_improvement: of(|it| it.wrmse_improvement),
            czar: of(|it| it.czar),
        }
    }
}

/// Where the blocks of a draw begin, in their order. The last one is cut so that a draw has as many
/// rows as there are.
pub(super) fn starts(seed: u64, draw: usize, rows: usize, block: usize) -> Vec<usize> {
    // A stream of its own for each draw: who draws it does not matter.
    let mut random =
        StdRng::seed_from_u64(seed ^ (draw as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let blocks = rows.div_ceil(block);
    (0..blocks).map(|_| random.random_range(0..rows)).collect()
}

/// Sums over all rows before each row. The first block of rows follows once more after the last row,
/// so that a block may run over the end.
struct Rows {
    count: usize,
    block: usize,
    sums: Vec<Sums>,
    /// Rows with a direction before each row.
    directed: Vec<usize>,
    /// Of those with a direction: whether each was right.
    hits: Vec<bool>,
    /// Of those: right ones before each.
    right: Vec<f64>,
    /// Of those: how many before each were right together with their next.
    both: Vec<f64>,
}

impl Rows {
    fn new(pairs: &[Pair], block: usize) -> Self {
        let circle = || pairs.iter().cycle().take(pairs.len() + block);
        let mut sums = vec![Sums::default()];
        let (mut directed, mut hits) = (vec![0], Vec::new());
        let mut before = Sums::default();
        for pair in circle() {
            before = before.plus(&Sums::of(pair));
            sums.push(before);
            if pair.outcome != 0.0 {
                hits.push(is_hit(pair));
            }
            directed.push(hits.len());
        }
        let right = cumulated(hits.iter().copied());
        let both = cumulated(hits.windows(2).map(|pair| pair[0] && pair[1]));
        Self {
            count: pairs.len(),
            block,
            sums,
            directed,
            hits,
            right,
            both,
        }
    }

    /// The measures of one drawn series.
    fn draw(&self, seed: u64, draw: usize) -> Option<Score> {
        let mut left = self.count;
        let starts = starts(seed, draw, self.count, self.block);
        let drawn = starts.into_iter().fold(Stretch::default(), |all, start| {
            let length = self.block.min(left);
            left -= length;
            all.then(&self.stretch(start, start + length))
        });
        drawn.score()
    }

    /// The rows from `start` up to `end`, without the latter.
    fn stretch(&self, start: usize, end: usize) -> Stretch {
        let sums = self.sums[end].minus(&self.sums[start]);
        let (first, past) = (self.directed[start], self.directed[end]);
        let Some(last) = past.checked_sub(1).filter(|last| *last >= first) else {
            let hits = Hits::default();
            return Stretch { sums, hits };
        };
        let hits = Hits {
            rows: (past - first) as f64,
            right: self.right[past] - self.right[first],
            both: self.both[last] - self.both[first],
            ..Hits::of(self.hits[first])
        };
        let last = Hits::of(self.hits[last]).last;
        let hits = Hits { last, ..hits };
        Stretch { sums, hits }
    }
}

/// How many were true before each, and of all.
fn cumulated(values: impl Iterator<Item = bool>) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = vec![0.0];
    sums.extend(values.map(|value| {
        sum += f64::from(u8::from(value));
        sum
    }));
    sums
}

/// Where the middle 95 % of the values lie, read between neighbours in proportion.
fn interval(mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let low = quantile(&values, TAIL)?;
    let high = quantile(&values, 1.0 - TAIL)?;
    Some(Interval { low, high })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list, from 0 on"
)]
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
