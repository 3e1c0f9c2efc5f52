//! Windows counted over a span of time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::types::{Height, WindowKey};

/// A window that opened, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Which.
    pub key: WindowKey,
    /// The last block that took a submission.
    pub end: Height,
    /// When it opened, as well as it is known.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What became of it.
    pub outcome: Outcome,
    /// Blocks from its opening to ours being in; 1 is the soonest.
    pub blocks: Option<i64>,
    /// Whether it is not in the journal, and taken to have opened by the topic's epoch length.
    pub is_estimated: bool,
}

/// What became of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It may still be answered, or the chain has not told yet.
    Open,
    /// Ours is on the chain; whether it counts is not known.
    Included,
    /// Ours is in the set that counts.
    Counted,
    /// Ours is on the chain, and others took all places.
    Outranked,
    /// It closed without ours.
    Missed(Miss),
}

/// Why a window was missed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// The journal tells it.
    Told(String),
    /// A worker was ready, and did not learn of it: cut off from the chain.
    Unheard,
    /// No worker ran here, or none that was ready.
    Down,
    /// It opened before a worker was first started here.
    BeforeFirstStart,
}

impl Miss {
    /// In words; of those that differ only in numbers one stands for all.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Told(cause) if cause.is_empty() => "not told".into(),
            Self::Told(cause) => alike(cause),
            Self::Unheard => "cut off: the worker ran and did not learn of it".into(),
            Self::Down => "the worker was down".into(),
            Self::BeforeFirstStart => "before the worker's first start".into(),
        }
    }
}

/// Numbers and hashes differ from window to window; the cause is the same.
fn alike(cause: &str) -> String {
    let word = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if digits > 3 {
            "…".to_owned()
        } else {
            word.to_owned()
        }
    };
    cause
        .split_whitespace()
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

/// From when, inclusive, to when, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub from: OffsetDateTime,
    /// The first moment after it.
    pub to: OffsetDateTime,
}

impl Span {
    /// Whether a moment is inside.
    #[must_use]
    pub fn holds(&self, at: OffsetDateTime) -> bool {
        self.from <= at && at < self.to
    }
}

/// What became of the windows of a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Windows that the chain opened, those in `open` included.
    pub opened: u64,
    /// Still open, or not decided yet.
    pub open: u64,
    /// With ours on the chain: counted, outranked, or neither is known.
    pub answered: u64,
    /// Of those answered: in the set that counts.
    pub counted: u64,
    /// Of those answered: others took all places.
    pub outranked: u64,
    /// Without ours.
    pub missed: u64,
    /// Of those missed: no worker was up.
    pub missed_while_down: u64,
    /// Missed windows by cause in words.
    pub causes: BTreeMap<String, u64>,
    /// Of those opened: not in the journal, and taken to have opened by the topic's epoch length.
    pub estimated: u64,
    /// Answered among those that are no longer open, from 0 to 1; none without any.
    pub rate: Option<f64>,
}

/// Counts the windows that opened in a span.
#[must_use]
pub fn count<'a>(windows: impl IntoIterator<Item = &'a Window>, span: Span) -> Tally {
    let mut tally = Tally::default();
    for window in windows.into_iter().filter(|it| span.holds(it.at)) {
        tally.opened += 1;
        tally.estimated += u64::from(window.is_estimated);
        match &window.outcome {
            Outcome::Open => tally.open += 1,
            Outcome::Included => tally.answered += 1,
            Outcome::Counted => {
                tally.answered += 1;
                tally.counted += 1;
            }
            Outcome::Outranked => {
                tally.answered += 1;
                tally.outranked += 1;
            }
            Outcome::Missed(miss) => {
                tally.missed += 1;
                let down = matches!(miss, Miss::Down | Miss::BeforeFirstStart);
                tally.missed_while_down += u64::from(down);
                *tally.causes.entry(miss.words()).or_default() += 1;
            }
        }
    }
    let done = tally.opened - tally.open;
    tally.rate = (done > 0).then(|| tally.answered as f64 / done as f64);
    tally
}

/// Blocks from a window's opening to ours being in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Half of the answers took so many at most.
    pub p50: i64,
    /// 99 of 100 did.
    pub p99: i64,
}

/// How many blocks answers took; none without any.
#[must_use]
pub fn pace<'a>(windows: impl IntoIterator<Item = &'a Window>, span: Span) -> Option<Pace> {
    let windows = windows.into_iter().filter(|it| span.holds(it.at));
    let mut blocks: Vec<i64> = windows.filter_map(|it| it.blocks).collect();
    blocks.sort_unstable();
    let rank = |percent: usize| {
        let index = (blocks.len() * percent).div_ceil(100);
        blocks.get(index.saturating_sub(1)).copied()
    };
    Some(Pace {
        p50: rank(50)?,
        p99: rank(99)?,
    })
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;
    use crate::types::{Nonce, TopicId};

    const START: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);

    fn window(hour: i64, outcome: Outcome) -> Window {
        let nonce = Nonce(100 * hour);
        Window {
            key: WindowKey {
                topic: TopicId(67),
                nonce,
            },
            end: nonce.height().plus(10),
            at: START + Duration::hours(hour),
            blocks: matches!(outcome, Outcome::Counted).then_some(hour),
            outcome,
            is_estimated: false,
        }
    }

    #[test]
    fn each_window_counts_once_and_an_open_one_is_no_failure() {
        let told = |text: &str| Outcome::Missed(Miss::Told(text.into()));
        let all = [
            window(0, Outcome::Counted),
            window(1, Outcome::Outranked),
            window(2, Outcome::Included),
            window(3, told("no node 123456 took it")),
            window(4, told("no node 987654 took it")),
            window(5, Outcome::Missed(Miss::Down)),
            window(6, Outcome::Open),
            window(24, Outcome::Counted),
        ];
        let span = Span {
            from: START,
            to: START + Duration::DAY,
        };
        let tally = count(&all, span);
        let counts = (tally.opened, tally.open, tally.answered, tally.missed);
        assert_eq!(counts, (7, 1, 3, 3));
        assert_eq!((tally.counted, tally.outranked), (1, 1));
        assert_eq!((tally.missed_while_down, tally.rate), (1, Some(0.5)));
        assert_eq!(tally.causes["no node … took it"], 2);
        let none = Span {
            from: span.to + Duration::DAY,
            to: span.to + Duration::days(2),
        };
        assert_eq!(count(&all, none).rate, None);
    }

    #[test]
    fn the_pace_is_that_of_the_answer_at_the_rank() {
        let all: Vec<_> = (1..=200).map(|it| window(it, Outcome::Counted)).collect();
        let span = Span {
            from: START,
            to: START + Duration::days(30),
        };
        assert_eq!(pace(&all, span), Some(Pace { p50: 100, p99: 198 }));
        assert_eq!(pace(&all[..1], span), Some(Pace { p50: 1, p99: 1 }));
        assert_eq!(pace(&[], span), None);
    }
}
