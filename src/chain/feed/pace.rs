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
/// Blocks ahead of the newest from which on a block is doubted whose time does not fit: one wrong digit
/// would make every right one look old.
const LEAP: i64 = 20;
/// How much faster than the measured pace a leap may be.
const FASTER: u32 = 4;

/// The newest block of all connections, and the time that blocks take.
#[derive(Debug, Default)]
pub(super) struct Pace {
    best: Option<(Height, OffsetDateTime)>,
    recent: VecDeque<Duration>,
    /// A block far ahead of the newest, not believed yet.
    leap: Option<Height>,
    told: u64,
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
            let blocks = u32::try_from(height.0.saturating_sub(best.0)).unwrap_or(u32::MAX);
            let span = Duration::try_from(time - at).map(|span| span / blocks);
            let fits = |pace| span.is_ok_and(|span| span.saturating_mul(FASTER) >= pace);
            let is_leap = height > best.plus(LEAP) && !self.median().is_some_and(fits);
            if is_leap && !self.is_confirmed(height) {
                return Ok(false);
            }
            if let Ok(span) = span {
                self.recent.push_back(span);
                self.recent
                    .drain(..self.recent.len().saturating_sub(MEASURED));
            }
        }
        self.best = Some((height, time));
        self.told += 1;
        Ok(true)
    }

    /// Whether another such block was told just before this one.
    fn is_confirmed(&mut self, height: Height) -> bool {
        let before = self.leap.replace(height);
        before.is_some_and(|before| before < height && height <= before.plus(LEAP))
    }

    /// How many blocks were news.
    pub(super) const fn told(&self) -> u64 {
        self.told
    }

    /// How long a connection may say nothing of a block before it is doubted; `cap` at most, and
    /// until the pace is known.
    pub(super) fn patience(&self, cap: Duration) -> Duration {
        match self.median() {
            Some(median) => LEAST.max(median.saturating_mul(DOUBTED_AFTER)).min(cap),
            None => cap,
        }
    }

    /// The time that a block takes, once it is known.
    fn median(&self) -> Option<Duration> {
        let mut recent: Vec<_> = self.recent.iter().copied().collect();
        recent.sort_unstable();
        recent.get(recent.len() / 2).copied()
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
    fn a_leap_is_believed_when_its_time_fits_or_with_the_block_after_it() {
        let mut pace = Pace::default();
        for second in [100, 101, 102] {
            assert!(pace.judge(Height(second), at(second)).unwrap());
        }
        // A digit that was wrong on the way: the next block is no chain that begins anew.
        assert!(!pace.judge(Height(903), at(103)).unwrap());
        assert!(pace.judge(Height(104), at(104)).unwrap());
        assert!(!pace.judge(Height(105_000), at(105)).unwrap());
        assert!(pace.judge(Height(106), at(106)).unwrap());
        // The worker was away.
        assert!(pace.judge(Height(500), at(500)).unwrap());
        // The chain took a long rest and is faster now.
        assert!(!pace.judge(Height(900), at(502)).unwrap());
        assert!(pace.judge(Height(901), at(502)).unwrap());
        assert_eq!(pace.told(), 7);
    }

    #[test]
    fn heights_at_the_ends_of_numbers_are_no_obstacle() {
        let mut pace = Pace::default();
        assert!(pace.judge(Height(i64::MIN), at(1)).unwrap());
        assert!(!pace.judge(Height(i64::MAX), at(2)).unwrap(), "a leap");
        assert!(pace.behind(Some(Height(i64::MAX)), Height(1)).is_none());
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
