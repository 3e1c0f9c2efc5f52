//! The wallet's account as the submitter keeps it: one owner of the sequence number.

use crate::chain::{Account, FeeConfig, GasPrice, Uallo};

/// Account, sequence and price of gas.
#[derive(Debug)]
pub(super) struct Ledger {
    account: Account,
    /// The sequence that follows the newest transaction of ours in a block. A node that expects less
    /// is behind.
    landed: u64,
    price: GasPrice,
    fees: FeeConfig,
    /// Gas limit of the next submission: the operator's, or more when that was too little.
    gas: u64,
}

impl Ledger {
    pub(super) const fn new(account: Account, price: GasPrice, fees: FeeConfig) -> Self {
        let (landed, gas) = (account.sequence, fees.gas_limit);
        Self {
            account,
            landed,
            price,
            fees,
            gas,
        }
    }

    /// The account, with the sequence number of the next signature.
    pub(super) const fn account(&self) -> Account {
        self.account
    }

    pub(super) const fn gas(&self) -> u64 {
        self.gas
    }

    /// So much gas was too little: half as much again from here on. Gives the new limit.
    pub(super) fn raise_gas(&mut self, tried: u64) -> u64 {
        self.gas = self.gas.max(tried.saturating_add(tried / 2));
        self.gas
    }

    pub(super) const fn landed(&self) -> u64 {
        self.landed
    }

    pub(super) const fn fees(&self) -> &FeeConfig {
        &self.fees
    }

    /// Takes note of a newer price.
    pub(super) const fn reprice(&mut self, price: GasPrice) {
        self.price = price;
    }

    /// The fee for `gas` at the present price; none above the operator's cap for so many answers.
    pub(super) fn fee(&self, gas: u64, answers: usize) -> Option<Uallo> {
        let fee = self.uncapped(gas);
        let answers = u128::try_from(answers).unwrap_or(u128::MAX);
        (fee.0 <= self.fees.max_fee.0.saturating_mul(answers)).then_some(fee)
    }

    /// What the fee would be without the cap.
    pub(super) fn uncapped(&self, gas: u64) -> Uallo {
        self.price.fee(gas, self.fees.tier)
    }

    /// A transaction with this sequence is signed and may be out: the next one follows it.
    pub(super) fn take(&mut self, sequence: u64) {
        self.account.sequence = self.account.sequence.max(sequence.saturating_add(1));
    }

    /// A transaction with this sequence was refused before it spent it.
    pub(super) const fn give_back(&mut self, sequence: u64) {
        if self.account.sequence == sequence.saturating_add(1) {
            self.account.sequence = sequence;
        }
    }

    /// A transaction with this sequence was refused, and others were signed after it: the next signature
    /// bears it all the same, unless a block spent it. It excludes the refused one should a node hold it
    /// after all, and the others can't be in a block before it. Gives the sequence that follows them.
    pub(super) fn reuse(&mut self, sequence: u64) -> u64 {
        let next = self.account.sequence;
        if sequence >= self.landed {
            self.account.sequence = next.min(sequence);
        }
        next
    }

    /// A block spent this sequence.
    pub(super) fn spent(&mut self, sequence: u64) {
        self.landed = self.landed.max(sequence.saturating_add(1));
        self.take(sequence);
    }

    /// The next signature bears this sequence.
    pub(super) const fn obey(&mut self, sequence: u64) {
        self.account.sequence = sequence;
    }

    /// The account as the chain tells it, whatever blocks seemed to show.
    pub(super) const fn believe(&mut self, account: Account) {
        self.landed = account.sequence;
        self.account = account;
    }

    /// The account as the chain tells it, which may be behind what is known of blocks.
    pub(super) fn resync(&mut self, account: Account) {
        self.landed = self.landed.max(account.sequence);
        self.account = Account {
            sequence: self.landed,
            ..account
        };
    }
}

/// The limit of a transaction with so many answers, the first of which may use `single`. Each
/// further answer uses less than half of what one alone does (65 000 of 144 000).
pub(super) fn gas_for(single: u64, answers: usize) -> u64 {
    let further = u64::try_from(answers.saturating_sub(1)).unwrap_or(u64::MAX);
    let share = single.saturating_mul(2) / 5;
    single.saturating_add(share.saturating_mul(further))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(sequence: u64) -> Ledger {
        let account = Account {
            number: 1,
            sequence,
        };
        Ledger::new(account, GasPrice::floor(10), FeeConfig::default())
    }

    #[test]
    fn a_sequence_is_taken_at_signing_and_given_back_when_refused() {
        let mut ledger = ledger(5);
        ledger.take(5);
        assert_eq!(ledger.account().sequence, 6);
        ledger.give_back(5);
        assert_eq!(ledger.account().sequence, 5);
        ledger.take(5);
        ledger.take(6);
        ledger.give_back(5);
        assert_eq!(
            ledger.account().sequence,
            7,
            "another one follows it already"
        );
    }

    #[test]
    fn a_refused_sequence_is_signed_again_though_others_follow_it_unless_a_block_spent_it() {
        let mut ledger = ledger(5);
        ledger.take(6);
        assert_eq!((ledger.reuse(5), ledger.account().sequence), (7, 5));
        ledger.take(6);
        ledger.spent(5);
        assert_eq!((ledger.reuse(5), ledger.account().sequence), (7, 7));
    }

    #[test]
    fn what_blocks_seemed_to_show_can_be_taken_back() {
        let mut ledger = ledger(5);
        ledger.spent(7);
        let account = Account {
            number: 1,
            sequence: 7,
        };
        ledger.believe(account);
        assert_eq!((ledger.account().sequence, ledger.landed()), (7, 7));
    }

    #[test]
    fn each_further_answer_takes_and_may_cost_less_than_the_first() {
        let ledger = ledger(5);
        assert_eq!(gas_for(250_000, 1), 250_000);
        assert_eq!(gas_for(250_000, 64), 250_000 + 63 * 100_000);
        let capped = FeeConfig {
            max_fee: Uallo(4_000_000),
            ..FeeConfig::default()
        };
        let account = ledger.account();
        let ledger = Ledger::new(account, GasPrice::floor(10), capped);
        assert_eq!(ledger.fee(250_000, 1), Some(Uallo(3_750_000)));
        assert_eq!(ledger.fee(500_000, 1), None);
        assert_eq!(ledger.fee(500_000, 2), Some(Uallo(7_500_000)));
    }

    #[test]
    fn a_lagging_account_does_not_lower_what_blocks_have_shown() {
        let mut ledger = ledger(5);
        ledger.spent(7);
        ledger.resync(Account {
            number: 1,
            sequence: 6,
        });
        assert_eq!(ledger.account().sequence, 8);
        ledger.resync(Account {
            number: 1,
            sequence: 9,
        });
        assert_eq!((ledger.account().sequence, ledger.landed()), (9, 9));
    }
}
