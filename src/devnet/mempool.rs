//! The way into the chain: the mempool, its checks, and estimates.

use std::time::Instant;

use super::{
    ante::{self, Mode},
    chain::Chain,
    execute::{self, Outcome},
    refusal::Refusal,
    state::Accounts,
    transaction::{self, Transaction},
};

/// A transaction that waits for a block.
pub(super) struct Pending {
    pub(super) tx: Transaction,
    /// The first block that may take it.
    pub(super) from: i64,
    /// When it came.
    pub(super) arrived: Instant,
}

impl Chain {
    /// Takes a transaction into the mempool. None when its bytes are there, or in a block, already.
    pub(super) fn submit(&mut self, bytes: &[u8]) -> Option<Result<(), Refusal>> {
        let hash = transaction::hash(bytes);
        if self.view.black_hole {
            return self.swallow(bytes, &hash);
        }
        self.holes.remove(&self.view.address);
        if !self.cache.insert(hash.clone()) {
            return None;
        }
        let checked = self.check_new(bytes);
        if checked.is_err() {
            self.cache.remove(&hash);
        }
        Some(checked)
    }

    fn check_new(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let tx = self.read(bytes)?;
        let mut accounts = std::mem::take(&mut self.check);
        let checked = self.checked(&tx, &mut accounts);
        self.check = accounts;
        checked?;
        self.pending.push(Pending {
            tx,
            from: self.state.height + 1 + self.hold.max(self.effects.hold),
            arrived: Instant::now(),
        });
        Ok(())
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Transaction, Refusal> {
        let tx = Transaction::decode(bytes, self.config.version)?;
        tx.signers().iter().for_each(|signer| self.fund(signer));
        Ok(tx)
    }

    /// The checks on the way in, against these accounts.
    fn checked(&mut self, tx: &Transaction, accounts: &mut Accounts) -> Result<(), Refusal> {
        let forced = self.forced.check.pop_front();
        if let Some(refusal) = forced.or_else(|| self.view.refusal.clone()) {
            return Err(refusal);
        }
        ante::check(tx, accounts, &self.mempool())?;
        ante::check_settling(tx)
    }

    /// What the mempool that is asked checks a transaction against.
    fn mempool(&self) -> ante::Context<'_> {
        ante::Context {
            chain_id: self
                .view
                .chain_id
                .as_deref()
                .unwrap_or(&self.config.chain_id),
            height: self.state.height,
            gas_price: self.state.gas_price,
            mode: Mode::Execute,
        }
    }

    /// Takes a transaction into the mempool of an endpoint that passes nothing on. It knows of blocks,
    /// and of what it has taken itself.
    fn swallow(&mut self, bytes: &[u8], hash: &str) -> Option<Result<(), Refusal>> {
        let read = self.read(bytes);
        let mut held = self.holes.remove(&self.view.address).unwrap_or_default();
        let mut accounts = self.state.accounts.clone();
        // What came into a block by another way has lost its sequence number here.
        held.retain(|tx| ante::check(tx, &mut accounts, &self.mempool()).is_ok());
        let is_known = held.iter().any(|tx| tx.hash == hash) || self.has_landed(hash);
        let checked = read.and_then(|tx| self.checked(&tx, &mut accounts).map(|()| tx));
        let answer = (!is_known).then(|| checked.map(|tx| held.push(tx)));
        self.holes.insert(self.view.address.clone(), held);
        answer
    }

    /// Runs a transaction without keeping anything; gives the gas that it used.
    pub(super) fn simulate(&mut self, bytes: &[u8]) -> Result<Outcome, (Refusal, u64)> {
        let tx = Transaction::decode(bytes, self.config.version).map_err(|r| (r, 0))?;
        tx.signers().iter().for_each(|signer| self.fund(signer));
        let mut branch = self.state.clone();
        let context = ante::Context {
            chain_id: &self.config.chain_id,
            height: self.state.height,
            gas_price: self.state.gas_price,
            mode: Mode::Simulate,
        };
        branch.accounts = self.check.clone();
        ante::check(&tx, &mut branch.accounts, &context).map_err(|r| {
            let used = ante::gas_when_refused(&tx, &r);
            (r, used)
        })?;
        let height = self.state.height;
        let outcome = execute::run(&tx, &mut branch, height, self.config.version, u64::MAX);
        match outcome.refusal {
            Some(refusal) => Err((refusal, outcome.gas_used)),
            None => Ok(outcome),
        }
    }

    /// Forgets all that is pending, as a node does that is short of memory or restarted.
    pub(super) fn evict(&mut self) {
        for pending in self.pending.drain(..) {
            self.cache.remove(&pending.tx.hash);
        }
        self.check = self.state.accounts.clone();
    }

    /// Checks all that still waits against the accounts as they are now.
    pub(super) fn recheck(&mut self) {
        self.check = self.state.accounts.clone();
        let context = ante::Context {
            chain_id: &self.config.chain_id,
            height: self.state.height,
            gas_price: self.state.gas_price,
            mode: Mode::Recheck,
        };
        for pending in std::mem::take(&mut self.pending) {
            match ante::check(&pending.tx, &mut self.check, &context) {
                Ok(()) => self.pending.push(pending),
                Err(_) => {
                    self.cache.remove(&pending.tx.hash);
                }
            }
        }
    }
}
