//! How fast the chain's blocks come, as they are heard of.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::types::Height;

/// Until two blocks have been heard of.
const USUAL: Duration = Duration::from_secs(5);
/// A block time to reckon with at least, and at most.
const LEAST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_mins(1);
/// Intervals that are remembered. Blocks that are heard of late come one upon the other: fewer than half
/// of these do not count.
const REMEMBERED: usize = 9;

/// The pace of the newest blocks.
#[derive(Debug, Default)]
pub(super) struct Pace {
    newest: Option<(Height, Instant)>,
    /// Time for each block, the oldest first.
    intervals: VecDeque<Duration>,
}

impl Pace {
    /// A block was heard of, and the ones before it with it.
    pub(super) fn hear(&mut self, height: Height, at: Instant) {
        let before = self.newest.replace((height, at));
        let Some((known, then)) = before.filter(|(known, _)| height > *known) else {
            return;
        };
        let blocks = u32::try_from(height.0 - known.0).unwrap_or(u32::MAX);
        if self.intervals.len() == REMEMBERED {
            self.intervals.pop_front();
        }
        self.intervals.push_back((at - then) / blocks);
    }

    /// The usual time between two blocks: the median of the newest, within limits.
    pub(super) fn block_time(&self) -> Duration {
        let mut sorted: Vec<_> = self.intervals.iter().copied().collect();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied();
        median.unwrap_or(USUAL).clamp(LEAST, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn paced(waits: impl IntoIterator<Item = (i64, Duration)>) -> Duration {
        let (mut pace, mut height, mut now) = (Pace::default(), 100, Instant::now());
        pace.hear(Height(height), now);
        for (blocks, wait) in waits {
            height += blocks;
            now += wait;
            pace.hear(Height(height), now);
        }
        pace.block_time()
    }

    #[test]
    fn the_usual_one_until_two_blocks_are_heard_of() {
        assert_eq!(Pace::default().block_time(), USUAL);
        assert_eq!(paced([]), USUAL);
        assert_eq!(paced([(1, SECOND)]), SECOND);
    }

    #[test]
    fn a_burst_after_a_break_changes_nothing() {
        let steady = [(1, SECOND * 5); 6];
        let burst = [(1, SECOND * 30), (1, SECOND / 1000), (1, SECOND / 1000)];
        assert_eq!(paced(steady.into_iter().chain(burst)), SECOND * 5);
    }

    #[test]
    fn blocks_that_were_missed_count() {
        assert_eq!(paced([(6, SECOND * 30)]), SECOND * 5);
    }

    #[test]
    fn a_new_pace_is_learnt_and_bounded() {
        let steady = [(1, SECOND * 5); 9];
        assert_eq!(paced(steady.into_iter().chain([(1, SECOND); 5])), SECOND);
        assert_eq!(paced([(1, SECOND / 1000); 5]), LEAST);
        assert_eq!(paced([(1, SECOND * 3600); 5]), MOST);
    }
}
