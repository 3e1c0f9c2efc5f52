//! Which windows could be answered, and which were.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::track::Track;
use crate::ledger::{Answered, Window};

/// Blocks in a row, all with one door well and the worker running, that make a window answerable; the
/// season's count, too. A question that was out when the trouble came hangs for three seconds at most,
/// which are three of these chains' blocks; the transaction needs one more, and one is for a machine that
/// has other work.
pub(crate) const ENOUGH: usize = 5;

/// What is known of a run past the worker.
pub(crate) struct Truth<'a> {
    /// When each block was there.
    pub(crate) blocks: &'a BTreeMap<i64, OffsetDateTime>,
    /// When each door, and the node behind it, was well.
    pub(crate) doors: Vec<Vec<&'a Track>>,
    /// When the worker ran, and when it was not stopped.
    pub(crate) worker: &'a [Track],
}

/// What is to be said of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// The longest row of blocks in which it could be answered.
    pub(crate) row: usize,
    /// The same, with a worker that always runs.
    pub(crate) row_of_doors: usize,
    /// The block that holds the accepted answer, from the nonce.
    pub(crate) answered: Option<i64>,
    /// Our transactions in blocks, refused ones included.
    pub(crate) txs: usize,
    /// After an accepted one came another.
    pub(crate) twice: bool,
    /// It was answered and closed without us.
    pub(crate) uncounted: bool,
}

impl Sentence {
    /// Whether it had to be answered.
    pub(crate) const fn answerable(&self) -> bool {
        self.row >= ENOUGH
    }
}

/// Judges a window that has closed.
pub(crate) fn judge(one: &Answered, address: &str, truth: &Truth<'_>) -> Sentence {
    let mut txs = one.txs.iter();
    let answered = txs.find(|tx| tx.code == 0);
    Sentence {
        row: longest(&one.window, truth, truth.worker),
        row_of_doors: longest(&one.window, truth, &[]),
        answered: answered.map(|tx| tx.height - one.window.nonce),
        txs: one.txs.len(),
        twice: answered.is_some() && txs.next().is_some(),
        uncounted: answered.is_some() && !one.window.counted.contains(address),
    }
}

/// The longest row of blocks, from one to the next, in which one and the same door was well.
fn longest(window: &Window, truth: &Truth<'_>, worker: &[Track]) -> usize {
    let row = |door: &Vec<&Track>| {
        let (mut longest, mut row) = (0, 0);
        for height in window.nonce + 1..=window.end {
            let is_good = truth
                .blocks
                .get(&(height - 1))
                .zip(truth.blocks.get(&height))
                .is_some_and(|(from, until)| {
                    let mut all = door.iter().copied().chain(worker);
                    all.all(|track| track.covers(*from, *until))
                });
            row = if is_good { row + 1 } else { 0 };
            longest = longest.max(row);
        }
        longest
    };
    truth.doors.iter().map(row).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;
    use time::Duration;

    use super::*;
    use crate::chain::Submission;

    fn at(tenths: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(100 * tenths)
    }

    /// A window of ten blocks of a second, from block 100 at 0 s.
    fn answered(txs: &[(i64, u32)]) -> Answered {
        let submission = |(height, code): &(i64, u32)| Submission {
            topic: 67,
            nonce: 100,
            hash: String::new(),
            shared_by: 1,
            gas: 1,
            height: *height,
            code: *code,
            values: String::new(),
            log: String::new(),
        };
        Answered {
            window: Window::closed(67, 100, 110, BTreeSet::from(["us".to_owned()])),
            txs: txs.iter().map(submission).collect(),
        }
    }

    /// Bad in these stretches, in tenths of a second.
    fn track(bad: &[(i64, i64)]) -> Track {
        let mut track = Track::good();
        for (from, until) in bad {
            track.turn_at(at(*from), false);
            track.turn_at(at(*until), true);
        }
        track
    }

    fn rows(first: &[(i64, i64)], second: &[(i64, i64)], worker: &[(i64, i64)]) -> (usize, usize) {
        let blocks = (0..=10).map(|it| (100 + it, at(10 * it))).collect();
        let (first, second, worker) = (track(first), track(second), track(worker));
        let truth = Truth {
            blocks: &blocks,
            doors: vec![vec![&first], vec![&second]],
            worker: &[worker],
        };
        let sentence = judge(&answered(&[]), "us", &truth);
        (sentence.row, sentence.row_of_doors)
    }

    #[rstest]
    #[case(&[], &[], &[], (10, 10))]
    #[case(&[(45, 61)], &[(0, 100)], &[], (4, 4))]
    #[case(&[(0, 50)], &[(50, 100)], &[], (5, 5))]
    #[case(&[], &[], &[(45, 55)], (4, 10))]
    #[case(&[(0, 30)], &[], &[(0, 61)], (3, 10))]
    fn a_row_is_of_one_door_and_of_a_worker_that_runs(
        #[case] first: &[(i64, i64)],
        #[case] second: &[(i64, i64)],
        #[case] worker: &[(i64, i64)],
        #[case] expected: (usize, usize),
    ) {
        assert_eq!(rows(first, second, worker), expected);
    }

    #[rstest]
    #[case(&[], None, false)]
    #[case(&[(101, 0)], Some(1), false)]
    #[case(&[(101, 13), (103, 0)], Some(3), false)]
    #[case(&[(101, 0), (102, 67)], Some(1), true)]
    fn an_answer_counts_once_it_is_in(
        #[case] txs: &[(i64, u32)],
        #[case] block: Option<i64>,
        #[case] twice: bool,
    ) {
        let (blocks, worker) = (BTreeMap::new(), Track::good());
        let truth = Truth {
            blocks: &blocks,
            doors: Vec::new(),
            worker: &[worker],
        };
        let of = |address| judge(&answered(txs), address, &truth);
        assert_eq!((of("us").answered, of("us").twice), (block, twice));
        assert!(!of("us").uncounted && of("them").uncounted == block.is_some());
    }
}
