//! What may be paid in fees within a day, and what was.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hasher as _},
    time::Duration,
};

use time::OffsetDateTime;

use crate::chain::Uallo;

/// The day, which rolls: at any moment the fees of the last 24 hours count.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// A transaction's hash in short: there may be tens of thousands in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64);

impl Mark {
    pub(super) fn of(hash: &str) -> Self {
        let mut short = DefaultHasher::new();
        short.write(hash.as_bytes());
        Self(short.finish())
    }
}

/// A fee that was paid, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fee {
    /// When its transaction was handed to a node.
    pub(super) at: OffsetDateTime,
    /// What tells its transaction from others.
    pub(super) mark: Mark,
    /// How much.
    pub(super) amount: Uallo,
}

/// The fees of the last day, and the most that they may be.
#[derive(Debug)]
pub(super) struct Budget {
    most: Uallo,
    /// By time, the oldest first.
    fees: VecDeque<Fee>,
    /// Their sum.
    sum: Uallo,
}

/// Why a fee may not be paid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    /// The fees of the last day.
    pub(super) paid: Uallo,
    /// The fee that does not fit beside them.
    pub(super) fee: Uallo,
    /// The most.
    pub(super) most: Uallo,
    /// When enough of them are a day old; none when the fee alone is above the most.
    pub(super) until: Option<OffsetDateTime>,
}

impl Budget {
    /// A budget with the fees of an earlier run.
    pub(super) fn new(most: Uallo, mut fees: Vec<Fee>) -> Self {
        fees.sort_by_key(|fee| fee.at);
        let amounts = fees.iter().map(|fee| fee.amount);
        Self {
            most,
            sum: amounts.fold(Uallo(0), Uallo::plus),
            fees: fees.into(),
        }
    }

    /// Whether a fee may be paid now. What a clock that was ahead dated after now counts as paid now.
    pub(super) fn allows(&mut self, fee: Uallo, now: OffsetDateTime) -> Result<(), Spent> {
        let is_later = |it: &Fee| it.at > now;
        if self.fees.back().is_some_and(is_later) || self.fees.front().is_some_and(is_later) {
            self.fees.iter_mut().for_each(|it| it.at = it.at.min(now));
            self.fees.make_contiguous().sort_by_key(|it| it.at);
        }
        self.expire(now);
        let paid = self.sum;
        if paid.plus(fee) <= self.most {
            return Ok(());
        }
        let mut left = paid;
        let freed = self.fees.iter().find(|it| {
            left = Uallo(left.0.saturating_sub(it.amount.0));
            left.plus(fee) <= self.most
        });
        Err(Spent {
            paid,
            fee,
            most: self.most,
            until: freed.map(|it| it.at + DAY),
        })
    }

    /// A transaction is handed to a node: from here on its fee counts, once.
    pub(super) fn pay(&mut self, hash: &str, amount: Uallo, at: OffsetDateTime) {
        let mark = Mark::of(hash);
        if self.fees.iter().all(|fee| fee.mark != mark) {
            self.fees.push_back(Fee { at, mark, amount });
            self.sum = self.sum.plus(amount);
        }
    }

    /// A transaction was refused before it paid.
    pub(super) fn forgive(&mut self, hash: &str) {
        let mark = Mark::of(hash);
        let place = self.fees.iter().position(|fee| fee.mark == mark);
        if let Some(fee) = place.and_then(|place| self.fees.remove(place)) {
            self.take(fee.amount);
        }
    }

    /// The fees of the last 24 hours, and the most that they may be.
    pub(super) fn of_day(&mut self, now: OffsetDateTime) -> (Uallo, Uallo) {
        self.expire(now);
        (self.sum, self.most)
    }

    /// Lets go what is a day old.
    fn expire(&mut self, now: OffsetDateTime) {
        while let Some(fee) = self.fees.pop_front_if(|it| it.at + DAY <= now) {
            self.take(fee.amount);
        }
    }

    fn take(&mut self, amount: Uallo) {
        self.sum = Uallo(self.sum.0.saturating_sub(amount.0));
    }
}

