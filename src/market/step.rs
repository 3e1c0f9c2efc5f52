//! How much is asked for at once.

use std::ops::Range;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The length of the stretches that are asked for, in seconds. A source may cut its answers short
/// without saying where. An answer that lacks a day or more at one of its ends, or a quarter of a short
/// one, is taken to be cut: the step shrinks to what came. If the next, smaller request brings nothing, there was nothing more to
/// bring, and the step is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    most: i64,
    now: i64,
    doubtful: bool,
}

impl Step {
    pub(super) const fn new(most: i64) -> Self {
        Self {
            most,
            now: most,
            doubtful: false,
        }
    }

    pub(super) const fn seconds(self) -> i64 {
        self.now
    }

    /// Learns from an answer: the hours asked for, and the first and the last that came of them. Gives
    /// the stretch that the answer speaks for: what is missing in it, the source does not have.
    pub(super) fn learn(&mut self, asked: &Range<i64>, came: Option<Range<i64>>) -> Range<i64> {
        let Some(came) = came else {
            if self.doubtful {
                *self = Self::new(self.most);
            }
            return asked.clone();
        };
        let lacks = (came.start - asked.start).max(asked.end - came.end);
        let cut = lacks >= ((asked.end - asked.start) / 4).clamp(6 * HOUR, DAY);
        self.doubtful = cut;
        if !cut {
            return asked.clone();
        }
        let days = (came.end - came.start) / DAY;
        self.now = (days * DAY).clamp(DAY, self.now);
        came
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinks_to_what_an_answer_holds_and_stays_so() {
        let mut step = Step::new(30 * DAY);
        let asked = 0..30 * DAY;
        let came = 30 * DAY - 100 * HOUR..30 * DAY;
        assert_eq!(step.learn(&asked, Some(came.clone())), came);
        assert_eq!(step.seconds(), 4 * DAY);
        let next = 0..4 * DAY;
        assert_eq!(step.learn(&next, Some(HOUR..4 * DAY)), next);
        assert_eq!(step.seconds(), 4 * DAY);
    }

    #[test]
    fn a_history_that_begins_there_was_not_cut() {
        let mut step = Step::new(30 * DAY);
        let came = 29 * DAY..30 * DAY;
        step.learn(&(0..30 * DAY), Some(came));
        assert_eq!(step.seconds(), DAY);
        assert_eq!(step.learn(&(28 * DAY..29 * DAY), None), 28 * DAY..29 * DAY);
        assert_eq!(step.seconds(), 30 * DAY);
    }
}
