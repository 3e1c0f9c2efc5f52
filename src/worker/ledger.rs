//! The wallet's account as the submitter keeps it: one owner of the sequence number.

use crate::chain::{Account, Answer, ChainError, FeeConfig, GasPrice, Rpc, Uallo};

/// Account, sequence and price of gas.
#[derive(Debug)]
pub(super) struct Ledger {
    account: Account,
    price: GasPrice,
    fees: FeeConfig,
}

impl Ledger {
    pub(super) const fn new(account: Account, price: GasPrice, fees: FeeConfig) -> Self {
        Self {
            account,
            price,
            fees,
        }
    }

    pub(super) const fn account(&self) -> Account {
        self.account
    }

    pub(super) const fn fees(&self) -> &FeeConfig {
        &self.fees
    }

    /// Takes note of a newer price.
    pub(super) const fn reprice(&mut self, price: GasPrice) {
        self.price = price;
    }

    /// The fee for `gas` at the present price; none above the operator's cap.
    pub(super) fn fee(&self, gas: u64) -> Option<Uallo> {
        self.price.within(gas, &self.fees)
    }

    /// What the fee would be without the cap.
    pub(super) fn uncapped(&self, gas: u64) -> Uallo {
        self.price.fee(gas, self.fees.tier)
    }

    /// A transaction with this sequence is in a mempool or a block: the next one follows it.
    pub(super) fn spent(&mut self, sequence: u64) {
        self.account.sequence = self.account.sequence.max(sequence + 1);
    }

    /// Mends what an answer says is wrong, so that a transaction signed anew is right.
    pub(super) async fn mend(
        &mut self,
        answer: &Answer,
        rpc: &Rpc,
        address: &str,
        denom: &str,
        floor: u128,
    ) -> Result<(), ChainError> {
        match answer {
            Answer::Sequence {
                expected: Some(expected),
            } => self.account.sequence = *expected,
            Answer::Sequence { expected: None } | Answer::WrongSigner => {
                self.account = Account::of(rpc, address).await?;
            }
            Answer::FeeTooLow => self.price = GasPrice::of_market(rpc, denom, floor).await?,
            _ => {}
        }
        Ok(())
    }
}