impl Spent {
    /// What stands in the way.
    pub(super) fn cause(&self) -> String {
        format!(
            "fees of {} were paid in the last 24 hours: with {} more they would be above the {} of fees.max_fee_per_day",
            self.paid, self.fee, self.most
        )
    }

    /// What comes of it.
    pub(super) fn next(&self) -> String {
        match self.until {
            Some(until) => format!(
                "nothing is sent until {} {} UTC; then it goes on by itself (or raise fees.max_fee_per_day)",
                until.date(),
                clock(until)
            ),
            None => "nothing is sent: raise fees.max_fee_per_day, or lower fees.tier".into(),
        }
    }
}

fn clock(at: OffsetDateTime) -> String {
    let (hour, minute, second) = at.time().as_hms();
    format!("{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use time::{Duration as Span, macros::datetime};

    use super::*;

    const START: OffsetDateTime = datetime!(2026-03-01 22:30:05 UTC);

    fn budget() -> Budget {
        let mut budget = Budget::new(Uallo(10), Vec::new());
        for (hash, hours) in [("A", 0), ("B", 1), ("C", 2)] {
            budget.pay(hash, Uallo(3), START + Span::hours(hours));
        }
        budget
    }

    #[test]
    fn what_does_not_fit_beside_the_fees_of_a_day_waits_until_enough_are_older() {
        let mut budget = budget();
        let now = START + Span::hours(3);
        assert_eq!(budget.allows(Uallo(1), now), Ok(()));
        assert_eq!(budget.of_day(now), (Uallo(9), Uallo(10)));
        let one = budget.allows(Uallo(4), now).unwrap_err();
        assert_eq!(one.until, Some(START + DAY));
        assert_eq!(one.paid, Uallo(9));
        let two = budget.allows(Uallo(5), now).unwrap_err();
        assert_eq!(two.until, Some(START + Span::hours(1) + DAY));
        assert!(
            two.next().contains("2026-03-02 23:30:05 UTC"),
            "{}",
            two.next()
        );
        assert!(two.cause().contains("9 uallo") && two.cause().contains("10 uallo"));
        assert_eq!(budget.allows(Uallo(4), START + DAY), Ok(()));
        assert_eq!(budget.of_day(START + DAY), (Uallo(6), Uallo(10)));
        let alone = budget.allows(Uallo(11), START + DAY).unwrap_err();
        assert_eq!(alone.until, None);
        assert!(alone.next().contains("raise fees.max_fee_per_day"));
    }

    #[test]
    fn a_transaction_counts_once_and_not_when_it_was_refused() {
        let mut budget = budget();
        let now = START + Span::hours(3);
        budget.pay("C", Uallo(3), now);
        assert_eq!(budget.sum, Uallo(9));
        budget.forgive("B");
        assert_eq!(budget.sum, Uallo(6));
        assert_eq!(budget.allows(Uallo(4), now), Ok(()));
    }

    #[test]
    fn a_clock_that_was_ahead_holds_nothing_up_for_longer_than_a_day() {
        let mut budget = Budget::new(Uallo(10), Vec::new());
        budget.pay("A", Uallo(6), START + Span::days(20));
        let refused = budget.allows(Uallo(6), START).unwrap_err();
        assert_eq!(refused.until, Some(START + DAY));
        budget.pay("B", Uallo(3), START + Span::hours(1));
        assert_eq!(budget.allows(Uallo(7), START + DAY), Ok(()));
        assert_eq!(budget.sum, Uallo(3));
    }

    #[test]
    fn an_earlier_runs_fees_count() {
        let fee = |hash: &str, hours| Fee {
            at: START + Span::hours(hours),
            mark: Mark::of(hash),
            amount: Uallo(6),
        };
        let mut budget = Budget::new(Uallo(10), vec![fee("B", 5), fee("A", -30)]);
        let refused = budget.allows(Uallo(6), START + Span::hours(6)).unwrap_err();
        assert_eq!(refused.paid, Uallo(6));
        assert_eq!(refused.until, Some(START + Span::hours(5) + DAY));
    }
}
