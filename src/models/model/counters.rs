//! A model's record: failures and time-outs in a row, and when it may breathe. Pure.

use std::collections::HashMap;

use crate::models::{FailureCode, status::Blame};

/// The record of one run.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    max_failures: u32,
    max_timeouts: u32,
    /// By method: a model that takes every tick and fails at every prediction fails in a row.
    failures: HashMap<String, u32>,
    timeouts: u32,
    skips: u32,
}

/// What follows from a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Nothing.
    Fine,
    /// It is to be asked for a sign of life.
    Doubt,
    /// It is to be disconnected.
    Disconnect(FailureCode),
}

impl Counters {
    /// 0 is no limit.
    pub(super) fn new(max_failures: u32, max_timeouts: u32) -> Self {
        Self {
            max_failures,
            max_timeouts,
            failures: HashMap::new(),
            timeouts: 0,
            skips: 0,
        }
    }

    /// Whether the next call is skipped. After n time-outs in a row half as many calls are, rounded up,
    /// so that a model that lags can catch up. Skipped calls count for nothing.
    pub(super) const fn skip(&mut self) -> bool {
        let skips = self.skips > 0;
        self.skips = self.skips.saturating_sub(1);
        skips
    }

    /// How many time-outs there were in a row.
    pub(super) const fn timeouts(&self) -> u32 {
        self.timeouts
    }

    /// A call of a method that was made has ended; `None` for a success. Only a success sets back: the
    /// method's failures, and all time-outs.
    pub(super) fn settle(&mut self, method: &str, blame: Option<Blame>) -> Judgement {
        match blame {
            None => {
                self.failures.remove(method);
                (self.timeouts, self.skips) = (0, 0);
                Judgement::Fine
            }
            Some(Blame::Nobody) => Judgement::Fine,
            Some(Blame::Failure) => {
                let failures = self.failures.entry(method.to_owned()).or_default();
                *failures += 1;
                if *failures == self.max_failures {
                    return Judgement::Disconnect(FailureCode::MultipleFailed);
                }
                Judgement::Fine
            }
            Some(Blame::Timeout) => {
                self.timeouts += 1;
                self.skips = self.timeouts.div_ceil(2);
                if self.timeouts == self.max_timeouts {
                    return Judgement::Disconnect(FailureCode::MultipleTimeout);
                }
                if self.timeouts.is_multiple_of((self.max_timeouts / 5).max(1)) {
                    return Judgement::Doubt;
                }
                Judgement::Fine
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREDICT: &str = "predict";
    const FAILURE: Option<Blame> = Some(Blame::Failure);
    const TIMEOUT: Option<Blame> = Some(Blame::Timeout);

    #[test]
    fn the_tenth_failure_in_a_row_disconnects() {
        let mut counters = Counters::new(10, 10);
        for round in 0..2 {
            for call in 1..10 {
                assert_eq!(
                    counters.settle(PREDICT, FAILURE),
                    Judgement::Fine,
                    "{round} {call}"
                );
                assert!(!counters.skip(), "failures are not skipped");
            }
            if round == 0 {
                assert_eq!(counters.settle(PREDICT, None), Judgement::Fine);
            }
        }
        let end = Judgement::Disconnect(FailureCode::MultipleFailed);
        assert_eq!(counters.settle(PREDICT, FAILURE), end);
    }

    #[test]
    fn the_tenth_time_out_in_a_row_disconnects_and_skips_do_not_count() {
        let mut counters = Counters::new(10, 10);
        let (mut asked, mut skipped, mut doubts) = (0, Vec::new(), Vec::new());
        loop {
            let mut skips = 0;
            while counters.skip() {
                skips += 1;
            }
            skipped.push(skips);
            asked += 1;
            match counters.settle(PREDICT, TIMEOUT) {
                Judgement::Disconnect(code) => {
                    assert_eq!((asked, code), (10, FailureCode::MultipleTimeout));
                    break;
                }
                Judgement::Doubt => doubts.push(asked),
                Judgement::Fine => {}
            }
        }
        assert_eq!(skipped, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
        assert_eq!(doubts, [2, 4, 6, 8]);
    }

    #[test]
    fn failures_and_time_outs_are_counted_apart() {
        let mut counters = Counters::new(2, 3);
        assert_eq!(counters.settle(PREDICT, TIMEOUT), Judgement::Doubt);
        assert_eq!(counters.settle(PREDICT, FAILURE), Judgement::Fine);
        assert_eq!(
            counters.settle(PREDICT, Some(Blame::Nobody)),
            Judgement::Fine
        );
        assert_eq!(counters.settle(PREDICT, TIMEOUT), Judgement::Doubt);
        assert_eq!(counters.timeouts(), 2);
        let end = Judgement::Disconnect(FailureCode::MultipleTimeout);
        assert_eq!(counters.settle(PREDICT, TIMEOUT), end);
    }

    #[test]
    fn a_tick_that_succeeds_does_not_excuse_predictions_that_fail() {
        let mut counters = Counters::new(3, 3);
        for _ in 0..2 {
            assert_eq!(counters.settle(PREDICT, FAILURE), Judgement::Fine);
            assert_eq!(counters.settle("tick", None), Judgement::Fine);
        }
        let end = Judgement::Disconnect(FailureCode::MultipleFailed);
        assert_eq!(counters.settle(PREDICT, FAILURE), end);
    }

    #[test]
    fn zero_never_disconnects() {
        let mut counters = Counters::new(0, 0);
        for _ in 0..1_000 {
            for blame in [FAILURE, TIMEOUT] {
                assert!(!matches!(
                    counters.settle(PREDICT, blame),
                    Judgement::Disconnect(_)
                ));
            }
        }
    }
}
