//! Which windows could be answered, and which were.

use std::time::{Duration, Instant};

use super::ENOUGH;
use crate::devnet::WindowRecord;

/// A stretch of time in which the worker ran: from when it was ready until it was killed.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// From when it counts as running.
    pub from: Instant,
    /// Until when; none while it runs.
    pub until: Option<Instant>,
}

impl Run {
    pub(super) fn covers(&self, from: Instant, until: Instant) -> bool {
        self.from <= from && self.until.is_none_or(|end| until <= end)
    }
}

/// What is to be said of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "these are independent facts")]
pub struct Sentence {
    /// An endpoint was healthy and the worker ran for five blocks in a row.
    pub answerable: bool,
    /// An endpoint was healthy for five blocks in a row, whether the worker ran or not.
    pub had_endpoint: bool,
    /// An answer of ours is the chain's.
    pub answered: bool,
    /// After that another one of ours came into a block.
    pub twice: bool,
    /// Every endpoint was healthy all the time.
    pub calm: bool,
    /// From the opening to the mempool.
    pub latency: Option<Duration>,
    /// From the opening to the block, in blocks.
    pub blocks: Option<i64>,
}

/// Judges a window that has closed.
#[must_use]
pub fn judge(window: &WindowRecord, ours: &str, runs: &[Run]) -> Sentence {
    let mut answers = window.answers.iter().filter(|it| it.sender == ours);
    let first = answers.find(|it| it.stands);
    Sentence {
        answerable: longest(window, |from, until| {
            runs.iter().any(|run| run.covers(from, until))
        }) >= ENOUGH,
        had_endpoint: longest(window, |_, _| true) >= ENOUGH,
        calm: window
            .blocks
            .iter()
            .all(|it| it.healthy.iter().all(|it| *it)),
        answered: first.is_some(),
        twice: first.is_some() && answers.next().is_some(),
        latency: first.map(|it| it.arrived.saturating_duration_since(window.opened)),
        blocks: first.map(|it| it.height - window.nonce),
    }
}

/// The longest row of blocks in which one and the same endpoint was healthy and `running` held from the
/// block before on.
fn longest(window: &WindowRecord, running: impl Fn(Instant, Instant) -> bool) -> usize {
    let endpoints = window.blocks.iter().map(|block| block.healthy.len()).max();
    let row = |endpoint: usize| {
        let (mut longest, mut row, mut before) = (0, 0, window.opened);
        for block in &window.blocks {
            let healthy = block.healthy.get(endpoint).copied().unwrap_or_default();
            row = if healthy && running(before, block.at) {
                row + 1
            } else {
                0
            };
            longest = longest.max(row);
            before = block.at;
        }
        longest
    };
    (0..endpoints.unwrap_or_default())
        .map(row)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use crate::devnet::{AnswerRecord, BlockRecord};

    /// A window whose endpoints are healthy (`x`) or not in each block.
    fn window(healthy: &[&str], codes: &[u32]) -> WindowRecord {
        let opened = Instant::now();
        let block = |at: usize| BlockRecord {
            height: 1_001 + i64::try_from(at).unwrap(),
            at: opened + Duration::from_millis(100) * u32::try_from(at + 1).unwrap(),
            healthy: healthy.iter().map(|it| it.as_bytes()[at] == b'x').collect(),
        };
        let answer = |(index, code): (usize, &u32)| AnswerRecord {
            sender: "us".into(),
            height: 1_001 + i64::try_from(index).unwrap(),
            code: *code,
            stands: *code == 0,
            arrived: opened + Duration::from_millis(7),
        };
        WindowRecord {
            topic: 67,
            nonce: 1_000,
            end: 1_010,
            opened,
            blocks: (0..10).map(block).collect(),
            answers: codes.iter().enumerate().map(answer).collect(),
            faults: BTreeSet::new(),
        }
    }

    fn always(window: &WindowRecord) -> Vec<Run> {
        let (from, until) = (window.opened, None);
        vec![Run { from, until }]
    }

    #[rstest]
    #[case(&["xxxxx....."], true)]
    #[case(&["xxxx.xxxx."], false)]
    #[case(&["xxx.......", "...xxxx..."], false)]
    #[case(&[".....xxxxx", ".........."], true)]
    fn five_blocks_of_one_endpoint_make_it_answerable(
        #[case] healthy: &[&str],
        #[case] answerable: bool,
    ) {
        let window = window(healthy, &[]);
        let sentence = judge(&window, "us", &always(&window));
        assert_eq!(sentence.answerable, answerable);
        assert_eq!(sentence.had_endpoint, answerable);
        assert!(!sentence.answered && !sentence.twice);
    }

    #[test]
    fn a_kill_in_its_middle_excuses_the_worker_and_not_the_endpoint() {
        let window = window(&["xxxxxxxxxx"], &[]);
        let at = |ms| window.opened + Duration::from_millis(ms);
        let runs = [(0, Some(450)), (650, None)].map(|(from, until)| Run {
            from: at(from),
            until: until.map(at),
        });
        let sentence = judge(&window, "us", &runs);
        assert!(!sentence.answerable && sentence.had_endpoint);
        let back_sooner = [
            runs[0],
            Run {
                from: at(500),
                ..runs[1]
            },
        ];
        assert!(judge(&window, "us", &back_sooner).answerable);
    }

    #[rstest]
    #[case(&[], false, false)]
    #[case(&[0], true, false)]
    #[case(&[13, 0], true, false)]
    #[case(&[0, 1], true, true)]
    #[case(&[13], false, false)]
    fn an_answer_counts_once_it_is_in(
        #[case] codes: &[u32],
        #[case] answered: bool,
        #[case] twice: bool,
    ) {
        let window = window(&["xxxxxxxxxx"], codes);
        let sentence = judge(&window, "us", &always(&window));
        assert_eq!((sentence.answered, sentence.twice), (answered, twice));
        assert!(!judge(&window, "them", &always(&window)).answered);
    }
}
