//! The chain's pace, as headers tell it, and what it makes of silence.

use std::{collections::VecDeque, time::Duration};

use time::OffsetDateTime;

use super::frame::Loss;
use crate::{chain::rpc::TOLERATED_LAG, types::Height};

/// Blocks by which the pace is measured.
const MEASURED: usize = 7;
/// Block times of silence after which a connection is doubted.
const DOUBTED_AFTER: u32 = 3;
/// The least such time: a fast chain has its pauses too.
const LEAST: Duration = Duration::from_secs(3);

/// The newest block of all connections, and the time that blocks take.
#[derive(Debug, Default)]
pub(super) struct Pace {
    best: Option<(Height, OffsetDateTime)>,
    recent: VecDeque<Duration>,
}

impl Pace {
    /// Whether a block is news. A lower height at a later time is another chain under the old name.
    pub(super) fn judge(&mut self, height: Height, time: OffsetDateTime) -> Result<bool, Loss> {
        if let Some((best, at)) = self.best {
            if height <= best {
                let is_anew = height < best && time > at;
                return if is_anew {
                    Err(Loss::Anew(height, best))
                } else {
                    Ok(false)
                };
            }
            let blocks = u32::try_from(height.0 - best.0).unwrap_or(u32::MAX);
            if let Ok(span) = Duration::try_from(time - at) {
                self.recent.push_back(span / blocks);
                self.recent
                    .drain(..self.recent.len().saturating_sub(MEASURED));
            }
        }
        self.best = Some((height, time));
        Ok(true)
    }

    /// How long a connection may say nothing of a block before it is doubted; `cap` at most, and
    /// until the pace is known.
    pub(super) fn patience(&self, cap: Duration) -> Duration {
        let mut recent: Vec<_> = self.recent.iter().copied().collect();
        recent.sort_unstable();
        match recent.get(recent.len() / 2) {
            Some(&median) => LEAST.max(median.saturating_mul(DOUBTED_AFTER)).min(cap),
            None => cap,
        }
    }

    /// The heights of a connection and of the chain, when the connection is behind. Before it told
    /// of a block, it is taken to be as far as the ones before it.
    pub(super) fn behind(&self, newest: Option<Height>, head: Height) -> Option<(Height, Height)> {
        let newest = newest.or(self.best.map(|(best, _)| best))?;
        (newest.plus(TOLERATED_LAG) < head).then_some((newest, head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_secs(second.unsigned_abs())
    }

    #[test]
    fn only_a_newer_block_is_a_sign_of_life() {
        let mut pace = Pace::default();
        assert!(pace.judge(Height(100), at(100)).unwrap());
        assert!(pace.judge(Height(101), at(101)).unwrap());
        assert!(!pace.judge(Height(101), at(101)).unwrap());
        assert!(!pace.judge(Height(90), at(90)).unwrap(), "a node that lags");
        let anew = pace.judge(Height(5), at(200)).unwrap_err();
        assert!(matches!(anew, Loss::Anew(..)), "{anew}");
    }

    #[test]
    fn three_usual_block_times_of_silence_are_borne() {
        let cap = Duration::from_secs(25);
        let mut pace = Pace::default();
        assert_eq!(pace.patience(cap), cap, "until the pace is known");
        for (height, second) in [(1, 0), (2, 5), (3, 10), (4, 610), (5, 615)] {
            pace.judge(Height(height), at(second)).unwrap();
        }
        // The chain's halt of ten minutes is no pace.
        assert_eq!(pace.patience(cap), Duration::from_secs(15));
        assert_eq!(pace.patience(Duration::from_secs(4)).as_secs(), 4);
        for height in 6..20 {
            pace.judge(Height(height), at(610 + height)).unwrap();
        }
        assert_eq!(pace.patience(cap), LEAST, "blocks of a second");
    }

    #[test]
    fn blocks_that_were_not_heard_count_in_the_pace() {
        let mut pace = Pace::default();
        pace.judge(Height(1), at(0)).unwrap();
        pace.judge(Height(11), at(60)).unwrap();
        assert_eq!(pace.patience(Duration::from_mins(1)).as_secs(), 18);
    }

    #[test]
    fn a_connection_that_lags_is_known_by_the_head() {
        let mut pace = Pace::default();
        assert_eq!(pace.behind(None, Height(50)), None, "nothing was heard yet");
        pace.judge(Height(40), at(0)).unwrap();
        assert_eq!(pace.behind(None, Height(42)), None);
        let behind = Some((Height(40), Height(43)));
        assert_eq!(pace.behind(None, Height(43)), behind);
        assert_eq!(pace.behind(Some(Height(41)), Height(43)), None);
    }
}
